"""Deduplication windows: which requests of a batch repeat an earlier one, judged under the lock of their keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from psycopg import Connection, Cursor

from events.routing.decide import Branch, ignore
from events.states import IgnoredCause
from fasthook.lib.sql import load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "dedup.sql")


@dataclass(frozen=True, slots=True)
class Window:
    """A deduplication window: the request that opened it, and its end."""

    request_id: str
    expires_at: datetime


def judge_windows(
    branches: Sequence[Branch], stored: Mapping[tuple[str, bytes], Window]
) -> tuple[list[Branch], dict[tuple[str, bytes], Window]]:
    """The branches with duplicates ignored, and the windows that were opened, to be stored.

    Judged in the order in which the requests were accepted. A window is fixed from its first request; one that was
    accepted before it but is routed after it counts as a repeat of it too.
    """
    windows = dict(stored)
    opened: dict[tuple[str, bytes], Window] = {}
    judged: dict[str, Branch] = {}
    for branch in sorted(branches, key=lambda branch: branch.request.id):
        dedup = branch.connection.rules.dedup
        if branch.dedup_key is None or dedup is None:
            continue
        name = (branch.connection.id, branch.dedup_key)
        window = windows.get(name)
        if window is not None and branch.request.created_at < window.expires_at:
            # Its transformation, if it ran after all, ran for nothing: a duplicate ends before it.
            repeat = replace(branch, outcome=None)
            judged[branch.event_id] = ignore(repeat, IgnoredCause.DEDUPLICATED, {"first_request_id": window.request_id})
        else:
            expires_at = branch.request.created_at + timedelta(milliseconds=dedup.window_ms)
            windows[name] = opened[name] = Window(branch.request.id, expires_at)
    return [judged.get(branch.event_id, branch) for branch in branches], opened


def read_windows(connection: Connection[Any], branches: Sequence[Branch]) -> dict[tuple[str, bytes], Window]:
    with connection.cursor(binary=True) as cursor:
        cursor.execute(
            SQL["read_deduplication_keys"],
            {
                "connection_ids": [branch.connection.id for branch in branches],
                "keys": [branch.dedup_key for branch in branches],
            },
        )
        return {
            (connection_id, bytes(key)): Window(request_id, expires_at)
            for connection_id, key, request_id, expires_at in cursor
        }


def take_windows(cursor: Cursor[Any], branches: list[Branch]) -> list[Branch]:
    names = sorted({(branch.connection.id, branch.dedup_key) for branch in branches if branch.dedup_key is not None})
    if not names:
        return branches
    wanted = {"connection_ids": [name[0] for name in names], "keys": [name[1] for name in names]}
    cursor.execute(SQL["take_deduplication_keys"], wanted)
    stored = {
        (connection_id, bytes(key)): Window(request_id, expires_at)
        for connection_id, key, request_id, expires_at in cursor
    }
    branches, opened = judge_windows(branches, stored)
    if opened:
        cursor.execute(
            SQL["save_deduplication_keys"],
            {
                "connection_ids": [connection_id for connection_id, _ in opened],
                "keys": [key for _, key in opened],
                "request_ids": [window.request_id for window in opened.values()],
                "expiries": [window.expires_at for window in opened.values()],
            },
        )
    return branches
