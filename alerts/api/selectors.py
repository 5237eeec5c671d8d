"""List filters of alerts, rules, channels and notifications."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from django.db.models import QuerySet
from django_filters import Filter

from alerts.models import (
    Alert,
    AlertNotification,
    AlertStatus,
    ChannelType,
    NotificationKind,
    NotificationStatus,
)
from alerts.rules.types import ObjectType, RuleType
from fasthook.api import timerange
from fasthook.api.filters import AnyOf, IsSet, ListFilter, OneOf
from fasthook.api.timerange import TimeRange, read_range
from teams.models import Team
from teams.scoping import for_team

# Values of one comma list that are read one by one, each in the order of its index.
MAX_PARTS = 10


class AlertFilter(ListFilter):
    extra = timerange.PARAMETERS
    splits = ("rule_id", "object_id", "status")

    id = AnyOf()
    status = OneOf(AlertStatus.values)
    rule_id = AnyOf()
    rule_type = OneOf(RuleType)
    object_type = OneOf(ObjectType)
    object_id = AnyOf()
    acknowledged = IsSet(field_name="acknowledged_at")


class RuleFilter(ListFilter):
    moments = ("created_at", "updated_at")

    id = AnyOf()
    name = AnyOf()
    type = OneOf(RuleType)
    disabled = IsSet(field_name="disabled_at")
    channel_id = Filter()

    def filter_queryset(self, queryset: QuerySet[Any]) -> QuerySet[Any]:
        wanted = self.form.cleaned_data.pop("channel_id", None)
        rows: QuerySet[Any] = super().filter_queryset(queryset)
        return rows.filter(channel_ids__contains=[wanted]) if wanted else rows


class ChannelFilter(ListFilter):
    moments = ("created_at", "updated_at")

    id = AnyOf()
    name = AnyOf()
    type = OneOf(ChannelType.values)
    disabled = IsSet(field_name="disabled_at")


class OfAlert(AnyOf):
    """Notifications that told of any of the alerts."""

    def filter(self, qs: QuerySet[Any], value: list[str] | None) -> QuerySet[Any]:
        return qs.filter(alert_ids__overlap=value) if value else qs


class NotificationFilter(ListFilter):
    extra = timerange.PARAMETERS
    splits = ("channel_id", "rule_id")

    id = AnyOf()
    status = OneOf(NotificationStatus.values)
    kind = OneOf(NotificationKind.values)
    channel_id = AnyOf()
    rule_id = AnyOf()
    alert_id = OfAlert()


def alerts_of(team: Team, params: Mapping[str, str]) -> QuerySet[Alert]:
    """The team's alerts; pending ones, which are none yet, only by their status or id."""
    rows = for_team(Alert, team)
    return rows if params.get("status") or params.get("id") else rows.exclude(status=AlertStatus.PENDING)


def notifications_of(team: Team) -> QuerySet[AlertNotification]:
    return for_team(AlertNotification, team)


def bounds_of(params: Mapping[str, str], *, now: datetime) -> TimeRange | None:
    """The range that was asked for. None without one: what is open is shown however old it is, and indexes have it."""
    return read_range(params, now=now) if any(params.get(name) for name in timerange.PARAMETERS) else None
