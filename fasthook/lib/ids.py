"""Identifiers: a prefix and the 26 Crockford base32 characters of a UUIDv7 (RFC 9562), lower case.

Byte order is time order, so an id is a sort key, a cursor and a partition key at once. Clients treat ids as opaque.
"""

from __future__ import annotations

import random
import re
import time
from datetime import UTC, datetime, timedelta
from threading import Lock

ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_PAIRS = [high + low for high in ALPHABET for low in ALPHABET]
# To the digits that int() reads.
_TO_DIGITS = str.maketrans(ALPHABET, "0123456789abcdefghijklmnopqrstuv")
# 26 characters hold 130 bits, a UUID 128: the first character is at most 7.
_BODY = re.compile(f"[0-7][{ALPHABET}]{{25}}")

# UUIDv7 layout: 48 bits of milliseconds, version 7, 12 random bits, variant 2, 62 random bits.
_VERSION_AND_VARIANT = (0x7 << 76) | (0x2 << 62)
_RANDOM_BITS = 74
_LOW_62 = (1 << 62) - 1

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)

_lock = Lock()
_last_ms = 0
_last_random = 0


def new_id(prefix: str) -> str:
    """A fresh id such as `req_01k...`; within one process later ids sort after earlier ones."""
    global _last_ms, _last_random
    with _lock:
        now_ms = time.time_ns() // 1_000_000
        if now_ms > _last_ms:
            _last_ms = now_ms
            # The top bit stays clear, so that counting on inside this millisecond cannot overflow.
            _last_random = random.getrandbits(_RANDOM_BITS - 1)
        else:
            _last_random += 1 + random.getrandbits(24)
        milliseconds, rand = _last_ms, _last_random
    return f"{prefix}_{_encode(_compose(milliseconds, rand))}"


def first_id_at(prefix: str, at: datetime) -> str:
    """The smallest id that anything made at or after `at` (to the millisecond) can have: a range bound."""
    return f"{prefix}_{_encode(max(0, _milliseconds(at)) << 80)}"


def time_of(identifier: str) -> datetime:
    """When the id was made, UTC, to the millisecond. ValueError if it is not one of ours."""
    body = identifier.rpartition("_")[2]
    if not _BODY.fullmatch(body):
        raise ValueError(f"not an id: {identifier!r}")
    # The first ten characters are two bits that stay clear and the 48 of the time.
    return datetime.fromtimestamp(int(body[:10].translate(_TO_DIGITS), 32) / 1000, tz=UTC)


def is_id(prefix: str, text: str) -> bool:
    head, _, body = text.partition("_")
    return head == prefix and _BODY.fullmatch(body) is not None


def _milliseconds(at: datetime) -> int:
    """Whole ones, rounded down as `new_id` does; a float of seconds would lose some."""
    return (at - _EPOCH) // _MILLISECOND


def _compose(milliseconds: int, rand: int) -> int:
    return (milliseconds << 80) | _VERSION_AND_VARIANT | ((rand >> 62) << 64) | (rand & _LOW_62)


def _encode(value: int) -> str:
    return "".join([_PAIRS[(value >> shift) & 1023] for shift in range(120, -10, -10)])
