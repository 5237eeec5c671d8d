"""A row is sound only when nothing is lost, stuck, doubled or dead, and the report says so."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.crash.accounting import Recovery
from bench.crash.outcome import LeftOut, Leftover, Outcome, Round
from bench.crash.report import (
    BEGIN,
    END,
    format_markdown,
    format_table,
    replace_between_marks,
    report_rows,
    write_json,
)
from bench.crash.timing import QUICK

SOUND = Outcome(
    scenario="deliver",
    offered=3000,
    statuses={200: 2990, 503: 4},
    unanswered=6,
    delivered=2990,
    unaccepted=1,
    lost=0,
    repeats=12,
    in_flight=30,
    forks=0,
    recovery=Recovery(first_s=0.25, caught_up_s=6.04),
    leftover=Leftover(),
)
WORDS = {"web": "kill the web process", "deliver": "kill the delivery worker", "disk-full": "fill the disk"}


def test_a_sound_row_has_no_faults() -> None:
    assert (SOUND.faults, SOUND.is_sound, SOUND.accepted, SOUND.refused) == ([], True, 2990, 4)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"lost": 1}, "1 lost"),
        ({"leftover": Leftover(waiting=2)}, "2 stuck"),
        ({"leftover": Leftover(route_jobs=1, delivery_jobs=3)}, "4 stuck"),
        ({"leftover": Leftover(leases=1)}, "1 leases left"),
        ({"repeats": 31}, "31 repeats, 30 in flight"),
        ({"forks": 1}, "1 requests made two events"),
        ({"recovery": Recovery(None, 0.0)}, "nothing was delivered after the fault"),
        ({"statuses": {200: 2990, 500: 1}}, "answers other than 2xx and 503: {500: 1}"),
        ({"casualties": ("beat",)}, "ended besides: beat"),
        ({"must_refuse": True, "statuses": {200: 3000}}, "nothing was refused: the fault did not bite"),
        ({"stop_s": 10.0}, "the stop took 10.0 s"),
    ],
)
def test_each_broken_promise_is_named(changed: dict[str, object], words: str) -> None:
    broken = replace(SOUND, **changed)  # type: ignore[arg-type]
    assert len(broken.faults) == 1
    assert broken.faults[0].startswith(words)
    assert not Round((SOUND, broken)).is_sound


def test_as_many_repeats_as_were_in_flight_are_allowed() -> None:
    assert replace(SOUND, repeats=30).is_sound
    assert replace(SOUND, stop_s=9.9).is_sound


def test_counts_are_summed_seconds_are_the_worst_and_repeats_stand_per_run() -> None:
    second = replace(SOUND, repeats=3, in_flight=28, recovery=Recovery(0.5, 2.0))
    assert report_rows([Round((SOUND,)), Round((second,))], WORDS) == [
        (
            "kill the delivery worker",
            "5,980",
            "20",
            "5,980",
            "0",
            "12 (30), 3 (28)",
            "0.5 s",
            "6.0 s",
            "0",
            "sound",
        )
    ]


def test_one_unsound_run_makes_the_row_unsound() -> None:
    rounds = [Round((SOUND,)), Round((replace(SOUND, lost=2, recovery=Recovery(None, 1.0)),))]
    (row,) = report_rows(rounds, WORDS)
    assert (row[4], row[6], row[-1]) == ("2", "never", "NOT SOUND")
    assert "deliver, run 2: 2 lost; nothing was delivered after the fault" in format_table(rounds, WORDS)


def test_how_long_a_stop_took_stands_beside_the_verdict() -> None:
    rounds = [Round((replace(SOUND, stop_s=2.04),)), Round((replace(SOUND, stop_s=1.0),))]
    assert report_rows(rounds, WORDS)[0][-1] == "sound, stopped in 2.0 s"


def test_what_was_left_out_is_not_passed_off_as_sound() -> None:
    rounds = [Round((SOUND,), (LeftOut("disk-full", "mount: permission denied"),))] * 2
    assert report_rows(rounds, WORDS)[1] == ("fill the disk", *["-"] * 8, "left out")
    assert format_table(rounds, WORDS).splitlines()[-1] == "disk-full left out: mount: permission denied"


def test_markdown_is_a_table_with_its_faults_below() -> None:
    text = format_markdown([Round((replace(SOUND, lost=1),))], WORDS, preamble="On one machine.")
    lines = text.splitlines()
    assert lines[0] == "On one machine."
    assert lines[3] == "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |"
    assert lines[4].startswith("| kill the delivery worker | 2,990 | 10 | 2,990 | 1 | 12 (30) | 0.2 s | 6.0 s | 0 |")
    assert lines[-1] == "- deliver, run 1: 1 lost"


def test_only_what_is_between_the_marks_is_replaced() -> None:
    page = f"# Title\n\n{BEGIN}\nold\n{END}\n\nRest\n"
    once = replace_between_marks(page, "new")
    assert once == f"# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nRest\n"
    assert replace_between_marks(once, "new") == once


@pytest.mark.parametrize("page", ["nothing", BEGIN, f"{END}\n{BEGIN}"])
def test_a_page_without_both_marks_is_refused(page: str) -> None:
    with pytest.raises(ValueError, match="must have the lines"):
        replace_between_marks(page, "new")


def test_the_file_holds_every_count_and_what_was_left_out(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "crash.json"
    rounds = [Round((replace(SOUND, lost=1),), (LeftOut("disk-full", "no"),))]
    write_json(target, rounds, timing=QUICK, machine={"cpus": 2})
    document = json.loads(target.read_text())
    assert document["machine"] == {"cpus": 2}
    assert document["timing"]["rate_per_s"] == 150
    (run,) = document["runs"]
    assert (run["outcomes"][0]["accepted"], run["outcomes"][0]["faults"]) == (2990, ["1 lost"])
    assert run["left_out"] == [{"scenario": "disk-full", "reason": "no"}]
