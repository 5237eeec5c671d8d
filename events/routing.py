"""Routing: claims accepted requests in batches and writes their branches, exactly once.

One transaction per batch writes events, ignored branches, deduplication windows and delivery jobs, and deletes the
route jobs. It holds the configuration gate (teams/config_version.py), so what it writes is what the configuration says
at its commit: no event slips past a pause, none is left on hold after an unpause.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import orjson
import psycopg
import structlog
from django.conf import settings
from psycopg import Connection, Cursor
from psycopg.types.json import Jsonb

from connections.catalog import ConnectionCatalog
from connections.rules.payload import RuleInput, parse_body, parse_query
from destinations.catalog import destination_catalog
from events.branching import (
    MAX_TRIES,
    Branch,
    RoutableRequest,
    Window,
    decide_branches,
    looks_at_payload,
    settle_windows,
)
from events.counting import count_claim, count_routed
from events.partitions import with_partitions
from events.states import Rank, Status, Trigger
from fasthook.lib.headers import merge_headers
from fasthook.lib.ids import time_of
from fasthook.lib.nudge import begin, listening, nudge, recruit
from fasthook.lib.outage import Outage
from fasthook.lib.sql import DataConnection, is_unwell, load_statements
from teams.config_version import CONFIG_GATE

log = structlog.get_logger(__name__)

SQL = load_statements(Path(__file__).parent / "sql" / "routing.sql")
BATCH_BYTES = 32 * 1024 * 1024
LINGER_S = 1.0
# After a batch the next one waits a moment for more requests: each costs as much CPU as several of them, which delivery
# could use (docs/benchmarks.md). What comes after a pause is routed at once.
GATHER_S = 0.005


@dataclass(frozen=True, slots=True)
class _Owed:
    """Claimed jobs of a batch that was cut short by Postgres."""

    request_ids: Sequence[str]
    token: UUID


class Router:
    """One per routing process: its connection, and the configuration that it has compiled."""

    def __init__(self) -> None:
        self._database = DataConnection("route")
        self._connections = ConnectionCatalog()
        self._destinations = destination_catalog()
        self._owed: _Owed | None = None
        self._outage = Outage(restored="jobs.returned")

    def drain(self, *, seconds: float, stopping: threading.Event) -> int:
        """Routes what there is and what comes, until nothing came for a second or the time is over; the count."""
        routed = 0
        over_at = time.monotonic() + seconds
        heard = threading.Event()
        with listening("route", heard.set):
            while not stopping.is_set() and time.monotonic() < over_at:
                heard.clear()
                begin("route")
                claimed = self.route_batch()
                routed += claimed
                if claimed == settings.ROUTE_BATCH:
                    recruit("route")
                elif claimed:
                    stopping.wait(GATHER_S)
                if not claimed and not heard.wait(LINGER_S):
                    break
        # Whoever committed while nobody listened any more has sent a message, or is found here.
        routed += self.route_batch()
        return routed

    def route_batch(self) -> int:
        """Routes one batch and returns how many requests were claimed for it."""
        self._return_owed()
        token = uuid4()
        requests = self._database.run(_claim, token)
        count_claim("route", [request.tries for request in requests], limit=settings.ROUTE_BATCH)
        if not requests:
            return 0
        requests = self._without_suspects(requests, token)
        try:
            due = self._route(requests, token)
        except psycopg.OperationalError as error:
            if is_unwell(error):
                self._owed = _Owed([request.id for request in requests], token)
                self._return_owed()
            raise
        if due:
            nudge("deliver")
        return len(requests)

    def _return_owed(self) -> None:
        """A Postgres that is away or out of room is no fault of the requests: over it no lease need run out, and no
        tries, however long it takes. What cannot be returned yet is returned before the next claim."""
        if self._owed is not None:
            try:
                self._database.run(_return_jobs, self._owed.request_ids, self._owed.token)
            except psycopg.OperationalError as error:
                self._outage.failed("jobs.unreturned", error, jobs=len(self._owed.request_ids))
            else:
                self._owed = None
                self._outage.over()

    def _without_suspects(self, requests: list[RoutableRequest], token: UUID) -> list[RoutableRequest]:
        """One of the requests whose workers ended again and again may be the cause: such are routed one by one.

        The others of its batch are given back uncounted, so that only the culprit runs out of tries.
        """
        suspects = [request for request in requests if request.tries >= MAX_TRIES]
        if not suspects or len(requests) == 1:
            return requests
        self._database.run(_return_jobs, [request.id for request in requests if request is not suspects[0]], token)
        return suspects[:1]

    def _route(self, requests: list[RoutableRequest], token: UUID) -> int:
        """The number of deliveries that are due now. A request that cannot be written fails alone."""
        try:
            requests = self._with_payloads(requests)
            return with_partitions(partial(self._database.run, self._write, requests, token))
        except psycopg.OperationalError:
            raise
        except Exception:
            log.exception("batch.failed", request_ids=[request.id for request in requests])
            if len(requests) == 1:
                return 0  # its lease runs out, and then its tries
        return sum(self._route([request], token) for request in requests)

    def close(self) -> None:
        self._database.close()

    def _with_payloads(self, requests: list[RoutableRequest]) -> list[RoutableRequest]:
        wanted = [request.id for request in requests if self._needs_payload(request)]
        if not wanted:
            return requests
        payloads = self._database.run(_read_payloads, wanted)
        return [replace(request, payload=payloads.get(request.id)) for request in requests]

    def _needs_payload(self, request: RoutableRequest) -> bool:
        return request.payload is None and any(map(looks_at_payload, self._connections.live(request.source_id)))

    def _write(self, connection: Connection[Any], requests: list[RoutableRequest], token: UUID) -> int:
        """Writes the batch's branches; returns how many deliveries are due now."""
        with connection.transaction(), connection.cursor() as cursor:
            cursor.execute(SQL["take_gate"], {"gate": CONFIG_GATE})
            cursor.execute(SQL["finish_route_jobs"], {"ids": [request.id for request in requests], "token": token})
            version, finished = cursor.fetchall()[0]
            own = frozenset(finished)
            requests = [request for request in requests if request.id in own]
            if self._refresh(version):
                # A rule may look at payloads now where none did when the batch was claimed.
                missing = [request.id for request in requests if self._needs_payload(request)]
                payloads = _read_payloads(connection, missing) if missing else {}
                requests = [replace(request, payload=payloads.get(request.id, request.payload)) for request in requests]
            branches = _settle_windows(cursor, self._decide(requests))
            due = _write_branches(cursor, branches)
        count_routed([request.id for request in requests], branches)
        return due

    def _refresh(self, version: int) -> bool:
        refreshed = self._connections.refresh(version)
        return self._destinations.refresh(version) or refreshed

    def _decide(self, requests: Iterable[RoutableRequest]) -> list[Branch]:
        branches: list[Branch] = []
        for request in requests:
            connections = self._connections.live(request.source_id)
            disabled = frozenset(
                entry.destination_id for entry in connections if not self._is_enabled(entry.destination_id)
            )
            branches += decide_branches(request, connections, disabled_destinations=disabled)
        return branches

    def _is_enabled(self, destination_id: str) -> bool:
        destination = self._destinations.get(destination_id)
        return destination is not None and destination.enabled


def _claim(connection: Connection[Any], token: UUID) -> list[RoutableRequest]:
    rows = connection.execute(
        SQL["claim_route_jobs"],
        {
            "limit": settings.ROUTE_BATCH,
            "bytes": BATCH_BYTES,
            "lease_s": settings.ROUTE_LEASE_S,
            "token": token,
        },
    ).fetchall()
    return [
        RoutableRequest(request_id, source_id, time_of(request_id), body_size, tries)
        for request_id, source_id, body_size, tries in sorted(rows)
    ]


def _return_jobs(connection: Connection[Any], request_ids: Sequence[str], token: UUID) -> None:
    connection.execute(SQL["return_route_jobs"], {"ids": list(request_ids), "token": token})


def _read_payloads(connection: Connection[Any], request_ids: Sequence[str]) -> dict[str, RuleInput]:
    with connection.cursor(binary=True) as cursor:
        cursor.execute(SQL["read_payloads"], {"ids": list(request_ids)})
        return {
            request_id: RuleInput(
                method=method,
                path=path or "/",
                query=parse_query(query),
                headers=merge_headers(headers),
                body=parse_body(body),
            )
            for request_id, method, path, query, headers, body in cursor
        }


def _settle_windows(cursor: Cursor[Any], branches: list[Branch]) -> list[Branch]:
    names = sorted({(branch.connection.id, branch.dedup_key) for branch in branches if branch.dedup_key is not None})
    if not names:
        return branches
    wanted = {"connection_ids": [name[0] for name in names], "keys": [name[1] for name in names]}
    cursor.execute(SQL["take_deduplication_keys"], wanted)
    stored = {
        (connection_id, bytes(key)): Window(request_id, expires_at)
        for connection_id, key, request_id, expires_at in cursor
    }
    branches, opened = settle_windows(branches, stored)
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


_EVENT_COLUMNS = {
    "id": "text",
    "team_id": "text",
    "request_id": "text",
    "source_id": "text",
    "connection_id": "text",
    "destination_id": "text",
    "status": "text",
    "attempts": "int4",
    "failure_message": "text",
    "ignored_cause": "text",
    "ignored_meta": "jsonb",
    "next_attempt_at": "timestamptz",
    "created_at": "timestamptz",
    "updated_at": "timestamptz",
}
_JOB_COLUMNS = {
    "event_id": "text",
    "team_id": "text",
    "request_id": "text",
    "source_id": "text",
    "connection_id": "text",
    "destination_id": "text",
    "rank": "int2",
    "due_at": "timestamptz",
    "attempt_number": "int4",
    "retry_number": "int4",
    "trigger": "text",
    "body_size": "int4",
    "tries": "int2",
}


def _copy(table: str, columns: dict[str, str]) -> str:
    return f"COPY {table} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"


def _write_branches(cursor: Cursor[Any], branches: list[Branch]) -> int:
    """Writes events and delivery jobs; returns how many deliveries are due now."""
    if not branches:
        return 0
    now = datetime.now(UTC)
    with cursor.copy(_copy("events", _EVENT_COLUMNS)) as copy:
        copy.set_types(list(_EVENT_COLUMNS.values()))
        for branch in branches:
            copy.write_row(_event_row(branch, now))
    waiting = [branch for branch in branches if branch.due_at is not None]
    if waiting:
        with cursor.copy(_copy("delivery_job", _JOB_COLUMNS)) as copy:
            copy.set_types(list(_JOB_COLUMNS.values()))
            for branch in waiting:
                copy.write_row(_job_row(branch))
    return sum(branch.due_at <= now for branch in waiting if branch.due_at is not None)


def _event_row(branch: Branch, now: datetime) -> tuple[Any, ...]:
    connection = branch.connection
    return (
        branch.event_id,
        connection.team_id,
        branch.request.id,
        connection.source_id,
        connection.id,
        connection.destination_id,
        branch.status,
        0,
        branch.failure_message,
        branch.ignored_cause,
        Jsonb(branch.ignored_meta, dumps=orjson.dumps) if branch.ignored_meta else None,
        branch.due_at if branch.status is Status.SCHEDULED else None,
        now,
        now,
    )


def _job_row(branch: Branch) -> tuple[Any, ...]:
    connection = branch.connection
    return (
        branch.event_id,
        connection.team_id,
        branch.request.id,
        connection.source_id,
        connection.id,
        connection.destination_id,
        int(Rank.FIRST),
        branch.due_at,
        1,
        0,
        Trigger.INITIAL,
        branch.request.body_size,
        0,
    )
