"""Notifications as rows: written in the commit of the change that they tell of, claimed by the sender, finished.

A claim is a lease, so what a killed worker had in its hands is sent again, once for each kill at most, under the same
id. Of one rule on one channel they go in order: a later one waits until an earlier one is sent or given up.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID, uuid4

from django.conf import settings
from django.db.models import Count, Q
from psycopg import Connection

from alerts.evaluation.transitions import NoticeKind, Rule, Standing, due_notice
from alerts.models import Alert, AlertChannel, AlertNotification, NotificationStatus
from alerts.outbox.messages import alert_message
from fasthook.lib.ids import new_id
from fasthook.lib.sql import load_statements
from teams.models import Team

SQL = load_statements(Path(__file__).parent / "sql" / "rows.sql")

# A channel's share: so many at once, then one in SLOT_S.
BURST: Final = 10
SLOT_S: Final = 6
# Of one channel; what comes on top is kept as DROPPED.
MAX_WAITING: Final = 100
LEASE_S: Final = 120
# After the first, second, ... attempt that failed. Eight attempts within two hours.
BACKOFF_S: Final = (10, 30, 60, 300, 900, 1800, 3600)
MAX_ATTEMPTS: Final = len(BACKOFF_S) + 1
MAX_RETRY_AFTER_S: Final = 3600
# No try is planned so far ahead, and no slot given out.
_NEVER: Final = timedelta(hours=2)


@dataclass(frozen=True, slots=True)
class Claimed:
    """`config` is still encrypted. `usable` unless the channel was disabled or deleted since."""

    lease_token: UUID
    id: str
    team_id: str
    channel_type: str
    message: str
    attempts: int
    config: str
    usable: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one try. `error_code` is None exactly when it was delivered; `hopeless`: trying again would not
    change it."""

    response_status: int | None = None
    response_body: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    retry_after_s: int = 0
    hopeless: bool = False


def write_notifications(rules: Mapping[str, Rule], alerts: Iterable[Standing], *, now: datetime) -> int:
    """Into the outbox, one for each channel of a rule and kind of change; returns how many are to be sent.

    Belongs inside the transaction that saved the alerts.
    """
    groups = _group(rules, alerts, now=now)
    channels = _channels(rules, groups)
    if not channels:
        return 0
    rows: list[AlertNotification] = []
    told: list[str] = []
    waiting = _count_waiting(channels)
    teams = dict(Team.objects.filter(id__in={rules[key[0]].team_id for key in groups}).values_list("id", "name"))
    for (rule_id, kind), group in groups.items():
        rule = rules[rule_id]
        reached = [channels[each] for each in rule.channel_ids if each in channels]
        reached = [channel for channel in reached if channel.team_id == rule.team_id]
        if not reached:
            continue
        team = {"id": rule.team_id, "name": teams.get(rule.team_id, "")}
        url = f"{settings.BASE_URL}/v1/alerts?rule_id={rule.id}"
        message = alert_message(kind, rule, group, team=team, url=url, now=now)
        for channel in reached:
            rows.append(_row(channel, rule, kind, group, message, full=waiting[channel.id] >= MAX_WAITING, now=now))
            waiting[channel.id] += 1
        told += [alert.id for alert in group if alert.id]
    AlertNotification.objects.bulk_create(rows)
    Alert.objects.filter(id__in=told).update(notified_at=now)
    return sum(row.status == NotificationStatus.PENDING for row in rows)


def _group(
    rules: Mapping[str, Rule], alerts: Iterable[Standing], *, now: datetime
) -> dict[tuple[str, NoticeKind], list[Standing]]:
    groups: defaultdict[tuple[str, NoticeKind], list[Standing]] = defaultdict(list)
    for alert in alerts:
        rule = rules.get(alert.rule_id)
        kind = due_notice(rule, alert, now=now) if rule else None
        if kind is not None:
            groups[alert.rule_id, kind].append(alert)
    return dict(groups)


def _channels(rules: Mapping[str, Rule], groups: Iterable[tuple[str, NoticeKind]]) -> dict[str, AlertChannel]:
    """Those that are on. Their config stays unread: one lost key must not stop the others."""
    wanted = {channel_id for rule_id, _ in groups for channel_id in rules[rule_id].channel_ids}
    if not wanted:
        return {}
    on = AlertChannel.objects.filter(id__in=wanted, deleted_at=None, disabled_at=None).only("id", "team_id", "type")
    return {channel.id: channel for channel in on}


def _count_waiting(channels: Iterable[str]) -> defaultdict[str, int]:
    rows = AlertNotification.objects.filter(channel_id__in=list(channels), status=NotificationStatus.PENDING)
    counted = rows.order_by().values_list("channel_id").annotate(number=Count("id"))
    return defaultdict(int, counted)


def _row(
    channel: AlertChannel,
    rule: Rule,
    kind: NoticeKind,
    group: Sequence[Standing],
    message: Mapping[str, Any],
    *,
    full: bool,
    now: datetime,
) -> AlertNotification:
    return AlertNotification(
        id=new_id("anf"),
        team_id=rule.team_id,
        channel_id=channel.id,
        channel_type=channel.type,
        rule_id=rule.id,
        kind=kind.value,
        alert_ids=[alert.id for alert in group],
        message=message,
        status=NotificationStatus.DROPPED if full else NotificationStatus.PENDING,
        error_code="CHANNEL_FULL" if full else None,
        error_message=f"{MAX_WAITING} notifications wait for this channel already" if full else None,
        due_at=now,
        created_at=now,
    )


def next_slot(channel: AlertChannel, *, now: datetime) -> datetime:
    """From when on the channel's share is not given out yet."""
    return now if channel.next_slot_at > now + _NEVER else max(channel.next_slot_at, now)


def is_due(*, now: datetime) -> bool:
    due = Q(due_at__lte=now) | Q(due_at__gt=now + _NEVER)
    return AlertNotification.objects.filter(due, status=NotificationStatus.PENDING).exists()


def claim(connection: Connection[Any], *, limit: int, now: datetime) -> list[Claimed]:
    """What is due, within each channel's share, leased for LEASE_S."""
    token = uuid4()
    params = {
        "limit": limit,
        "now": now,
        "never": now + _NEVER,
        "token": token,
        "lease_until": now + timedelta(seconds=LEASE_S),
        "slot_s": SLOT_S,
        "burst": BURST,
    }
    rows: list[tuple[Any, ...]] = connection.execute(SQL["claim"], params).fetchall()
    return [Claimed(token, *row) for row in rows]


def finish(connection: Connection[Any], claimed: Claimed, outcome: Outcome, *, now: datetime) -> bool:
    """Records the try, and plans the next where one may help. False when the lease was over: nothing is written."""
    next_at = next_try_at(claimed.attempts, outcome, now=now)
    status = NotificationStatus.SENT
    if outcome.error_code is not None:
        status = NotificationStatus.PENDING if next_at else NotificationStatus.FAILED
    params = {
        "id": claimed.id,
        "token": claimed.lease_token,
        "status": status.value,
        "due_at": next_at or now,
        "now": now,
        "sent_at": now if outcome.error_code is None else None,
        "response_status": outcome.response_status,
        "response_body": outcome.response_body,
        "error_code": outcome.error_code,
        "error_message": outcome.error_message,
    }
    return connection.execute(SQL["finish"], params).rowcount == 1


def next_try_at(attempts: int, outcome: Outcome, *, now: datetime) -> datetime | None:
    """After the n-th try; None when it was delivered or is given up."""
    if outcome.error_code is None or outcome.hopeless or attempts >= MAX_ATTEMPTS:
        return None
    delay_s = max(BACKOFF_S[attempts - 1], min(outcome.retry_after_s, MAX_RETRY_AFTER_S))
    return now + timedelta(seconds=delay_s)
