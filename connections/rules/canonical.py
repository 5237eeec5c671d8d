"""Canonical bytes of a JSON value, the same however its keys were ordered: the input of deduplication keys.

1, "1", true and null stay apart. Two spellings of one number (1 and 1.0) may stay apart too: a duplicate let through is
harmless, a different event suppressed is not.
"""

from __future__ import annotations

import json
from typing import Any

import orjson


def canonical(value: Any) -> bytes:
    """Raises TypeError only for what no JSON document can hold."""
    try:
        return b"j" + orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except TypeError:
        # orjson does not write all that it reads (over 254 levels of nesting), nor all that a transformation may make:
        # integers over 64 bits, unpaired surrogates.
        return b"s" + _spelled(value)


def _spelled(value: Any) -> bytes:
    parts: list[str] = []
    pending: list[tuple[bool, Any]] = [(False, value)]
    while pending:
        is_text, item = pending.pop()
        if is_text:
            parts.append(item)
        elif isinstance(item, dict):
            parts.append("{")
            pending.append((True, "}"))
            for key in sorted(item, reverse=True):
                pending.append((True, ","))
                pending.append((False, item[key]))
                pending.append((True, f"{json.dumps(key)}:"))
        elif isinstance(item, list | tuple):
            parts.append("[")
            pending.append((True, "]"))
            for element in reversed(item):
                pending.append((True, ","))
                pending.append((False, element))
        else:
            parts.append(_scalar(item))
    return "".join(parts).encode()


def _scalar(item: Any) -> str:
    # hex: the decimal text of a huge integer is refused by the interpreter (and quadratic to make).
    return hex(item) if type(item) is int else json.dumps(item)
