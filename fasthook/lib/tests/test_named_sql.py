from __future__ import annotations

import re
from pathlib import Path

import pytest

from fasthook.lib.sql import load_statements
from fasthook.testing import ROOT

APPS = ("alerts", "events", "metrics")
SQL_FILES = sorted(file for app in APPS for file in (ROOT / app).rglob("sql/*.sql") if "migrations" not in file.parts)


def test_statements_are_found_by_the_line_above_them(tmp_path: Path) -> None:
    file = tmp_path / "some.sql"
    file.write_text("-- About the file.\n\n-- :name first\n-- why\nSELECT 1\n\n-- :name second\nSELECT\n  2\n")
    assert load_statements(file) == {"first": "-- why\nSELECT 1", "second": "SELECT\n  2"}


@pytest.mark.parametrize("file", SQL_FILES, ids=lambda file: file.stem)
def test_every_named_statement_is_used_and_none_is_shadowed(file: Path) -> None:
    names = re.findall(r"^-- :name (\w+)$", file.read_text(), re.MULTILINE)
    assert len(names) == len(set(names))
    module = (file.parents[1] / f"{file.stem}.py").read_text()
    used = set(re.findall(r"SQL\[\"(\w+)\"\]", module)) | set(re.findall(r"_count\(\s*\"(\w+)\"", module))
    assert used == set(names) == set(load_statements(file))
