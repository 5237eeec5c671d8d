"""Rules on the timeline, in the order in which they apply: deduplicate, transform, filter, delay.

From evidence where there is some (causes, runs of transformations), else from the rules that the branch was made under.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from events.evidence.timeline.entries import Entry, Kind
from events.evidence.timeline.reading import RunRow
from events.models import Event
from events.states import IgnoredCause
from fasthook.lib.clock import iso
from fasthook.lib.ids import time_of

PASSED: Final = "passed"
STOPPED: Final = "stopped"
FAILED: Final = "failed"


@dataclass(frozen=True, slots=True)
class Judged:
    """A branch to be told: `rules` it was made under by type, None when not known; `runs` of its transformation."""

    event: Event
    rules: Mapping[str, Mapping[str, Any]] | None
    runs: Sequence[RunRow]
    transformations: Mapping[str, str]
    requested_at: datetime


def tell_rules(branch: Judged) -> Iterator[Entry]:
    """One entry for each rule that was reached."""
    event = branch.event
    cause = event.ignored_cause if event.ignored_meta is not None else None
    meta = event.ignored_meta or {}
    if cause == IgnoredCause.DESTINATION_DISABLED:
        yield _entry(branch, Kind.IGNORED, title="Ignored: the destination was disabled", detail=meta)
        return
    if cause == IgnoredCause.DEDUPLICATED:
        title = f"Duplicate of {meta.get('first_request_id')}, within the window of the deduplicate rule"
        yield _rule(branch, "deduplicate", STOPPED, title=title, detail=meta)
        return
    if branch.rules and "deduplicate" in branch.rules:
        detail = {"window_ms": branch.rules["deduplicate"].get("window")}
        yield _rule(branch, "deduplicate", PASSED, title="Not a duplicate", detail=detail)
    for run in branch.runs:
        yield _tell_run(branch, run)
    if _ended_in_rules(branch):
        return
    # Rules that were run again for a retry went on from there.
    at = time_of(branch.runs[-1].id) if len(branch.runs) > 1 else time_of(event.id)
    if cause == IgnoredCause.FILTERED:
        title = f"Filtered out: {', '.join(meta.get('failed_targets', []))} did not match"
        yield _rule(branch, "filter", STOPPED, title=title, detail=meta, at=at)
        return
    if branch.rules and "filter" in branch.rules:
        yield _rule(branch, "filter", PASSED, title="The filter matched", detail={}, at=at)
    if branch.rules and "delay" in branch.rules:
        yield _tell_delay(branch, branch.rules["delay"], at=at)


def _ended_in_rules(branch: Judged) -> bool:
    """Failed before it could be delivered: its last run failed, or a rule could not be evaluated."""
    if branch.runs:
        return branch.runs[-1].status == "FAILED"
    return branch.event.attempts == 0 and branch.event.failure_message is not None


def _tell_run(branch: Judged, run: RunRow) -> Entry:
    again = run is not branch.runs[0]
    name = branch.transformations.get(run.transformation_id)
    what = f"Transformation {name or run.transformation_id}" + (", run again," if again else "")
    at = time_of(run.id if again else branch.event.id)
    detail: dict[str, Any] = {
        "transformation_id": run.transformation_id,
        "transformation_name": name,
        "duration_ms": run.duration_us / 1000,
        "logs_count": run.logs_count,
        "changed": run.changed,
    }
    if run.status == "FAILED":
        detail["error"] = {"kind": run.error_kind, "message": run.error, "line": run.line}
        return _rule(branch, "transform", FAILED, title=f"{what} failed: {run.error}", detail=detail, run=run, at=at)
    title = f"{what} {'changed the request' if run.changed else 'left the request as it was'}"
    return _rule(branch, "transform", PASSED, title=title, detail=detail, run=run, at=at)


def _tell_delay(branch: Judged, rule: Mapping[str, Any], *, at: datetime) -> Entry:
    delay_ms = int(rule.get("delay", 0))
    until = iso(branch.requested_at + timedelta(milliseconds=delay_ms))
    detail = {"delay_ms": delay_ms, "until": until}
    return _rule(branch, "delay", PASSED, title=f"Delayed until {until}", detail=detail, at=at)


def _rule(
    branch: Judged,
    rule: str,
    outcome: str,
    *,
    title: str,
    detail: Mapping[str, Any],
    run: RunRow | None = None,
    at: datetime | None = None,
) -> Entry:
    facts = {"rule": rule, "outcome": outcome, **detail}
    return _entry(branch, Kind.RULE, title=title, detail=facts, run=run, at=at)


def _entry(
    branch: Judged,
    kind: Kind,
    *,
    title: str,
    detail: Mapping[str, Any] | None,
    run: RunRow | None = None,
    at: datetime | None = None,
) -> Entry:
    event = branch.event
    return Entry(
        at or time_of(event.id),
        kind,
        title,
        detail or {},
        event_id=event.id,
        connection_id=event.connection_id,
        destination_id=event.destination_id,
        execution_id=run.id if run else None,
    )
