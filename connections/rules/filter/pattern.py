"""`$regex`: RE2 patterns, so that matching takes time linear in the text whatever the pattern and the sender.

Linear still means pattern size times text length (measured: 3 ns a step when RE2's lazy automaton overflows), so both
the size of a pattern and the steps of one filter evaluation are bounded.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

import re2

from fasthook.lib.errors import invalid

MAX_PATTERN_LENGTH: Final = 512
MAX_PROGRAM_SIZE: Final = 500
# About 0.6 s in the worst case; a pattern of usual size (30 instructions) may read some 6 MB of text.
MAX_STEPS: Final = 200_000_000

Search: TypeAlias = Callable[[str], bool]


def compile_pattern(pattern: str, *, at: str) -> tuple[Search, int]:
    """A search (unanchored, as in JavaScript's `test`) and its steps per byte. Raises InvalidInput naming `at`."""
    if len(pattern) > MAX_PATTERN_LENGTH:
        raise invalid(at, f"must be at most {MAX_PATTERN_LENGTH} characters")
    try:
        compiled = re2.compile(pattern, _options())
    except re2.error as error:
        raise invalid(at, f"is not a regular expression RE2 understands: {_reason(error)}") from error
    if compiled.programsize > MAX_PROGRAM_SIZE:
        raise invalid(at, "is too large once expanded; use smaller repetition counts")

    def search(text: str) -> bool:
        # Bytes spare RE2's wrapper the conversion of offsets, which nobody reads here.
        return compiled.search(text.encode("utf-8", "replace")) is not None

    return search, int(compiled.programsize)


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = 4 << 20
    return options


def _reason(error: Exception) -> str:
    reason = error.args[0] if error.args else ""
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)
