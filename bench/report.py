"""What a run tells: progress lines while it goes, then one table of figures beside their ceilings, and all as JSON."""

import json
import os
import platform
import sys
import time
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from bench.ceiling import Ceiling
from bench.measure import MEGABYTE, Usage

Better = Literal["higher", "lower"]


@dataclass(frozen=True, slots=True)
class Figure:
    """One number of a scenario; `ceiling` in the same unit, None where none is meaningful. `better` is said of those
    that builds are compared by."""

    name: str
    value: float
    unit: str
    ceiling: float | None = None
    ceiling_name: str = ""
    better: Better | None = None

    @property
    def ratio(self) -> float | None:
        return self.value / self.ceiling if self.ceiling else None


@dataclass(frozen=True, slots=True)
class ScenarioResult:
    """`lost`: accepted and gone. `late`: accepted, not arrived in time, still listed as waiting. `repeats`: arrivals of
    an event already answered 2xx. `forks`: second events of one request. `refused`: not answered 2xx.
    `work_units`: requests or deliveries the usage is divided by. `broken`: promises that did not hold, in words."""

    name: str
    figures: tuple[Figure, ...]
    lost: int
    late: int = 0
    repeats: int = 0
    forks: int = 0
    refused: int = 0
    usage: Usage | None = None
    work_units: int = 0
    broken: tuple[str, ...] = ()
    details: dict[str, object] = field(default_factory=dict)

    @property
    def is_sound(self) -> bool:
        return self.lost == 0 and self.late == 0 and self.forks == 0 and not self.broken


class Progress:
    """Lines on stderr with the seconds since the start, so that stdout holds the table alone."""

    def __init__(self) -> None:
        self._started_s = time.perf_counter()

    def __call__(self, line: str) -> None:
        print(f"[{time.perf_counter() - self._started_s:6.1f} s] {line}", file=sys.stderr, flush=True)


def format_table(results: Sequence[ScenarioResult], ceilings: Sequence[Ceiling]) -> str:
    """Figures with ceiling and ratio, then per scenario what was lost or repeated and what it cost."""
    rows = [("scenario", "figure", "value", "ceiling", "ratio", "")]
    rows += [_row(result.name, figure) for result in results for figure in result.figures]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "-" * len(lines[0]))
    lines.append("")
    lines += [_soundness_line(result) for result in results]
    lines += [line for result in results if (line := _cost_line(result))]
    lines += [f"ceiling {c.name}: {c.per_s:,.0f}/s, {c.cpu_us:.0f} us of CPU each" for c in ceilings]
    return "\n".join(lines)


def _row(scenario: str, figure: Figure) -> tuple[str, str, str, str, str, str]:
    return (
        scenario,
        figure.name,
        f"{number(figure.value)} {figure.unit}",
        "-" if figure.ceiling is None else f"{number(figure.ceiling)} {figure.unit}",
        "-" if figure.ratio is None else f"{figure.ratio:.2f}",
        figure.ceiling_name,
    )


def number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"


def _soundness_line(result: ScenarioResult) -> str:
    return (
        f"{result.name}: lost {result.lost}, late {result.late}, repeated {result.repeats}, forked {result.forks}, "
        f"refused {result.refused}{'' if result.is_sound else '   <-- NOT SOUND'}"
        + "".join(f"; {promise}" for promise in result.broken)
    )


def _cost_line(result: ScenarioResult) -> str:
    usage = result.usage
    if usage is None or result.work_units == 0:
        return ""
    parts = [
        f"{role} {spent:.1f} s ({spent / result.work_units * 1e6:.0f} us each, "
        f"{usage.peak_bytes.get(role, 0) / MEGABYTE:.0f} MB)"
        for role, spent in sorted(usage.cpu_s.items())
        if spent >= 0.05
    ]
    parts.append(f"bench {usage.bench_cpu_s:.1f} s")
    parts.append(f"others {usage.others_cpu_s:.1f} s of {usage.elapsed_s:.1f} s")
    if usage.postgres is not None:
        parts.append(
            f"{usage.postgres.commits / result.work_units:.3f} commits and "
            f"{usage.postgres.wal_bytes / result.work_units:,.0f} bytes of WAL each"
        )
    return f"{result.name} CPU: " + ", ".join(parts)


def write_json(path: Path, results: Sequence[ScenarioResult], ceilings: Sequence[Ceiling]) -> None:
    """The whole run as one JSON document; folders on the way are made."""
    write_document(
        path,
        {
            "ceilings": [asdict(ceiling) for ceiling in ceilings],
            "scenarios": [result_document(result) for result in results],
        },
    )


def result_document(result: ScenarioResult) -> dict[str, object]:
    return {**asdict(result), "sound": result.is_sound}


def write_document(path: Path, content: Mapping[str, object]) -> None:
    """`content` after the time and the machine."""
    document = {"finished_at": datetime.now(UTC).isoformat(), "machine": machine(), **content}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2, default=_plain) + "\n")


def machine() -> dict[str, object]:
    return {"cpus": os.cpu_count(), "python": platform.python_version(), "system": platform.platform()}


def _plain(value: object) -> object:
    if isinstance(value, array):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")
