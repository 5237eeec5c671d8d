"""Evaluation of all rules of all teams: observations, alerts and notifications, in one commit.

A handful of statements whatever the number of rules. A condition that cannot be looked at now (its statement took too
long, or broke off) leaves its alerts as they are, and the other conditions go on. Two looks at once do no harm: the
second finds the lock taken and lets it be.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from django.db import DatabaseError, connection, transaction

from alerts.evaluation import standing
from alerts.evaluation.conditions import backlog, disabled, failed_operations, failure_rate, rejected
from alerts.evaluation.conditions.observation import Observation
from alerts.evaluation.transitions import Rule, Standing, advance
from alerts.models import AlertRule
from alerts.outbox.rows import write_notifications
from alerts.rules.types import RuleType
from fasthook.lib.nudge import nudge_after_commit

log = structlog.get_logger(__name__)

# Key of the Postgres advisory lock that one evaluation at a time holds.
_EVALUATION_LOCK = 4_271_002
STATEMENT_TIMEOUT_MS: Final = 10_000

Observe = Callable[..., list[Observation]]
_CONDITIONS: Final[Mapping[tuple[RuleType, ...], Observe]] = {
    (RuleType.FAILURE_RATE,): failure_rate.observe,
    (RuleType.BACKLOG, RuleType.BACKLOG_AGE): backlog.observe,
    (RuleType.REJECTED_REQUESTS,): rejected.observe,
    (
        RuleType.SOURCE_DISABLED,
        RuleType.DESTINATION_DISABLED,
        RuleType.CONNECTION_DISABLED,
    ): disabled.observe,
    (RuleType.BULK_OPERATION_FAILED,): failed_operations.observe,
}


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What one look did; `notifications` counts what it put into the outbox."""

    opened: int
    resolved: int
    notifications: int


def evaluate_all(*, now: datetime) -> Evaluation | None:
    """None when another process is at it. psycopg's errors when Postgres is away: nothing has changed then."""
    with transaction.atomic():
        if not _begin():
            return None
        observations, unobserved = _observe(now)
        before = standing.lock_all()
        rules = _load_rules({each.rule_id for each in observations} | {each.rule_id for each in before})
        after = advance(rules, observations, before, unobserved=unobserved, now=now)
        if after.left_out:
            log.warning("alerts.limit_reached", objects=after.left_out)
        alerts = standing.save(after, rules)
        notifications = write_notifications(rules, alerts, now=now)
        if notifications:
            nudge_after_commit("notify")
    return _told(before, alerts, notifications)


def _begin() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [_EVALUATION_LOCK])
        taken: bool = cursor.fetchone()[0]
        if taken:
            # Laterals over weeks of partitions: the planner would rather read them whole, and again for each row.
            cursor.execute("SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off")
            cursor.execute("SELECT set_config('statement_timeout', %s, true)", [f"{STATEMENT_TIMEOUT_MS}ms"])
    return taken


def _observe(now: datetime) -> tuple[list[Observation], set[RuleType]]:
    observations: list[Observation] = []
    unobserved: set[RuleType] = set()
    for types, observe in _CONDITIONS.items():
        try:
            with transaction.atomic():
                observations += observe(now=now)
        except DatabaseError as error:
            if connection.connection is None or connection.connection.closed:
                raise
            unobserved.update(types)
            log.warning("alerts.evaluation_failed", types=[each.value for each in types], error=str(error))
    return observations, unobserved


def _load_rules(ids: Iterable[str]) -> dict[str, Rule]:
    return {row.id: _as_rule(row) for row in AlertRule.objects.filter(id__in=list(ids))}


def _as_rule(row: AlertRule) -> Rule:
    return Rule(
        id=row.id,
        team_id=row.team_id,
        name=row.name,
        type=RuleType(row.type),
        config=row.numbers,
        for_s=row.for_s,
        resolve_after_s=row.resolve_after_s,
        repeat_after_s=row.repeat_after_s,
        muted_until=row.muted_until,
        channel_ids=tuple(row.channel_ids),
        ended="RULE_DELETED" if row.deleted_at else "RULE_DISABLED" if row.disabled_at else None,
    )


def _told(before: Iterable[Standing], alerts: Iterable[Standing], notifications: int) -> Evaluation:
    were_open = {alert.id for alert in before if alert.opened_at is not None}
    opened = [alert for alert in alerts if alert.opened_at is not None and alert.id not in were_open]
    resolved = [alert for alert in alerts if alert.resolved_at is not None]
    for alert in opened:
        log.info("alert.opened", alert_id=alert.id, rule_id=alert.rule_id, object_id=alert.object_id)
    for alert in resolved:
        log.info("alert.resolved", alert_id=alert.id, rule_id=alert.rule_id, resolution=alert.resolution)
    return Evaluation(len(opened), len(resolved), notifications)
