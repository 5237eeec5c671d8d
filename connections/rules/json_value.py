"""Plain JSON in configuration: bounded, storable and comparable, without NUL."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

from fasthook.lib.errors import invalid

MAX_DEPTH: Final = 32
MAX_VALUES: Final = 10_000


def check_text(text: str, *, at: str) -> str:
    """Postgres stores neither NUL nor unpaired surrogates in text."""
    if "\x00" in text:
        raise invalid(at, "must not contain a NUL character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise invalid(at, "must be valid Unicode text") from error
    return text


def check_json(value: Any, *, at: str, depth: int = 0) -> int:
    """How many values there are in it. Raises InvalidInput naming the place for what is not storable JSON."""
    if depth > MAX_DEPTH:
        raise invalid(at, f"is nested more than {MAX_DEPTH} levels deep")
    if value is None or isinstance(value, bool):
        return 1
    if isinstance(value, str):
        check_text(value, at=at)
        return 1
    if isinstance(value, int | float):
        if not math.isfinite(value):
            raise invalid(at, "must be a finite number")
        return 1
    count = 1
    if isinstance(value, Mapping):
        for key, item in value.items():
            count += check_json(item, at=f"{at}.{check_key(key, at=at)}", depth=depth + 1)
    elif isinstance(value, list | tuple):
        for position, item in enumerate(value):
            count += check_json(item, at=f"{at}[{position}]", depth=depth + 1)
    else:
        raise invalid(at, "must be a JSON value")
    if count > MAX_VALUES:
        raise invalid(at, f"holds more than {MAX_VALUES} values")
    return count


def check_key(key: Any, *, at: str) -> str:
    if not isinstance(key, str):
        raise invalid(at, "must have text keys")
    return check_text(key, at=at)
