"""Response statuses that a retry rule covers: `429`, `500-599`, `>=500`, `<=599`, `>499`, `<600`, `!` before any.

The last entry that matches decides; a list of only exclusions means everything else; an empty one any non-2xx.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any, Final

from fasthook.lib.errors import invalid

MAX_CODES: Final = 100
LOWEST, HIGHEST = 100, 999

_ENTRY = re.compile(
    r"(?P<not>!?)\s*(?:(?P<low>\d{3})(?:\s*-\s*(?P<high>\d{3}))?|(?P<op>>=|<=|>|<)\s*(?P<bound>\d{3}))",
    re.ASCII,
)

_BOUNDS: Final[dict[str, Callable[[int], range]]] = {
    ">=": lambda bound: range(bound, HIGHEST + 1),
    ">": lambda bound: range(bound + 1, HIGHEST + 1),
    "<=": lambda bound: range(LOWEST, bound + 1),
    "<": lambda bound: range(LOWEST, bound),
}


def parse_status_codes(codes: Sequence[Any], *, at: str) -> frozenset[int]:
    """The statuses covered. A 2xx is success and never among them. Raises InvalidInput naming the entry."""
    if not isinstance(codes, list | tuple):
        raise invalid(at, 'must be a list such as ["429", "500-599", "!501"]')
    if len(codes) > MAX_CODES:
        raise invalid(at, f"must have at most {MAX_CODES} entries")
    entries = [_parse_entry(code, at=f"{at}[{position}]") for position, code in enumerate(codes)]
    only_exclusions = not any(included for included, _ in entries)
    covered = set(range(LOWEST, HIGHEST + 1)) if only_exclusions else set()
    for included, statuses in entries:
        _apply(covered, included, statuses)
    return frozenset(covered.difference(range(200, 300)))


def _apply(covered: set[int], included: bool, statuses: Iterable[int]) -> None:
    if included:
        covered.update(statuses)
    else:
        covered.difference_update(statuses)


def _parse_entry(code: Any, *, at: str) -> tuple[bool, range]:
    entry = None
    if isinstance(code, str | int) and not isinstance(code, bool):
        entry = _ENTRY.fullmatch(str(code).strip()[:32])
    if entry is None:
        raise invalid(at, "must be a status such as 429, a range such as 500-599, or >=500, each also excluded with !")
    numbers = [int(entry[name]) for name in ("low", "high", "bound") if entry[name] is not None]
    if not all(LOWEST <= number <= HIGHEST for number in numbers):
        raise invalid(at, f"must be a status between {LOWEST} and {HIGHEST}")
    if entry["op"] is not None:
        statuses = _BOUNDS[entry["op"]](numbers[0])
    elif numbers[-1] < numbers[0]:
        raise invalid(at, "must be a range from the lower to the higher status")
    else:
        statuses = range(numbers[0], numbers[-1] + 1)
    return not entry["not"], statuses
