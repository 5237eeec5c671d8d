"""What every table keeps to: models say what the SQL made, CHECKs are named for their rule, indexes have readers."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.apps import apps
from django.db import connection, models

from tests.schema_file import SCHEMA_FILE

ROOT = Path(__file__).parent.parent
SQL_FILES = sorted(ROOT.glob("*/migrations/sql/*.sql"))
MODELS = [model for model in apps.get_models(include_auto_created=True) if (ROOT / model._meta.app_label).is_dir()]
# As Django names the one that comes with a field for positive numbers.
OF_A_FIELD = {
    f"{model._meta.db_table}_{field.column}_check"
    for model in apps.get_models(include_auto_created=True)
    for field in model._meta.local_fields
    if field.db_check(connection)
}


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.db_table)
def test_a_model_has_the_columns_of_its_table(db: None, model: type[models.Model]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT attname, format_type(atttypid, atttypmod), NOT attnotnull FROM pg_attribute"
            " WHERE attrelid = to_regclass(%s) AND attnum > 0 AND NOT attisdropped",
            [model._meta.db_table],
        )
        there = {name: (kind, nullable) for name, kind, nullable in cursor.fetchall()}
    fields = [field for field in model._meta.local_fields if field.column]
    assert {field.column: (_spelled(field), field.null) for field in fields} == there


def _spelled(field: models.Field) -> str | None:
    """A column's type as Postgres spells it."""
    kind = field.db_type(connection) or ""
    return re.sub(r"^varchar\b", "character varying", kind)


@pytest.mark.parametrize("model", MODELS, ids=lambda model: model._meta.db_table)
def test_the_indexes_of_a_model_are_there(db: None, model: type[models.Model]) -> None:
    with connection.cursor() as cursor:
        there = set(connection.introspection.get_constraints(cursor, model._meta.db_table))
    named = [*model._meta.indexes, *model._meta.constraints]
    assert {each.name for each in named} - there == set()


def test_a_check_is_named_for_its_rule() -> None:
    named = re.findall(r"CONSTRAINT (\w+) CHECK", SCHEMA_FILE.read_text())
    assert len(named) > 20
    assert [name for name in named if re.search(r"_check\d*$", name) and name not in OF_A_FIELD] == []


@pytest.mark.parametrize("path", SQL_FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_an_index_has_its_readers_beside_it(path: Path) -> None:
    paragraphs = re.split(r"\n{2,}", path.read_text())
    made = [paragraph for paragraph in paragraphs if re.search(r"^CREATE (UNIQUE )?INDEX", paragraph, re.MULTILINE)]
    assert [paragraph for paragraph in made if not re.search(r"^-- Readers?: ", paragraph, re.MULTILINE)] == []
