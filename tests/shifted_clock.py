"""Moments that trip clocks up: a test that uses the fixture `shifted_clock` runs at each, and at the present one.

Python's clock is shifted, Postgres's is not: statements that say now() keep to the real time. Nor are there partitions
of the moment's day, so that evidence has to bring its own along (events/tests/writing.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
import time_machine

from fasthook.lib import ids

MOMENTS = {
    "now": None,
    "00:30": datetime(2027, 5, 12, 0, 30, tzinfo=UTC),
    "05:59": datetime(2027, 5, 12, 5, 59, tzinfo=UTC),
    "23:59": datetime(2027, 5, 12, 23, 59, tzinfo=UTC),
    "last of a month": datetime(2027, 12, 31, 18, tzinfo=UTC),
    "first of a month": datetime(2027, 3, 1, tzinfo=UTC),
    "29 February": datetime(2028, 2, 29, 12, tzinfo=UTC),
    # The process has this local time zone then.
    "clocks went forward": datetime(2027, 3, 14, 3, 0, tzinfo=ZoneInfo("America/Los_Angeles")),
    "clocks went back": datetime(2027, 11, 7, 1, 0, fold=1, tzinfo=ZoneInfo("America/Los_Angeles")),
}


@pytest.fixture(params=MOMENTS.values(), ids=list(MOMENTS))
def shifted_clock(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The clock goes on from the moment. For `usefixtures`, which comes before what a test names, such as `now`."""
    if request.param is None:
        yield
        return
    # Within a process ids never go back, as the clock does: before the test or after it.
    monkeypatch.setattr(ids, "_last_ms", 0)
    with time_machine.travel(request.param, tick=True):
        yield
