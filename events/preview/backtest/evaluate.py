"""Backtest rules: what a plan makes of requests, by the functions with which routing decides. Reads, writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from connections.catalog import compile_connection
from connections.models import Connection
from connections.sandbox.jobs import ErrorKind, Job, Outcome, RunStatus
from connections.sandbox.sandbox import Sandbox
from connections.transformations.code_run import sandbox_limits
from events.preview.backtest.plan import FrozenTransformation, Plan
from events.preview.backtest.windows import BacktestWindows
from events.routing.decide import Branch, RoutableRequest, begin_branch, finish_branch, looks_at_payload
from events.routing.transform import context_of
from fasthook.lib.clock import iso

# What a page may spend on transformations, well within its lease; the rest of the page is the beginning of the next.
TRANSFORM_BUDGET_S: Final = 2.0


class BacktestRules:
    """Of one plan. States of today (paused, disabled) do not count: it is about the rules."""

    def __init__(self, connection: Connection, plan: Plan, sandbox: Sandbox) -> None:
        draft = Connection(
            id=connection.id,
            team_id=connection.team_id,
            name=connection.name,
            source_id=connection.source_id,
            destination_id=connection.destination_id,
            rules=plan.rules,
        )
        self._entry = replace(compile_connection(draft), enabled=True, paused=False)
        self._transformation = plan.transformation
        self._context = context_of(connection, source=connection.source, destination=connection.destination)
        self._sandbox = sandbox
        self._limits = sandbox_limits()
        self.windows = BacktestWindows()

    @property
    def looks_at_payload(self) -> bool:
        return looks_at_payload(self._entry)

    @property
    def keeps_windows(self) -> bool:
        return self._entry.rules.dedup is not None

    def pass_over(self, requests: Sequence[RoutableRequest]) -> None:
        """Opens the windows that they opened; nothing else is decided."""
        self.windows.open_for(self._begin(requests))

    def judge(self, requests: Sequence[RoutableRequest]) -> list[Branch]:
        """Finished branches in the order of the requests: of all, or of as many as the budget was enough for, one at
        least. Raises SandboxUnavailable; nothing has changed then."""
        begun = self._begin(requests)
        judged = self.windows.judge(begun)
        outcomes = self._transform([branch for branch in judged if branch.is_unfinished])
        late = next((at for at, branch in enumerate(judged) if _is_late(outcomes.get(branch.event_id))), len(judged))
        finished = [finish_branch(branch, outcomes.get(branch.event_id)) for branch in judged[:late]]
        self.windows.open_for(begun[:late])
        return finished

    def _begin(self, requests: Sequence[RoutableRequest]) -> list[Branch]:
        enabled = frozenset([self._entry.destination_id])
        return [begin_branch(request, self._entry, enabled=enabled) for request in requests]

    def _transform(self, branches: Sequence[Branch]) -> dict[str, Outcome]:
        """By event id; NOT_RUN for those whose turn did not come."""
        transformation = self._transformation
        if not branches or transformation is None:
            return {}
        if transformation.fault is not None:
            unable = Outcome(RunStatus.FAILED, error=transformation.fault, error_kind=ErrorKind.CRASHED)
            return {branch.event_id: unable for branch in branches}
        jobs = [self._job(branch, transformation) for branch in branches]
        ran = self._sandbox.run_batch(jobs, budget_s=TRANSFORM_BUDGET_S)
        return {branch.event_id: outcome for branch, outcome in zip(branches, ran, strict=True)}

    def _job(self, branch: Branch, transformation: FrozenTransformation) -> Job:
        assert branch.request.message is not None
        return Job(
            code=transformation.code,
            request=branch.request.message,
            env=transformation.env,
            context=self._context,
            created_at=iso(branch.request.created_at) or "",
            limits=self._limits,
        )


def _is_late(outcome: Outcome | None) -> bool:
    return outcome is not None and outcome.status is RunStatus.NOT_RUN
