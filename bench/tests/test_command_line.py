"""What the command accepts and refuses before any load starts."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.against.builds import Build
from bench.against.pairs import Run
from bench.against.running import OPTIONS as AGAINST_OPTIONS
from bench.api import read_credentials
from bench.command_line import options_from, parse_arguments, scenario_names
from bench.http import NotLoopbackError
from bench.tests.test_against_pairs import drain

CREDENTIALS = {"base_url": "http://127.0.0.1:8000/", "team_id": "tm_1", "api_key": "fhp_1"}


def test_all_stands_for_the_default_scenarios_once_and_in_order() -> None:
    names = scenario_names(["latency", "all", "soak"])
    assert names[:4] == ["latency", "ingress", "drain", "drain_revived"]
    assert names[-1] == "soak"
    assert len(names) == len(set(names))


def test_an_unknown_scenario_is_refused_with_the_known_ones(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refused:
        parse_arguments(["ingres"])
    assert refused.value.code == 2
    assert "unknown scenario ingres; there are ingress, drain," in capsys.readouterr().err


def test_sizes_come_from_the_command_line() -> None:
    options = options_from(parse_arguments(["pipeline", "--rates", "10,20", "--seconds", "3", "--backlog", "50"]))
    assert (options.rates_per_s, options.seconds, options.backlog) == ((10, 20), 3.0, 50)


def test_against_another_build_the_default_is_the_four_of_the_definition_at_shorter_lengths() -> None:
    parsed = parse_arguments(["--against", "HEAD~1"])
    assert (parsed.scenarios, parsed.pairs) == (["drain", "pipeline", "ingress", "latency"], 10)
    assert options_from(parsed) == AGAINST_OPTIONS
    asked = parse_arguments(["latency", "--against", "HEAD~1", "--pairs", "3", "--backlog", "70"])
    assert (asked.scenarios, asked.pairs) == (["latency"], 3)
    assert options_from(asked) == replace(AGAINST_OPTIONS, backlog=70)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--against", "HEAD", "--url", "http://127.0.0.1:1", "--pid", "7"],
            "--url, --pid: with --against",
        ),
        (["--pairs", "3"], "--pairs goes with --against"),
        (["--against", "HEAD", "--pairs", "0"], "--pairs must be at least 1"),
    ],
)
def test_what_does_not_go_together_is_refused(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as refused:
        parse_arguments(arguments)
    assert refused.value.code == 2
    assert words in capsys.readouterr().err


RUNS = {
    "no worse": [Run(1, "this", drain(1000)), Run(1, "other", drain(1000))],
    "worse": [Run(1, "this", drain(900)), Run(1, "other", drain(1000))],
    "lost": [Run(1, "this", drain(1000)), Run(1, "other", drain(1000, lost=1))],
}


@pytest.mark.parametrize(("runs", "status"), [("no worse", 0), ("worse", 1), ("lost", 1)])
def test_the_exit_status_is_that_of_the_comparison(
    runs: str, status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    async def run_builds(*_: object, **__: object) -> list[Run]:
        return RUNS[runs]

    monkeypatch.setattr("bench.__main__.run_builds", run_builds)
    build = Build("main", tmp_path, "a" * 40, is_dirty=False)
    monkeypatch.setattr("bench.__main__.REPOSITORY", tmp_path)
    monkeypatch.setattr("bench.__main__.find_build", lambda named, kept_in: build)
    monkeypatch.setattr("bench.__main__.copy_checkout", lambda checkout, folder: build)
    monkeypatch.setattr("sys.argv", ["bench", "--against", "other", "--json", str(tmp_path / "pairs.json")])
    assert main() == status
    assert len(json.loads((tmp_path / "pairs.json").read_text())["runs"]) == 2


def test_a_build_that_is_none_cannot_be_measured(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("bench.__main__.REPOSITORY", tmp_path)
    monkeypatch.setattr("sys.argv", ["bench", "--against", "no-such-branch"])
    assert main() == 2


def test_credentials_are_read_and_the_given_url_wins(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps(CREDENTIALS))
    assert read_credentials(path, None).base_url == "http://127.0.0.1:8000"
    assert read_credentials(path, "http://127.0.0.1:9000").base_url == "http://127.0.0.1:9000"


def test_another_host_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps({**CREDENTIALS, "base_url": "https://api.fasthook.io"}))
    with pytest.raises(NotLoopbackError, match="the bench stays on this machine"):
        read_credentials(path, None)


def test_missing_credentials_name_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"start the product first with \./script/up"):
        read_credentials(tmp_path / "absent.json", None)


def test_incomplete_credentials_name_their_fields(tmp_path: Path) -> None:
    path = tmp_path / "credentials.json"
    path.write_text('{"base_url": "http://127.0.0.1:8000"}')
    with pytest.raises(ValueError, match="base_url, team_id and api_key"):
        read_credentials(path, None)
