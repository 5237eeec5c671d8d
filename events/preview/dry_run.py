"""A dry run: what a connection's rules, saved or not, would make of one request. Stores nothing, sends nothing.

It takes the same steps as routing, by the same functions, so what it says is what routing would do; only that the
configuration, and whether a deduplication key is taken, may be another by then.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, cast

from django.db import connection as database

from connections.catalog import compile_connection
from connections.models import Connection, Transformation
from connections.rules.retry import preview_schedule
from connections.rules.spec import normalise_rules
from connections.sandbox.jobs import Message, Outcome
from connections.transform_rule import path_of_transform
from connections.transformations.catalog import TransformationEntry, read_transformation
from connections.transformations.code_run import error_answer, try_out
from connections.transformations.services import read_env
from destinations.catalog import DestinationEntry, read_destination
from events.routing.decide import Branch, RoutableRequest, begin_branch, finish_branch, rule_input
from events.routing.dedup import SQL, Window, judge_windows
from events.routing.transform import GONE, context_of, unable
from events.states import IgnoredCause, Status
from fasthook.lib.clock import iso
from fasthook.lib.errors import invalid
from teams.scoping import for_team

# Stands for the id of a transformation that is given inline and not saved.
INLINE = "inline"


@dataclass(frozen=True, slots=True)
class Subject:
    """The request that is tried: `request_id` of a stored one, whose own deduplication window is not held against it,
    or a new one."""

    request_id: str
    message: Message
    created_at: datetime


@dataclass(frozen=True, slots=True)
class DryRun:
    """`branch` is what routing would write; `steps` tell of each rule in order, also of those that were not reached."""

    rules: Sequence[Mapping[str, Any]]
    branch: Branch
    destination: DestinationEntry
    steps: Sequence[Mapping[str, Any]]

    @property
    def outcome(self) -> str:
        """The status of the event, or the cause for which it would be no delivery."""
        return (self.branch.ignored_cause or self.branch.status).value


def dry_run(connection: Connection, subject: Subject, *, rules: object = None) -> DryRun:
    """`rules` as a caller writes them; None takes the saved ones. Raises InvalidInput, and Unavailable while no sandbox
    is to be had."""
    chosen = connection.rules if rules is None else normalise_rules(rules)
    transformation = _transformation(connection, chosen, given=rules)
    entry = replace(compile_connection(connection), **_compiled(connection, chosen))
    destination = read_destination(connection.destination_id)
    request = RoutableRequest(
        id=subject.request_id,
        source_id=connection.source_id,
        created_at=subject.created_at,
        body_size=len(subject.message.body),
        claim_count=0,
        message=subject.message,
        payload=rule_input(subject.message),
    )
    begun = begin_branch(request, entry, enabled=frozenset([destination.id] if destination.enabled else []))
    (branch,), _ = judge_windows([begun], _window_of(begun, subject))
    if branch.is_unfinished:
        branch = finish_branch(branch, _run(transformation, branch, connection, destination))
    elif branch.is_open:
        branch = finish_branch(branch)
    return DryRun(chosen, branch, destination, [_step(rule, branch) for rule in chosen])


def _compiled(connection: Connection, rules: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The fields of a connection's entry that rules decide."""
    named = [
        {"type": "transform", "transformation_id": INLINE} if "transformation" in rule else dict(rule) for rule in rules
    ]
    draft = Connection(id=connection.id, team_id=connection.team_id, source_id=connection.source_id, rules=named)
    entry = compile_connection(draft)
    return {"rules": entry.rules, "fault": entry.fault}


def _transformation(
    connection: Connection, rules: Sequence[Mapping[str, Any]], *, given: object
) -> TransformationEntry | None:
    """None when there is none to run. One that only `given` rules name is refused, as saving them would be."""
    rule = next((rule for rule in rules if rule["type"] == "transform"), None)
    if rule is None:
        return None
    at = None if given is None else path_of_transform(cast(list[Any], given))
    if "transformation" in rule:
        return _inline(connection, rule["transformation"], at=f"{at}.transformation")
    found = read_transformation(rule["transformation_id"])
    if found is not None and found.team_id == connection.team_id:
        return found
    if at is not None:
        raise invalid(f"{at}.transformation_id", "there is no such transformation in this team")
    return None


def _inline(connection: Connection, inline: Mapping[str, Any], *, at: str) -> TransformationEntry:
    """As saving would make it: over the one of the same name, whose env masked values stand for."""
    row = for_team(Transformation, connection.team).filter(name=inline["name"]).first()
    env: Any = row.env if row else {}
    if "env" in inline:
        env = read_env(inline["env"], env, merge=False, at=f"{at}.env")
    return TransformationEntry(
        id=INLINE, team_id=connection.team_id, name=inline["name"], code=inline["code"], env=env, version=0
    )


def _run(
    transformation: TransformationEntry | None, branch: Branch, connection: Connection, destination: DestinationEntry
) -> Outcome:
    if transformation is None:
        return unable(GONE)
    if transformation.fault is not None:
        return unable(transformation.fault)
    assert branch.request.message is not None
    return try_out(
        transformation.code,
        transformation.env,
        request=branch.request.message,
        context=context_of(connection, source=connection.source, destination=destination),
        created_at=iso(branch.request.created_at) or "",
    )


def _window_of(branch: Branch, subject: Subject) -> dict[tuple[str, bytes], Window]:
    """The stored window of the branch's key, unless the request itself opened it."""
    if branch.dedup_key is None:
        return {}
    with database.cursor() as cursor:
        params: dict[str, Any] = {"connection_ids": [branch.connection.id], "keys": [branch.dedup_key]}
        cursor.execute(SQL["read_deduplication_keys"], params)
        rows = cursor.fetchall()
    return {
        (connection_id, bytes(key)): Window(request_id, expires_at)
        for connection_id, key, request_id, expires_at in rows
        if request_id != subject.request_id
    }


def _step(rule: Mapping[str, Any], branch: Branch) -> dict[str, Any]:
    """What became of one rule: `passed`, `stopped` (with why), or `not_reached`."""
    kind = rule["type"]
    if kind == "retry":
        if not branch.is_open:
            return {"rule": kind, "outcome": "not_reached"}
        assert branch.connection.rules.retry is not None
        schedule = preview_schedule(branch.connection.rules.retry, start=branch.due_at or branch.request.created_at)
        return {"rule": kind, "outcome": "passed", "schedule": [iso(moment) for moment in schedule]}
    return {"rule": kind, **_JUDGES[kind](branch)}


def _judge_deduplicate(branch: Branch) -> dict[str, Any]:
    if branch.ignored_cause is IgnoredCause.DEDUPLICATED:
        return {"outcome": "stopped", **(branch.ignored_meta or {})}
    if _ended_before_rules(branch):
        return {"outcome": "not_reached"}
    return {"outcome": "passed", "key": branch.dedup_key.hex() if branch.dedup_key else None}


def _judge_transform(branch: Branch) -> dict[str, Any]:
    outcome = branch.outcome
    if outcome is None:
        return {"outcome": "not_reached"}
    return {
        "outcome": "passed" if outcome.error is None else "stopped",
        "changed": outcome.request is not None,
        "error": error_answer(outcome),
        "logs": [{"level": line.level, "message": line.message} for line in outcome.logs],
        "duration_ms": outcome.duration_us / 1000,
    }


def _judge_filter(branch: Branch) -> dict[str, Any]:
    if branch.ignored_cause is IgnoredCause.FILTERED:
        return {"outcome": "stopped", **(branch.ignored_meta or {})}
    return {"outcome": "not_reached" if not branch.is_open else "passed"}


def _judge_delay(branch: Branch) -> dict[str, Any]:
    if not branch.is_open:
        return {"outcome": "not_reached"}
    # A paused connection holds before the delay counts.
    due_at = branch.due_at if branch.status is Status.SCHEDULED else None
    return {"outcome": "passed", "due_at": iso(due_at)}


_JUDGES = {
    "deduplicate": _judge_deduplicate,
    "transform": _judge_transform,
    "filter": _judge_filter,
    "delay": _judge_delay,
}


def _ended_before_rules(branch: Branch) -> bool:
    return not branch.is_open and branch.outcome is None and branch.ignored_cause is not IgnoredCause.FILTERED
