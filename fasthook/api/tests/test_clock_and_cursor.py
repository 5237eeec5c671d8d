from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasthook.api.cursor import Cursor, decode_cursor, encode_cursor, list_signature
from fasthook.lib.clock import iso, parse_when
from fasthook.lib.errors import InvalidInput

NOW = datetime(2026, 5, 29, 10, 0, tzinfo=UTC)
LIST = list_signature("events", "id", "desc", {"status": "FAILED"})


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", NOW),
        (" now-15m ", NOW - timedelta(minutes=15)),
        ("now-250ms", NOW - timedelta(milliseconds=250)),
        ("now-2w", NOW - timedelta(weeks=2)),
        ("now-999999999w", datetime(1970, 1, 1, tzinfo=UTC)),
        ("2026-05-29", datetime(2026, 5, 29, tzinfo=UTC)),
        ("2026-05-29T10:00:00", NOW),
        ("2026-05-29T12:00:00+02:00", NOW),
        ("2026-05-29T10:00:00.5Z", NOW + timedelta(milliseconds=500)),
    ],
)
def test_times_are_read(text: str, moment: datetime) -> None:
    assert parse_when(text, at="from", now=NOW) == moment


@pytest.mark.parametrize(
    "text", ["", "yesterday", "now-", "now+1h", "now-1y", "now-1.5h", "1969-12-31", "2026-13-01", "0001-01-01T00:00+14"]
)
def test_what_is_not_a_time_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        parse_when(text, at="from", now=NOW)
    assert list(refusal.value.fields) == ["from"]


def test_times_are_written_in_utc_to_the_millisecond() -> None:
    assert (
        iso(datetime(2026, 5, 29, 12, 0, 0, 123999, tzinfo=timezone(timedelta(hours=2)))) == "2026-05-29T10:00:00.123Z"
    )
    assert iso(None) is None


@given(st.lists(st.text(st.characters(exclude_characters="\0", codec="utf-8")), min_size=1, max_size=3), st.booleans())
def test_a_cursor_comes_back_as_it_went(key: list[str], backward: bool) -> None:
    text = encode_cursor(LIST, key, backward=backward)
    assert decode_cursor(text, LIST, at="next") == Cursor(tuple(key), backward)
    assert "=" not in text


@pytest.mark.parametrize("other", [("requests", "id", "desc", {"status": "FAILED"}), ("events", "id", "asc", {})])
def test_a_cursor_of_another_list_is_refused(other: tuple[object, ...]) -> None:
    text = encode_cursor(list_signature(*other), ["evt_1"], backward=False)  # type: ignore[arg-type]
    with pytest.raises(InvalidInput, match="belongs to another list"):
        decode_cursor(text, LIST, at="next")


def forged(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "?",
        "\u00e9",
        "AAAA",
        encode_cursor(LIST, ["evt_1"], backward=False)[:-3],
        forged(7),
        forged({"a": 1}),
        forged([1, LIST]),
        forged([1, LIST, 0]),
        forged([1, LIST, 0, 5]),
        forged([1, LIST, 0, "a\0b"]),
        forged([1, LIST, 0, None]),
        forged([[[]]]),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    ],
)
def test_a_damaged_cursor_is_refused_by_name(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        decode_cursor(text, LIST, at="prev")
    assert list(refusal.value.fields) == ["prev"]
