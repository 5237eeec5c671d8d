"""Transformations in memory, with their env decrypted: what routing runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import structlog
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from connections.models import Transformation
from fasthook.lib.catalog import Catalog, Row
from fasthook.lib.crypto import UndecryptableSecret
from fasthook.lib.model_fields import unseal

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TransformationEntry:
    """`version` is the configuration's version that the row was saved under."""

    id: str
    team_id: str
    name: str
    code: str
    env: Mapping[str, str]
    version: int
    # Why it cannot be run (its env is under a lost key); its branches then fail, saying so.
    fault: str | None = None


def transformation_catalog() -> Catalog[TransformationEntry]:
    """Entries by id."""
    return Catalog(_load)


def _load(version: int) -> Iterator[Row[TransformationEntry]]:
    rows = Transformation.objects.filter(version__gt=version).order_by("version")
    if version < 0:
        rows = rows.filter(deleted_at=None)
    for row in _sealed(rows).iterator():
        yield Row(row.id, row.version, None if row.deleted_at else _compile(row))


def read_transformation(identifier: str) -> TransformationEntry | None:
    """One row, compiled as the catalog has it."""
    row = _sealed(Transformation.objects.filter(deleted_at=None)).filter(pk=identifier).first()
    return _compile(row) if row else None


def _sealed(rows: QuerySet[Transformation]) -> QuerySet[Any]:
    return rows.defer("env").annotate(sealed_env=Cast("env", TextField()))


def _compile(row: Any) -> TransformationEntry:
    env: dict[str, str] = {}
    fault = None
    try:
        env = unseal(row.sealed_env) or {}
    except UndecryptableSecret as error:
        fault = str(error)
        log.error("transformation.unusable", transformation_id=row.id, error=fault)
    return TransformationEntry(
        id=row.id, team_id=row.team_id, name=row.name, code=row.code, env=env, version=row.version, fault=fault
    )
