"""Transforming: runs the transformations of a batch's branches in the sandbox, and says how each ended."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from connections.sandbox.jobs import NOBODY, ErrorKind, Job, Named, Outcome, RunContext, RunStatus
from connections.sandbox.sandbox import Sandbox
from connections.transformations.catalog import TransformationEntry
from connections.transformations.code_run import sandbox_limits
from destinations.catalog import DestinationEntry
from events.routing.decide import Branch
from fasthook.lib.catalog import Catalog
from fasthook.lib.clock import iso
from sources.catalog import SourceCatalog

GONE = "its transformation is gone; give the connection's transform rule another one"


class Transformer:
    """One per process, with a sandbox of its own, which starts when it is first needed."""

    def __init__(
        self,
        sources: SourceCatalog,
        destinations: Catalog[DestinationEntry],
        transformations: Catalog[TransformationEntry],
    ) -> None:
        self._sources = sources
        self._destinations = destinations
        self._transformations = transformations
        self._limits = sandbox_limits()
        self._sandbox = Sandbox(self._limits)

    def run(self, branches: Sequence[Branch], *, budget_s: float) -> dict[str, Outcome]:
        """By event id; NOT_RUN for those whose turn did not come within `budget_s`. Raises SandboxUnavailable."""
        jobs: dict[str, Job] = {}
        outcomes: dict[str, Outcome] = {}
        for branch in branches:
            job = self._job(branch)
            if isinstance(job, Job):
                jobs[branch.event_id] = job
            else:
                outcomes[branch.event_id] = job
        ran = self._sandbox.run_batch(list(jobs.values()), budget_s=budget_s)
        return {**outcomes, **dict(zip(jobs, ran, strict=True))}

    def close(self) -> None:
        self._sandbox.close()

    def _job(self, branch: Branch) -> Job | Outcome:
        transformation = self._transformations.get(branch.connection.rules.transformation_id or "")
        if transformation is None:
            return unable(GONE)
        if transformation.fault is not None:
            return unable(transformation.fault)
        if branch.request.message is None:
            return unable("the request's payload is no longer stored")
        return Job(
            code=transformation.code,
            request=branch.request.message,
            env=transformation.env,
            context=self._context(branch),
            created_at=iso(branch.request.created_at) or "",
            limits=self._limits,
        )

    def _context(self, branch: Branch) -> RunContext:
        source = self._sources.get(branch.connection.source_id)
        destination = self._destinations.get(branch.connection.destination_id)
        return context_of(branch.connection, source=source, destination=destination)


class HasName(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str: ...


def context_of(connection: HasName, *, source: HasName | None, destination: HasName | None) -> RunContext:
    return RunContext(
        connection=Named(connection.id, connection.name),
        source=Named(source.id, source.name) if source else NOBODY,
        destination=Named(destination.id, destination.name) if destination else NOBODY,
    )


def unable(error: str) -> Outcome:
    """Of a transformation that cannot even be begun."""
    return Outcome(RunStatus.FAILED, error=error, error_kind=ErrorKind.CRASHED)
