"""The rules that a new team begins with. They have no channels: alerts open and resolve in the list, nobody is told
until the team says whom."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from alerts.models import AlertRule
from alerts.rules.types import RuleConfig, RuleType
from teams.config.writes import PendingWrite
from teams.models import Team


@dataclass(frozen=True, slots=True)
class DefaultRule:
    name: str
    type: RuleType
    config: RuleConfig
    description: str


DEFAULTS: Final = (
    DefaultRule(
        "failing-connection",
        RuleType.FAILURE_RATE,
        RuleConfig(threshold=50, window_s=300, min_count=20),
        "Half of a connection's attempts fail.",
    ),
    DefaultRule(
        "late-destination",
        RuleType.BACKLOG_AGE,
        RuleConfig(threshold=900),
        "Events have been due for a quarter of an hour.",
    ),
    DefaultRule(
        "rejecting-source",
        RuleType.REJECTED_REQUESTS,
        RuleConfig(threshold=50, window_s=600),
        "A source turns callers away.",
    ),
    DefaultRule(
        "failed-bulk-operation",
        RuleType.BULK_OPERATION_FAILED,
        RuleConfig(threshold=1, window_s=3600),
        "A bulk operation broke off.",
    ),
)


def create_default_rules(team: Team) -> None:
    """For a team that has just been made."""
    AlertRule.objects.bulk_create([_row(team, default) for default in DEFAULTS])


def plan_missing_rules(team: Team, taken: Sequence[str]) -> list[PendingWrite[AlertRule]]:
    """Those of the default rules whose names are not `taken`."""
    missing = [default for default in DEFAULTS if default.name not in taken]
    return [PendingWrite(AlertRule(team=team), _columns(default), created=True) for default in missing]


def _row(team: Team, default: DefaultRule) -> AlertRule:
    return AlertRule(team=team, **_columns(default))


def _columns(default: DefaultRule) -> dict[str, object]:
    return {
        "name": default.name,
        "description": default.description,
        "type": default.type.value,
        "threshold": default.config.threshold,
        "window_s": default.config.window_s,
        "min_count": default.config.min_count,
    }
