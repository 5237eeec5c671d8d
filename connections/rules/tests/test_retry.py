from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connections.rules.retry import compile_retry, plan_retry, preview_schedule, retry_after_ms
from fasthook.lib.errors import InvalidInput

NOW = datetime(2026, 5, 29, 12, 0, 0, tzinfo=UTC)
DAY_MS = 86_400_000


def policy(codes=None, *, strategy="linear", interval=30_000, count=5):
    return compile_retry(
        {"strategy": strategy, "interval": interval, "count": count, "response_status_codes": codes or []}
    )


@pytest.mark.parametrize(
    ("codes", "retried", "not_retried"),
    [
        ([], [100, 301, 302, 400, 404, 429, 500, 599, 600, 999], [200, 201, 204, 299]),
        (["429"], [429], [428, 430, 500]),
        ([429], [429], [428, 500]),
        (["500-599"], [500, 550, 599], [499, 600, 404]),
        ([">=500"], [500, 599, 999], [499]),
        (["<=404"], [100, 301, 404], [405, 200, 500]),
        (["<=599"], [301, 404, 599], [600, 200]),
        ([">499"], [500], [499]),
        (["<600"], [599, 301], [600, 204]),
        (["!501"], [500, 404, 301, 502], [501, 200]),
        (["!500-510"], [499, 511, 429], [500, 505, 510]),
        (["!>=500"], [404, 499], [500, 503]),
        (["429", "500-599", "!501"], [429, 500, 502, 599], [501, 404, 428]),
        (["500-599", ">=500", "!501"], [500, 502, 599, 600], [501, 499, 429]),
        (["!501", "500-599"], [500, 501], [404]),
        (["500-599", "!500-510", "505"], [505, 511], [500, 510]),
        ([" 429 ", "500 - 502", "! 501"], [429, 500, 502], [501, 503]),
        (["200-299"], [], [200, 204, 404]),
        ([">=200"], [300, 404, 500], [200, 299]),
    ],
)
def test_the_last_entry_that_matches_decides(codes, retried, not_retried):
    compiled = policy(codes)
    assert [status for status in retried if not compiled.retries_status(status)] == []
    assert [status for status in not_retried if compiled.retries_status(status)] == []
    assert compiled.retries_status(None) is True


@pytest.mark.parametrize(
    "code",
    [
        "",
        "5xx",
        "500-",
        "-500",
        "599-500",
        "99",
        "1000",
        "500,501",
        "=500",
        "!!501",
        "5e2",
        "٤٢٩",
        True,
        None,
        50.5,
        [],
    ],
)
def test_a_bad_entry_is_refused_by_its_place(code):
    with pytest.raises(InvalidInput) as refusal:
        policy(["429", code])
    assert list(refusal.value.fields) == ["rule.response_status_codes[1]"]


def test_codes_must_be_a_short_list():
    for codes in ("429", {"a": 1}, [429] * 101):
        with pytest.raises(InvalidInput) as refusal:
            policy(codes)
        assert list(refusal.value.fields) == ["rule.response_status_codes"]


def test_a_linear_schedule_waits_the_interval_every_time():
    linear = policy(strategy="linear", interval=3_600_000, count=5)
    assert [linear.delay_ms(number) for number in range(1, 7)] == [3_600_000] * 5 + [None]


def test_an_exponential_schedule_doubles_up_to_a_day():
    doubling = policy(strategy="exponential", interval=30_000, count=5)
    assert [doubling.delay_ms(number) for number in range(1, 7)] == [30_000, 60_000, 120_000, 240_000, 480_000, None]
    long = policy(strategy="exponential", interval=3_600_000, count=50)
    assert [long.delay_ms(number) for number in (5, 6, 50)] == [57_600_000, DAY_MS, DAY_MS]


def test_retries_are_numbered_from_one():
    with pytest.raises(ValueError, match="numbered from 1"):
        policy().delay_ms(0)


def test_the_preview_adds_the_delays_up():
    doubling = policy(strategy="exponential", interval=30_000, count=4)
    seconds = [(moment - NOW).total_seconds() for moment in preview_schedule(doubling, start=NOW)]
    assert seconds == [30, 90, 210, 450]
    later = [(moment - NOW).total_seconds() for moment in preview_schedule(doubling, start=NOW, done=2)]
    assert later == [120, 360]
    assert preview_schedule(doubling, start=NOW, done=4) == []


@pytest.mark.parametrize(
    ("header", "milliseconds"),
    [
        (None, 0),
        ("", 0),
        ("0", 0),
        ("120", 120_000),
        (" 120 ", 120_000),
        ("-5", 0),
        ("1.5", 0),
        ("soon", 0),
        ("99999999999999999999", DAY_MS),
        ("9" * 5000, 0),
        ("Fri, 29 May 2026 12:01:30 GMT", 90_000),
        ("Friday, 29-May-26 12:01:30 GMT", 90_000),
        ("Fri, 29 May 2026 14:01:30 +0200", 90_000),
        ("Fri, 29 May 2026 12:01:30 -0000", 90_000),
        ("Fri, 29 May 2026 11:59:59 GMT", 0),
        ("Sun, 31 May 2026 12:00:01 GMT", DAY_MS),
        ("Fri, 99 May 2026 12:00:00 GMT", 0),
        ("Fri, 29 May 99999 12:00:00 GMT", 0),
        ("٣", 0),
    ],
)
def test_retry_after_is_seconds_or_a_date_within_a_day(header, milliseconds):
    assert retry_after_ms(header, now=NOW) == milliseconds


@settings(deadline=None)
@given(st.text())
def test_no_retry_after_header_raises(header):
    assert 0 <= retry_after_ms(header, now=NOW) <= DAY_MS


@pytest.mark.parametrize(
    ("status", "retry_after", "seconds"),
    [
        (500, None, 30),
        (None, None, 30),
        (503, "120", 120),
        (429, "120", 120),
        (429, "5", 30),
        (429, "999999", 86_400),
        (503, "Fri, 29 May 2026 12:10:00 GMT", 600),
        (500, "120", 30),
        (404, "120", 30),
        (None, "120", 30),
        (429, "soon", 30),
    ],
)
def test_the_next_attempt_waits_for_the_later_of_rule_and_receiver(status, retry_after, seconds):
    due = plan_retry(policy(), retry_number=1, status=status, retry_after=retry_after, now=NOW)
    assert due == NOW + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("rule", "retry_number", "status"),
    [(None, 1, 500), (policy(count=3), 4, 500), (policy(["500-599"]), 1, 404), (policy(["!501"]), 1, 501)],
)
def test_there_is_no_next_attempt(rule, retry_number, status):
    assert plan_retry(rule, retry_number=retry_number, status=status, retry_after="60", now=NOW) is None


def test_the_last_retry_is_still_planned():
    assert plan_retry(policy(count=3), retry_number=3, status=500, retry_after=None, now=NOW) is not None
