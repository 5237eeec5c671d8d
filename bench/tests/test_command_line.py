"""What the command accepts and refuses before any load starts."""

import json
from pathlib import Path

import pytest

from bench.__main__ import options_from, parse_arguments, scenario_names
from bench.api import read_credentials
from bench.http import NotLoopbackError

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
