"""Fields of a rule: presence, type and range, each fault named by its path."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from fasthook.lib.errors import InvalidInput, invalid


def unknown_field(key: object, known: Iterable[str], *, at: str) -> InvalidInput:
    legal = list(known)
    close = difflib.get_close_matches(str(key), legal, n=1)
    hint = f"did you mean {close[0]}?" if close else f"legal here: {', '.join(legal)}"
    return invalid(f"{at}.{key}", f"unknown field; {hint}")


def whole_number(fields: Mapping[str, Any], key: str, *, at: str, low: int, high: int, unit: str = "") -> int:
    """A required integer within bounds; booleans and floats are not integers."""
    path = f"{at}.{key}"
    if fields.get(key) is None:
        raise invalid(path, "is required")
    value = fields[key]
    suffix = f" {unit}" if unit else ""
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(path, f"must be a whole number of{suffix}" if unit else "must be a whole number")
    if not low <= value <= high:
        raise invalid(path, f"must be between {low} and {high}{suffix}")
    return value


def given(fields: Mapping[str, Any], key: str) -> bool:
    """Null and an empty list are how a form says that an optional field is not set."""
    return fields.get(key) is not None and fields[key] != []
