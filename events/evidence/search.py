"""The term `q` of lists and bulk operations: an id exactly, any other text wherever evidence holds it.

Text is looked for row by row, in what a row and its payload, request and attempts say; letters A-Z match in either
case. There is no index for that: callers bound the range of time and the time that reading may take.
"""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, Final, TypeVar

from django.db.models import BooleanField, F, Func, Model, OuterRef, Q, QuerySet, Subquery, TextField, Value

from events.models import Attempt, Event, EventPayload, Request
from fasthook.lib.ids import first_id_at, is_id, time_of

M = TypeVar("M", bound=Model)

MAX_CHARACTERS: Final = 200
# Attempts bear ids of other processes than their events.
_SKEW = timedelta(hours=1)
_LOWER = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")

_EVENT_IDS: Final = {
    "evt": "id",
    "req": "request_id",
    "src": "source_id",
    "conn": "connection_id",
    "des": "destination_id",
    "bch": "batch_operation_id",
}
_REQUEST_IDS: Final = {"src": "source_id", "bch": "batch_operation_id"}
_ALL_PREFIXES: Final = frozenset({*_EVENT_IDS, "att"})


class _Holds(Func):
    """Whether the first expression, as text, holds the second, which is in lower case. By bytes: `lower` in the
    collation C changes A-Z alone, and takes a tenth of the time of one that knows languages."""

    template = "strpos(lower(%(expressions)s) > 0"
    arg_joiner = '::text COLLATE "C"), '
    output_field = BooleanField()


def id_in(text: str) -> str | None:
    """The prefix when the term is an id of evidence or configuration; it is then looked for as nothing else."""
    prefix = text.partition("_")[0]
    return prefix if prefix in _ALL_PREFIXES and is_id(prefix, text) else None


def made_before(text: str) -> datetime | None:
    """When the range has no beginning of its own: an id is looked for from a little before its own time on."""
    return time_of(text) - _SKEW if id_in(text) in ("evt", "req", "att") else None


def search(rows: QuerySet[M], text: str, *, first: datetime) -> QuerySet[M]:
    """Those of `rows`, events or requests, that the term is about; all when it is empty.

    None of them was made before `first`.
    """
    if not text:
        return rows
    if rows.model is Event:
        return _search_events(rows, text, first=first)
    return _search_requests(rows, text)


def _search_events(rows: QuerySet[M], text: str, *, first: datetime) -> QuerySet[M]:
    prefix = id_in(text)
    if prefix == "att":
        return rows.filter(id__in=Attempt.objects.filter(id=text).values("event_id"))
    if prefix is not None:
        return rows.filter(**{_EVENT_IDS[prefix]: text})
    request = Request.objects.filter(id=OuterRef("request_id"))
    payload = EventPayload.objects.filter(id=OuterRef("id"))
    attempts = Attempt.objects.filter(
        _of_attempt(text), event_id=OuterRef("id"), id__gte=first_id_at("att", first - _SKEW)
    )
    return rows.filter(
        Q(_holds("error_code", text))
        | Q(_holds("failure_message", text))
        | Q(_first(request, hit=_of_message(text)))
        | Q(has_payload=True) & Q(_first(payload, hit=_of_message(text)))
        | Q(attempts__gt=0) & Q(_first(attempts, hit=Value(True, output_field=BooleanField())))
    )


def _search_requests(rows: QuerySet[M], text: str) -> QuerySet[M]:
    prefix = id_in(text)
    if prefix == "req":
        return rows.filter(Q(id=text) | Q(retry_parent_request_id=text))
    if prefix == "evt":
        return rows.filter(id__in=Event.objects.filter(id=text).values("request_id"))
    if prefix in _REQUEST_IDS:
        return rows.filter(**{_REQUEST_IDS[prefix]: text})
    return rows.filter(_of_message(text) | Q(_holds("rejection_cause", text)) | Q(_holds("client_ip", text)))


def _of_message(text: str) -> Q:
    """Path, query, headers and body, which requests and payloads have alike."""
    body = Func(F("body"), Value("escape"), function="encode", output_field=TextField())
    return (
        Q(_holds("path", text))
        | Q(_holds("query", text))
        | Q(_holds("headers", json.dumps(text, ensure_ascii=False)[1:-1]))
        | Q(_Holds(body, _value(_escaped(text))))
    )


def _of_attempt(text: str) -> Q:
    return Q(_holds("error_code", text)) | Q(_holds("error_message", text)) | Q(_holds("body", text))


def _holds(column: str, text: str) -> _Holds:
    return _Holds(F(column), _value(text))


def _value(text: str) -> Value:
    return Value(text.translate(_LOWER), output_field=TextField())


def _first(rows: QuerySet[Any], *, hit: Q | Value) -> Subquery:
    # A scalar subquery, asked row by row: of an EXISTS the planner might make a hash of all evidence there is.
    return Subquery(rows.order_by().annotate(hit=hit).values("hit")[:1], output_field=BooleanField())


def _escaped(text: str) -> str:
    """As Postgres writes bytes with encode(..., 'escape'): the term is compared with bytes that may be no text."""
    return "".join(map(_escaped_byte, text.encode()))


def _escaped_byte(byte: int) -> str:
    if byte == 0x5C:
        return "\\\\"
    return f"\\{byte:03o}" if byte == 0 or byte >= 0x80 else chr(byte)
