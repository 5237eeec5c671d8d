"""The table puts every figure beside its ceiling; the file holds the same."""

import json
from dataclasses import replace
from pathlib import Path

from bench.ceiling import Ceiling
from bench.cpu import CpuTime
from bench.measure import PostgresCounters, Usage
from bench.report import Figure, ScenarioResult, format_table, write_json

CEILING = Ceiling("bare ASGI server", 10_000.0, 13.0)
SOUND = ScenarioResult(
    name="ingress",
    figures=(Figure("durable accepts", 5000.0, "/s", 10_000.0, "bare ASGI server"), Figure("answer p50", 12.34, "ms")),
    lost=0,
    usage=Usage(
        elapsed_s=8.0,
        cpu=CpuTime(3.0, 1.0),
        cpu_s={"web": 4.0},
        peak_bytes={"web": 90_000_000},
        machine_busy_s=12.0,
        bench_cpu_s=2.0,
        postgres=PostgresCounters(400, 0, 80_000, 0, 0, 60_000_000, None),
    ),
    work_units=40_000,
)


def test_a_figure_stands_beside_its_ceiling_and_ratio() -> None:
    lines = format_table([SOUND], [CEILING]).splitlines()
    assert " ".join(lines[2].split()) == "ingress durable accepts 5,000 /s 10,000 /s 0.50 bare ASGI server"
    assert " ".join(lines[3].split()) == "ingress answer p50 12.3 ms - -"
    assert "ceiling bare ASGI server: 10,000/s, 13 us of CPU each" in lines


def test_the_cost_is_given_per_unit_of_work() -> None:
    assert (
        "ingress CPU: web 4.0 s (100 us each, 90 MB), bench 2.0 s, others 6.0 s of 8.0 s, "
        "0.010 commits and 1,500 bytes of WAL each"
    ) in format_table([SOUND], [])


def test_loss_is_shouted() -> None:
    lossy = ScenarioResult(name="drain", figures=(), lost=3, late=2, repeats=1)
    assert "drain: lost 3, late 2, repeated 1, forked 0, refused 0   <-- NOT SOUND" in format_table([lossy], [])
    assert "NOT SOUND" not in format_table([SOUND], [])


def test_the_file_holds_figures_ceilings_and_soundness(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "result.json"
    write_json(target, [SOUND], [CEILING])
    document = json.loads(target.read_text())
    assert document["scenarios"][0]["figures"][0]["value"] == 5000.0
    assert document["scenarios"][0]["sound"] is True
    assert document["ceilings"] == [{"name": "bare ASGI server", "per_s": 10_000.0, "cpu_us": 13.0}]


def test_a_broken_promise_is_not_sound_and_said_in_words() -> None:
    broken = replace(SOUND, broken=("206 deliveries within a second at a limit of 200/s",))
    assert not broken.is_sound
    assert "NOT SOUND; 206 deliveries within a second at a limit of 200/s" in format_table([broken], [])
