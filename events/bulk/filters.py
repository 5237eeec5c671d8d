"""Filters of bulk operations: those of the lists, from a body or a query string, normalised.

Every value may be a text, a comma list or a JSON list. Which values are legal is left to the list filters. A filter
that is given but names nothing is refused: without it the operation would be about everything.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar, Final

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from events.evidence.filters import EventFilter, RequestFilter
from events.models.bulk import EVENT_KINDS, TARGETS, BulkKind
from fasthook.api import timerange
from fasthook.api.fields import ChoiceField, InputSerializer, TextField, read_input
from fasthook.api.filters import MAX_VALUES, ListFilter
from fasthook.lib.clock import iso, parse_when
from fasthook.lib.errors import InvalidInput, invalid

_SCALARS = (str, int, bool)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string", "minLength": 1},
            {"type": "array", "items": {"type": "string"}, "minItems": 1},
        ],
        "description": f"At most {MAX_VALUES} different ones.",
    }
)
class ValuesField(serializers.Field[Any, Any, Any, Any]):
    """A text, a comma list, or a list of texts, numbers or booleans; read into the comma list of different values."""

    def to_internal_value(self, data: Any) -> str:
        given = data if isinstance(data, list) else [data]
        if not all(isinstance(each, _SCALARS) for each in given):
            raise ValidationError("must be a string, or a list of strings")
        texts = [text.strip() for each in given for text in _text(each).split(",")]
        named = sorted({text for text in texts if text})
        if not named:
            raise ValidationError("must name at least one value; leave it out if all are meant")
        return ",".join(named)

    def to_representation(self, value: Any) -> Any:
        return value


class BulkInput(InputSerializer):
    """The filters of the list and its range of time, each a text, a comma list or a list of texts."""

    filters: ClassVar[type[ListFilter]]
    kinds: ClassVar[tuple[BulkKind, ...]]

    def get_fields(self) -> dict[str, Any]:
        values = {name: ValuesField(required=False) for name in self.filters.base_filters if name != "q"}
        texts = {name: TextField(required=False) for name in ("q", *timerange.PARAMETERS)}
        return {"type": ChoiceField(choices=[str(kind) for kind in self.kinds], required=False), **values, **texts}


class EventBulkInput(BulkInput):
    filters = EventFilter
    kinds = EVENT_KINDS


class RequestBulkInput(BulkInput):
    filters = RequestFilter
    kinds = (BulkKind.REQUEST_RETRY,)


def read_filter(reader: type[BulkInput], given: Any) -> tuple[BulkKind, dict[str, str]]:
    """The kind, and the query parameters of its list.

    InvalidInput for unknown fields, and for a status that the kind does not touch.
    """
    values = {name: value for name, value in read_input(reader, given).items() if value}
    kind = BulkKind(values.pop("type", reader.kinds[0]))
    params: dict[str, str] = values
    if "connection_id" not in params and "webhook_id" in params:
        params["connection_id"] = params.pop("webhook_id")
    if kind in TARGETS:
        params["status"] = _read_targets(kind, params.get("status"))
    return kind, dict(sorted(params.items()))


def refuse_everything(kind: BulkKind, params: Mapping[str, str]) -> None:
    """InvalidInput without any filter: an operation over everything is asked for by its range."""
    if params.keys() - {"status"}:
        return
    raise InvalidInput(
        _MEANT[kind], code="FILTER_TOO_WIDE", fields={"from": ["is required unless another filter is given"]}
    )


_EVENTS_MEANT: Final = "say which events are meant: give from, or another filter such as connection_id"
_MEANT: Final = {
    BulkKind.EVENT_RETRY: _EVENTS_MEANT,
    BulkKind.EVENT_CANCEL: _EVENTS_MEANT,
    BulkKind.REQUEST_RETRY: "say which requests are meant: give from, or another filter such as source_id",
}


def _read_targets(kind: BulkKind, text: str | None) -> str:
    targets = TARGETS[kind]
    wanted = (text or ",".join(targets)).split(",")
    if not set(wanted) <= set(targets):
        raise invalid("status", f"{kind} takes events that are one or several of: {', '.join(targets)}")
    return ",".join(wanted)


def digest_of(team_id: str, kind: BulkKind, params: Mapping[str, str], *, now: datetime) -> bytes:
    """Equal for filters that mean the same. Relative times stay as they are: asked twice, they ask for the same."""
    same = {
        name: _same_time(name, text, now) if name in timerange.PARAMETERS else text for name, text in params.items()
    }
    document = json.dumps([team_id, kind.value, sorted(same.items())], ensure_ascii=False)
    return hashlib.sha256(document.encode()).digest()


def _same_time(name: str, text: str, now: datetime) -> str | None:
    if name not in timerange.PARAMETERS or text.strip().startswith("now"):
        return text.strip()
    return iso(parse_when(text, at=name, now=now))


def _text(value: str | int | bool) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
