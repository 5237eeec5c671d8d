"""Alert channels: created, changed, enabled, disabled, deleted and tested."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, TypedDict

from django.db import IntegrityError, transaction

from alerts.channels.config import read_channel_config
from alerts.models import AlertChannel, AlertNotification, AlertRule, NotificationKind, NotificationStatus
from alerts.outbox.forms import Notice
from alerts.outbox.messages import channel_test_message
from alerts.outbox.rows import BURST, SLOT_S, next_slot
from alerts.outbox.sending import secrets_of, send_now
from fasthook.lib.errors import Conflict, FastHookError, invalid
from fasthook.lib.ids import new_id
from fasthook.lib.plural import for_count
from teams.audit.log import record
from teams.audit.request_context import current_who
from teams.config.writes import PendingWrite, find_locked, lock_for_team, raise_name_taken, stamp, upsert
from teams.models import Team
from teams.scoping import for_team

NAME_CONSTRAINT: Final = "alert_channel_name_once_per_team"
MAX_CHANNELS: Final = 20
PLAIN_FIELDS: Final = ("name", "description", "disabled_at")


class ChannelFields(TypedDict, total=False):
    """What a caller may say of a channel; what is missing stays as it is."""

    id: str
    name: str
    description: str
    type: str
    config: dict[str, Any]
    disabled_at: datetime | None


class TooManyNotifications(FastHookError):
    status = 429
    code = "TOO_MANY_REQUESTS"


def create_channel(team: Team, given: ChannelFields) -> AlertChannel:
    """A new channel. InvalidInput; Conflict RESOURCE_ALREADY_EXISTS, TOO_MANY_ALERT_CHANNELS."""
    try:
        with transaction.atomic():
            return _plan_creation(team, given).write()
    except IntegrityError as error:
        raise_name_taken(error, AlertChannel, team, constraint=NAME_CONSTRAINT, name=given["name"])


def upsert_channel(team: Team, given: ChannelFields) -> tuple[AlertChannel, bool]:
    """The channel with the given id, else with the given name, changed or created; True when it was created.

    InvalidInput, NotFound (id), Conflict.
    """

    def attempt() -> tuple[AlertChannel, bool]:
        if given.get("id"):
            row: AlertChannel | None = lock_for_team(AlertChannel, team, given["id"])
        elif "name" in given:
            row = find_locked(AlertChannel, team, name=given["name"])
        else:
            raise invalid("name", "is required (or id)")
        write = _plan_creation(team, given) if row is None else _plan_change(row, given)
        return write.write(), write.created

    try:
        return upsert(attempt, races={NAME_CONSTRAINT})
    except IntegrityError as error:
        raise_name_taken(error, AlertChannel, team, constraint=NAME_CONSTRAINT, name=given.get("name"))


def update_channel(team: Team, channel_id: str, *, given: ChannelFields) -> AlertChannel:
    """Changes what is given. NotFound, InvalidInput, Conflict."""
    try:
        with transaction.atomic():
            return _plan_change(lock_for_team(AlertChannel, team, channel_id), given).write()
    except IntegrityError as error:
        raise_name_taken(error, AlertChannel, team, constraint=NAME_CONSTRAINT, name=given.get("name"))


@transaction.atomic
def enable_channel(team: Team, channel_id: str) -> AlertChannel:
    row = lock_for_team(AlertChannel, team, channel_id)
    return PendingWrite(row, {"disabled_at": None}, created=False).write()


@transaction.atomic
def disable_channel(team: Team, channel_id: str, *, now: datetime) -> AlertChannel:
    """Disabled twice keeps the first time. What waits for it fails, saying so."""
    row = lock_for_team(AlertChannel, team, channel_id)
    return PendingWrite(row, {"disabled_at": row.disabled_at or stamp(now)}, created=False).write()


@transaction.atomic
def delete_channel(team: Team, channel_id: str, *, now: datetime) -> None:
    """Soft: notifications keep naming it. Conflict CHANNEL_IN_USE while a rule names it."""
    row = lock_for_team(AlertChannel, team, channel_id)
    rules = for_team(AlertRule, team).filter(channel_ids__contains=[row.id])
    rule_ids = list(rules.order_by("id").values_list("id", flat=True))
    if rule_ids:
        raise Conflict(
            f"{len(rule_ids)} alert {for_count(len(rule_ids), 'rule notifies', 'rules notify')} this channel;"
            f" take it out of {for_count(len(rule_ids), 'its', 'their')} channel_ids first",
            code="CHANNEL_IN_USE",
            data={"rule_ids": rule_ids},
        )
    PendingWrite(row, {"deleted_at": stamp(now)}, created=False).write()


def try_channel(team: Team, channel_id: str, *, now: datetime) -> AlertNotification:
    """Sends a test at once, also to a disabled channel, and keeps what came of it; a failure is not tried again.

    NotFound; TooManyNotifications when the channel's share is used up.
    """
    with transaction.atomic():
        channel = lock_for_team(AlertChannel, team, channel_id)
        _take_slot(channel, now=now)
        record(current_who(), "alert_channel.tested", channel)
    message = channel_test_message(
        {"id": channel.id, "name": channel.name, "type": channel.type}, team={"id": team.id, "name": team.name}, now=now
    )
    notification_id = new_id("anf")
    secrets = secrets_of(team.id, now=now)
    config: Any = channel.config
    outcome = send_now(Notice(notification_id, channel.type, config, message, secrets))
    failed = outcome.error_code is not None
    return AlertNotification.objects.create(
        id=notification_id,
        team_id=team.id,
        channel_id=channel.id,
        channel_type=channel.type,
        kind=NotificationKind.TEST,
        message=message,
        status=NotificationStatus.FAILED if failed else NotificationStatus.SENT,
        attempts=1,
        due_at=now,
        response_status=outcome.response_status,
        response_body=outcome.response_body,
        error_code=outcome.error_code,
        error_message=outcome.error_message,
        created_at=now,
        last_attempt_at=now,
        sent_at=None if failed else now,
    )


def _take_slot(channel: AlertChannel, *, now: datetime) -> None:
    following = next_slot(channel, now=now) + timedelta(seconds=SLOT_S)
    wait = (following - now).total_seconds() - BURST * SLOT_S
    if wait > 0:
        raise TooManyNotifications(
            "this channel was sent too many notifications within the last minute; wait a little",
            headers={"Retry-After": str(int(wait) + 1)},
        )
    AlertChannel.objects.filter(pk=channel.pk).update(next_slot_at=following)


def _plan_creation(team: Team, given: ChannelFields) -> PendingWrite[AlertChannel]:
    for name in ("name", "type"):
        if name not in given:
            raise invalid(name, "is required for a new channel")
    # Two calls at once must not both find room.
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    if for_team(AlertChannel, team).count() >= MAX_CHANNELS:
        raise Conflict(
            f"a team has {MAX_CHANNELS} alert channels at most; delete one first",
            code="TOO_MANY_ALERT_CHANNELS",
            data={"maximum": MAX_CHANNELS},
        )
    config = read_channel_config(given["type"], given.get("config"), stored=None)
    return PendingWrite(
        AlertChannel(team=team), {**_plain(given), "type": given["type"], "config": config}, created=True
    )


def _plan_change(row: AlertChannel, given: ChannelFields) -> PendingWrite[AlertChannel]:
    changes = _plain(given)
    if "type" in given or "config" in given:
        channel_type = given.get("type", row.type)
        config = read_channel_config(channel_type, given.get("config"), stored=row)
        changes |= {"type": channel_type, "config": config}
    return PendingWrite(row, changes, created=False)


def _plain(given: ChannelFields) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in PLAIN_FIELDS}
