"""The raw client reads whole answers, notices broken ones, and never leaves this machine."""

import pytest

from bench.http import MalformedResponseError, NotLoopbackError, Response, loopback_endpoint, parse_response

ANSWER = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"ok":true}'


def test_a_whole_answer_is_read() -> None:
    assert parse_response(ANSWER) == Response(200, b'{"ok":true}', closes=False)


def test_every_cut_of_an_answer_is_waited_for() -> None:
    assert [parse_response(ANSWER[:size]) for size in range(len(ANSWER))] == [None] * len(ANSWER)


def test_a_content_length_as_the_last_header_is_read() -> None:
    assert parse_response(b"HTTP/1.1 503 Service Unavailable\r\ncontent-length:0\r\n\r\n") == Response(503, b"", False)


def test_an_answer_that_ends_the_connection_says_so() -> None:
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\n"
    assert parse_response(head + b"ok") == Response(200, b"ok", closes=True)


def test_chunks_are_joined_and_waited_for() -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert parse_response(head + b"3\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n") == Response(200, b"abc0123456789", False)
    assert parse_response(head + b"3\r\nabc\r\nA\r\n01234") is None
    assert parse_response(head + b"3\r\nabc\r\n") is None


def test_an_answer_without_content_needs_no_length() -> None:
    assert parse_response(b"HTTP/1.1 204 No Content\r\nServer: x\r\n\r\n") == Response(204, b"", False)


@pytest.mark.parametrize(
    "answer",
    [
        ANSWER + b"HTTP/1.1 200 OK",
        b"HTTP/1.1 200 OK\r\nServer: x\r\n\r\nendless",
        b"HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
        b"SSH-2.0-OpenSSH\r\n\r\n",
    ],
)
def test_what_is_not_one_answer_is_refused(answer: bytes) -> None:
    with pytest.raises(MalformedResponseError):
        parse_response(answer)


@pytest.mark.parametrize(
    "url",
    [
        "http://10.0.0.1:8000/",
        "http://example.com/in/x/",
        "https://127.0.0.1/",
        "http://127.0.0.1.example.com/",
        "http://0.0.0.0:8000/",
        "127.0.0.1:8000",
    ],
)
def test_another_host_or_scheme_is_refused(url: str) -> None:
    with pytest.raises(NotLoopbackError):
        loopback_endpoint(url)


def test_a_loopback_url_keeps_host_path_and_query() -> None:
    endpoint = loopback_endpoint("http://localhost:8123/in/abc/?a=1")
    assert (endpoint.port, endpoint.authority, endpoint.target) == (8123, "localhost:8123", "/in/abc/?a=1")
