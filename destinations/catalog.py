"""Destinations in memory, their credentials decrypted: what delivery builds its requests for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from destinations.models import Destination, DestinationType
from destinations.outbound.build import CompiledTarget, DestinationTarget, compile_target
from fasthook.lib.catalog import Catalog, Row
from fasthook.lib.crypto import UndecryptableSecret
from fasthook.lib.errors import FastHookError
from fasthook.lib.model_fields import unseal

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class DestinationEntry:
    id: str
    name: str
    enabled: bool
    max_concurrency: int
    timeout_s: float
    target: CompiledTarget | None
    # Why the row cannot be delivered to (a secret under a lost key); its attempts then fail, saying so.
    fault: str | None = None


def destination_catalog() -> Catalog[DestinationEntry]:
    return Catalog(_load)


def _load(version: int) -> Iterator[Row[DestinationEntry]]:
    rows = Destination.objects.filter(version__gt=version).order_by("version")
    if version < 0:
        rows = rows.filter(deleted_at=None)
    for row in _sealed(rows).iterator():
        yield Row(row.id, row.version, None if row.deleted_at else _compile(row))


def read_destination(identifier: str) -> DestinationEntry:
    """One row, compiled as the catalog has it. Raises Destination.DoesNotExist."""
    return _compile(_sealed(Destination.objects.filter(deleted_at=None)).get(pk=identifier))


def _sealed(rows: QuerySet[Destination]) -> QuerySet[Any]:
    return rows.defer("auth").annotate(sealed_auth=Cast("auth", TextField()))


def _compile(row: Any) -> DestinationEntry:
    target = fault = None
    try:
        target = compile_target(
            DestinationTarget(
                id=row.id,
                url=delivery_url(row),
                http_method=row.http_method,
                path_forwarding_disabled=row.path_forwarding_disabled,
                timeout_s=row.timeout_s,
                auth_type=row.auth_type,
                auth=unseal(row.sealed_auth) or {},
            )
        )
    except (UndecryptableSecret, FastHookError) as error:
        fault = str(error)
        log.error("destination.unusable", destination_id=row.id, error=fault)
    except Exception as error:  # whatever another release saved: one row must not stop the others
        fault = f"its configuration cannot be read ({type(error).__name__}: {error})"
        log.exception("destination.unusable", destination_id=row.id)
    return DestinationEntry(
        id=row.id,
        name=row.name,
        enabled=row.disabled_at is None,
        max_concurrency=row.max_concurrency,
        timeout_s=row.timeout_s,
        target=target,
        fault=fault,
    )


def delivery_url(row: Destination) -> str:
    """Where deliveries go: MOCK_API rows keep a path on this installation's own built-in receiver."""
    return f"{settings.BASE_URL}{row.url}" if row.type == DestinationType.MOCK_API else row.url
