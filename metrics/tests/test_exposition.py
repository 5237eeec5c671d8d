"""What several processes counted, as Prometheus reads it; its own parser is the judge."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.registry import CollectorRegistry

from fasthook.metrics.types import Counter, Gauge, Histogram, Table
from metrics.prometheus.exposition import Instruments


class Process:
    """A table as each process has it."""

    def __init__(self) -> None:
        self.table = Table()
        self.accepted: Counter = self.table.counter("fasthook_accepted_total", "Accepted.")
        self.rejected: Counter = self.table.counter("fasthook_rejected_total", "Rejected.", cause=("A", "B"))
        self.held: Gauge = self.table.gauge("fasthook_held", "Held.")
        self.seconds: Histogram = self.table.histogram("fasthook_seconds", "Time.", (0.1, 1), stage=("route",))


def registry_of(process: Process, folder: Path) -> CollectorRegistry:
    registry = CollectorRegistry(auto_describe=False)
    registry.register(Instruments(process.table, folder))
    return registry


def read(process: Process, folder: Path) -> dict[str, float]:
    """Samples as `name{label="value"}`."""
    text = generate_latest(registry_of(process, folder)).decode()
    samples = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            labels = ",".join(f'{name}="{sample.labels[name]}"' for name in sorted(sample.labels))
            samples[f"{sample.name}{{{labels}}}" if labels else sample.name] = sample.value
    return samples


def test_counts_of_the_living_and_the_dead_add_up_and_gauges_only_of_the_living(tmp_path: Path) -> None:
    alive, dead = Process(), Process()
    for process, name in ((alive, "web"), (dead, "deliver")):
        process.table.publish(tmp_path, name)
        process.accepted.add(3)
        process.held.set(10)
        process.rejected.add(2, "A")
    before = read(alive, tmp_path)
    dead.table.values.withdraw()
    after = read(alive, tmp_path)
    assert (before["fasthook_accepted_total"], before["fasthook_held"]) == (6, 20)
    assert (after["fasthook_accepted_total"], after["fasthook_held"]) == (6, 10)
    assert after['fasthook_rejected_total{cause="A"}'] == 4
    assert (before['fasthook_processes{process="deliver"}'], after['fasthook_processes{process="deliver"}']) == (1, 0)


def test_what_never_happened_is_shown_as_zero_and_other_is_not_shown(tmp_path: Path) -> None:
    process = Process()
    process.table.publish(tmp_path, "web")
    samples = read(process, tmp_path)
    assert samples['fasthook_rejected_total{cause="B"}'] == 0
    assert 'fasthook_rejected_total{cause="OTHER"}' not in samples
    process.rejected.add(1, "undeclared")
    assert read(process, tmp_path)['fasthook_rejected_total{cause="OTHER"}'] == 1


def test_buckets_are_cumulative_over_all_processes(tmp_path: Path) -> None:
    several = [Process(), Process()]
    for process in several:
        process.table.publish(tmp_path, "route")
        for observed in (0.05, 0.1, 0.5, 7):
            process.seconds.observe(observed, "route")
    samples = read(several[0], tmp_path)
    buckets = [samples[f'fasthook_seconds_bucket{{le="{bound}",stage="route"}}'] for bound in ("0.1", "1.0", "+Inf")]
    assert buckets == [4, 6, 8]
    assert samples['fasthook_seconds_count{stage="route"}'] == 8
    assert samples['fasthook_seconds_sum{stage="route"}'] == pytest.approx(15.3)


def test_open_metrics_is_understood_too(tmp_path: Path) -> None:
    process = Process()
    process.table.publish(tmp_path, "web")
    process.accepted.add(3)
    families = {
        family.name: family
        for family in parse_openmetrics(generate_openmetrics(registry_of(process, tmp_path)).decode())
    }
    assert [(sample.name, sample.value) for sample in families["fasthook_accepted"].samples] == [
        ("fasthook_accepted_total", 3)
    ]


@pytest.mark.parametrize("folder", ["missing", "not a folder"])
def test_a_process_that_could_not_publish_answers_for_itself(tmp_path: Path, folder: str) -> None:
    (tmp_path / "not a folder").write_text("")
    process = Process()
    process.accepted.add(3)
    assert read(process, tmp_path / folder)["fasthook_accepted_total"] == 3


def test_a_process_that_could_not_publish_is_not_forgotten_among_others(tmp_path: Path) -> None:
    others, alone = Process(), Process()
    others.table.publish(tmp_path, "route")
    others.accepted.add(1)
    alone.accepted.add(10)
    assert read(alone, tmp_path)["fasthook_accepted_total"] == 11


def test_a_living_process_shows_its_memory_and_age(tmp_path: Path) -> None:
    process = Process()
    process.table.publish(tmp_path, "web")
    samples = read(process, tmp_path)
    place = '{number="0",process="web"}'
    assert samples[f"fasthook_process_resident_memory_bytes{place}"] > 10_000_000
    assert samples[f"fasthook_process_cpu_seconds_total{place}"] == pytest.approx(sum(os.times()[:2]), abs=1)
    assert 0 < time.time() - samples[f"fasthook_process_start_time_seconds{place}"] < 7200


def test_the_pid_of_another_container_is_not_looked_up_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Process()
    process.table.publish(tmp_path, "web")
    monkeypatch.setattr("metrics.prometheus.processes.pid_namespace", lambda: 1)
    samples = read(process, tmp_path)
    assert samples['fasthook_processes{process="web"}'] == 1
    assert not [name for name in samples if name.startswith("fasthook_process_")]
