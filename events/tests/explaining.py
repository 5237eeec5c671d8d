"""What statements really read: each is EXPLAINed with ANALYZE, in a savepoint that is rolled back, and then run.

`explained()` does so for Django's connection, `ExplainingCursor` for psycopg's.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import psycopg
from django.db import connection, transaction

from events.storage.partitions import PREFIXES

# In a table of so few rows, as tomorrow's partition is, there is nothing that an index would spare.
SMALL = 20
_EXPLAIN = "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) "
_PLANNED = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE")


@dataclass
class Reading:
    """What one statement read. `rows` counts what scans returned or threw away, `blocks` every block that was touched;
    `partitions` are those of the evidence tables that were looked into."""

    statement: str
    rows: int = 0
    evidence_rows: int = 0
    blocks: int = 0
    sequential: set[str] = field(default_factory=set)
    indexes: set[str] = field(default_factory=set)
    partitions: set[str] = field(default_factory=set)

    @property
    def reads_evidence(self) -> bool:
        return bool(self.partitions)


def reading_of(statement: str, document: Any) -> Reading:
    plan = (json.loads(document) if isinstance(document, str) else document)[0]["Plan"]
    found = Reading(statement, blocks=plan.get("Shared Hit Blocks", 0) + plan.get("Shared Read Blocks", 0))
    for node in _nodes(plan):
        loops = node["Actual Loops"]
        table = node.get("Relation Name", "")
        if "Index Name" in node:
            found.indexes.add(node["Index Name"])
        if (table or "Index Name" in node) and node["Node Type"].endswith("Scan") and loops:
            thrown_away = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
            rows = round((node["Actual Rows"] + thrown_away) * loops)
            found.rows += rows
            if is_partition(table):
                found.partitions.add(table)
                found.evidence_rows += rows
            if node["Node Type"] == "Seq Scan" and rows > SMALL:
                found.sequential.add(table)
    return found


def is_partition(table: str) -> bool:
    return table.rpartition("_")[0] in PREFIXES


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)


def _is_planned(statement: str) -> bool:
    lines = [line for line in statement.splitlines() if not line.lstrip().startswith("--")]
    return " ".join(lines).lstrip(" (").startswith(_PLANNED)


@contextmanager
def explained() -> Iterator[list[Reading]]:
    """The readings of every statement that Django's connection runs inside."""
    readings: list[Reading] = []

    def explain(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        if _is_planned(sql) and not many:
            point = transaction.savepoint()
            with connection.connection.cursor() as cursor:
                cursor.execute(_EXPLAIN + sql, params)
                readings.append(reading_of(sql, cursor.fetchone()[0]))
            transaction.savepoint_rollback(point)
        return execute(sql, params, many, context)

    with transaction.atomic(), connection.execute_wrapper(explain):
        yield readings


class ExplainingCursor(psycopg.Cursor[Any]):
    """For a connection inside a transaction: `ExplainingCursor.readings` has what its statements read."""

    readings: ClassVar[list[Reading]] = []

    def execute(self, query: Any, params: Any = None, **kwargs: Any) -> Any:
        if not _is_planned(query):
            return super().execute(query, params, **kwargs)
        with psycopg.Cursor(self.connection) as cursor:
            cursor.execute("SAVEPOINT explained")
            cursor.execute(_EXPLAIN + query, params)
            row = cursor.fetchone()
            assert row is not None
            self.readings.append(reading_of(query, row[0]))
            cursor.execute("ROLLBACK TO SAVEPOINT explained")
        return super().execute(query, params, **kwargs)
