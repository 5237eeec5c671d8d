"""What a receiver sends back of the credentials that it was sent."""

from __future__ import annotations

from destinations.outbound.build import PreparedRequest
from destinations.outbound.redaction import redacted
from destinations.outbound.result import SendResult

REQUEST = PreparedRequest(
    method="POST",
    url="https://example.com/hook?key=p%40ssword&page=1&pin=12",
    headers=(("authorization", "Bearer token-12345"), ("x-key", "key-98765"), ("x-other", "value-1")),
    body=b"{}",
)
SHOWN = PreparedRequest(
    method="POST",
    url="https://example.com/hook?key=***&page=1&pin=***",
    headers=(("authorization", "***"), ("x-key", "***"), ("x-other", "value-1")),
    body=b"{}",
)


def answer(body: bytes, *headers: tuple[str, str], message: str | None = None) -> SendResult:
    return SendResult(200, headers, body, 5, None, message)


def test_credentials_are_masked_wherever_an_answer_has_them() -> None:
    sent = answer(
        b'{"authorization": "Bearer token-12345", "token": "token-12345", "other": "value-1", "at": "?key=p%40ssword"}',
        ("x-echo", "key-98765"),
        message="key-98765 was refused",
    )
    assert redacted(sent, request=REQUEST, shown=SHOWN) == answer(
        b'{"authorization": "***", "token": "***", "other": "value-1", "at": "?key=***"}',
        ("x-echo", "***"),
        message="*** was refused",
    )


def test_what_is_too_short_to_tell_apart_is_left() -> None:
    sent = answer(b"12 of 12 things at page=1")
    assert redacted(sent, request=REQUEST, shown=SHOWN) == sent


def test_a_request_without_credentials_leaves_its_answer_alone() -> None:
    sent = answer(b"Bearer token-12345")
    assert redacted(sent, request=REQUEST, shown=REQUEST) is sent
