"""What is posted: a JSON body of the promised size, and a request a receiver can account for."""

import json

import pytest

from bench.http import Endpoint
from bench.payload import request_template, skewed_template, webhook_body


@pytest.mark.parametrize("size_bytes", [300, 1200, 5000])
def test_the_body_is_json_of_exactly_the_asked_size(size_bytes: int) -> None:
    body = webhook_body(size_bytes)
    assert len(body) == size_bytes
    assert json.loads(body)["type"] == "order.paid"


def test_a_body_too_small_for_its_fields_is_refused() -> None:
    with pytest.raises(ValueError, match="size_bytes must be at least"):
        webhook_body(100)


def test_a_request_carries_tag_sequence_and_planned_time() -> None:
    template = request_template(Endpoint(8000, "127.0.0.1:8000", "/in/abc/"), "load", body=b'{"a":1}')
    assert template.render(42, 1_700_000_000_000_123) == (
        b"POST /in/abc/ HTTP/1.1\r\n"
        b"host: 127.0.0.1:8000\r\n"
        b"content-type: application/json\r\n"
        b"content-length: 7\r\n"
        b"user-agent: fasthook-bench\r\n"
        b"x-bench-id: load.00000042\r\n"
        b"x-bench-planned-us: 1700000000000123\r\n"
        b'\r\n{"a":1}'
    )


def test_a_skewed_load_uses_every_source_and_the_first_one_most() -> None:
    endpoints = [Endpoint(80, "127.0.0.1", f"/in/{number}/") for number in range(10)]
    template = skewed_template(endpoints, "tag")
    lines = [template.render(seq, 0).split(b" ")[1] for seq in range(200)]
    shares = [lines.count(endpoint.target.encode()) for endpoint in endpoints]
    assert min(shares) > 0
    assert shares[0] == max(shares) > 2 * shares[-1]
    assert b"x-bench-id: tag.00000007" in template.render(7, 0)
