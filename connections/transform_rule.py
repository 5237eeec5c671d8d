"""The rules of a connection with their transformation resolved: named and there, or inline and upserted by its name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from connections.models import Transformation
from connections.rules.spec import TYPE_SPELLINGS, normalise_rules
from connections.transformations.services import TransformationFields, plan_transformation_upsert
from fasthook.lib.errors import NotFound, invalid
from fasthook.lib.masking import mask_auth
from teams.config.writes import PendingWrite, lock_for_team
from teams.models import Team


@dataclass(frozen=True, slots=True)
class PlannedRules:
    """`rules` as they are stored, None when none were given; `transformation` is locked, and to be written first."""

    rules: list[dict[str, Any]] | None = None
    transformation: PendingWrite[Transformation] | None = None


def plan_rules(team: Team, given: Mapping[str, Any]) -> PlannedRules:
    """Locks or prepares the transformation that `rules` name: after both ends, before the connection. InvalidInput."""
    if "rules" not in given:
        return PlannedRules()
    normalised = normalise_rules(given["rules"])
    for position, rule in enumerate(normalised):
        if rule["type"] == "transform":
            transformation = _plan_transformation(team, rule, at=path_of_transform(given["rules"]))
            normalised[position] = {"type": "transform", "transformation_id": transformation.row.id}
            return PlannedRules(normalised, transformation)
    return PlannedRules(normalised)


def inline_code(rules: object) -> tuple[str, str] | None:
    """The code of an inline transformation and its path, None when there is none. Raises InvalidInput as above."""
    for rule in normalise_rules(rules):
        if "transformation" in rule:
            return rule["transformation"]["code"], f"{path_of_transform(cast(list[Any], rules))}.transformation.code"
    return None


def shown_rule(rule: Mapping[str, Any]) -> dict[str, Any]:
    """As it may be shown: values of an inline transformation's env masked."""
    inline = rule.get("transformation")
    if not inline or not inline.get("env"):
        return dict(rule)
    return {**rule, "transformation": {**inline, "env": mask_auth(inline["env"], inline["env"].keys())}}


def _plan_transformation(team: Team, rule: Mapping[str, Any], *, at: str) -> PendingWrite[Transformation]:
    inline = rule.get("transformation")
    if inline is not None:
        return plan_transformation_upsert(team, cast(TransformationFields, inline), at=f"{at}.transformation.")
    try:
        return PendingWrite(lock_for_team(Transformation, team, rule["transformation_id"]), {}, created=False)
    except NotFound:
        raise invalid(f"{at}.transformation_id", "there is no such transformation in this team") from None


def path_of_transform(rules: list[Any]) -> str:
    """Where it stands in the caller's own order; spelled as `rules[1]`."""
    return next(f"rules[{at}]" for at, rule in enumerate(rules) if TYPE_SPELLINGS.get(rule["type"]) == "transform")
