from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import pytest

from destinations import mock_receiver


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes
    complete: bool

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(
    query: str = "",
    *,
    body: list[bytes] | None = None,
    headers: list[tuple[bytes, bytes]] | None = None,
    path: str = "/",
) -> Answer:
    sent: list[Any] = []
    chunks = list(body or [b""])

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": chunks.pop(0), "more_body": bool(chunks)}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": headers or [],
    }
    asyncio.run(mock_receiver.mock_application(scope, receive, send))
    start, *rest = sent
    return Answer(
        status=start["status"],
        headers={name.decode(): value.decode() for name, value in start["headers"]},
        body=b"".join(message["body"] for message in rest),
        complete=not rest[-1].get("more_body", False),
    )


@pytest.fixture(autouse=True)
def calls(monkeypatch: pytest.MonkeyPatch) -> mock_receiver.Calls:
    fresh = mock_receiver.Calls()
    monkeypatch.setattr(mock_receiver, "_calls", fresh)
    return fresh


def test_it_echoes_what_it_was_sent() -> None:
    answer = call(
        "a=1&b=%20x",
        path="/mock/orders%2F7",
        headers=[(b"content-type", b"application/json"), (b"X-Tag", b"one"), (b"x-tag", b"two")],
        body=[b'{"id":', b" 7}"],
    )
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["content-length"] == str(len(answer.body))
    assert answer.json == {
        "method": "POST",
        "path": "/mock/orders%2F7",
        "query": "a=1&b=%20x",
        "headers": {"content-type": "application/json", "x-tag": "one, two"},
        "body": {"id": 7},
        "body_size": 9,
    }


@pytest.mark.parametrize(
    ("body", "expected"),
    [(b"", ""), (b"plain", "plain"), (b"NaN", "NaN"), (b"\xff", "\ufffd"), (b"[" * 60_000, "[" * 60_000)],
    ids=["empty", "text", "nan", "binary", "deep"],
)
def test_what_is_not_json_is_echoed_as_text(body: bytes, expected: str) -> None:
    assert call(body=[body]).json["body"] == expected


def test_only_the_beginning_of_a_long_body_is_kept() -> None:
    answer = call(body=[b"a" * 50_000] * 10)
    assert (len(answer.json["body"]), answer.json["body_size"]) == (mock_receiver.MAX_ECHO_BYTES, 500_000)


def test_it_answers_the_status_that_is_asked_for() -> None:
    assert call("status=503").status == 503
    without_body = call("status=204")
    assert (without_body.status, without_body.body, "content-length" in without_body.headers) == (204, b"", False)


def test_it_waits_before_it_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = []

    async def sleep(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr(mock_receiver.asyncio, "sleep", sleep)
    call()
    assert waited == []
    call("delay_ms=200")
    assert waited == [0.2]


def test_it_fails_the_first_calls_of_each_event() -> None:
    one, two = [(b"x-fasthook-event-id", b"evt_1")], [(b"x-fasthook-event-id", b"evt_2")]
    assert [call("fail_first=2", headers=one).status for _ in range(4)] == [503, 503, 200, 200]
    assert [call("fail_first=1&status=500", headers=two).status for _ in range(2)] == [500, 200]


def test_callers_without_an_event_id_are_counted_by_url() -> None:
    assert [call("fail_first=1&n=1").status for _ in range(2)] == [503, 200]
    assert [call("fail_first=1&n=2").status for _ in range(2)] == [503, 200]


def test_only_the_most_recent_events_are_remembered() -> None:
    calls = mock_receiver.Calls(capacity=2)
    assert [calls.add(event) for event in ["a", "b", "a", "c", "a", "b"]] == [1, 1, 2, 1, 3, 1]
    assert len(calls) == 2


def test_it_answers_as_many_bytes_as_asked_for() -> None:
    answer = call("body_bytes=200000&status=500")
    assert (answer.status, answer.body, answer.complete) == (500, b"x" * 200_000, True)
    assert answer.headers["content-length"] == "200000"
    assert call("body_bytes=0").body == b""


def test_a_reset_leaves_the_answer_unfinished() -> None:
    answer = call("reset=1")
    assert not answer.complete
    assert int(answer.headers["content-length"]) > len(answer.body)


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("status=700", "status must be a whole number from 200 to 599"),
        ("status=abc", "status must be a whole number from 200 to 599"),
        ("delay_ms=30001", "delay_ms must be a whole number from 0 to 30000"),
        ("body_bytes=99999999", "body_bytes must be a whole number from 0 to 1048576"),
        ("fail_first=-1", "fail_first must be a whole number from 0 to 1000"),
    ],
)
def test_a_wish_out_of_range_is_400_and_says_so(query: str, fault: str, calls: mock_receiver.Calls) -> None:
    answer = call(query)
    assert (answer.status, answer.json) == (400, {"error": fault, "code": "MALFORMED_INPUT"})
    assert len(calls) == 0


@pytest.mark.parametrize("query", ["", "status=503", "status=204", "status=700", "body_bytes=1", "reset=1"])
def test_no_answer_runs_anything_in_a_browser(query: str) -> None:
    headers = call(query).headers
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["x-content-type-options"] == "nosniff"


def test_cookies_that_no_script_may_read_are_not_echoed() -> None:
    sent = [(b"Cookie", b"a=1; __Host-fasthook-session=s"), (b"cookie", b"fasthook-csrf=c")]
    assert call(headers=sent).json["headers"] == {"cookie": "a=1"}
