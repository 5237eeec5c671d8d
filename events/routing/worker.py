"""Routing: claims accepted requests in batches and writes their branches, exactly once.

One transaction per batch writes events, ignored branches, deduplication windows and delivery jobs, and deletes the
route jobs. It holds the configuration lock (teams/config/lock.py), so what it writes is what the configuration says
at its commit: no event slips past a pause, none is left on hold after an unpause.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import psycopg
import structlog
from django.conf import settings
from psycopg import Connection

from connections.sandbox.child_process import SandboxUnavailable
from events.routing.claims import claim_jobs, finish_jobs, postpone_jobs, return_jobs
from events.routing.counts import count_routed
from events.routing.decide import MAX_CLAIMS, RoutableRequest
from events.routing.dedup import take_windows
from events.routing.evaluate import TRANSFORM_BUDGET_S, Evaluated, Evaluator
from events.routing.rerun import Rerunner
from events.routing.slow_sources import SlowSources
from events.routing.write import end_withdrawn, write_branches
from events.storage.claim_counts import count_claim
from events.storage.config_lock import lock_configuration
from events.storage.partitions import with_partitions
from fasthook.lib.nudge import begin, listening, nudge, recruit
from fasthook.lib.outage_log import Outage
from fasthook.lib.sql import DataConnection, is_unwell

log = structlog.get_logger(__name__)

LINGER_S = 1.0
# After a batch the next one waits a moment for more requests: each costs as much CPU as several of them, which delivery
# could use (docs/benchmarks.md). What comes after a pause is routed at once.
GATHER_S = 0.005
# Under load, events whose rules are to be run again are looked for this often.
RULES_AGAIN_S = 1.0
# One run of a transformation that takes long, or a few: then the others have their turn again.
SLOW_BATCH = 8
SLOW_BUDGET_S = 0.2
AGAIN_S = 0.5


@dataclass(frozen=True, slots=True)
class _ToReturn:
    """Claimed jobs of a batch that was cut short by Postgres."""

    request_ids: Sequence[str]
    token: UUID


class _Changed(Exception):
    """What the branches rest on has changed since they were evaluated."""


class _NoRepeat(Exception):
    """What looked like a duplicate is none, so its transformation has to run."""


class Router:
    """One per routing process."""

    def __init__(self) -> None:
        self._database = DataConnection("route")
        self._evaluator = Evaluator(self._database)
        self._reevaluator = Rerunner(self._evaluator, self._database)
        self._rules_at = 0.0
        self._slow = SlowSources()
        self._to_return: _ToReturn | None = None
        self._outage = Outage(restored="route_jobs.returned")

    def drain(self, *, seconds: float, stopping: threading.Event) -> int:
        """Routes what there is and what comes, until nothing came for a second or the time is over; the count."""
        routed = 0
        over_at = time.monotonic() + seconds
        heard = threading.Event()
        self._slow.may_wait = True
        with listening("route", heard.set):
            while not stopping.is_set() and time.monotonic() < over_at:
                heard.clear()
                begin("route")
                claimed = self.route_batch()
                slow = self.route_slow_batch() if self._slow.may_wait else 0
                if not claimed or time.monotonic() >= self._rules_at:
                    slow += self.run_rules_again()
                routed += claimed + slow
                if claimed == settings.ROUTE_BATCH:
                    recruit("route")
                elif claimed and not slow:
                    stopping.wait(GATHER_S)
                if not claimed and not slow and not heard.wait(LINGER_S):
                    break
        # Whoever commits from here on sends a message. Who told the listener that is gone is found here.
        begin("route")
        claimed = self.route_batch()
        if claimed and not stopping.is_set():
            nudge("route")
        return routed + claimed

    def route_batch(self) -> int:
        """Routes one batch and returns how many requests were claimed for it."""
        token = uuid4()
        claimed = self._claim(token, slow=False, limit=settings.ROUTE_BATCH)
        slow = frozenset(request.id for request in claimed if self._slow.knows(request.source_id))
        if slow:
            self._database.run(postpone_jobs, sorted(slow), token)
            self._slow.may_wait = True
        self._route_claimed([request for request in claimed if request.id not in slow], token)
        return len(claimed)

    def route_slow_batch(self) -> int:
        """The same for requests whose transformations take long, so few that the others need not wait for many."""
        token = uuid4()
        claimed = self._claim(token, slow=True, limit=SLOW_BATCH)
        self._slow.may_wait = bool(claimed)
        self._route_claimed(claimed, token, budget_s=SLOW_BUDGET_S)
        return len(claimed)

    def run_rules_again(self) -> int:
        """One batch of the events whose rules are to be run again, between the batches of requests; the count."""
        ran = self._reevaluator.run_batch()
        # While there are some they have their turn each time.
        self._rules_at = 0.0 if ran else time.monotonic() + RULES_AGAIN_S
        return ran

    def _claim(self, token: UUID, *, slow: bool, limit: int) -> list[RoutableRequest]:
        self._return_claimed()
        claimed = self._database.run(claim_jobs, token, slow=slow, limit=limit)
        count_claim("route", [request.claim_count for request in claimed], limit=limit)
        return claimed

    def _route_claimed(
        self, requests: list[RoutableRequest], token: UUID, *, budget_s: float = TRANSFORM_BUDGET_S
    ) -> None:
        if not requests:
            return
        requests = self._isolate_poison_candidates(requests, token)
        try:
            due = self._route(requests, token, budget_s)
        except psycopg.OperationalError as error:
            if is_unwell(error):
                self._to_return = _ToReturn([request.id for request in requests], token)
                self._return_claimed()
            raise
        if due:
            nudge("deliver")

    def _return_claimed(self) -> None:
        """A Postgres that is away or out of room is no fault of the requests: over it no lease need run out, and no
        claims, however long it takes. What cannot be returned yet is returned before the next claim."""
        if self._to_return is not None:
            try:
                self._database.run(return_jobs, self._to_return.request_ids, self._to_return.token)
            except psycopg.OperationalError as error:
                self._outage.failed("route_jobs.return_failed", error, jobs=len(self._to_return.request_ids))
            else:
                self._to_return = None
                self._outage.over()

    def _isolate_poison_candidates(self, requests: list[RoutableRequest], token: UUID) -> list[RoutableRequest]:
        """One of the requests whose workers ended again and again may be the cause: such are routed one by one.

        The others of its batch are given back uncounted, so that only the culprit runs out of claims.
        """
        candidates = [request for request in requests if request.claim_count >= MAX_CLAIMS]
        if not candidates or len(requests) == 1:
            return requests
        self._database.run(return_jobs, [request.id for request in requests if request is not candidates[0]], token)
        return candidates[:1]

    def _route(self, requests: list[RoutableRequest], token: UUID, budget_s: float) -> int:
        """The number of deliveries that are due now. A request that cannot be written fails alone."""
        try:
            return with_partitions(partial(self._evaluate_and_write, requests, token, budget_s))
        except psycopg.OperationalError:
            raise
        except SandboxUnavailable as error:
            # The machine's fault: like a Postgres that is away, it uses up no claims.
            return self._route_without_sandbox(requests, token, budget_s, error=error)
        except Exception:
            log.exception("route_batch.failed", request_ids=[request.id for request in requests])
            if len(requests) == 1:
                return 0  # its lease runs out, and then its claims
        return sum(self._route([request], token, budget_s) for request in requests)

    def _route_without_sandbox(
        self, requests: list[RoutableRequest], token: UUID, budget_s: float, *, error: SandboxUnavailable
    ) -> int:
        waiting = [request for request in requests if self._evaluator.transforms(request.source_id)]
        log.error("sandbox.unavailable", error=str(error), requests=len(waiting))
        self._database.run(return_jobs, [request.id for request in waiting], token)
        others = [request for request in requests if not self._evaluator.transforms(request.source_id)]
        if others:
            return self._route(others, token, budget_s)
        time.sleep(AGAIN_S)
        return 0

    def _evaluate_and_write(self, requests: list[RoutableRequest], token: UUID, budget_s: float) -> int:
        run_repeats = False
        while True:
            evaluated = self._evaluator.evaluate(requests, budget_s=budget_s, run_repeats=run_repeats)
            self._slow.learn(evaluated.slow)
            if evaluated.postponed:
                self._database.run(postpone_jobs, evaluated.postponed, token)
                self._slow.may_wait = True
                late = frozenset(evaluated.postponed)
                requests = [request for request in requests if request.id not in late]
            try:
                return self._database.run(self._write, evaluated, [request.id for request in requests], token)
            except _Changed:
                continue
            except _NoRepeat:
                run_repeats = True

    def close(self) -> None:
        self._evaluator.close()
        self._database.close()

    def _write(self, connection: Connection[Any], evaluated: Evaluated, request_ids: list[str], token: UUID) -> int:
        """Writes the batch's branches; how many deliveries are due now. _Changed, with nothing written, when the
        configuration that they rest on is not that of the commit."""
        with connection.transaction(), connection.cursor() as cursor:
            lock_configuration(cursor)
            version, finished = finish_jobs(cursor, request_ids, token)
            self._evaluator.refresh(version)
            if not self._evaluator.still_holds(evaluated):
                raise _Changed
            own = frozenset(finished)
            branches = [branch for branch in evaluated.branches if branch.request.id in own]
            branches = take_windows(cursor, branches)
            if any(branch.is_unfinished for branch in branches):
                raise _NoRepeat
            branches = list(end_withdrawn(cursor, branches))
            due = write_branches(cursor, branches)
        count_routed(finished, branches)
        return due
