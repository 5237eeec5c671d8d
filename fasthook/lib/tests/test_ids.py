from __future__ import annotations

import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasthook.lib import ids
from fasthook.lib.ids import first_id_at, is_id, new_id, time_of

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
MOMENTS = st.integers(min_value=1, max_value=4_102_444_800_000).map(
    lambda ms: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms)
)


def as_uuid(identifier: str) -> uuid.UUID:
    number = 0
    for character in identifier.rpartition("_")[2]:
        number = number * 32 + CROCKFORD.index(character)
    return uuid.UUID(int=number)


def test_an_id_is_a_uuid_of_version_7() -> None:
    before_ms = time.time_ns() // 1_000_000
    value = as_uuid(new_id("req"))
    after_ms = time.time_ns() // 1_000_000
    # RFC 9562, 5.7: 48 bits of milliseconds, then the version; the variant leads the last 64 bits.
    assert before_ms <= value.int >> 80 <= after_ms
    assert (value.int >> 76) & 0xF == 7
    assert (value.int >> 62) & 0b11 == 0b10
    assert value.version == 7
    assert value.variant == uuid.RFC_4122


def test_the_random_bits_of_different_milliseconds_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter(range(1_900_000_000_000, 1_900_000_000_200))
    monkeypatch.setattr(ids.time, "time_ns", lambda: next(clock) * 1_000_000)
    monkeypatch.setattr(ids, "_last_ms", 0)
    values = [as_uuid(new_id("req")).int for _ in range(200)]
    high = {(value >> 64) & 0xFFF for value in values}
    low = {value & ((1 << 62) - 1) for value in values}
    assert len(high) > 150
    assert len(low) == 200


def test_ids_keep_their_order_within_a_millisecond_and_when_the_clock_steps_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    readings = iter([5_000_000_000_000_000_000] * 500 + [4_999_999_999_000_000_000] * 500)
    monkeypatch.setattr(ids.time, "time_ns", lambda: next(readings))
    monkeypatch.setattr(ids, "_last_ms", 0)
    made = [new_id("evt") for _ in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == 1000
    assert {time_of(identifier) for identifier in made} == {datetime.fromtimestamp(5_000_000_000, tz=UTC)}


def test_threads_never_make_the_same_id_and_each_sees_its_own_in_order() -> None:
    with ThreadPoolExecutor(8) as threads:
        batches = list(threads.map(lambda _: [new_id("evt") for _ in range(2000)], range(8)))
    assert all(batch == sorted(batch) for batch in batches)
    assert len({identifier for batch in batches for identifier in batch}) == 16_000


@given(MOMENTS)
def test_the_first_id_of_a_moment_bounds_every_id_made_in_it(at: datetime) -> None:
    bound = first_id_at("req", at)
    assert time_of(bound) == at
    assert (
        first_id_at("req", at - timedelta(milliseconds=1)) < bound < first_id_at("req", at + timedelta(milliseconds=1))
    )


def test_what_was_made_in_the_same_millisecond_is_not_below_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "_last_ms", 0)
    monkeypatch.setattr(ids.time, "time_ns", lambda: 1_900_000_000_000_900_000)
    made = new_id("req")
    at = datetime.fromtimestamp(1_900_000_000, tz=UTC) + timedelta(microseconds=900)
    assert first_id_at("req", at) <= made


def test_byte_order_is_time_order() -> None:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    bounds = [first_id_at("evt", start + timedelta(milliseconds=97 * step)) for step in range(500)]
    assert bounds == sorted(bounds)


@pytest.mark.parametrize(
    "garbage",
    ["", "req", "req_", "req_short", "req_" + "i" * 26, "req_" + "0" * 27, "req_" + "A" * 26, "req_" + "0" * 25 + "\n"],
)
def test_garbage_is_not_an_id(garbage: str) -> None:
    assert not is_id("req", garbage)
    with pytest.raises(ValueError, match="not an id"):
        time_of(garbage)


def test_an_id_of_128_bits_and_more_is_not_an_id() -> None:
    # 26 characters hold 130 bits: the first one is at most 7.
    assert not is_id("req", "req_8" + "0" * 25)
    with pytest.raises(ValueError, match="not an id"):
        time_of("req_z" + "0" * 25)


def test_an_id_of_another_kind_is_not_an_id_of_this_kind() -> None:
    identifier = new_id("evt")
    assert is_id("evt", identifier)
    assert not is_id("req", identifier)
    assert not is_id("evt", identifier.upper())
