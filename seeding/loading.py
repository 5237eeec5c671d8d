"""Loading a stretch of seeded history in one transaction: all of it is there afterwards, or nothing.

A day without partitions gets them built aside: COPY with FREEZE into bare tables, then the indexes, then attached. A
day that has partitions (yesterday's, today's, an earlier seed's) takes the rows as they come. What was seeded is noted
on the partition itself, as its comment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from psycopg import Connection, Cursor

from events.storage.partitions import PREFIXES
from fasthook.lib.ids import first_id_at
from seeding.rows import COLUMNS, Chunk, DayRows, Stretch
from seeding.shapes import SeedRoutes

_MARK = "fasthook seed_history: "
_BOUNDS = "seeded_bounds"
_TUNING = (
    "SET LOCAL synchronous_commit = off; SET LOCAL statement_timeout = 0; SET LOCAL maintenance_work_mem = '256MB';"
    "SET LOCAL max_parallel_maintenance_workers = 0; SET LOCAL enable_seqscan = on"
)


@dataclass(frozen=True, slots=True)
class Mark:
    """What a partition's comment says: events seeded by team, and whether the partition was made for them."""

    events: Mapping[str, int]
    made: bool


def read_mark(comment: str | None) -> Mark | None:
    if comment is None or not comment.startswith(_MARK):
        return None
    fields = json.loads(comment.removeprefix(_MARK))
    return Mark(events=fields["events"], made=fields["made"])


def load_stretch(
    connection: Connection[Any], routes: SeedRoutes, stretch: Stretch, *, seed: str, loaded: Callable[[int], None]
) -> int:
    """Loads it and returns its number of events; `loaded` gets each chunk's. Safe to run again after a failure."""
    day = f"{stretch.day:%Y%m%d}"
    with connection.transaction(), connection.cursor() as cursor:
        cursor.execute(_TUNING)
        aside = {table: _prepare(cursor, table, stretch) for table in COLUMNS}
        events = 0
        for chunk in DayRows(routes, stretch, seed=seed).chunks():
            _copy(cursor, chunk, day=day, aside=aside)
            events += len(chunk.events)
            loaded(len(chunk.events))
        for table, is_aside in aside.items():
            if is_aside:
                _add_indexes(cursor, table, f"{table}_{day}")
        for table, is_aside in aside.items():
            if is_aside:
                _attach(cursor, table, stretch)
            _note(cursor, f"{table}_{day}", routes.team_id, events=events, made=is_aside)
    for table, is_aside in aside.items():
        # What joins others' rows is left to autovacuum, which knows how much it is beside them.
        if is_aside:
            connection.execute(f"ANALYZE {table}_{day}")
    return events


def _prepare(cursor: Cursor[Any], table: str, stretch: Stretch) -> bool:
    """True when there was no partition and a bare table stands ready to become one."""
    name = f"{table}_{stretch.day:%Y%m%d}"
    cursor.execute("SELECT to_regclass(%s)", [name])
    row = cursor.fetchone()
    if row is not None and row[0] is not None:
        return False
    first, last = _bounds(table, stretch)
    # The constraint spares the attaching a look at every row.
    cursor.execute(
        f"CREATE TABLE {name} (LIKE {table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE,"
        f" CONSTRAINT {_BOUNDS} CHECK (id IS NOT NULL AND id >= '{first}' AND id < '{last}'))"
    )
    return True


def _copy(cursor: Cursor[Any], chunk: Chunk, *, day: str, aside: Mapping[str, bool]) -> None:
    for table, is_aside in aside.items():
        rows = chunk.rows_of(table)
        if not rows:
            continue
        options = "(FREEZE)" if is_aside else ""
        with cursor.copy(f"COPY {table}_{day} ({COLUMNS[table]}) FROM STDIN {options}") as copy:
            copy.write("".join(rows))


def _add_indexes(cursor: Cursor[Any], table: str, name: str) -> None:
    """All of the table's own, so that attaching finds them and builds none."""
    cursor.execute(
        "SELECT pg_get_indexdef(indexrelid), indisprimary FROM pg_index WHERE indrelid = %s::regclass"
        " ORDER BY indexrelid",
        [table],
    )
    for definition, is_primary in cursor.fetchall():
        if is_primary:
            cursor.execute(f"ALTER TABLE {name} ADD PRIMARY KEY (id)")
        else:
            cursor.execute(re.sub(r"^CREATE INDEX \S+ ON (ONLY )?\S+ ", f"CREATE INDEX ON {name} ", definition))


def _attach(cursor: Cursor[Any], table: str, stretch: Stretch) -> None:
    name = f"{table}_{stretch.day:%Y%m%d}"
    first, last = _bounds(table, stretch)
    cursor.execute(f"ALTER TABLE {table} ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{last}')")
    cursor.execute(f"ALTER TABLE {name} DROP CONSTRAINT {_BOUNDS}")


def _bounds(table: str, stretch: Stretch) -> tuple[str, str]:
    prefix = PREFIXES[table]
    return first_id_at(prefix, stretch.day), first_id_at(prefix, stretch.day + timedelta(days=1))


def _note(cursor: Cursor[Any], name: str, team_id: str, *, events: int, made: bool) -> None:
    cursor.execute("SELECT obj_description(%s::regclass, 'pg_class')", [name])
    row = cursor.fetchone()
    mark = read_mark(row[0] if row else None) or Mark(events={}, made=made)
    fields = {"events": {**mark.events, team_id: mark.events.get(team_id, 0) + events}, "made": mark.made}
    text = (_MARK + json.dumps(fields)).replace("'", "''")
    cursor.execute(f"COMMENT ON TABLE {name} IS '{text}'")
