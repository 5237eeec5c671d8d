"""Pieces of seeded rows: ids and times as text, payloads and headers to choose from. Pure; what can be is precomputed.

Text as COPY takes it: nothing here holds a backslash, a tab or a line break, so nothing needs escaping.
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from fasthook.lib.ids import ALPHABET

NULL = r"\N"
_PAIRS = [high + low for high in ALPHABET for low in ALPHABET]
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = [f".{number:03d}+00" for number in range(1000)]

BODIES = 512
MEDIAN_BODY_BYTES = 300
MAX_BODY_BYTES = 40_000
_WORDS = (
    "order",
    "customer",
    "invoice",
    "line",
    "total",
    "tax",
    "address",
    "city",
    "currency",
    "quantity",
    "status",
    "note",
)


class IdText:
    """Ids as fasthook.lib.ids makes them, for a given time, about ten times as fast."""

    def __init__(self, rng: random.Random) -> None:
        self._bits = rng.getrandbits
        # Version 7 and variant 2 with the random bits around them; then twelve random characters in threes.
        self._marks = [
            ALPHABET[0b01110 | mark & 1] + _PAIRS[mark >> 1 & 1023] + ALPHABET[8 | (mark >> 11 & 1) << 4 | mark >> 12]
            for mark in range(1 << 15)
        ]
        self._fours = ["".join(rng.choices(ALPHABET, k=4)) for _ in range(1 << 16)]
        self._heads: dict[int, str] = {}

    def at(self, ms: int) -> str:
        """The 26 characters of an id made `ms` milliseconds after 1970."""
        head = self._heads.get(ms >> 10)
        if head is None:
            head = self._heads[ms >> 10] = "".join([_PAIRS[ms >> shift & 1023] for shift in (40, 30, 20, 10)])
        bits, fours = self._bits(63), self._fours
        return (
            head
            + _PAIRS[ms & 1023]
            + self._marks[bits >> 48]
            + fours[bits & 0xFFFF]
            + fours[bits >> 16 & 0xFFFF]
            + fours[bits >> 32 & 0xFFFF]
        )


class TimeText:
    """Moments as Postgres reads them; a day has few enough seconds to remember each."""

    def __init__(self) -> None:
        self._seconds: dict[int, str] = {}

    def at(self, ms: int) -> str:
        second, rest = divmod(ms, 1000)
        text = self._seconds.get(second)
        if text is None:
            moment = _EPOCH + timedelta(seconds=second)
            text = self._seconds[second] = moment.strftime("%Y-%m-%d %H:%M:%S")
        return text + _MS[rest]


@dataclass(frozen=True, slots=True)
class BodyText:
    """A JSON body in two parts: an id of 16 characters goes between them."""

    before: str
    after: str

    @property
    def size(self) -> int:
        return len(self.before) + 16 + len(self.after)


def make_bodies(rng: random.Random, count: int = BODIES) -> list[BodyText]:
    """Skewed like real ones: most are small, one in a hundred is ten times the median, a few are large."""
    return [_body(rng, min(MAX_BODY_BYTES, int(rng.lognormvariate(0, 1) * MEDIAN_BODY_BYTES))) for _ in range(count)]


def _body(rng: random.Random, size: int) -> BodyText:
    kind = rng.choice(("order.created", "order.paid", "customer.updated", "invoice.paid", "ticket.opened"))
    fields: list[str] = []
    length = 60
    while length < size:
        name = f"{rng.choice(_WORDS)}_{rng.randrange(100)}"
        value = rng.choice((str(rng.randrange(100_000)), f'"{rng.choice(_WORDS)} {_letters(rng, 10)}"'))
        fields.append(f'"{name}": {value}')
        length += len(fields[-1]) + 2
    return BodyText(f'{{"type": "{kind}", "id": "', '", "data": {' + ", ".join(fields) + "}}")


def _letters(rng: random.Random, count: int) -> str:
    return "".join(rng.choices(string.ascii_lowercase, k=count))


def hex_texts(rng: random.Random, *, digits: int, count: int) -> list[str]:
    return [f"{rng.getrandbits(digits * 4):0{digits}x}" for _ in range(count)]


def request_headers(rng: random.Random, *, signed: bool) -> list[str]:
    """Some ready header lists of one source, as JSON."""
    return [_request_headers(rng, signed=signed) for _ in range(64)]


def _request_headers(rng: random.Random, *, signed: bool) -> str:
    pairs = [
        ["host", "hooks.example.com"],
        ["user-agent", f"ExampleHooks/{rng.randint(1, 4)}.{rng.randint(0, 9)} (+https://example.com/webhooks)"],
        ["accept", "*/*"],
        ["accept-encoding", "gzip, deflate"],
        ["content-type", "application/json"],
        ["x-example-delivery", f"{rng.getrandbits(128):032x}"],
        ["x-example-topic", rng.choice(("orders/create", "orders/updated", "customers/update", "tickets/open"))],
        ["x-forwarded-for", f"203.0.113.{rng.randrange(256)}"],
        ["x-forwarded-proto", "https"],
    ]
    if signed:
        pairs.append(["x-hub-signature-256", f"sha256={rng.getrandbits(256):064x}"])
    return json.dumps(pairs)


def response_headers(rng: random.Random) -> Sequence[str]:
    return [
        json.dumps(
            {
                "date": "Thu, 01 Jan 2026 00:00:00 GMT",
                "server": rng.choice(("nginx", "cloudflare", "uvicorn")),
                "content-type": "application/json",
                "content-length": str(rng.randint(2, 200)),
                "x-request-id": f"{rng.getrandbits(64):016x}",
            }
        )
        for _ in range(256)
    ]
