"""Input fields: the body of a call as plain values, every fault named by its dotted path (`config.rate_limit`).

Strict on types: a JSON number is not text and text is not a number. Unknown fields are refused, with a hint when one is
close. What the values mean is left to the services.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from datetime import datetime
from itertools import islice
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError

from fasthook.lib.clock import iso, parse_when, utc_now
from fasthook.lib.errors import InvalidInput

NAME_PATTERN = r"\A[A-Za-z0-9._-]+\Z"
MAX_NAME_LENGTH = 155
MAX_DESCRIPTION_LENGTH = 2000
# Of one object: a hint for each of a hundred thousand would take seconds.
MAX_UNKNOWN_TOLD = 20


class InputSerializer(serializers.Serializer[Any]):
    """One object of a caller's body. `echoed` names fields of the answer that may come back and are not looked at."""

    echoed: ClassVar[frozenset[str]] = frozenset()

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, Mapping):
            raise ValidationError({"non_field_errors": ["must be an object"]})
        unknown = (key for key in data if key not in self.fields and key not in self.echoed)
        faults: dict[str, Any] = {key: [unknown_fault(key, self.fields)] for key in islice(unknown, MAX_UNKNOWN_TOLD)}
        try:
            value: dict[str, Any] = super().to_internal_value(data)
        except ValidationError as error:
            raise ValidationError({**dict(error.detail), **faults}) from None  # type: ignore[arg-type]
        if faults:
            raise ValidationError(faults)
        return value


def unknown_fault(name: str, legal: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(legal), n=1)
    return f"unknown field, did you mean {near[0]}?" if near else "unknown field"


def read_input(serializer: type[InputSerializer], body: Any, *, partial: bool = False) -> dict[str, Any]:
    """The body's values, only those that were given or have a default. InvalidInput naming every fault."""
    reader = serializer(data=body, partial=partial)
    try:
        reader.is_valid(raise_exception=True)
    except ValidationError as error:
        fields = dotted_faults(error.detail)
        first, faults = next(iter(fields.items()))
        more = f" (and {len(fields) - 1} more)" if len(fields) > 1 else ""
        raise InvalidInput(f"{first}: {faults[0]}{more}", fields=fields) from None
    return dict(reader.validated_data)


def dotted_faults(detail: Any, *, at: str = "") -> dict[str, list[str]]:
    """REST framework's tree of faults as dotted paths: {"config": {"url": [..]}} becomes {"config.url": [..]}."""
    if isinstance(detail, str):
        return {at or "body": [_sentence(detail)]}
    if isinstance(detail, Mapping):
        found: dict[str, list[str]] = {}
        for key, child in detail.items():
            if isinstance(key, int):
                path = f"{at}[{key}]"
            else:
                path = at if key == "non_field_errors" else f"{at}.{key}" if at else str(key)
            found.update(dotted_faults(child, at=path))
        return found
    if all(isinstance(item, str) for item in detail):
        return {at or "body": [_sentence(item) for item in detail]}
    found = {}
    for index, child in enumerate(detail):
        if child:
            found.update(dotted_faults(child, at=f"{at}[{index}]"))
    return found


def _sentence(detail: str) -> str:
    if getattr(detail, "code", None) == "required":
        return "is required"
    if getattr(detail, "code", None) == "null":
        return "must not be null"
    return str(detail)


_LENGTHS: dict[str, Any] = {
    "blank": "must not be empty",
    "max_length": "must have at most {max_length} characters",
    "min_length": "must have at least {min_length} characters",
}
_NUMBER_BOUNDS: dict[str, Any] = {
    "max_value": "must be at most {max_value:g}",
    "min_value": "must be at least {min_value:g}",
}
_BOUNDS: dict[str, Any] = {"max_value": "must be at most {max_value}", "min_value": "must be at least {min_value}"}


class TextField(serializers.CharField):
    """A JSON string, kept exactly as it came."""

    default_error_messages = _LENGTHS

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise ValidationError("must be a string")
        return super().to_internal_value(data)


class NameField(serializers.RegexField):
    """A resource's name: 1-155 letters, digits, `-`, `_`, `.`."""

    def __init__(self, **kwargs: Any) -> None:
        messages = {**_LENGTHS, "invalid": "must be made of letters, digits, '-', '_' and '.'"}
        super().__init__(
            NAME_PATTERN, max_length=MAX_NAME_LENGTH, trim_whitespace=False, error_messages=messages, **kwargs
        )

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            raise ValidationError("must be a string")
        return super().to_internal_value(data)


class IntegerField(serializers.IntegerField):
    default_error_messages = _BOUNDS

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, bool) or not isinstance(data, int):
            raise ValidationError("must be an integer")
        return data


class NumberField(serializers.FloatField):
    default_error_messages = _NUMBER_BOUNDS

    def to_internal_value(self, data: Any) -> float:
        if isinstance(data, bool) or not isinstance(data, int | float):
            raise ValidationError("must be a number")
        return float(data)


class BooleanField(serializers.BooleanField):
    def to_internal_value(self, data: Any) -> bool:
        if not isinstance(data, bool):
            raise ValidationError("must be true or false")
        return data


class ChoiceField(serializers.ChoiceField):
    """One of the legal words; a wrong one is answered with all of them."""

    def to_internal_value(self, data: Any) -> str:
        if isinstance(data, str) and data in self.choices:
            return data
        raise ValidationError(f"must be one of {', '.join(self.choices)}")


class MomentField(serializers.DateTimeField):
    """An ISO 8601 instant; written to the millisecond in UTC. What lies ahead is taken as now."""

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            raise ValidationError("must be an ISO 8601 time such as 2026-05-29T10:00:00Z, or null")
        now = utc_now()
        try:
            moment = min(now, parse_when(value, at="moment", now=now))
        except InvalidInput as error:
            raise ValidationError(error.fields["moment"]) from None
        return moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    def to_representation(self, value: datetime | None) -> str | None:  # type: ignore[override]
        return iso(value)


@extend_schema_field(OpenApiTypes.OBJECT)
class ObjectField(serializers.Field[Any, Any, Any, Any]):
    """A JSON object whose fields are read by the owner of its meaning."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if not isinstance(data, dict):
            raise ValidationError("must be an object")
        return data

    def to_representation(self, value: Any) -> Any:
        return value
