"""The address before the start and the answer after it."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from local.supervisor.readiness import Answer, ask_ready, why_unusable


class Readyz(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        assert self.path == "/readyz"
        self.send_response(503)
        self.end_headers()
        self.wfile.write(b"postgres: refused")

    def log_message(self, *arguments: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Readyz) as running:
        thread = threading.Thread(target=running.serve_forever)
        thread.start()
        yield running
        running.shutdown()
        thread.join()


def test_a_refusal_is_told_with_its_reason(server: ThreadingHTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    answer = ask_ready(f"http://127.0.0.1:{server.server_port}")
    assert answer == Answer(503, "postgres: refused")
    assert not answer.is_ready


def test_no_answer_is_status_zero() -> None:
    with socket.socket() as unheard:
        unheard.bind(("127.0.0.1", 0))
        assert ask_ready(f"http://127.0.0.1:{unheard.getsockname()[1]}").status == 0


def test_a_taken_port_is_told_with_the_way_out(server: ThreadingHTTPServer) -> None:
    port = server.server_port
    sentence = why_unusable("127.0.0.1", str(port))
    free = port + 1 if port < 65535 else 8000
    assert sentence == (f"Port {port} on 127.0.0.1 is in use by another program. Choose one: PORT={free} ./script/up")


def test_a_free_port_is_usable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    assert why_unusable("127.0.0.1", str(port)) is None


@pytest.mark.parametrize("port", ["http", "0", "65536", "-1", ""])
def test_a_senseless_port_is_refused(port: str) -> None:
    assert why_unusable("127.0.0.1", port) == f"PORT must be a number from 1 to 65535, not {port!r}."


def test_a_foreign_address_is_refused() -> None:
    assert "Cannot listen on 192.0.2.1:8000" in (why_unusable("192.0.2.1", "8000") or "")
