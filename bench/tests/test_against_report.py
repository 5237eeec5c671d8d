"""The report has every value of every pair, what else ran, and a verdict for each figure that is judged."""

import json
from pathlib import Path

from bench.against.builds import Build
from bench.against.pairs import Run, Side, compare
from bench.against.report import comparison_document, format_report
from bench.report import write_document
from bench.tests.test_against_pairs import drain

BUILDS: dict[Side, Build] = {
    "this": Build("/here", Path("/kept/this"), commit="a" * 40, is_dirty=True),
    "other": Build("main", Path("/kept/other"), commit="b" * 40, is_dirty=False),
}
RUNS = [
    Run(0, "other", drain(5)),
    Run(0, "this", drain(5)),
    Run(1, "this", drain(900, user_s=2.9), resting_share=0.02, others_share=0.5),
    Run(1, "other", drain(1000), resting_share=0.03, others_share=0.25),
    Run(2, "other", drain(1250), resting_share=0.03, others_share=0.25),
    Run(2, "this", drain(1000, user_s=2.9), resting_share=0.02, others_share=0.5),
]
TABLE = """\
drain                               pair 1  pair 2  median
----------------------------------------------------------
deliveries, /s               this      900   1,000
                             other   1,000   1,250
                             ratio   0.900   0.800   0.850
CPU each, user, us           this    2,900   2,900
                             other   3,000   3,000
                             ratio   0.967   0.967   0.967
CPU each, system, us         this    1,000   1,000
                             other   1,000   1,000
                             ratio   1.000   1.000   1.000
CPU each, user + system, us  this    3,900   3,900
                             other   4,000   4,000
                             ratio   0.975   0.975   0.975
meanwhile, of one core: other 2.0% while this was measured, this 3.0% while other was, everybody else 38%
"""


def test_both_values_and_their_ratio_stand_pair_by_pair() -> None:
    report = format_report(BUILDS, RUNS, compare(RUNS))
    assert TABLE in report
    assert f"this:  {'a' * 12} with uncommitted changes (/here)\nother: {'b' * 12} (main)\n" in report


def test_each_judged_figure_has_a_verdict_and_the_last_line_sums_up() -> None:
    lines = format_report(BUILDS, RUNS, compare(RUNS)).splitlines()
    assert lines[-3:] == [
        "drain: deliveries: 0.850 (0.80 to 0.90), higher is better: worse by 15.0 %   <-- WORSE",
        "drain: CPU each, user + system: 0.975 (0.97 to 0.97), lower is better: no worse: within 3 %",
        "worse in 1 of 2 figures",
    ]


def test_a_run_that_lost_events_is_named() -> None:
    runs = [Run(1, "this", drain(1000)), Run(1, "other", drain(1000, lost=7))]
    lines = format_report(BUILDS, runs, compare(runs)).splitlines()
    assert lines[-2:] == [
        "drain, pair 1, other: lost 7, late 0, forked 0   <-- NOT SOUND",
        "no worse in all 2 figures; 1 of 2 runs not sound",
    ]


def test_the_file_holds_builds_runs_ratios_and_verdicts(tmp_path: Path) -> None:
    write_document(tmp_path / "pairs.json", comparison_document(BUILDS, RUNS, compare(RUNS)))
    document = json.loads((tmp_path / "pairs.json").read_text())
    assert document["builds"]["this"] == {"source": "/here", "commit": "a" * 40, "dirty": True}
    assert document["machine"]["cpus"]
    first = document["comparisons"][0]
    assert (first["ratios"], round(first["median"], 9)) == ([0.9, 0.8], 0.85)
    assert first["verdict"] == {"words": "worse by 15.0 %", "is_worse": True}
    assert [(run["pair"], run["side"]) for run in document["runs"]][:3] == [(0, "other"), (0, "this"), (1, "this")]
    assert document["runs"][2]["result"]["usage"]["cpu"] == {"user_s": 2.9, "system_s": 1.0}
