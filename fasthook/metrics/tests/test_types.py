"""Counting: labels, buckets, threads; and that the table of instruments is one that Prometheus likes."""

from __future__ import annotations

import re
import sys
import threading
from pathlib import Path

import pytest

from destinations.outbound import error_codes
from events.states import NEVER_DELIVERED
from fasthook.metrics import registry
from fasthook.metrics.types import Counter, Histogram, Measure, Table
from fasthook.metrics.values import read_published
from fasthook.testing import ROOT


def value(table: Table, measure: Measure, *labels: str, offset: int = 0) -> float:
    return float(table.values.view[measure.places[labels] + offset])


def test_a_counter_adds_up_by_its_labels() -> None:
    table = Table()
    claims = table.counter("claims_total", "", stage=("route", "deliver"), result=("empty", "full"))
    claims.add(1, "route", "full")
    claims.add(2, "deliver", "full")
    claims.add(3, "deliver", "full")
    assert (value(table, claims, "route", "full"), value(table, claims, "deliver", "full")) == (1, 5)
    assert value(table, claims, "deliver", "empty") == 0


@pytest.mark.parametrize("labels", [("unheard of",), (), ("a", "b")])
def test_what_was_not_declared_counts_as_other(labels: tuple[str, ...]) -> None:
    table = Table()
    causes = table.counter("causes_total", "", cause=("a", "b"))
    causes.add(2, *labels)
    assert [value(table, causes, cause) for cause in ("a", "b", "OTHER")] == [0, 0, 2]


def test_a_value_falls_into_the_first_bucket_that_holds_it() -> None:
    table = Table()
    seconds = table.histogram("seconds", "", bounds=(0.1, 1, 10))
    for observed in (0.05, 0.1, 0.11, 1, 10, 11):
        seconds.observe(observed)
    assert [value(table, seconds, offset=offset) for offset in range(4)] == [2, 2, 1, 1]
    assert value(table, seconds, offset=4) == pytest.approx(22.26)


def test_many_at_once_are_as_many_one_by_one() -> None:
    values = [0.05, 0.1, 0.11, 1, 10, 11]
    table = Table()
    one, many = (table.histogram(name, "", bounds=(0.1, 1, 10), stage=("a",)) for name in ("one", "many"))
    for each in values:
        one.observe(each, "a")
    many.observe_all(iter(values), "a")
    values = [[value(table, each, "a", offset=offset) for offset in range(5)] for each in (one, many)]
    assert values[0] == values[1]


def test_threads_do_not_lose_each_others_counts() -> None:
    table = Table()
    counter = table.counter("counter_total", "")
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [threading.Thread(target=lambda: [counter.add() for _ in range(20_000)]) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    assert value(table, counter) == 80_000


def test_gauges_do_not_outlive_their_process_and_counters_do(tmp_path: Path) -> None:
    table = Table()
    counter, gauge = table.counter("counter_total", ""), table.gauge("gauge", "")
    table.publish(tmp_path, "web")
    counter.add(5)
    gauge.set(7)
    table.values.withdraw()
    table.publish(tmp_path, "web")
    (found,) = read_published(tmp_path, layout=table.layout, count=len(table.values.view))
    assert (found.values[counter.places[()]], found.values[gauge.places[()]]) == (5, 0)


def test_the_layout_changes_with_the_meaning_of_a_cell() -> None:
    def layout(name: str = "a", bounds: tuple[float, ...] = (1, 2), stages: tuple[str, ...] = ("route",)) -> str:
        table = Table()
        table.histogram(name, "", bounds, stage=stages)
        return table.layout

    layouts = {layout(), layout("b"), layout(bounds=(1, 3)), layout(stages=("deliver",))}
    assert len(layouts) == 4
    assert layout() == layout()


@pytest.mark.parametrize("measure", registry.TABLE.measures, ids=lambda measure: measure.name)
def test_names_and_labels_follow_the_conventions(measure: Measure) -> None:
    assert re.fullmatch(r"fasthook_[a-z_]+", measure.name)
    assert measure.name.endswith("_total") == isinstance(measure, Counter)
    assert measure.help.endswith(".")
    # Closed sets: never an id.
    assert set(measure.labels) <= {"cause", "reason", "status", "stage", "result", "outcome", "process"}
    assert len(measure.places) <= 20


def test_names_are_unique_and_bounds_rise() -> None:
    names = [measure.name for measure in registry.TABLE.measures]
    assert len(names) == len(set(names))
    for measure in registry.TABLE.measures:
        if isinstance(measure, Histogram):
            assert list(measure.bounds) == sorted(set(measure.bounds))


def test_every_error_code_of_an_attempt_has_its_outcome() -> None:
    """Codes are written as literals where they arise; upper-case literals in these files are codes or nothing."""
    stages = ("destinations/outbound/client.py", "events/delivery/attempt.py", "events/delivery/sender.py")
    files = [Path(error_codes.__file__), *(ROOT / stage for stage in stages)]
    literals = {name for file in files for name in re.findall(r'"([A-Z]+(?:_[A-Z]+)*)"', file.read_text())}
    assert {"CONNECTION_REFUSED", "BAD_RESPONSE", "INTERNAL_ERROR"} <= literals
    assert literals - {"FAILED"} <= set(registry.OUTCOMES)


def test_every_cause_and_process_is_declared() -> None:
    from local.supervisor.specs import process_specs

    ingress = "".join((ROOT / f"events/ingress/{name}.py").read_text() for name in ("app", "judge"))
    assert set(re.findall(r'Rejection\(\s*\d+,\s*"([A-Z_]+)"', ingress)) < set(registry.REJECTION_LABELS)
    assert set(re.findall(r'\banswer_unavailable\(\s*send,\s*"([A-Z_]+)"', ingress)) == set(registry.REFUSAL_REASONS)
    assert set(registry.IGNORED_CAUSES) == {cause.value for cause in NEVER_DELIVERED}
    specs = process_specs({"HOST": "127.0.0.1", "PORT": "1"}, data_dir=Path("/data"))
    assert {spec.name for spec in specs} == set(registry.PROCESSES)


def test_every_data_connection_is_a_declared_stage() -> None:
    files = [path for app in ("events", "metrics", "alerts", "fasthook") for path in (ROOT / app).rglob("*.py")]
    sources = [path.read_text() for path in files if "tests" not in path.parts]
    named = {name for text in sources for name in re.findall(r'DataConnection\("([a-z ]+)"\)', text)}
    assert named == set(registry.DATABASE_STAGES)
