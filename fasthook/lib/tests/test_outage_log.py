from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import structlog
from structlog.testing import capture_logs

from fasthook.lib.outage_log import Outage


@pytest.fixture
def lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    # A logger keeps the processors that it was first used with.
    monkeypatch.setattr("fasthook.lib.outage_log.log", structlog.get_logger("outage"))
    with capture_logs() as captured:
        yield captured


def test_an_outage_is_one_line_and_its_end_another(lines: list[dict[str, Any]]) -> None:
    outage = Outage(restored="capture.restored")
    outage.over()
    for _ in range(100):
        outage.failed("capture.failed", ConnectionError("away"), requests=3)
    outage.over()
    outage.over()
    begun, ended = lines
    assert begun == {"event": "capture.failed", "error": "away", "requests": 3, "log_level": "error"}
    assert (ended["event"], ended["failures"], ended["log_level"]) == ("capture.restored", 100, "warning")
    assert ended["after_s"] >= 0


def test_the_next_outage_is_told_again(lines: list[dict[str, Any]]) -> None:
    outage = Outage(restored="capture.restored")
    for _ in range(2):
        outage.failed("capture.failed", ConnectionError("away"))
        outage.over()
    assert [line["event"] for line in lines] == ["capture.failed", "capture.restored"] * 2
    assert lines[-1]["failures"] == 1
