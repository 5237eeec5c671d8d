"""Seeding history: which days get how much, whether there is room for it, and the processes that load it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import connection

from events.models import Event
from fasthook.lib.errors import Conflict, Unavailable, invalid
from fasthook.lib.ids import first_id_at
from seeding.crew import Crew
from seeding.loading import read_mark
from seeding.rows import TAIL_MS, Stretch
from seeding.shapes import SeedRoutes

# Measured: table and indexes of an event with its share of requests and attempts.
BYTES_PER_EVENT = 2900
# What Postgres's log and everything else may need meanwhile.
SPARE_BYTES = 4 * 1024**3
REPORT_S = 5.0
_DAY = timedelta(days=1)
_WEEKEND = 0.6
_RETIRED_AFTER = 2 / 3
# Key of the Postgres advisory lock; connections' bootstrap has the one before.
_SEED_LOCK = 4_271_003


@dataclass(frozen=True, slots=True)
class Progress:
    events: int
    of_events: int
    seconds: float

    @property
    def left_s(self) -> float:
        return self.seconds * (self.of_events - self.events) / self.events if self.events else float("inf")


def plan_stretches(*, events: int, days: int, now: datetime) -> list[Stretch]:
    """The `days` days that end with today, newest first: `events` spread over them, fewer at weekends."""
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    parts = []
    for age in range(days):
        day = midnight - age * _DAY
        first_ms = int(day.timestamp() * 1000)
        last_ms = min(first_ms + 86_400_000, int(now.timestamp() * 1000)) - 1
        weight = (_WEEKEND if day.weekday() >= 5 else 1.0) * (last_ms - first_ms)
        parts.append((day, first_ms, last_ms, weight, age >= days * _RETIRED_AFTER))
    whole = sum(part[3] for part in parts)
    return [
        Stretch(day, first_ms, last_ms, events=round(events * weight / whole), with_retired=retired)
        for day, first_ms, last_ms, weight, retired in parts
        if last_ms - first_ms > 2 * TAIL_MS
    ]


def refuse_what_cannot_be(*, events: int, days: int) -> None:
    """InvalidInput for sizes out of bounds, Unavailable when the disk is too small."""
    if events < 1:
        raise invalid("--events", "must be at least 1")
    kept = min(settings.RETENTION_DAYS_BY_TABLE.values())
    if not 1 <= days <= kept:
        raise invalid("--days", f"must be from 1 to {kept}: what is older than the retention is dropped at once")
    needed = events * BYTES_PER_EVENT + SPARE_BYTES
    free = _free_bytes()
    if free is not None and free < needed:
        raise Unavailable(
            f"{events:,} events need about {needed / 1e9:.0f} GB of disk, {free / 1e9:.0f} GB are free; ask for fewer"
        )


def stretches_to_load(stretches: Sequence[Stretch], team_id: str, *, even_beside: bool) -> list[Stretch]:
    """Those that no earlier run has loaded. Conflict when the team has other evidence there, unless `even_beside`."""
    marks = _marks()
    left = [stretch for stretch in stretches if team_id not in marks.get(f"{stretch.day:%Y%m%d}", ())]
    taken = [f"{stretch.day:%Y-%m-%d}" for stretch in left if _has_events(team_id, stretch)]
    if taken and not even_beside:
        raise Conflict(
            f"the team has events of its own on {len(taken)} of these days ({', '.join(taken[:3])}); "
            "add --yes to seed beside them"
        )
    return left


def load_history(
    routes: SeedRoutes,
    stretches: Sequence[Stretch],
    *,
    seed: str,
    processes: int,
    report: Callable[[Progress], None],
) -> int:
    """Loads the stretches in some processes and returns how many events they have.

    KeyboardInterrupt, or Unavailable when a process fails: a stretch that was not finished then leaves nothing.
    """
    wanted = sum(stretch.events for stretch in stretches)
    started = time.monotonic()
    with _OnlyOne():
        crew = Crew(routes, stretches, seed=seed, processes=processes)
        try:
            while crew.is_working(REPORT_S):
                report(Progress(crew.events, wanted, time.monotonic() - started))
        finally:
            crew.end()
    return crew.events


class _OnlyOne:
    """Two runs at once would fill the same days."""

    def __enter__(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [_SEED_LOCK])
            if not cursor.fetchone()[0]:
                raise Conflict("another seed_history is running")

    def __exit__(self, *_: object) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_unlock(%s)", [_SEED_LOCK])


def _marks() -> dict[str, set[str]]:
    """Teams by the day that was seeded for them."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT right(relname, 8), obj_description(oid, 'pg_class') FROM pg_class"
            " WHERE relname ~ '^events_[0-9]{8}$' AND relnamespace = current_schema()::regnamespace"
        )
        found = {day: read_mark(comment) for day, comment in cursor.fetchall()}
    return {day: set(mark.events) for day, mark in found.items() if mark}


def _has_events(team_id: str, stretch: Stretch) -> bool:
    first, after = first_id_at("evt", stretch.day), first_id_at("evt", stretch.day + _DAY)
    return Event.objects.filter(team_id=team_id, id__gte=first, id__lt=after).exists()


def _free_bytes() -> int | None:
    """Of the disk that Postgres writes to; None when it is on another machine."""
    host = settings.DATABASES["default"].get("HOST", "")
    if not host.startswith("/"):
        return None
    cluster = Path(settings.DATA_DIR) / "postgres"
    return shutil.disk_usage(os.path.realpath(cluster) if cluster.exists() else "/").free
