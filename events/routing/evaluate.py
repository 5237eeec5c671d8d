"""Evaluation: what a batch's requests become under the configuration as this process knows it. Reads, writes nothing.

It happens before routing's transaction, since payloads are large, and transformations may take a second each. What came
out holds as long as what it rests on: routing looks once more under the configuration lock, and evaluates anew when
something changed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from psycopg import Connection

from connections.catalog import ConnectionCatalog, ConnectionEntry
from connections.sandbox.jobs import EXPENSIVE, ErrorKind, Message, Outcome, RunStatus
from connections.transformations.catalog import TransformationEntry, transformation_catalog
from destinations.catalog import destination_catalog
from events.routing.decide import (
    Branch,
    RoutableRequest,
    begin_branch,
    finish_branch,
    looks_at_payload,
    looks_into_payload,
    rule_input,
)
from events.routing.dedup import judge_windows, read_windows
from events.routing.transform import Transformer
from fasthook.lib.sql import DataConnection, load_statements
from sources.catalog import SourceCatalog

SQL = load_statements(Path(__file__).parent / "sql" / "evaluate.sql")

# One batch spends about so long on transformations; the requests that are left go back to the queue.
TRANSFORM_BUDGET_S = 2.0
# A request that alone takes longer than a batch's time is brought to its end within this, well before the lease ends.
REST_BUDGET_S = 3.0
# A run of this length makes its source a slow one: routing takes it in small portions then.
SLOW_RUN_US = 100_000


@dataclass(frozen=True, slots=True)
class Evaluated:
    """Branches, as if no deduplication key were taken yet; `postponed` requests have none, their turn did not come.

    What the branches rest on: each source's live connections, which of their destinations are enabled, and the
    transformations that ran. `slow`: sources whose transformations take long.
    """

    branches: Sequence[Branch]
    connections: Mapping[str, Sequence[ConnectionEntry]]
    enabled: frozenset[str]
    transformations: Mapping[str, TransformationEntry | None] = field(default_factory=dict)
    postponed: Sequence[str] = ()
    slow: frozenset[str] = frozenset()


class Evaluator:
    """One per routing process, with the configuration that it has compiled."""

    def __init__(self, database: DataConnection) -> None:
        self._database = database
        self._connections = ConnectionCatalog()
        self._destinations = destination_catalog()
        self._sources = SourceCatalog()
        self._transformations = transformation_catalog()
        self._transformer = Transformer(self._sources, self._destinations, self._transformations)

    def refresh(self, version: int) -> None:
        for catalog in (self._connections, self._destinations, self._sources, self._transformations):
            catalog.refresh(version)

    def close(self) -> None:
        self._transformer.close()

    def evaluate(
        self, requests: Sequence[RoutableRequest], *, budget_s: float = TRANSFORM_BUDGET_S, run_repeats: bool = False
    ) -> Evaluated:
        """Without `run_repeats` branches that look like duplicates are left unfinished. SandboxUnavailable when
        transformations cannot be run at all."""
        connections = {source_id: self._connections.live(source_id) for source_id in {r.source_id for r in requests}}
        enabled = self._enabled(connections)
        begun = [
            begin_branch(request, connection, enabled=enabled)
            for request in self._with_payloads(requests, connections)
            for connection in connections[request.source_id]
        ]
        outcomes = self._transform(
            [branch for branch in begun if branch.is_unfinished], budget_s=budget_s, run_repeats=run_repeats
        )
        late = _late_requests(begun, outcomes)
        if late and len(late) == len(requests):
            # Otherwise a request with several transformations that take long would be postponed for ever.
            outcomes |= self._finish_first(begun, outcomes)
            late = _late_requests(begun, outcomes)
        return Evaluated(
            branches=[
                branch
                if branch.is_unfinished and branch.event_id not in outcomes
                else finish_branch(branch, outcomes.get(branch.event_id))
                for branch in begun
                if branch.request.id not in late
            ],
            connections=connections,
            enabled=enabled,
            transformations=self._used(begun),
            postponed=sorted(late),
            slow=frozenset(
                branch.request.source_id
                for branch in begun
                if branch.event_id in outcomes and _was_slow(outcomes[branch.event_id])
            ),
        )

    def connection(self, connection_id: str) -> ConnectionEntry | None:
        return self._connections.get(connection_id)

    def transformation(self, connection: ConnectionEntry) -> TransformationEntry | None:
        """The one that its rules name, as it is known here."""
        return self._transformations.get(connection.rules.transformation_id or "")

    def is_enabled(self, destination_id: str) -> bool:
        destination = self._destinations.get(destination_id)
        return destination is not None and destination.enabled

    def transform(self, branches: Sequence[Branch], *, budget_s: float) -> dict[str, Outcome]:
        """By event id, NOT_RUN for those whose turn did not come. SandboxUnavailable."""
        return self._transformer.run(branches, budget_s=budget_s) if branches else {}

    def transforms(self, source_id: str) -> bool:
        """Whether the source's requests need a sandbox."""
        return any(entry.rules.transformation_id is not None for entry in self._connections.live(source_id))

    def still_holds(self, evaluated: Evaluated) -> bool:
        """Whether nothing has changed that the evaluation rests on."""
        connections = {source_id: self._connections.live(source_id) for source_id in evaluated.connections}
        # An entry is made anew whenever its row was saved.
        return (
            all(_are_same(connections[source_id], known) for source_id, known in evaluated.connections.items())
            and self._enabled(connections) == evaluated.enabled
            and all(self._transformations.get(name) is entry for name, entry in evaluated.transformations.items())
        )

    def _enabled(self, connections: Mapping[str, Sequence[ConnectionEntry]]) -> frozenset[str]:
        """The enabled ones of the connections' destinations."""
        named = {entry.destination_id for entries in connections.values() for entry in entries}
        found = ((identifier, self._destinations.get(identifier)) for identifier in named)
        return frozenset(identifier for identifier, destination in found if destination and destination.enabled)

    def _used(self, branches: Sequence[Branch]) -> dict[str, TransformationEntry | None]:
        named = {branch.connection.rules.transformation_id for branch in branches}
        return {identifier: self._transformations.get(identifier) for identifier in named if identifier is not None}

    def _with_payloads(
        self, requests: Sequence[RoutableRequest], connections: Mapping[str, Sequence[ConnectionEntry]]
    ) -> Sequence[RoutableRequest]:
        wanted = [r.id for r in requests if any(map(looks_at_payload, connections[r.source_id]))]
        if not wanted:
            return requests
        read = self._database.run(read_messages, wanted)
        return [
            with_message(request, message, parsed=any(map(looks_into_payload, connections[request.source_id])))
            if (message := read.get(request.id))
            else request
            for request in requests
        ]

    def _transform(self, branches: Sequence[Branch], *, budget_s: float, run_repeats: bool) -> dict[str, Outcome]:
        """By event id. What looks like a duplicate, which routing alone can tell for sure, is not run for nothing."""
        if not branches:
            return {}
        if not run_repeats:
            keyed = [branch for branch in branches if branch.dedup_key is not None]
            windows = self._database.run(read_windows, keyed) if keyed else {}
            judged, _ = judge_windows(branches, windows)
            repeats = {branch.event_id for branch in judged if not branch.is_open}
            branches = [branch for branch in branches if branch.event_id not in repeats]
        return self._transformer.run(branches, budget_s=budget_s)

    def _finish_first(self, branches: Sequence[Branch], outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
        """What the oldest request still lacks: run, or failed when even that takes too long."""
        waiting = [each for each in branches if _is_late(outcomes.get(each.event_id))]
        rest = [branch for branch in waiting if branch.request.id == waiting[0].request.id]
        ran = self._transformer.run(rest, budget_s=REST_BUDGET_S)
        return {event_id: _TOO_LATE if _is_late(outcome) else outcome for event_id, outcome in ran.items()}


_TOO_LATE = Outcome(
    RunStatus.FAILED,
    error="its turn did not come: the transformations of this request took too long together",
    error_kind=ErrorKind.WALL_LIMIT,
)


def _is_late(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.status is RunStatus.NOT_RUN


def _late_requests(branches: Sequence[Branch], outcomes: Mapping[str, Outcome]) -> set[str]:
    return {branch.request.id for branch in branches if _is_late(outcomes.get(branch.event_id))}


def _was_slow(outcome: Outcome) -> bool:
    """Also when it was short but cost a child."""
    return outcome.duration_us >= SLOW_RUN_US or outcome.error_kind in EXPENSIVE


def with_message(request: RoutableRequest, message: Message, *, parsed: bool) -> RoutableRequest:
    # Not `replace`, which takes twice as long: this is done for every request that a rule looks at.
    return RoutableRequest(
        id=request.id,
        source_id=request.source_id,
        created_at=request.created_at,
        body_size=request.body_size,
        claim_count=request.claim_count,
        batch_operation_id=request.batch_operation_id,
        message=message,
        payload=rule_input(message) if parsed else None,
    )


def _are_same(entries: Sequence[ConnectionEntry], known: Sequence[ConnectionEntry]) -> bool:
    return len(entries) == len(known) and all(map(lambda one, other: one is other, entries, known))


def read_messages(connection: Connection[Any], request_ids: Sequence[str]) -> dict[str, Message]:
    with connection.cursor(binary=True) as cursor:
        cursor.execute(SQL["read_payloads"], {"ids": list(request_ids)})
        return {
            request_id: Message(method=method, path=path, query=query, headers=headers, body=body or b"")
            for request_id, method, path, query, headers, body in cursor
        }
