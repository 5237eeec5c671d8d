"""Fields of a caller's configuration object, each fault named by its dotted path.

Knows shapes of values (text, header name, choice), not what they are for: that is each schema's own matter.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Mapping
from typing import Any

from fasthook.lib.errors import invalid

# RFC 9110, 5.6.2: the characters of a token (header names, methods).
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def is_token(value: str) -> bool:
    return _TOKEN.fullmatch(value) is not None


def closest(given: str, legal: Iterable[str]) -> str | None:
    """The legal name a typing error probably meant, ignoring case."""
    by_folded = {name.casefold(): name for name in legal}
    found = difflib.get_close_matches(given.casefold(), by_folded, n=1, cutoff=0.8)
    return by_folded[found[0]] if found else None


def read_choice(value: object, legal: Iterable[str], *, at: str) -> str:
    names = list(legal)
    if isinstance(value, str) and value in names:
        return value
    guess = closest(value, names) if isinstance(value, str) else None
    hint = f" (did you mean {guess}?)" if guess else ""
    raise invalid(at, f"must be one of {', '.join(names)}{hint}")


def read_text(value: object, *, at: str, max_length: int = 4096, allow_empty: bool = False) -> str:
    """A string that can be sent in a header: no control characters (NUL, CR, LF among them), encodable as UTF-8."""
    if not isinstance(value, str):
        raise invalid(at, "must be a string")
    if not value and not allow_empty:
        raise invalid(at, "must not be empty")
    if len(value) > max_length:
        raise invalid(at, f"must be at most {max_length} characters long")
    if _CONTROL.search(value):
        raise invalid(at, "must not contain control characters such as NUL or line breaks")
    if any("\ud800" <= char <= "\udfff" for char in value):
        raise invalid(at, "must be valid Unicode text")
    return value


def read_visible_ascii(value: object, *, at: str, max_length: int = 4096) -> str:
    """A header value that survives every server: printable ASCII that neither starts nor ends with a space."""
    text = read_text(value, at=at, max_length=max_length)
    if not text.isascii() or text != text.strip():
        raise invalid(at, "must be printable ASCII without a space at either end")
    return text


def read_header_name(value: object, *, at: str) -> str:
    """A header name in lower case."""
    text = read_text(value, at=at, max_length=256)
    if not is_token(text):
        raise invalid(at, "must be a header name: letters, digits and hyphens")
    return text.lower()


class ObjectReader:
    """The fields of one object, none of them unknown."""

    __slots__ = ("_at", "_fields", "_known")

    def __init__(self, value: object, *, at: str, known: Iterable[str]) -> None:
        """Refuse anything but an object whose keys are all `known`."""
        self._at = at
        self._known = tuple(known)
        if value is None:
            value = {}
        if not isinstance(value, Mapping):
            raise invalid(at, "must be an object")
        self._fields: Mapping[str, Any] = value
        for name in value:
            if name not in self._known:
                raise invalid(f"{at}.{name}", self._unknown_fault(str(name)))

    def _unknown_fault(self, name: str) -> str:
        if not self._known:
            return "is not a known field; this object takes none"
        guess = closest(name, self._known)
        hint = f"did you mean {guess}?" if guess else f"known fields are {', '.join(self._known)}"
        return f"is not a known field; {hint}"

    def at(self, name: str) -> str:
        return f"{self._at}.{name}"

    def has(self, name: str) -> bool:
        """Present and not null: null means "not set"."""
        return self._fields.get(name) is not None

    def require(self, name: str) -> Any:
        if not self.has(name):
            raise invalid(self.at(name), "is required")
        return self._fields[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self._fields[name] if self.has(name) else default
