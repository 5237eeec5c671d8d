"""The process table, and that Procfile and compose.yaml say the same."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest
import yaml

from fasthook.testing import ROOT
from local.supervisor.specs import SpecError, process_specs

DATA_DIR = Path("/data")
GIVEN = {"HOST": "127.0.0.1", "PORT": "8000"}


def commands(**environment: str) -> dict[str, list[str]]:
    specs = process_specs({**GIVEN, **environment}, data_dir=DATA_DIR)
    return {spec.name: ["python" if part == sys.executable else part for part in spec.command] for spec in specs}


def test_one_process_of_each_role_by_default() -> None:
    assert list(commands()) == ["web", "route", "deliver", "bulk", "maintenance", "beat"]


def test_more_workers_have_names_of_their_own() -> None:
    table = commands(ROUTE_WORKERS="2", DELIVER_WORKERS="3")
    assert list(table) == ["web", "route1", "route2", "deliver1", "deliver2", "deliver3", "bulk", "maintenance", "beat"]
    assert "deliver3@%h" in table["deliver3"]
    assert table["deliver3"][table["deliver3"].index("-Q") + 1] == "deliver"


@pytest.mark.parametrize("value", ["0", "-1", "two", "65"])
def test_a_senseless_number_of_workers_is_refused_by_name(value: str) -> None:
    with pytest.raises(SpecError, match="ROUTE_WORKERS must be a number from 1 to 64"):
        commands(ROUTE_WORKERS=value)


def test_an_ipv6_address_is_bound_in_brackets() -> None:
    assert commands(HOST="::1")["web"][-1] == "[::1]:8000"


def test_the_web_is_stopped_before_the_workers_and_beat_last() -> None:
    ranks = {spec.name: spec.stop_rank for spec in process_specs(GIVEN, data_dir=DATA_DIR)}
    assert ranks["web"] < ranks["route"] == ranks["deliver"] == ranks["bulk"] == ranks["maintenance"] < ranks["beat"]


def test_the_procfile_says_the_same() -> None:
    lines = (ROOT / "Procfile").read_text().splitlines()
    procfile = {name: command for name, _, command in (line.partition(": ") for line in lines)}
    values = {"HOST": "127.0.0.1", "PORT": "8000", "DATA_DIR": "/data"}
    expanded = {
        name: shlex.split(re.sub(r"\$\{(\w+):-[^}]*\}", lambda found: values[found[1]], command))
        for name, command in procfile.items()
    }
    assert expanded == commands()


def test_compose_says_the_same() -> None:
    services = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]
    table = commands(HOST="0.0.0.0")
    assert {name: services[name]["command"] for name in table} == table
    assert set(services) == {*table, "postgres", "valkey", "migrate"}
