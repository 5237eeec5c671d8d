"""What a comparison tells: per scenario both values and the ratio pair by pair, then a verdict for each figure."""

import platform
from collections.abc import Sequence
from dataclasses import asdict
from statistics import mean

from bench.against.builds import Build
from bench.against.pairs import Comparison, Run, Side, unsound
from bench.report import machine, number, result_document


def format_report(builds: dict[Side, Build], runs: Sequence[Run], comparisons: Sequence[Comparison]) -> str:
    facts = machine()
    lines = [
        f"{facts['cpus']} cores, {facts['system']}, Python {platform.python_version()}",
        f"this:  {builds['this'].words}",
        f"other: {builds['other'].words}",
    ]
    for scenario in dict.fromkeys(each.scenario for each in comparisons):
        of_it = [each for each in comparisons if each.scenario == scenario]
        lines += ["", *_table(scenario, of_it), _beside_line(scenario, runs)]
    return "\n".join([*lines, "", *_verdict_lines(comparisons), *_unsound_lines(runs), _summary(comparisons, runs)])


def _table(scenario: str, comparisons: Sequence[Comparison]) -> list[str]:
    count = len(comparisons[0].this)
    rows = [(scenario, "", *(f"pair {number_}" for number_ in range(1, count + 1)), "median")]
    for each in comparisons:
        name = f"{each.name}, {each.unit}" if each.unit else each.name
        rows.append((name, "this", *map(number, each.this), ""))
        rows.append(("", "other", *map(number, each.other), ""))
        rows.append(("", "ratio", *(f"{ratio:.3f}" for ratio in each.ratios), f"{each.median:.3f}"))
    widths = [max(len(row[column]) for row in rows) for column in range(count + 3)]
    lines = [
        "  ".join(
            cell.ljust(width) if column < 2 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "-" * max(map(len, lines)))
    return lines


def _beside_line(scenario: str, runs: Sequence[Run]) -> str:
    """What else the machine did during the measured runs."""
    of_it = [run for run in runs if run.result.name == scenario and run.pair > 0]
    resting = {side: mean(run.resting_share for run in of_it if run.side == side) for side in ("this", "other")}
    return (
        f"meanwhile, of one core: other {resting['this']:.1%} while this was measured, this {resting['other']:.1%} "
        f"while other was, everybody else {mean(run.others_share for run in of_it):.0%}"
    )


def _verdict_lines(comparisons: Sequence[Comparison]) -> list[str]:
    return [
        f"{each.scenario}: {each.name}: {each.median:.3f} ({min(each.ratios):.2f} to {max(each.ratios):.2f}), "
        f"{each.better} is better: {each.verdict.words}" + ("   <-- WORSE" if each.verdict.is_worse else "")
        for each in comparisons
        if each.verdict is not None
    ]


def _unsound_lines(runs: Sequence[Run]) -> list[str]:
    return [
        f"{run.result.name}, {f'pair {run.pair}' if run.pair else 'warm-up'}, {run.side}: lost {run.result.lost}, "
        f"late {run.result.late}, forked {run.result.forks}"
        + "".join(f"; {promise}" for promise in run.result.broken)
        + "   <-- NOT SOUND"
        for run in unsound(runs)
    ]


def _summary(comparisons: Sequence[Comparison], runs: Sequence[Run]) -> str:
    verdicts = [each.verdict for each in comparisons if each.verdict is not None]
    worse = sum(verdict.is_worse for verdict in verdicts)
    said = f"worse in {worse} of {len(verdicts)} figures" if worse else f"no worse in all {len(verdicts)} figures"
    broken = len(unsound(runs))
    return said + (f"; {broken} of {len(runs)} runs not sound" if broken else "")


def comparison_document(
    builds: dict[Side, Build], runs: Sequence[Run], comparisons: Sequence[Comparison]
) -> dict[str, object]:
    return {
        "builds": {
            side: {"source": build.source, "commit": build.commit, "dirty": build.is_dirty}
            for side, build in builds.items()
        },
        "comparisons": [
            {
                **asdict(each),
                "ratios": each.ratios,
                "median": each.median,
                "verdict": None if each.verdict is None else asdict(each.verdict),
            }
            for each in comparisons
        ],
        "runs": [{**asdict(run), "result": result_document(run.result)} for run in runs],
    }
