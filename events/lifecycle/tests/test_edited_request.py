"""A modified request is consistent in itself: what changed is read strictly, what did not stays byte for byte."""

from __future__ import annotations

from typing import Any

import pytest

from connections.sandbox.jobs import Message
from events.lifecycle.edited_request import BodyTooLarge, RequestLimits, edit_request
from fasthook.lib.errors import InvalidInput
from fasthook.lib.headers import merge_headers

LIMITS = RequestLimits(body_bytes=1000, header_bytes=300)
STORED = Message(
    method="POST",
    path="/orders",
    query="a=1&a=2",
    headers=[["content-type", "application/json"], ["content-length", "10"], ["x-a", "1"], ["x-a", "2"]],
    body=b'{"id":  1}',
)


def modified(given: dict[str, Any], stored: Message = STORED) -> Message:
    return edit_request(stored, given, LIMITS)


def headers(given: dict[str, Any], stored: Message = STORED) -> dict[str, str]:
    return merge_headers(modified(given, stored).headers)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"method": "post"},
        {"path": "/orders", "query": "a=1&a=2", "parsed_query": {"a": ["1", "2"]}},
        {"headers": {"content-type": "application/json", "content-length": "10", "x-a": "1, 2"}},
        {"body": {"id": 1}, "body_encoding": "json"},
        {"body": '{"id":  1}'},
    ],
)
def test_what_comes_back_as_it_was_shown_is_the_stored_request(given: dict[str, Any]) -> None:
    assert modified(given) is STORED


def test_each_given_field_replaces_what_was_stored() -> None:
    result = modified({"method": "put", "path": "/a b/ü", "query": "?q=1 2", "headers": {"X-B": "3"}})
    assert (result.method, result.path, result.query, result.body) == ("PUT", "/a%20b/%C3%BC", "q=1%202", STORED.body)
    assert list(result.headers) == [("content-type", "application/json"), ("x-b", "3")]


def test_a_parsed_query_may_be_changed_instead() -> None:
    given = {"query": "a=1&a=2", "parsed_query": {"a": ["1", "3"], "b": "x y"}}
    assert modified(given).query == "a=1&a=3&b=x+y"


@pytest.mark.parametrize(
    ("given", "body", "content_type"),
    [
        ({"body": {"id": 2}}, b'{"id":2}', "application/json"),
        ({"body": {"id": True}}, b'{"id":true}', "application/json"),
        ({"body": [1, None]}, b"[1,null]", "application/json"),
        ({"body": "2"}, b"2", "application/json"),
        ({"body": "two"}, b"two", "text/plain; charset=utf-8"),
        ({"body": "two", "body_encoding": "json"}, b'"two"', "application/json"),
        ({"body": "/wA=", "body_encoding": "base64"}, b"\xff\x00", "application/json"),
        ({"body": None}, b"", "application/json"),
        ({"body": "<a/>", "headers": {"Content-Type": "text/xml"}}, b"<a/>", "text/xml"),
    ],
)
def test_a_new_body_has_its_own_length_and_a_type_that_is_true(
    given: dict[str, Any], body: bytes, content_type: str
) -> None:
    result = modified(given)
    assert result.body == body
    assert headers(given)["content-type"] == content_type
    if "headers" not in given:
        assert headers(given)["content-length"] == str(len(body))
        assert [pair for pair in result.headers if pair[0] == "x-a"] == [("x-a", "1"), ("x-a", "2")]


def test_json_in_place_of_text_says_so() -> None:
    stored = Message("POST", "", "", [["content-type", "text/plain"]], b"x")
    assert headers({"body": {"a": 1}}, stored) == {"content-type": "application/json"}
    assert headers({"body": {"a": 1}, "headers": {"content-type": "application/hal+json"}}, stored) == {
        "content-type": "application/hal+json"
    }


def test_what_described_the_old_bytes_goes_with_them() -> None:
    stored = Message("POST", "", "", [["content-encoding", "gzip"], ["digest", "sha-256=x"], ["x-b", "1"]], b"\x1f\x8b")
    assert headers({"body": "plain"}, stored) == {"x-b": "1"}
    assert headers({"path": "/other"}, stored) == {"content-encoding": "gzip", "digest": "sha-256=x", "x-b": "1"}


def test_a_length_that_is_not_true_is_corrected_and_null_removes() -> None:
    assert headers({"headers": {"content-length": "999", "content-type": None}}) == {"content-length": "10"}


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"method": "TRACE"}, "method"),
        ({"path": "orders"}, "path"),
        ({"path": "/a?b=1"}, "path"),
        ({"path": "/a\nb"}, "path"),
        ({"path": "/" + "a" * 300}, "path"),
        ({"query": "a#b"}, "query"),
        ({"parsed_query": {"a": 1}}, "parsed_query.a"),
        ({"headers": {"x b": "1"}}, "headers.x b"),
        ({"headers": {"x-b": 1}}, "headers.x-b"),
        ({"headers": {"x-b": "1\r\nx-c: 2"}}, "headers.x-b"),
        ({"headers": {"x-b": "1" * 300}}, "headers"),
        ({"body": "%", "body_encoding": "base64"}, "body"),
        ({"body": 1, "body_encoding": "base64"}, "body"),
        ({"body": 1, "body_encoding": "text"}, "body"),
    ],
)
def test_what_no_provider_could_have_sent_is_refused_by_its_field(given: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        modified(given)
    assert (refusal.value.status, list(refusal.value.fields)) == (422, [field])


def test_a_body_beyond_the_limit_of_sources_is_too_large() -> None:
    assert len(modified({"body": "x" * 1000}).body) == 1000
    with pytest.raises(BodyTooLarge) as refusal:
        modified({"body": "x" * 1001})
    assert refusal.value.message == "body: is 1001 bytes long; sources of this installation take 1000"
    assert (refusal.value.status, refusal.value.code, list(refusal.value.fields)) == (
        413,
        "PAYLOAD_TOO_LARGE",
        ["body"],
    )
