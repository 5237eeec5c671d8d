"""Reruns: the rules of single events are run again, since a retry of what failed in its rules begins with them.

Such an event waits in a job of rank 4. The result is written on the same event under the configuration lock if nothing
that it rests on has changed: payload, execution, and a job on the way to delivery. Deduplication is not judged again,
since the branch has its place in the window, and no delay is waited for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

import orjson
import psycopg
import structlog
from django.conf import settings
from psycopg import Connection
from psycopg.types.json import Jsonb

from connections.catalog import ConnectionEntry
from connections.sandbox.child_process import SandboxUnavailable
from connections.sandbox.jobs import Outcome, RunStatus
from connections.transformations.catalog import TransformationEntry
from events.routing.decide import MAX_CLAIMS, Branch, RoutableRequest, begin_branch, finish_branch, looks_into_payload
from events.routing.evaluate import Evaluator, read_messages, with_message
from events.routing.write import write_outcomes
from events.states import Status, Trigger, rank_of
from events.storage.config_lock import lock_configuration_for_page
from events.storage.partitions import with_partitions
from fasthook.lib.ids import time_of
from fasthook.lib.nudge import nudge
from fasthook.lib.outage_log import Outage
from fasthook.lib.sql import DataConnection, load_statements

log = structlog.get_logger(__name__)

SQL = load_statements(Path(__file__).parent / "sql" / "rerun.sql")
BATCH: Final = 64
# So long live requests wait for a batch, and one run beyond it.
BUDGET_S: Final = 0.2
AGAIN_S: Final = 1.0


@dataclass(frozen=True, slots=True)
class RulesJob:
    event_id: str
    request_id: str
    source_id: str
    connection_id: str
    destination_id: str
    trigger: Trigger
    body_size: int
    claim_count: int


@dataclass(frozen=True, slots=True)
class _Rerun:
    """Finished branches, and what they rest on: by connection the transformation that ran, None where there is none.

    `postponed` jobs were not reached. What has neither is blocked: reconciliation will end it.
    """

    branches: Sequence[Branch]
    transformations: Mapping[str, TransformationEntry | None]
    postponed: Sequence[str]
    blocked: Sequence[str]


class _Changed(Exception):
    """What the branches rest on has changed since they were evaluated."""


class Rerunner:
    """One per routing process, beside its evaluation of requests."""

    def __init__(self, evaluator: Evaluator, database: DataConnection) -> None:
        self._evaluator = evaluator
        self._database = database
        self._to_return: tuple[list[str], UUID] | None = None
        self._outage = Outage(restored="rules.returned")

    def run_batch(self) -> int:
        """Runs the rules of what is due, for a short while; how many jobs were claimed for it."""
        self._return_claimed()
        token = uuid4()
        jobs = self._isolate_poison_candidates(self._database.run(_claim, token), token)
        if not jobs:
            return 0
        try:
            due = with_partitions(partial(self._evaluate_and_write, jobs, token))
        except SandboxUnavailable as error:
            log.error("sandbox.unavailable", error=str(error), events=len(jobs))
            self._database.run(_return, [job.event_id for job in jobs], token, after_s=AGAIN_S)
            return 0
        except psycopg.OperationalError:
            # No fault of the events: it costs them no try.
            self._to_return = [job.event_id for job in jobs], token
            raise
        if due:
            nudge("deliver")
        return len(jobs)

    def _return_claimed(self) -> None:
        if self._to_return is not None:
            try:
                self._database.run(_return, *self._to_return)
            except psycopg.OperationalError as error:
                self._outage.failed("rules.return_failed", error)
                raise
            self._to_return = None
            self._outage.over()

    def _isolate_poison_candidates(self, jobs: list[RulesJob], token: UUID) -> list[RulesJob]:
        """What its worker ended over again and again is run alone, so that only the culprit runs out of claims."""
        candidates = [job for job in jobs if job.claim_count >= MAX_CLAIMS]
        if not candidates or len(jobs) == 1:
            return jobs
        self._database.run(_return, [job.event_id for job in jobs if job is not candidates[0]], token)
        return candidates[:1]

    def _evaluate_and_write(self, jobs: Sequence[RulesJob], token: UUID) -> int:
        while True:
            evaluated = self._evaluate(jobs)
            try:
                return self._database.run(self._write, jobs, evaluated, token)
            except _Changed:
                continue

    def _evaluate(self, jobs: Sequence[RulesJob]) -> _Rerun:
        routes = {job.event_id: entry for job in jobs if (entry := self._live(job)) is not None}
        waiting = [job for job in jobs if job.event_id in routes]
        messages = self._database.run(read_messages, [job.request_id for job in waiting]) if waiting else {}
        begun: list[Branch] = []
        for job in waiting:
            entry, request = routes[job.event_id], _request(job)
            if message := messages.get(job.request_id):
                request = with_message(request, message, parsed=looks_into_payload(entry))
            branch = begin_branch(request, entry, enabled=frozenset({entry.destination_id}))
            begun.append(replace(branch, event_id=job.event_id, dedup_key=None))
        unfinished = [branch for branch in begun if branch.is_unfinished]
        outcomes = self._evaluator.transform(unfinished, budget_s=BUDGET_S)
        late = {event_id for event_id, outcome in outcomes.items() if outcome.status is RunStatus.NOT_RUN}
        return _Rerun(
            branches=[_finish(branch, outcomes) for branch in begun if branch.event_id not in late],
            transformations={entry.id: self._evaluator.transformation(entry) for entry in routes.values()},
            postponed=sorted(late),
            blocked=sorted(job.event_id for job in jobs if job.event_id not in routes),
        )

    def _live(self, job: RulesJob) -> ConnectionEntry | None:
        """None while its connection or destination is disabled or gone: reconciliation ends what waits for it then."""
        entry = self._evaluator.connection(job.connection_id)
        return entry if entry and entry.enabled and self._evaluator.is_enabled(job.destination_id) else None

    def _write(self, connection: Connection[Any], jobs: Sequence[RulesJob], evaluated: _Rerun, token: UUID) -> int:
        """How many events may be delivered now. _Changed, with nothing written, when what they rest on has."""
        with connection.transaction(), connection.cursor() as cursor:
            lock_configuration_for_page(connection)
            cursor.execute(SQL["lock_rules"], {"ids": [job.event_id for job in jobs], "token": token})
            version, own = cursor.fetchall()[0]
            self._evaluator.refresh(version)
            if not self._still_holds(jobs, evaluated):
                raise _Changed
            branches = [branch for branch in evaluated.branches if branch.event_id in frozenset(own)]
            now = datetime.now(UTC)
            ids = [branch.event_id for branch in branches]
            if ids:
                cursor.execute(SQL["forget_payloads"], {"ids": ids, "first": min(ids), "last": max(ids)})
            write_outcomes(cursor, branches, now=now)
            triggers = {job.event_id: job.trigger for job in jobs}
            results = [_result(branch, trigger=triggers[branch.event_id]) for branch in branches]
            if results:
                cursor.execute(SQL["finish_rules"], {"results": Jsonb(results, dumps=orjson.dumps)})
            _return(connection, evaluated.postponed, token)
            _return(connection, evaluated.blocked, token, after_s=AGAIN_S)
        log.info("events.rules_rerun", event_ids=ids)
        return sum(result["status"] == Status.QUEUED for result in results)

    def _still_holds(self, jobs: Sequence[RulesJob], evaluated: _Rerun) -> bool:
        """An entry is made anew whenever its row was saved."""
        known = {branch.connection.id: branch.connection for branch in evaluated.branches}
        blocked = frozenset(evaluated.blocked)
        for job in jobs:
            entry = self._live(job)
            if (entry is None) != (job.event_id in blocked):
                return False
            if entry is None:
                continue
            ran = evaluated.transformations[entry.id]
            if entry is not known.get(entry.id, entry) or self._evaluator.transformation(entry) is not ran:
                return False
        return True


def _finish(branch: Branch, outcomes: Mapping[str, Outcome]) -> Branch:
    if branch.request.message is None and branch.is_open and not branch.is_unfinished:
        # Without it a filter would let everything pass.
        message = "INTERNAL_ERROR: the request's payload is no longer stored"
        return replace(branch, status=Status.FAILED, due_at=None, failure_message=message)
    return finish_branch(branch, outcomes.get(branch.event_id))


def _request(job: RulesJob) -> RoutableRequest:
    return RoutableRequest(job.request_id, job.source_id, time_of(job.request_id), job.body_size, job.claim_count)


def _result(branch: Branch, *, trigger: Trigger) -> dict[str, Any]:
    return {
        "event_id": branch.event_id,
        "status": Status.QUEUED if branch.status is Status.SCHEDULED else branch.status,
        "failure_message": branch.failure_message,
        "ignored_cause": branch.ignored_cause,
        "ignored_meta": branch.ignored_meta,
        "has_payload": branch.payload is not None,
        "body_size": len(branch.payload.body) if branch.payload is not None else branch.request.body_size,
        "rank": int(rank_of(trigger)),
    }


def _claim(connection: Connection[Any], token: UUID) -> list[RulesJob]:
    params = {"limit": BATCH, "lease_s": settings.ROUTE_LEASE_S, "token": token}
    rows = connection.execute(SQL["claim_rules"], params).fetchall()
    return [RulesJob(*row[:5], Trigger(row[5]), *row[6:]) for row in sorted(rows)]  # type: ignore[call-arg]


def _return(connection: Connection[Any], event_ids: Sequence[str], token: UUID, *, after_s: float = 0.0) -> None:
    if event_ids:
        connection.execute(SQL["return_rules"], {"ids": list(event_ids), "token": token, "after_s": after_s})
