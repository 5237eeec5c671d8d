"""GET /metrics, of the web role and of a worker's own small server."""

from __future__ import annotations

import http.client
import json
from collections.abc import Iterator
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from metrics.prometheus import start, view
from metrics.prometheus.server import serve_metrics

PLAIN = "text/plain; version=0.0.4; charset=utf-8"


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, settings: Any) -> Iterator[None]:
    settings.METRICS_DIR = tmp_path / "metrics"
    view._registry.cache_clear()
    yield
    view._registry.cache_clear()


@pytest.mark.usefixtures("transactional_db")
def test_this_machine_is_shown_everything() -> None:
    answer = Client().get("/metrics")
    text = answer.content.decode()
    assert (answer.status_code, answer["Content-Type"], answer["Cache-Control"]) == (200, PLAIN, "no-store")
    assert "\nfasthook_requests_accepted_total " in text
    assert '\nfasthook_queue_jobs{stage="deliver"} 0.0\n' in text
    assert "\nfasthook_database_up 1.0\n" in text


@pytest.mark.usefixtures("transactional_db")
def test_the_format_is_negotiated() -> None:
    answer = Client().get("/metrics", headers={"Accept": "application/openmetrics-text;version=1.0.0"})
    assert answer["Content-Type"].startswith("application/openmetrics-text; version=1.0.0; charset=utf-8")
    assert answer.content.endswith(b"# EOF\n")


def test_who_comes_through_a_proxy_is_refused_and_told_why() -> None:
    answer = Client().get("/metrics", headers={"X-Forwarded-For": "203.0.113.9"})
    assert (answer.status_code, answer.json()["code"]) == (403, "FORBIDDEN")
    assert "set METRICS_TOKEN" in answer.json()["error"]
    assert b"fasthook_" not in answer.content


@pytest.mark.usefixtures("transactional_db")
def test_the_token_opens_them_and_nothing_else_does(settings: Any) -> None:
    settings.METRICS_TOKEN = "secret"
    assert Client().get("/metrics").status_code == 403
    assert Client().get("/metrics", headers={"Authorization": "Bearer other"}).status_code == 403
    assert Client().get("/metrics", headers={"Authorization": "Bearer secret"}).status_code == 200


def test_only_reading_is_offered() -> None:
    assert Client().post("/metrics").status_code == 405


@pytest.fixture
def server(settings: Any) -> Iterator[ThreadingHTTPServer]:
    made = serve_metrics(0)
    assert made is not None
    yield made
    made.shutdown()
    made.server_close()


def ask(server: ThreadingHTTPServer, path: str, **headers: str) -> tuple[int, str, bytes]:
    caller = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=5)
    try:
        caller.request("GET", path, headers=headers)
        answer = caller.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()
    finally:
        caller.close()


def test_a_worker_shows_what_its_folder_holds_and_asks_postgres_nothing(server: ThreadingHTTPServer) -> None:
    status, content_type, body = ask(server, "/metrics")
    assert (status, content_type) == (200, PLAIN)
    assert b"\nfasthook_attempts_total{" in body
    assert b"fasthook_database_up" not in body


def test_a_workers_server_keeps_the_same_door(server: ThreadingHTTPServer, settings: Any) -> None:
    assert ask(server, "/metrics", Forwarded="for=203.0.113.9")[0] == 403
    settings.METRICS_TOKEN = "secret"
    assert ask(server, "/metrics")[0] == 403
    assert ask(server, "/metrics", Authorization="Bearer secret")[0] == 200
    status, _, body = ask(server, "/", Authorization="Bearer secret")
    assert (status, json.loads(body)) == (404, {"error": "the metrics are at /metrics", "code": "NOT_FOUND"})


def test_a_port_that_is_taken_is_left_to_its_holder(server: ThreadingHTTPServer) -> None:
    assert serve_metrics(server.server_address[1]) is None
    assert ask(server, "/metrics")[0] == 200


def test_a_folder_that_cannot_be_written_stops_no_process(tmp_path: Path, settings: Any) -> None:
    (tmp_path / "file").write_text("")
    settings.METRICS_DIR = tmp_path / "file"
    start.begin_measuring("web")
    assert not start.TABLE.values.is_published


def test_a_process_is_counted_under_its_name(tmp_path: Path, settings: Any) -> None:
    start.begin_measuring("route.deliver")
    try:
        assert [path.name.split(".")[1:] for path in settings.METRICS_DIR.glob("*.*")] == [["route-deliver", "0"]]
    finally:
        start.TABLE.values.withdraw()
