"""The timeline of a request: entries in order, a summary of each branch, and notes on what was left out."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from events.evidence.timeline.actions import tell_action, tell_bulk_operations
from events.evidence.timeline.arrival import tell_arrival
from events.evidence.timeline.branches import Branch, summarise_branch, tell_branch
from events.evidence.timeline.entries import Entry, in_order
from events.evidence.timeline.reading import ACTIONS_EACH, MAX_REPLAYS, RUNS_EACH, AttemptRow, Evidence, RunRow
from events.evidence.timeline.rules import Judged
from events.models import Event
from fasthook.lib.ids import time_of
from fasthook.lib.plural import for_count

Row = TypeVar("Row", AttemptRow, RunRow)


@dataclass(frozen=True, slots=True)
class Timeline:
    timeline: list[Entry]
    branches: list[dict[str, Any]]
    batch_operation_ids: list[str]
    notes: list[str]


def make_timeline(evidence: Evidence, *, now: datetime) -> Timeline:
    events = {event.id: event for event in evidence.page.rows}
    branches = _branches(evidence, now=now)
    entries: list[Entry] = [*tell_arrival(evidence)] if evidence.is_first_page else []
    for branch in branches:
        entries += tell_branch(branch)
    entries += tell_bulk_operations(events.values(), evidence.attempts)
    entries += [tell_action(action, events) for action in evidence.actions]
    return Timeline(
        timeline=in_order(entries),
        branches=[summarise_branch(branch) for branch in branches],
        batch_operation_ids=sorted({each.batch_operation_id for each in entries if each.batch_operation_id}),
        notes=list(_notes(evidence, branches)),
    )


def _branches(evidence: Evidence, *, now: datetime) -> list[Branch]:
    attempts, runs = _by_event(evidence.attempts), _by_event(evidence.runs)
    requested_at = time_of(evidence.request.id)
    branches = []
    for event in evidence.page.rows:
        judged = Judged(
            event=event,
            rules=_rules_then(evidence, event),
            runs=runs.get(event.id, []),
            transformations=evidence.transformations,
            requested_at=requested_at,
        )
        branches.append(
            Branch(
                judged=judged,
                connection=evidence.connections.get(event.connection_id),
                destination_name=evidence.destinations.get(event.destination_id),
                attempts=attempts.get(event.id, []),
                job=evidence.jobs.get(event.id),
                actions=[each for each in evidence.actions if each.resource_id == event.connection_id],
                now=now,
            )
        )
    return branches


def _rules_then(evidence: Evidence, event: Event) -> Mapping[str, Mapping[str, Any]] | None:
    """The rules under which the branch was made, by type; None where the audit log did not keep them."""
    connection = evidence.connections.get(event.connection_id)
    rules = evidence.past.get((event.connection_id, "rules"), connection.rules if connection else None)
    return {rule["type"]: rule for rule in rules} if isinstance(rules, list) else None


def _by_event(rows: Sequence[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        found[row.event_id].append(row)
    return found


def _notes(evidence: Evidence, branches: Sequence[Branch]) -> Iterator[str]:
    shown, total = len(branches), evidence.page.total
    if shown < total or not evidence.page.total_exact:
        more = "" if evidence.page.total_exact else "more than "
        verb = for_count(shown, "is", "are")
        yield f"{shown} of {more}{total} branches {verb} on this page; pagination.next leads to the next"
    for branch in branches:
        event = branch.event
        if len(branch.attempts) >= evidence.attempts_each and event.attempts > len(branch.attempts):
            yield (
                f"{event.id}: the latest {len(branch.attempts)} of {event.attempts} attempts are shown; "
                f"all are at /v1/attempts?event_id={event.id}"
            )
        if len(branch.judged.runs) == RUNS_EACH:
            yield f"{event.id}: only the latest {RUNS_EACH} runs of its transformation are shown"
        if branch.judged.rules is None and event.ignored_meta is None:
            yield f"{event.id}: the rules that it passed are not known any more"
    counted: dict[str, int] = defaultdict(int)
    for action in evidence.actions:
        counted[action.resource_id] += 1
    for resource_id, count in counted.items():
        if count == ACTIONS_EACH:
            yield f"{resource_id}: only the latest {ACTIONS_EACH} actions are shown; all are at /v1/audit"
    if len(evidence.replays) > MAX_REPLAYS:
        yield f"only the first {MAX_REPLAYS} replays of the request are shown"
