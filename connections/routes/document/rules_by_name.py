"""A transform rule names its transformation: by name in a document, by id where rules are stored."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from connections.rules.spec import TYPE_SPELLINGS
from fasthook.lib.errors import invalid


def name_transformations(rules: Any, ids: Mapping[str, str], *, at: str) -> Any:
    """`rules` with ids for names; whatever else is wrong with them is left to `normalise_rules`. InvalidInput."""
    if not isinstance(rules, list):
        return rules
    return [_by_id(rule, ids, at=f"{at}[{index}]") for index, rule in enumerate(rules)]


def show_rules(rules: list[dict[str, Any]], names: Mapping[str, str]) -> dict[str, Any]:
    """The rules by their type, with names for ids."""
    return {
        rule["type"]: {"transformation": names.get(rule["transformation_id"], rule["transformation_id"])}
        if rule["type"] == "transform"
        else {key: value for key, value in rule.items() if key != "type"}
        for rule in rules
    }


def _by_id(rule: Any, ids: Mapping[str, str], *, at: str) -> Any:
    if not isinstance(rule, dict) or TYPE_SPELLINGS.get(str(rule.get("type"))) != "transform":
        return rule
    if "transformation_id" in rule:
        raise invalid(f"{at}.transformation_id", "belongs to one team; write transformation with its name instead")
    name = rule.get("transformation")
    if not isinstance(name, str):
        raise invalid(f"{at}.transformation", "must be the name of a transformation; list its code in the document")
    if name not in ids:
        raise invalid(f"{at}.transformation", "names no transformation of the document or the team")
    rest = {key: value for key, value in rule.items() if key != "transformation"}
    return {**rest, "transformation_id": ids[name]}
