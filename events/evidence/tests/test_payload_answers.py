from __future__ import annotations

import base64

import orjson
import pytest

from events.storage.payload_json import body_answer, data_answer
from events.storage.payloads import Payload


def shown(body: bytes | None, *, size: int | None = None) -> tuple[object, str]:
    value, encoding = body_answer(body, truncated=size is not None)
    return orjson.loads(orjson.dumps(value)), encoding


@pytest.mark.parametrize(
    ("body", "expected", "encoding"),
    [
        (None, None, "text"),
        (b"", None, "text"),
        (b'{"a": [1, null]}', {"a": [1, None]}, "json"),
        (b'"text"', "text", "json"),
        (b"7", 7, "json"),
        (b"not json", "not json", "text"),
        (b'{"a": NaN}', '{"a": NaN}', "text"),
        (b'{"a": "\\ud800"}', '{"a": "\\ud800"}', "text"),
        ("snö".encode(), "snö", "text"),
        (b"\x00\xff\xfe", base64.b64encode(b"\x00\xff\xfe").decode(), "base64"),
    ],
)
def test_a_body_is_json_where_it_is_json_else_text_else_base64(
    body: bytes | None, expected: object, encoding: str
) -> None:
    assert shown(body) == (expected, encoding)


def test_a_json_body_is_shown_to_the_letter() -> None:
    body = b'{"id": 123456789012345678901234567890, "id": 1.10}'
    value, encoding = body_answer(body, truncated=False)
    assert (orjson.dumps(value), encoding) == (body, "json")


def test_deep_json_can_be_shown() -> None:
    body = b"[" * 900 + b"]" * 900
    assert orjson.dumps(body_answer(body, truncated=False)[0]) == body


def test_a_cut_body_is_text_even_when_its_beginning_is_json() -> None:
    assert shown(b"12", size=100) == ("12", "text")


@pytest.mark.parametrize("end", [1, 2, 3])
def test_a_cut_inside_a_character_drops_that_character_only(end: int) -> None:
    assert shown(b"ab" + "\N{GRINNING FACE}".encode()[:end], size=100) == ("ab", "text")


def test_a_broken_end_that_was_not_cut_is_binary() -> None:
    assert shown(b"ab\xf0\x9f")[1] == "base64"
    assert shown(b"ab\xff", size=100)[1] == "base64"


def test_a_payload_that_is_gone_has_no_data() -> None:
    assert data_answer(None) is None


def test_a_body_that_was_never_stored_is_null() -> None:
    data = data_answer(Payload(method="PUT", path="", query="", headers=[], body=None, body_size=0))
    assert data is not None
    assert (data["body"], data["body_truncated"]) == (None, False)
