"""Alert rules: created, changed, enabled, disabled and deleted. Open alerts of a rule end with the next evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, TypedDict

from django.db import IntegrityError, models, transaction

from alerts.models import AlertChannel, AlertRule
from alerts.rules.defaults import plan_missing_rules
from alerts.rules.types import SPECS, ObjectType, RuleType, read_rule_config
from connections.models import Connection
from destinations.models import Destination
from fasthook.lib.errors import Conflict, invalid
from sources.models import Source
from teams.config.writes import PendingWrite, find_locked, lock_for_team, raise_name_taken, stamp, upsert, write_all
from teams.models import Team
from teams.scoping import for_team

NAME_CONSTRAINT: Final = "alert_rule_name_once_per_team"
MAX_RULES: Final = 100
MAX_SCOPE: Final = 1000
MAX_CHANNELS_OF_RULE: Final = 20
PLAIN_FIELDS: Final = (
    *("name", "description", "disabled_at", "for_s", "resolve_after_s", "repeat_after_s", "muted_until"),
)
_MODELS: Final[dict[ObjectType, type[models.Model]]] = {
    ObjectType.SOURCE: Source,
    ObjectType.DESTINATION: Destination,
    ObjectType.CONNECTION: Connection,
}


class RuleFields(TypedDict, total=False):
    """What a caller may say of a rule; what is missing stays as it is."""

    id: str
    name: str
    description: str
    type: str
    config: dict[str, Any]
    scope: list[str] | None
    for_s: int
    resolve_after_s: int
    repeat_after_s: int | None
    channel_ids: list[str]
    muted_until: datetime | None
    disabled_at: datetime | None


def create_rule(team: Team, given: RuleFields) -> AlertRule:
    """A new rule. InvalidInput; Conflict RESOURCE_ALREADY_EXISTS, TOO_MANY_ALERT_RULES."""
    try:
        with transaction.atomic():
            return _plan_creation(team, given).write()
    except IntegrityError as error:
        raise_name_taken(error, AlertRule, team, constraint=NAME_CONSTRAINT, name=given["name"])


def upsert_rule(team: Team, given: RuleFields) -> tuple[AlertRule, bool]:
    """The rule with the given id, else with the given name, changed or created; True when it was created.

    A given `config` replaces the stored one. InvalidInput, NotFound (id), Conflict.
    """

    def attempt() -> tuple[AlertRule, bool]:
        if given.get("id"):
            row: AlertRule | None = lock_for_team(AlertRule, team, given["id"])
        elif "name" in given:
            row = find_locked(AlertRule, team, name=given["name"])
        else:
            raise invalid("name", "is required (or id)")
        write = _plan_creation(team, given) if row is None else _plan_change(row, given, merge=False)
        return write.write(), write.created

    try:
        return upsert(attempt, races={NAME_CONSTRAINT})
    except IntegrityError as error:
        raise_name_taken(error, AlertRule, team, constraint=NAME_CONSTRAINT, name=given.get("name"))


def update_rule(team: Team, rule_id: str, *, given: RuleFields, merge: bool) -> AlertRule:
    """Changes what is given; `merge` keeps the other keys of `config`. NotFound, InvalidInput, Conflict."""
    try:
        with transaction.atomic():
            return _plan_change(lock_for_team(AlertRule, team, rule_id), given, merge=merge).write()
    except IntegrityError as error:
        raise_name_taken(error, AlertRule, team, constraint=NAME_CONSTRAINT, name=given.get("name"))


@transaction.atomic
def enable_rule(team: Team, rule_id: str) -> AlertRule:
    row = lock_for_team(AlertRule, team, rule_id)
    return PendingWrite(row, {"disabled_at": None}, created=False).write()


@transaction.atomic
def disable_rule(team: Team, rule_id: str, *, now: datetime) -> AlertRule:
    """Disabled twice keeps the first time."""
    row = lock_for_team(AlertRule, team, rule_id)
    return PendingWrite(row, {"disabled_at": row.disabled_at or stamp(now)}, created=False).write()


@transaction.atomic
def delete_rule(team: Team, rule_id: str, *, now: datetime) -> None:
    """Soft: alerts keep naming it."""
    row = lock_for_team(AlertRule, team, rule_id)
    PendingWrite(row, {"deleted_at": stamp(now)}, created=False).write()


@transaction.atomic
def add_default_rules(team: Team) -> list[AlertRule]:
    """The default rules that the team lacks, by name; returns those that were made. Conflict TOO_MANY_ALERT_RULES."""
    taken = _lock_names(team)
    writes = plan_missing_rules(team, taken)
    _refuse_too_many(len(taken) + len(writes))
    write_all(writes)
    return [write.row for write in writes]


def _plan_creation(team: Team, given: RuleFields) -> PendingWrite[AlertRule]:
    for name in ("name", "type"):
        if name not in given:
            raise invalid(name, "is required for a new rule")
    _refuse_too_many(len(_lock_names(team)) + 1)
    rule_type = RuleType(given["type"])
    columns = _config_columns(rule_type, given.get("config"), kept={})
    return PendingWrite(
        AlertRule(team=team),
        {**_plain(given), **_references(team, rule_type, given), "type": rule_type.value, **columns},
        created=True,
    )


def _plan_change(row: AlertRule, given: RuleFields, *, merge: bool) -> PendingWrite[AlertRule]:
    rule_type = RuleType(row.type)
    if given.get("type", row.type) != row.type:
        raise invalid("type", f"is {row.type} and does not change; make another rule")
    changes = {**_plain(given), **_references(row.team, rule_type, given)}
    if "config" in given:
        stored = row.numbers
        kept = {name: getattr(stored, name) for name in stored.__slots__} if merge else {}
        changes |= _config_columns(rule_type, given["config"], kept=kept)
    return PendingWrite(row, changes, created=False)


def _plain(given: RuleFields) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name in PLAIN_FIELDS}


def _config_columns(rule_type: RuleType, given: object, *, kept: dict[str, Any]) -> dict[str, Any]:
    config = read_rule_config(rule_type, given, kept=kept, at="config")
    return {
        "threshold": config.threshold,
        "resolve_threshold": config.resolve_threshold,
        "window_s": config.window_s,
        "min_count": config.min_count,
    }


def _references(team: Team, rule_type: RuleType, given: RuleFields) -> dict[str, Any]:
    """`scope` and `channel_ids`, each id looked up in the team. InvalidInput naming the first that is not there."""
    found: dict[str, Any] = {}
    if "scope" in given:
        found["scope"] = _read_scope(team, rule_type, given["scope"])
    if "channel_ids" in given:
        # Locked, after the rule: a channel that is deleted just now is not named any more, or is found to be in use.
        found["channel_ids"] = _read_ids(
            team, AlertChannel, given["channel_ids"], at="channel_ids", most=MAX_CHANNELS_OF_RULE, lock=True
        )
    return found


def _read_scope(team: Team, rule_type: RuleType, ids: Sequence[str] | None) -> list[str] | None:
    if ids is None:
        return None
    spec = SPECS[rule_type]
    if not spec.scoped:
        raise invalid("scope", f"a rule of type {rule_type} takes none; leave it out, or null")
    if not ids:
        raise invalid("scope", f"must name at least one {spec.watches}; null stands for all of them")
    return _read_ids(team, _MODELS[spec.watches], ids, at="scope", most=MAX_SCOPE)


def _read_ids(
    team: Team, model: type[models.Model], ids: Sequence[str], *, at: str, most: int, lock: bool = False
) -> list[str]:
    wanted = list(dict.fromkeys(ids))
    if len(wanted) > most:
        raise invalid(at, f"must not have more than {most} ids")
    rows = for_team(model, team).filter(pk__in=wanted).order_by("pk")
    known = set((rows.select_for_update(no_key=True) if lock else rows).values_list("pk", flat=True))
    for index, each in enumerate(ids):
        if each not in known:
            raise invalid(f"{at}[{index}]", f"names no {model._meta.verbose_name} of this team")
    return wanted


def _lock_names(team: Team) -> list[str]:
    # Two calls at once must not both find room.
    Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    return list(for_team(AlertRule, team).values_list("name", flat=True))


def _refuse_too_many(number: int) -> None:
    if number > MAX_RULES:
        raise Conflict(
            f"a team has {MAX_RULES} alert rules at most; delete one first",
            code="TOO_MANY_ALERT_RULES",
            data={"maximum": MAX_RULES},
        )
