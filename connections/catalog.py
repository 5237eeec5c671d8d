"""Connections in memory, by source, with their rules compiled: what routing evaluates a request against."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import structlog

from connections.models import Connection
from connections.rules.compile import CompiledRules, compile_rules
from fasthook.lib.catalog import Catalog, Row

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class ConnectionEntry:
    id: str
    team_id: str
    name: str
    source_id: str
    destination_id: str
    enabled: bool
    paused: bool
    rules: CompiledRules
    # Why its rules cannot be used; its branches then fail, saying so, and are never sent past a filter.
    fault: str | None = None


class ConnectionCatalog(Catalog[ConnectionEntry]):
    """Entries by id, and the live ones (neither deleted nor disabled; paused ones are live) by source."""

    def __init__(self) -> None:
        super().__init__(_load)
        self._live: dict[str, dict[str, ConnectionEntry]] = {}

    def live(self, source_id: str) -> list[ConnectionEntry]:
        """The live connections of a source, oldest first."""
        return list(self._live.get(source_id, {}).values())

    def changed(self, previous: ConnectionEntry | None, current: ConnectionEntry | None) -> None:
        if previous is not None and (current is None or not current.enabled or current.source_id != previous.source_id):
            self._live.get(previous.source_id, {}).pop(previous.id, None)
        if current is not None and current.enabled:
            of_source = self._live.setdefault(current.source_id, {})
            of_source[current.id] = current
            self._live[current.source_id] = dict(sorted(of_source.items()))


def _load(version: int) -> Iterator[Row[ConnectionEntry]]:
    rows = Connection.objects.filter(version__gt=version).order_by("version")
    if version < 0:
        rows = rows.filter(deleted_at=None)
    for row in rows.iterator():
        yield Row(row.id, row.version, None if row.deleted_at else compile_connection(row))


def compile_connection(row: Connection) -> ConnectionEntry:
    rules, fault = CompiledRules(), None
    try:
        rules = compile_rules(row.rules)
    except Exception as error:  # whatever another release saved: one row must not stop all routing
        fault = f"its rules cannot be read ({type(error).__name__}: {error})"
        log.exception("connection.unusable", connection_id=row.id)
    return ConnectionEntry(
        id=row.id,
        team_id=row.team_id,
        name=row.name,
        source_id=row.source_id,
        destination_id=row.destination_id,
        enabled=row.disabled_at is None,
        paused=row.paused_at is not None,
        rules=rules,
        fault=fault,
    )
