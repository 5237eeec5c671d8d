"""What a run of crash tests tells: a table for the terminal, the same as Markdown for docs/reliability.md, and JSON."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from bench.crash.outcome import LeftOut, Outcome, Round
from bench.crash.timing import Timing

BEGIN = "<!-- ./script/crash writes from here -->"
END = "<!-- to here -->"
COLUMNS = (
    "fault",
    "answered 2xx",
    "503 or cut off",
    "delivered",
    "lost",
    "repeats (in flight)",
    "first delivery after",
    "caught up after",
    "stuck",
    "",
)


def format_table(rounds: Sequence[Round], words: Mapping[str, str]) -> str:
    """Columns in line, one row a scenario, figures of several rounds as `report_rows` puts them together."""
    rows = [COLUMNS, *report_rows(rounds, words)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(COLUMNS))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines.insert(1, "-" * max(map(len, lines)))
    return "\n".join([*lines, "", *fault_lines(rounds)])


def format_markdown(rounds: Sequence[Round], words: Mapping[str, str], *, preamble: str) -> str:
    rows = report_rows(rounds, words)
    lines = [preamble, "", _markdown_row(COLUMNS), _markdown_row(["---"] * len(COLUMNS)), *map(_markdown_row, rows)]
    faults = fault_lines(rounds)
    return "\n".join([*lines, *(["", *(f"- {line}" for line in faults)] if faults else [])])


def report_rows(rounds: Sequence[Round], words: Mapping[str, str]) -> list[tuple[str, ...]]:
    """Counts are sums over the rounds, seconds the worst of them; repeats and what was in flight stand per round."""
    rows = []
    for scenario, its_words in words.items():
        outcomes = [outcome for each in rounds for outcome in each.outcomes if outcome.scenario == scenario]
        left_out = [gap for each in rounds for gap in each.left_out if gap.scenario == scenario]
        if outcomes:
            rows.append(_row(its_words, outcomes))
        elif left_out:
            rows.append((its_words, *["-"] * (len(COLUMNS) - 2), "left out"))
    return rows


def _row(words: str, outcomes: Sequence[Outcome]) -> tuple[str, ...]:
    return (
        words,
        _number(sum(outcome.accepted for outcome in outcomes)),
        _number(sum(outcome.offered - outcome.accepted for outcome in outcomes)),
        _number(sum(outcome.delivered for outcome in outcomes)),
        _number(sum(outcome.lost for outcome in outcomes)),
        ", ".join(f"{outcome.repeats} ({outcome.in_flight})" for outcome in outcomes),
        _seconds([outcome.recovery.first_s for outcome in outcomes]),
        _seconds([outcome.recovery.caught_up_s for outcome in outcomes]),
        _number(sum(outcome.leftover.rows for outcome in outcomes)),
        _verdict(outcomes),
    )


def _verdict(outcomes: Sequence[Outcome]) -> str:
    verdict = "sound" if all(outcome.is_sound for outcome in outcomes) else "NOT SOUND"
    stops = [outcome.stop_s for outcome in outcomes if outcome.stop_s is not None]
    return f"{verdict}, stopped in {max(stops):.1f} s" if stops else verdict


def fault_lines(rounds: Sequence[Round]) -> list[str]:
    """One line for everything that must not be, and for what was left out."""
    lines = []
    for number, each in enumerate(rounds, start=1):
        lines += [
            f"{outcome.scenario}, run {number}: {'; '.join(outcome.faults)}"
            for outcome in each.outcomes
            if outcome.faults
        ]
    reasons: dict[LeftOut, None] = dict.fromkeys(gap for each in rounds for gap in each.left_out)
    return lines + [f"{gap.scenario} left out: {gap.reason}" for gap in reasons]


def _number(value: int) -> str:
    return f"{value:,}"


def _seconds(values: Sequence[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{max(known):.1f} s" if len(known) == len(values) else "never"


def _markdown_row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def replace_between_marks(text: str, report: str) -> str:
    """`text` with `report` between the two marks; ValueError when it has not both of them once, in order."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"the file must have the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{report}\n\n{END}{after}"


def write_json(path: Path, rounds: Sequence[Round], *, timing: Timing, machine: Mapping[str, object]) -> None:
    """Everything that was counted; folders on the way are made."""
    document = {
        "machine": dict(machine),
        "timing": {**asdict(timing)},
        "runs": [
            {
                "outcomes": [
                    {**asdict(outcome), "accepted": outcome.accepted, "faults": outcome.faults}
                    for outcome in each.outcomes
                ],
                "left_out": [asdict(gap) for gap in each.left_out],
            }
            for each in rounds
        ],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n")
