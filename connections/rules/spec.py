"""Validation of a connection's `rules`: every fault under its path, and the one stored form.

The stored form is what the guides show returned: a list in the order deduplicate, transform, filter, delay, retry, with
values spelled as they were given. Saving an inline transformation and naming its id is the connection service's.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from typing import Any, Final

from connections.rules.dedup import compile_dedup
from connections.rules.fields import given, unknown_field, whole_number
from connections.rules.filter.rule import TARGETS, compile_filter
from connections.rules.inline_transformation import normalise_inline_transformation
from connections.rules.json_value import check_text
from connections.rules.retry import MAX_DELAY_MS, compile_retry
from fasthook.lib.errors import InvalidInput, invalid

ORDER: Final = ("deduplicate", "transform", "filter", "delay", "retry")
TYPE_SPELLINGS: Final = {**{name: name for name in ORDER}, "transformation": "transform"}

SEVEN_DAYS_MS: Final = 7 * 24 * 60 * 60 * 1000
MIN_WINDOW_MS: Final = 1000
MIN_INTERVAL_MS: Final = 100
MAX_RETRIES: Final = 50
MAX_DEDUP_FIELDS: Final = 50

Rule = dict[str, Any]


def normalise_rules(rules: object, *, at: str = "rules") -> list[Rule]:
    """The rules as they are stored and returned; normalising those again changes nothing. None means no rules.

    A transform keeps either `transformation_id`, or `transformation` {name, code, env?} for the caller to save. Raises
    InvalidInput with one entry in `fields` for each fault, such as `rules[1].window`.
    """
    if rules is None:
        return []
    if not isinstance(rules, list | tuple):
        raise invalid(at, "must be a list of rules")
    if len(rules) > len(ORDER):
        raise invalid(at, f"must have at most {len(ORDER)} rules, one of each type")
    faults: dict[str, list[str]] = {}
    normalised: dict[str, Rule] = {}
    for position, rule in enumerate(rules):
        try:
            kind, fields = _normalise_rule(rule, at=f"{at}[{position}]")
            if kind in normalised:
                raise invalid(f"{at}[{position}].type", f"there is already a {kind} rule; a connection has one of each")
            normalised[kind] = fields
        except InvalidInput as error:
            faults.update(error.fields)
    if faults:
        raise InvalidInput("; ".join(f"{path}: {fault[0]}" for path, fault in faults.items()), fields=faults)
    return [normalised[kind] for kind in ORDER if kind in normalised]


def _normalise_rule(rule: Any, *, at: str) -> tuple[str, Rule]:
    if not isinstance(rule, Mapping):
        raise invalid(at, 'must be an object such as {"type": "delay", "delay": 1000}')
    kind = _kind(rule, at=at)
    normalise, known = _TYPES[kind]
    faults: dict[str, list[str]] = {}
    for key in rule:
        if key != "type" and key not in known:
            faults.update(unknown_field(key, known, at=at).fields)
    try:
        fields = normalise(rule, at)
    except InvalidInput as error:
        faults.update(error.fields)
    if faults:
        raise InvalidInput("the rule has faults", fields=faults)
    return kind, {"type": kind, **fields}


def _kind(rule: Mapping[str, Any], *, at: str) -> str:
    spelled = rule.get("type")
    if spelled is None:
        raise invalid(f"{at}.type", f"is required: one of {', '.join(ORDER)}")
    if not isinstance(spelled, str) or spelled not in TYPE_SPELLINGS:
        close = difflib.get_close_matches(str(spelled)[:40], ORDER, n=1)
        hint = f"; did you mean {close[0]}?" if close else ""
        raise invalid(f"{at}.type", f"must be one of {', '.join(ORDER)}{hint}")
    return TYPE_SPELLINGS[spelled]


def _deduplicate(rule: Mapping[str, Any], at: str) -> Rule:
    window = whole_number(rule, "window", at=at, low=MIN_WINDOW_MS, high=SEVEN_DAYS_MS, unit="milliseconds")
    if given(rule, "include_fields") and given(rule, "exclude_fields"):
        raise invalid(f"{at}.exclude_fields", "cannot be used together with include_fields")
    listed = [field for field in ("include_fields", "exclude_fields") if rule.get(field) is not None]
    for field in listed:
        paths = rule[field]
        if not isinstance(paths, list) or len(paths) > MAX_DEDUP_FIELDS:
            raise invalid(f"{at}.{field}", f"must be a list of at most {MAX_DEDUP_FIELDS} paths such as body.id")
    fields: Rule = {"window": window, **{field: list(rule[field]) for field in listed}}
    compile_dedup(fields, at=at)
    return fields


def _transform(rule: Mapping[str, Any], at: str) -> Rule:
    if given(rule, "transformation_id") == given(rule, "transformation"):
        raise invalid(f"{at}.transformation_id", "either transformation_id or an inline transformation is required")
    if given(rule, "transformation"):
        inline = normalise_inline_transformation(rule["transformation"], at=f"{at}.transformation")
        return {"transformation": inline}
    identity = rule["transformation_id"]
    if not isinstance(identity, str) or not 0 < len(identity) <= 64:
        raise invalid(f"{at}.transformation_id", "must be the id of a transformation")
    return {"transformation_id": check_text(identity, at=f"{at}.transformation_id")}


def _filter(rule: Mapping[str, Any], at: str) -> Rule:
    targets = {target: rule[target] for target in TARGETS if rule.get(target) is not None}
    compile_filter(targets, at=at)
    return targets


def _delay(rule: Mapping[str, Any], at: str) -> Rule:
    return {"delay": whole_number(rule, "delay", at=at, low=0, high=SEVEN_DAYS_MS, unit="milliseconds")}


def _retry(rule: Mapping[str, Any], at: str) -> Rule:
    strategy = rule.get("strategy")
    if strategy not in ("linear", "exponential"):
        raise invalid(f"{at}.strategy", "must be linear or exponential")
    fields: Rule = {
        "strategy": strategy,
        "count": whole_number(rule, "count", at=at, low=1, high=MAX_RETRIES),
        "interval": whole_number(rule, "interval", at=at, low=MIN_INTERVAL_MS, high=MAX_DELAY_MS, unit="milliseconds"),
    }
    if rule.get("response_status_codes") is not None:
        fields["response_status_codes"] = rule["response_status_codes"]
    compile_retry(fields, at=at)
    return fields


_TYPES: Final[dict[str, tuple[Callable[[Mapping[str, Any], str], Rule], tuple[str, ...]]]] = {
    "deduplicate": (_deduplicate, ("window", "include_fields", "exclude_fields")),
    "transform": (_transform, ("transformation_id", "transformation")),
    "filter": (_filter, TARGETS),
    "delay": (_delay, ("delay",)),
    "retry": (_retry, ("strategy", "interval", "count", "response_status_codes")),
}
