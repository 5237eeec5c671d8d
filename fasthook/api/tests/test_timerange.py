from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from fasthook.api.timerange import read_range
from fasthook.lib.errors import InvalidInput
from fasthook.lib.ids import first_id_at

NOW = datetime(2026, 5, 29, 12, 0, 0, 123_456, tzinfo=UTC)
NOW_MS = NOW.replace(microsecond=123_000)


def test_the_default_is_the_last_thirty_days_without_an_upper_bound() -> None:
    found = read_range({}, now=NOW)
    assert found.applied() == {"from": "2026-04-29T12:00:00.123Z", "to": "2026-05-29T12:00:00.123Z"}
    assert found.id_bounds("req") == {"id__gte": first_id_at("req", NOW_MS - timedelta(days=30))}


def test_relative_and_absolute_times_bound_both_ends_to_the_millisecond() -> None:
    found = read_range({"from": "now-15m", "to": "2026-05-29T11:59:00.5Z"}, now=NOW)
    assert found.applied() == {"from": "2026-05-29T11:45:00.123Z", "to": "2026-05-29T11:59:00.500Z"}
    end = datetime(2026, 5, 29, 11, 59, 0, 501_000, tzinfo=UTC)
    assert found.id_bounds("evt") == {
        "id__gte": first_id_at("evt", NOW_MS - timedelta(minutes=15)),
        "id__lt": first_id_at("evt", end),
    }


def test_only_an_end_begins_thirty_days_before_it() -> None:
    assert read_range({"to": "2026-05-01"}, now=NOW).applied()["from"] == "2026-04-01T00:00:00.000Z"


def test_a_known_earliest_time_replaces_the_default() -> None:
    earliest = datetime(2020, 1, 1, tzinfo=UTC)
    assert read_range({}, now=NOW, earliest=earliest).first == earliest
    assert read_range({"from": "now"}, now=NOW, earliest=earliest).first == NOW_MS


@pytest.mark.parametrize(
    ("operator", "first", "last"),
    [
        ("gte", "2026-05-29T10:00:00.000Z", "2026-05-29T12:00:00.123Z"),
        ("gt", "2026-05-29T10:00:00.001Z", "2026-05-29T12:00:00.123Z"),
        ("lte", "2026-04-29T10:00:00.000Z", "2026-05-29T10:00:00.000Z"),
        ("lt", "2026-04-29T09:59:59.999Z", "2026-05-29T09:59:59.999Z"),
    ],
)
def test_operators_include_or_leave_out_their_instant(operator: str, first: str, last: str) -> None:
    found = read_range({f"created_at[{operator}]": "2026-05-29T10:00:00Z"}, now=NOW)
    assert found.applied() == {"from": first, "to": last}


def test_the_tightest_of_several_bounds_applies() -> None:
    params = {"from": "now-2h", "created_at[gt]": "now-1h", "to": "now", "created_at[lt]": "now-1m"}
    found = read_range(params, now=NOW)
    assert found.first == NOW_MS - timedelta(hours=1) + timedelta(milliseconds=1)
    assert found.last == NOW_MS - timedelta(minutes=1) - timedelta(milliseconds=1)


def test_a_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_range({"from": "2026-05-02", "to": "2026-05-01"}, now=NOW)
    assert caught.value.fields == {"from": ["must not lie after the end of the range, 2026-05-01T00:00:00.000Z"]}


def test_a_time_that_is_none_is_refused_by_name() -> None:
    with pytest.raises(InvalidInput) as caught:
        read_range({"to": "tomorrow"}, now=NOW)
    assert list(caught.value.fields) == ["to"]
