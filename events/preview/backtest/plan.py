"""The plan of a backtest: rules as saving them would take them, frozen with the transformation that they name.

A transformation that is changed while the backtest runs changes nothing in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final

from connections.models import Connection, Transformation
from connections.rules.spec import normalise_rules
from connections.transform_rule import inline_code, shown_rule
from connections.transformations.catalog import read_transformation
from connections.transformations.code_run import refuse_unreadable
from connections.transformations.services import read_env
from fasthook.lib.errors import invalid

# Stands for the id of whatever transformation the plan holds.
FROZEN: Final = "frozen"


@dataclass(frozen=True, slots=True)
class FrozenTransformation:
    """`fault`: why it cannot be run; its branches then fail, saying so."""

    code: str
    env: Mapping[str, str] = field(default_factory=dict)
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """Rules for `compile_connection`, and the transformation that they name as FROZEN. Holds secrets."""

    rules: Sequence[Mapping[str, Any]]
    transformation: FrozenTransformation | None = None

    def sealed(self) -> Any:
        """For the encrypted column."""
        return asdict(self)


def unsealed(value: Mapping[str, Any]) -> Plan:
    transformation = value["transformation"]
    return Plan(value["rules"], FrozenTransformation(**transformation) if transformation else None)


def plan_rules(connection: Connection, rules: object) -> tuple[Plan, list[dict[str, Any]]]:
    """The plan, and the rules as they may be shown. None takes the saved rules.

    InvalidInput as for saving them; Unavailable while no sandbox can look at an inline transformation.
    """
    inline = None if rules is None else inline_code(rules)
    if inline is not None:
        code, path = inline
        refuse_unreadable(code, at=path)
    chosen = connection.rules if rules is None else normalise_rules(rules)
    transformation = None
    planned, shown = [], []
    for position, rule in enumerate(chosen):
        planned_rule = dict(rule)
        if rule["type"] == "transform":
            transformation = _freeze(connection, rule, at=f"rules[{position}]")
            planned_rule = {"type": "transform", "transformation_id": FROZEN}
        planned.append(planned_rule)
        shown.append(shown_rule(rule))
    return Plan(planned, transformation), shown


def _freeze(connection: Connection, rule: Mapping[str, Any], *, at: str) -> FrozenTransformation:
    inline = rule.get("transformation")
    if inline is not None:
        return FrozenTransformation(code=inline["code"], env=_env_of(connection, inline, at=f"{at}.transformation.env"))
    found = read_transformation(rule["transformation_id"])
    if found is None or found.team_id != connection.team_id:
        raise invalid(f"{at}.transformation_id", "there is no such transformation in this team")
    return FrozenTransformation(code=found.code, env=found.env, fault=found.fault)


def _env_of(connection: Connection, inline: Mapping[str, Any], *, at: str) -> Mapping[str, str]:
    """Saved, an inline transformation changes the one of its name, which keeps its env unless another is given."""
    named = Transformation.objects.filter(team_id=connection.team_id, name=inline["name"], deleted_at=None)
    stored: Mapping[str, str] = {}
    for identifier in named.values_list("id", flat=True):
        entry = read_transformation(identifier)
        stored = entry.env if entry else {}
    return read_env(inline["env"], stored, merge=False, at=at) if "env" in inline else stored
