"""Transitions of an alert: when it pends, opens, lasts and resolves, and when a notification is due. Pure.

Between `resolves_below` and the threshold nothing changes for an open alert, and nothing opens: that, `for_s` and
`resolve_after_s` are what keeps a value at the edge from opening and resolving for ever.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from alerts.evaluation.conditions.observation import Observation
from alerts.rules.types import RuleConfig, RuleType

# Times farther ahead than clocks differ: they were written under a clock that has been set right since.
_AHEAD = timedelta(minutes=5)
# Of one rule; what is at fault beyond that is not worth a row each. Those that stand already stay.
MAX_STANDING_PER_RULE = 200


class NoticeKind(StrEnum):
    OPENED = "OPENED"
    REPEATED = "REPEATED"
    RESOLVED = "RESOLVED"


@dataclass(frozen=True, slots=True)
class Rule:
    """`ended` says why it no longer applies: RULE_DISABLED or RULE_DELETED, None while it does."""

    id: str
    team_id: str
    name: str
    type: RuleType
    config: RuleConfig
    for_s: int
    resolve_after_s: int
    repeat_after_s: int | None
    muted_until: datetime | None
    channel_ids: tuple[str, ...]
    ended: str | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """An alert that is pending (`opened_at` None), open, or has just been resolved. `id` is None for a new one;
    `measured` says whether this look found its value."""

    id: str | None
    rule_id: str
    object_id: str
    object_name: str
    value: float
    pending_at: datetime
    out_of: int = 0
    exact: bool = True
    opened_at: datetime | None = None
    clear_since: datetime | None = None
    resolved_at: datetime | None = None
    resolution: str | None = None
    notified_at: datetime | None = None
    acknowledged_at: datetime | None = None
    muted_until: datetime | None = None
    summary: str = ""
    measured: bool = False


@dataclass(frozen=True, slots=True)
class Transitions:
    """`kept` are alerts as they are from now on, new ones too; `over` are ids of pending ones that came to nothing.
    `left_out` counts objects beyond MAX_STANDING_PER_RULE."""

    kept: tuple[Standing, ...]
    over: tuple[str, ...]
    left_out: int


def advance(
    rules: Mapping[str, Rule],
    observations: Iterable[Observation],
    standing: Iterable[Standing],
    *,
    unobserved: Collection[RuleType],
    now: datetime,
) -> Transitions:
    """The state after one look. Rules of an `unobserved` type, which could not be looked at, stay as they are."""
    seen = {(each.rule_id, each.object_id): each for each in observations}
    kept: list[Standing] = []
    over: list[str] = []
    counts: defaultdict[str, int] = defaultdict(int)
    for alert in standing:
        observation = seen.pop((alert.rule_id, alert.object_id), None)
        after = _advance_one(rules.get(alert.rule_id), alert, observation, unobserved=unobserved, now=now)
        if after is not None:
            kept.append(after)
            counts[alert.rule_id] += 1
        elif alert.id is not None:
            over.append(alert.id)
    left_out = 0
    for observation in sorted(seen.values(), key=lambda each: (-each.value, each.object_id)):
        rule = rules.get(observation.rule_id)
        if rule is None or rule.ended or not _breaches(rule, observation):
            continue
        if counts[rule.id] >= MAX_STANDING_PER_RULE:
            left_out += 1
            continue
        counts[rule.id] += 1
        kept.append(_begin(rule, observation, now=now))
    return Transitions(tuple(kept), tuple(over), left_out)


def _begin(rule: Rule, observation: Observation, *, now: datetime) -> Standing:
    return Standing(
        id=None,
        rule_id=rule.id,
        object_id=observation.object_id,
        object_name=observation.object_name,
        value=observation.value,
        out_of=observation.out_of,
        exact=observation.exact,
        pending_at=now,
        opened_at=None if rule.for_s else now,
        measured=True,
    )


def _advance_one(
    rule: Rule | None,
    alert: Standing,
    observation: Observation | None,
    *,
    unobserved: Collection[RuleType],
    now: datetime,
) -> Standing | None:
    if rule is None or rule.ended:
        if alert.opened_at is None:
            return None
        return replace(alert, resolved_at=now, resolution=(rule.ended if rule else None) or "RULE_DELETED")
    if rule.type in unobserved:
        return alert
    if alert.opened_at is None:
        return _advance_pending(rule, alert, observation, now=now)
    return _advance_open(rule, alert, observation, now=now)


def _advance_pending(rule: Rule, alert: Standing, observation: Observation | None, *, now: datetime) -> Standing | None:
    if observation is None or not _breaches(rule, observation) or _is_ahead(alert.pending_at, now):
        return None
    due = now - alert.pending_at >= timedelta(seconds=rule.for_s)
    return replace(_measured(alert, observation), opened_at=now if due else None)


def _advance_open(rule: Rule, alert: Standing, observation: Observation | None, *, now: datetime) -> Standing:
    if observation is not None and observation.value >= rule.config.resolves_below:
        return replace(_measured(alert, observation), clear_since=None)
    clear_since = now if alert.clear_since is None or _is_ahead(alert.clear_since, now) else alert.clear_since
    cleared = replace(alert, clear_since=clear_since)
    if now - clear_since >= timedelta(seconds=rule.resolve_after_s):
        return replace(cleared, resolved_at=now, resolution="RECOVERED")
    return cleared


def _measured(alert: Standing, observation: Observation) -> Standing:
    return replace(
        alert,
        object_name=observation.object_name,
        value=observation.value,
        out_of=observation.out_of,
        exact=observation.exact,
        measured=True,
    )


def _breaches(rule: Rule, observation: Observation) -> bool:
    return observation.value >= rule.config.threshold and observation.out_of >= rule.config.min_count


def due_notice(rule: Rule, alert: Standing, *, now: datetime) -> NoticeKind | None:
    """What is to be told of the alert now. Of one that nobody was told of, its end is not told either."""
    if _muted(rule.muted_until, now) or _muted(alert.muted_until, now):
        return None
    if alert.resolved_at is not None:
        return NoticeKind.RESOLVED if alert.notified_at is not None else None
    if alert.opened_at is None or alert.acknowledged_at is not None:
        return None
    if alert.notified_at is None:
        return NoticeKind.OPENED
    if rule.repeat_after_s is None:
        return None
    is_due = now - alert.notified_at >= timedelta(seconds=rule.repeat_after_s)
    return NoticeKind.REPEATED if is_due or _is_ahead(alert.notified_at, now) else None


def _is_ahead(moment: datetime, now: datetime) -> bool:
    return moment - now > _AHEAD


def _muted(until: datetime | None, now: datetime) -> bool:
    return until is not None and now < until
