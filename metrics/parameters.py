"""Parameters of the metrics routes, read into questions. Every fault names its parameter and what is legal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from difflib import get_close_matches
from typing import Any
from zoneinfo import ZoneInfo

from django.http import QueryDict

from events.codes import ERROR_CODES, REJECTION_CAUSES
from events.models import AttemptStatus, RequestStatus
from events.states import IgnoredCause, Status, Trigger
from fasthook.api.filters import MAX_VALUES, read_params, refuse_unknown
from fasthook.lib.clock import iso, parse_when
from fasthook.lib.errors import InvalidInput, invalid
from metrics.spec.buckets import bucket_starts, choose_granularity, parse_granularity
from metrics.spec.measures import ALIASES, Measure, Resource

MAX_DIMENSIONS = 3
MAX_IDS = 255
TIME_PARAMETERS = ("date_range[start]", "date_range[end]", "from", "to", "granularity", "timezone")
LIST_PARAMETERS = ("measures[]", "dimensions[]")
_AHEAD = timedelta(days=366)
_MS = timedelta(milliseconds=1)
# measures, measures[], measures[0]: clients write lists in all these ways.
_LIST_NAME = re.compile(r"(measures|dimensions)(\[[0-9]*\])?")
# Of each resource, filters that take some words only.
LEGAL_VALUES: dict[str, dict[str, Sequence[str]]] = {
    "requests": {"status": RequestStatus.values, "rejection_cause": REJECTION_CAUSES},
    "events": {
        "status": [str(status) for status in Status],
        "error_code": ERROR_CODES,
        "ignored_cause": [str(cause) for cause in IgnoredCause],
    },
    "attempts": {
        "status": AttemptStatus.values,
        "error_code": ERROR_CODES,
        "trigger": [str(trigger) for trigger in Trigger],
    },
}
_FLAGS = frozenset({"verified", "is_retry"})
_NUMBERS = frozenset({"response_status"})


@dataclass(frozen=True, slots=True)
class Asked:
    """What a call asks of a resource; measures and dimensions in the order in which they were named."""

    start: datetime
    end: datetime
    granularity: str
    starts: list[datetime]
    measures: tuple[Measure, ...]
    dimensions: tuple[str, ...]
    filters: dict[str, list[Any]]


def read_asked(resource: Resource, query: QueryDict, *, now: datetime) -> Asked:
    """InvalidInput naming what is unknown, missing or not legal."""
    params = _with_plain_lists(read_params(query))
    refuse_unknown(params, legal_parameters(resource))
    start, end = _read_range(params, now=now)
    granularity = params.get("granularity") or choose_granularity(start, end)
    names = _names(params, "measures", resource.measures) or list(resource.measures)
    asked = _names(params, "dimensions", [*resource.dimensions, *_aliases(resource)])
    dimensions = list(dict.fromkeys(ALIASES.get(name, name) for name in asked))
    if len(dimensions) > MAX_DIMENSIONS:
        raise invalid("dimensions[]", f"must not be more than {MAX_DIMENSIONS}")
    return Asked(
        start=start,
        end=end,
        granularity=granularity,
        starts=bucket_starts(start, end, step_s=parse_granularity(granularity), zone=_read_zone(params)),
        measures=tuple(resource.measures[name] for name in names),
        dimensions=tuple(dimensions),
        filters=_read_filters(resource, params),
    )


def filter_names(resource: Resource) -> list[str]:
    return [*resource.dimensions, *resource.filters, *_aliases(resource)]


def legal_parameters(resource: Resource) -> list[str]:
    return [*TIME_PARAMETERS, *LIST_PARAMETERS, *filter_names(resource), "team_id"]


def read_ids(query: QueryDict) -> list[str]:
    """`ids`, or `ids[]`: without repeats, in order."""
    params = {name.removesuffix("[]"): text for name, text in read_params(query).items()}
    refuse_unknown(params, ["ids", "team_id"])
    ids = list(dict.fromkeys(text.strip() for text in params.get("ids", "").split(",") if text.strip()))
    if not ids:
        raise invalid("ids", f"is required: up to {MAX_IDS} ids, separated by commas")
    if len(ids) > MAX_IDS:
        raise invalid("ids", f"must not be more than {MAX_IDS}")
    if any("\0" in text for text in ids):
        raise invalid("ids", "must not hold a null character")
    return ids


def _aliases(resource: Resource) -> list[str]:
    return [alias for alias, name in ALIASES.items() if name in resource.dimensions]


def _with_plain_lists(params: Mapping[str, str]) -> dict[str, str]:
    """With one spelling of lists; several spellings of one list are one list."""
    plain: dict[str, str] = {}
    for name, text in params.items():
        match = _LIST_NAME.fullmatch(name)
        known = f"{match[1]}[]" if match else name
        plain[known] = f"{plain[known]},{text}" if known in plain else text
    return plain


def _read_range(params: Mapping[str, str], *, now: datetime) -> tuple[datetime, datetime]:
    start = _read_moment(params, ("date_range[start]", "from"), now=now)
    end = _read_moment(params, ("date_range[end]", "to"), now=now)
    if end > now + _AHEAD:
        raise invalid("date_range[end]", "must not lie more than a year ahead")
    if start >= end:
        raise invalid("date_range[start]", f"must lie before date_range[end], {iso(end)}")
    return start, end


def _read_moment(params: Mapping[str, str], names: tuple[str, str], *, now: datetime) -> datetime:
    given = [name for name in names if params.get(name)]
    if not given:
        raise invalid(names[0], "is required: an ISO 8601 time such as 2026-05-29T00:00:00Z, or now-24h, now")
    if len(given) > 1:
        fault = f"give {names[0]} or {names[1]}, not both"
        raise InvalidInput(fault, fields={name: [fault] for name in given})
    moment = parse_when(params[given[0]], at=given[0], now=now)
    return moment - timedelta(microseconds=moment.microsecond) % _MS


def _read_zone(params: Mapping[str, str]) -> tzinfo:
    name = params.get("timezone") or "UTC"
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise invalid("timezone", "must be a name of the IANA database, such as Europe/Berlin or UTC") from None


def _names(params: Mapping[str, str], what: str, legal: Iterable[str]) -> list[str]:
    names = list(dict.fromkeys(text.strip() for text in params.get(f"{what}[]", "").split(",") if text.strip()))
    known = list(legal)
    for name in names:
        if name not in known:
            near = get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}? The" if near else "the"
            raise InvalidInput(
                f"{what}[]: {name[:100]} is unknown; {hint} legal ones are {', '.join(known)}",
                fields={f"{what}[]": [f"{name[:100]} is unknown; {hint} legal ones are {', '.join(known)}"]},
                data={f"legal_{what}": known},
            )
    return names


def _read_filters(resource: Resource, params: Mapping[str, str]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for name in filter_names(resource):
        texts = list(dict.fromkeys(text.strip() for text in params.get(name, "").split(",") if text.strip()))
        if not texts:
            continue
        if len(texts) > MAX_VALUES:
            raise invalid(name, f"must not have more than {MAX_VALUES} values")
        column = ALIASES.get(name, name)
        if column in found:
            raise invalid(name, f"is another name of {column}; give one of them")
        read = _reader(resource, column)
        found[column] = [read(text, name) for text in texts]
    return found


def _reader(resource: Resource, column: str) -> Callable[[str, str], Any]:
    if column in _FLAGS:
        return _read_flag
    if column in _NUMBERS:
        return _read_number
    legal = LEGAL_VALUES.get(resource.name, {}).get(column)

    def read(text: str, name: str) -> str:
        if "\0" in text:
            raise invalid(name, "must not hold a null character")
        if legal is not None and text not in legal:
            raise invalid(name, f"must be one of: {', '.join(legal)}")
        return text

    return read


def _read_flag(text: str, name: str) -> bool:
    if text not in ("true", "false"):
        raise invalid(name, "must be true or false")
    return text == "true"


def _read_number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise invalid(name, "must be a whole number, or several separated by commas")
    return int(text)
