"""Configuration in memory: entries compiled once per version, refreshed by reading only what is newer.

Versions commit in order (teams/config/lock.py), so what is newer than `version` is exactly what changed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import Generic, NamedTuple, TypeVar

from django.db import connection

Entry = TypeVar("Entry")


class Row(NamedTuple, Generic[Entry]):
    """A changed row: its id, the version it was saved under, and its compiled entry; None when it was deleted."""

    id: str
    version: int
    entry: Entry | None


class Catalog(Generic[Entry]):
    """Entries by id. `load(version)` reads the rows newer than `version` and compiles them."""

    def __init__(self, load: Callable[[int], Iterable[Row[Entry]]]) -> None:
        self._load = load
        self._lock = threading.Lock()
        self.version = -1
        self.entries: dict[str, Entry] = {}

    def get(self, identifier: str) -> Entry | None:
        return self.entries.get(identifier)

    def refresh(self, version: int) -> bool:
        """Brings the entries up to at least `version`; returns whether anything had to be read."""
        if version <= self.version:
            return False
        with self._lock:
            _mend_connection()
            seen = self.version
            for row in self._load(self.version):
                previous = self.entries.get(row.id)
                if row.entry is None:
                    self.entries.pop(row.id, None)
                else:
                    self.entries[row.id] = row.entry
                self.changed(previous, row.entry)
                seen = max(seen, row.version)
            self.version = max(seen, version)
        return True

    def changed(self, previous: Entry | None, current: Entry | None) -> None:
        """For catalogs that keep another index beside the ids."""

    def forget(self) -> None:
        """Empties the catalog; the next refresh reads everything."""
        with self._lock:
            self.version = -1
            for entry in list(self.entries.values()):
                self.changed(entry, None)
            self.entries = {}


def _mend_connection() -> None:
    """Outside of requests and tasks nobody else replaces a connection of this thread that Postgres has closed."""
    if not connection.in_atomic_block:
        connection.close_if_unusable_or_obsolete()
