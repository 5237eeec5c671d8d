"""The bytes of a load: one webhook body and the request around it, built once, two numbers filled in per request."""

import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from bench.http import Endpoint

BODY_BYTES = 1200
ID_HEADER = "x-bench-id"
PLANNED_HEADER = "x-bench-planned-us"


def webhook_body(size_bytes: int = BODY_BYTES) -> bytes:
    """An order as a shop would post it, as JSON of exactly `size_bytes` (at least 300)."""
    order = {
        "id": "ord_7f3a19c4",
        "type": "order.paid",
        "created": "2026-01-15T09:30:00Z",
        "amount": {"currency": "EUR", "value": 12990},
        "customer": {"id": "cus_51", "email": "buyer@example.com", "country": "DE"},
        "items": [{"sku": "A-100", "quantity": 2}, {"sku": "B-230", "quantity": 1}],
        "note": "",
    }
    missing = size_bytes - len(json.dumps(order))
    if missing < 0:
        raise ValueError(f"size_bytes must be at least {size_bytes - missing}")
    order["note"] = ("deliver to the back door, " * (missing // 26 + 1))[:missing]
    return json.dumps(order).encode()


class Template(Protocol):
    """Whatever a load can send: rendered requests for one port of this machine."""

    @property
    def port(self) -> int: ...

    def render(self, seq: int, planned_us: int) -> bytes: ...


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """A POST whose id is `<tag>.<sequence>`; the receiver finds tag, sequence and planned send time in the headers."""

    port: int
    tag: str
    _before_seq: bytes
    _before_planned: bytes
    _after_planned: bytes

    def render(self, seq: int, planned_us: int) -> bytes:
        """`planned_us`: when the request should leave, microseconds since 1970."""
        return b"%b%08d%b%016d%b" % (self._before_seq, seq, self._before_planned, planned_us, self._after_planned)


def request_template(endpoint: Endpoint, tag: str, *, body: bytes | None = None) -> RequestTemplate:
    """A template for posting `body` (default: the 1.2 KB order) to `endpoint`; `tag` names the load, without dots."""
    assert "." not in tag
    content = webhook_body() if body is None else body
    head = (
        f"POST {endpoint.target} HTTP/1.1\r\nhost: {endpoint.authority}\r\ncontent-type: application/json\r\n"
        f"content-length: {len(content)}\r\nuser-agent: fasthook-bench\r\n{ID_HEADER}: {tag}."
    )
    return RequestTemplate(
        port=endpoint.port,
        tag=tag,
        _before_seq=head.encode("latin-1"),
        _before_planned=f"\r\n{PLANNED_HEADER}: ".encode("latin-1"),
        _after_planned=b"\r\n\r\n" + content,
    )


@dataclass(frozen=True, slots=True)
class SkewedTemplate:
    """One load over many sources as traffic really is: the n-th source gets 1/n of what the first one gets (Zipf)."""

    port: int
    _templates: Sequence[RequestTemplate]
    _choices: Sequence[int]

    def render(self, seq: int, planned_us: int) -> bytes:
        return self._templates[self._choices[seq % len(self._choices)]].render(seq, planned_us)


def skewed_template(endpoints: Sequence[Endpoint], tag: str) -> SkewedTemplate:
    """The same choices in every run; `endpoints` are of one server."""
    weights = [1 / (number + 1) for number in range(len(endpoints))]
    choices = random.Random(7).choices(range(len(endpoints)), weights, k=20 * len(endpoints))
    return SkewedTemplate(endpoints[0].port, [request_template(endpoint, tag) for endpoint in endpoints], choices)
