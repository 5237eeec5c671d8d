"""docs/schema.sql says which columns, keys and indexes there are, and is right."""

from __future__ import annotations

import difflib
from typing import Any

import pytest
from django.db import connection

from tests.schema_file import SCHEMA_FILE, dump_schema, readable


def test_the_schema_file_is_what_the_migrations_make(db: None, services: Any) -> None:
    if not services.postgres_is_embedded:
        pytest.skip("docs/schema.sql is in the words of the embedded Postgres; DATABASE_URL names another")
    kept, made = SCHEMA_FILE.read_text(), readable(dump_schema(connection.settings_dict))
    if kept != made:
        lines = difflib.unified_diff(
            kept.splitlines(), made.splitlines(), "docs/schema.sql", "the migrations", "", "", 1, ""
        )
        pytest.fail("\n".join(["./script/schema writes docs/schema.sql anew. It differs:", *lines]), pytrace=False)
