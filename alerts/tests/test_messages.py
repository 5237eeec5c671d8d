"""What an alert says in one sentence, of one and of many."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from alerts.evaluation.transitions import Rule, Standing
from alerts.outbox.messages import summarise
from alerts.rules.types import RuleConfig, RuleType

START = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("rule_type", "value", "summary"),
    [
        (RuleType.FAILURE_RATE, 100, "connection shop: 100 % of 1 attempt failed within 5 minutes (threshold 1 %)"),
        (RuleType.BACKLOG, 1, "destination shop: 1 event waits (threshold 1)"),
        (RuleType.BACKLOG, 2, "destination shop: 2 events wait (threshold 1)"),
        (RuleType.REJECTED_REQUESTS, 1, "source shop: 1 request was rejected within 5 minutes (threshold 1)"),
        (RuleType.REJECTED_REQUESTS, 7, "source shop: 7 requests were rejected within 5 minutes (threshold 1)"),
    ],
)
def test_one_is_told_as_one(rule_type: RuleType, value: float, summary: str) -> None:
    rule = Rule(
        id="alr_1",
        team_id="tm_1",
        name="late",
        type=rule_type,
        config=RuleConfig(threshold=1, window_s=300),
        for_s=0,
        resolve_after_s=0,
        repeat_after_s=None,
        muted_until=None,
        channel_ids=(),
    )
    alert = Standing("alt_1", "alr_1", "des_1", "shop", value, out_of=1, pending_at=START, opened_at=START)
    assert summarise(rule, alert) == summary
