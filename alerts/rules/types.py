"""Types of alert rules: the objects that each watches, and the numbers that it takes.

Pure. How the numbers are found in Postgres is in alerts/evaluation.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from fasthook.lib.config_fields import ObjectReader
from fasthook.lib.errors import invalid

# Percent: the lower the rate at which an alert ends, the more attempts a look counts beside those that failed.
LEAST_RESOLVE_RATE: Final = 0.1
# An open alert lasts until its value is below this share of the threshold, unless the rule names a number of its own.
RESOLVE_SHARE: Final = 0.8
DAY_S: Final = 86_400


class RuleType(StrEnum):
    FAILURE_RATE = "FAILURE_RATE"  # percent of a connection's attempts
    BACKLOG = "BACKLOG"  # events that wait for a destination
    BACKLOG_AGE = "BACKLOG_AGE"  # seconds since the oldest of them was due
    REJECTED_REQUESTS = "REJECTED_REQUESTS"  # by a source
    SOURCE_DISABLED = "SOURCE_DISABLED"
    DESTINATION_DISABLED = "DESTINATION_DISABLED"
    CONNECTION_DISABLED = "CONNECTION_DISABLED"
    BULK_OPERATION_FAILED = "BULK_OPERATION_FAILED"


class ObjectType(StrEnum):
    SOURCE = "source"
    DESTINATION = "destination"
    CONNECTION = "connection"
    BULK_OPERATION = "bulk_operation"


@dataclass(frozen=True, slots=True)
class Number:
    """A number of a rule's config. `whole` ones are integers."""

    minimum: float
    maximum: float
    default: float
    whole: bool = True


@dataclass(frozen=True, slots=True)
class TypeSpec:
    """`watches` is the kind of object, which a scope names by id if the type is `scoped`; `unit` is what the threshold
    counts. A type without a threshold is about a state: one is enough."""

    watches: ObjectType
    unit: str
    threshold: Number | None = None
    window_s: Number | None = None
    min_count: Number | None = None
    scoped: bool = True


SPECS: Final[Mapping[RuleType, TypeSpec]] = {
    # Attempts count from when they begin, and may take a minute: a shorter window would miss those that time out.
    RuleType.FAILURE_RATE: TypeSpec(
        watches=ObjectType.CONNECTION,
        unit="percent",
        threshold=Number(1, 100, 50, whole=False),
        window_s=Number(120, DAY_S, 300),
        min_count=Number(1, 1_000_000, 20),
    ),
    RuleType.BACKLOG: TypeSpec(watches=ObjectType.DESTINATION, unit="events", threshold=Number(1, 1_000_000, 1000)),
    RuleType.BACKLOG_AGE: TypeSpec(
        watches=ObjectType.DESTINATION, unit="seconds", threshold=Number(10, 7 * DAY_S, 600)
    ),
    RuleType.REJECTED_REQUESTS: TypeSpec(
        watches=ObjectType.SOURCE,
        unit="requests",
        threshold=Number(1, 1_000_000, 50),
        window_s=Number(60, DAY_S, 600),
    ),
    RuleType.SOURCE_DISABLED: TypeSpec(watches=ObjectType.SOURCE, unit="disabled"),
    RuleType.DESTINATION_DISABLED: TypeSpec(watches=ObjectType.DESTINATION, unit="disabled"),
    RuleType.CONNECTION_DISABLED: TypeSpec(watches=ObjectType.CONNECTION, unit="disabled"),
    RuleType.BULK_OPERATION_FAILED: TypeSpec(
        watches=ObjectType.BULK_OPERATION, unit="failed", window_s=Number(300, 7 * DAY_S, 3600), scoped=False
    ),
}


@dataclass(frozen=True, slots=True)
class RuleConfig:
    """The numbers of a rule; None where its type has none, or where `resolve_threshold` is left to RESOLVE_SHARE."""

    threshold: float
    resolve_threshold: float | None = None
    window_s: int | None = None
    min_count: int = 0

    @property
    def resolves_below(self) -> float:
        return self.threshold * RESOLVE_SHARE if self.resolve_threshold is None else self.resolve_threshold


def read_rule_config(rule_type: RuleType, given: object, *, kept: Mapping[str, Any], at: str) -> RuleConfig:
    """The numbers that `given` and, where it lacks them, `kept` name; then the type's defaults. Raises InvalidInput."""
    spec = SPECS[rule_type]
    numbers = {"threshold": spec.threshold, "window_s": spec.window_s, "min_count": spec.min_count}
    known = [name for name, number in numbers.items() if number is not None]
    reader = ObjectReader(given, at=at, known=[*known, *(["resolve_threshold"] if spec.threshold else [])])
    values: dict[str, Any] = {}
    for name in known:
        number = numbers[name]
        assert number is not None
        value = reader.get(name, kept.get(name))
        values[name] = _read_number(number.default if value is None else value, number, at=f"{at}.{name}")
    if spec.threshold is None:
        return RuleConfig(threshold=1, window_s=values.get("window_s"))
    resolve = kept.get("resolve_threshold")
    if isinstance(given, Mapping) and "resolve_threshold" in given:
        resolve = given["resolve_threshold"]
    if resolve is not None:
        least = LEAST_RESOLVE_RATE if rule_type is RuleType.FAILURE_RATE else 0
        resolve = _read_resolve_threshold(resolve, values["threshold"], least=least, at=f"{at}.resolve_threshold")
    return RuleConfig(resolve_threshold=resolve, **values)


def shown_config(rule_type: RuleType, config: RuleConfig) -> dict[str, Any]:
    """The config as the API shows it: what the type knows, and nothing else."""
    spec = SPECS[rule_type]
    shown: dict[str, Any] = {}
    if spec.threshold is not None:
        shown["threshold"] = _plain(config.threshold)
        shown["resolve_threshold"] = None if config.resolve_threshold is None else _plain(config.resolve_threshold)
    if spec.window_s is not None:
        shown["window_s"] = config.window_s
    if spec.min_count is not None:
        shown["min_count"] = config.min_count
    return shown


def _read_number(value: object, number: Number, *, at: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(at, "must be a number")
    if number.whole and value != int(value):
        raise invalid(at, "must be a whole number")
    if not number.minimum <= value <= number.maximum:
        raise invalid(at, f"must be from {_plain(number.minimum)} to {_plain(number.maximum)}")
    return int(value) if number.whole else float(value)


def _read_resolve_threshold(value: object, threshold: float, *, least: float, at: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise invalid(at, "must be a number, or null")
    if not 0 < value <= threshold:
        raise invalid(at, f"must be above 0 and at most the threshold, {_plain(threshold)}")
    if value < least:
        raise invalid(at, f"must be at least {_plain(least)}")
    return float(value)


def _plain(value: float) -> float:
    return int(value) if value == int(value) else value
