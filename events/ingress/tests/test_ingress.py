"""Ingress through ASGI messages: what each call is answered, and what it leaves behind."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from django.db import DatabaseError

from events.ingress import capture as capture_module
from events.ingress.address import SourceAddress
from events.ingress.app import Ingress, _refresh
from events.ingress.body import BufferedBytes, Overloaded
from events.ingress.evidence_budget import EvidenceBudget
from events.models import DiscardedRequests, Request, RouteJob
from events.tests.plane import add_source, change, make_plane
from events.tests.seed import Project
from fasthook.lib.clock import utc_now
from sources.models import Source

DISCONNECT = {"type": "http.disconnect"}
API_KEY = {"auth_type": "API_KEY", "auth": {"header": "x-key", "api_key": "right"}}


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def code(self) -> Any:
        return json.loads(self.body)["code"]

    @property
    def error(self) -> Any:
        return json.loads(self.body)["error"]


@pytest.fixture
def project(transactional_db: None) -> Project:
    made = make_plane()
    change(made.source, slug="abc")
    return made


def scope_of(
    path: str,
    *,
    method: str = "POST",
    query: str = "",
    headers: Sequence[tuple[str, str]] = (),
    host: str = "hooks.test",
) -> dict[str, Any]:
    pairs = [("host", host), *headers]
    return {
        "type": "http",
        "method": method,
        "scheme": "https",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode("latin-1")) for name, value in pairs],
        "client": ("203.0.113.9", 4711),
    }


async def ask(ingress: Ingress, scope: dict[str, Any], messages: Sequence[dict[str, Any]]) -> Answer | None:
    incoming, sent = list(messages), []

    async def receive() -> dict[str, Any]:
        return incoming.pop(0)

    async def send(message: Any) -> None:
        sent.append(message)

    address = ingress.address_of(scope)
    assert address is not None
    await ingress.take(address, scope, receive, send)
    if not sent:
        return None
    headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
    assert len(headers) == len(sent[0]["headers"])
    assert headers["content-length"] == str(len(sent[1]["body"]))
    # Of every answer that a test of ingress gets.
    assert headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert headers["x-content-type-options"] == "nosniff"
    return Answer(sent[0]["status"], headers, sent[1]["body"])


def chunks(*bodies: bytes) -> list[dict[str, Any]]:
    last = len(bodies) - 1
    return [{"type": "http.request", "body": body, "more_body": at < last} for at, body in enumerate(bodies)]


def run(work: Callable[[Ingress], Awaitable[Any]]) -> Any:
    async def inside() -> Any:
        ingress = Ingress()
        await ingress.start()
        try:
            async with asyncio.timeout(10):
                await ingress._ready.wait()
                return await work(ingress)
        finally:
            await ingress.stop()

    return asyncio.run(inside())


def call(path: str = "/in/abc/", *bodies: bytes, **scope: Any) -> Answer:
    answer = run(lambda ingress: ask(ingress, scope_of(path, **scope), chunks(*(bodies or (b"{}",)))))
    assert isinstance(answer, Answer)
    return answer


def first_status_after_start() -> int:
    async def first_call() -> Answer | None:
        ingress = Ingress()
        await ingress.start()
        try:
            return await ask(ingress, scope_of("/in/abc/"), chunks(b"{}"))
        finally:
            await ingress.stop()

    answer = asyncio.run(first_call())
    assert answer is not None
    return answer.status


def evidence() -> list[tuple[str, str | None]]:
    return list(Request.objects.order_by("id").values_list("status", "rejection_cause"))


def test_an_accepted_request_is_on_disk_before_its_answer(project: Project) -> None:
    answer = call("/in/abc/a%2Fb/", b'{"a":', b"1}", query="q=%20&q", headers=[("X-A", "1"), ("x-a", "2")])
    row = Request.objects.get()
    assert answer.status == 200
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body) == {"ok": True, "queued": True, "transport": "queue", "request_id": row.id}
    assert (row.path, row.query, bytes(row.body or b""), row.method, row.client_ip) == (
        "/a%2Fb/",
        "q=%20&q",
        b'{"a":1}',
        "POST",
        "203.0.113.9",
    )
    assert row.headers == [["host", "hooks.test"], ["x-a", "1"], ["x-a", "2"]]
    assert (row.verified, row.status, row.source_id) == (False, "accepted", project.source.id)
    assert RouteJob.objects.get().request_id == row.id


@pytest.mark.parametrize(
    ("path", "rest"), [("/in/abc", ""), ("/in/abc/", ""), ("/in/abc/x", "/x"), ("/in/abc//", "//")]
)
def test_what_follows_the_source_url_is_the_path(project: Project, path: str, rest: str) -> None:
    assert call(path).status == 200
    assert Request.objects.get().path == rest


@pytest.mark.parametrize("path", ["/in/unknown/", "/in/", "/in/ABC/"])
def test_an_unknown_source_is_404_and_leaves_nothing(project: Project, path: str) -> None:
    answer = call(path)
    assert (answer.status, answer.code) == (404, "UNKNOWN_SOURCE")
    assert answer.error == "no source has this URL; copy it from the source"
    assert evidence() == []


def test_refusals_come_in_their_order(project: Project, settings: Any) -> None:
    """Everything is wrong with this call; one after another is put right."""
    settings.MAX_BODY_BYTES = 4
    change(project.source, disabled_at=utc_now(), allowed_http_methods=["PUT", "POST"], **API_KEY)
    wrong: dict[str, Any] = {"method": "GET"}
    answers = [call("/in/abc/", b"12345", **wrong)]
    change(project.source, disabled_at=None)
    answers.append(call("/in/abc/", b"12345", **wrong))
    answers.append(call("/in/abc/", b"12345"))
    answers.append(call("/in/abc/", b"1234", headers=[("x-key", "wrong")]))
    answers.append(call("/in/abc/", b"1234", headers=[("x-key", "right")]))
    assert [answer.status for answer in answers] == [410, 405, 413, 401, 200]
    assert [answer.code for answer in answers[:4]] == [
        "SOURCE_DISABLED",
        "SOURCE_METHOD_NOT_ALLOWED",
        "PAYLOAD_TOO_LARGE",
        "SOURCE_AUTH_FAILED",
    ]
    assert [answer.error for answer in answers[:4]] == [
        "this source is disabled",
        "this source takes POST, PUT, not GET",
        "the body is larger than this installation's 4 bytes",
        "authentication failed: the API key in header x-key is wrong",
    ]
    assert answers[1].headers["allow"] == "POST, PUT"
    assert evidence() == [*(("rejected", answer.code) for answer in answers[:4]), ("accepted", None)]
    rows = list(Request.objects.order_by("id"))
    assert [row.body is None for row in rows] == [True, True, True, False, False]
    assert [row.verified for row in rows] == [False, False, False, False, True]
    assert RouteJob.objects.count() == 1


def test_an_announced_body_over_the_limit_is_refused_unread(project: Project, settings: Any) -> None:
    settings.MAX_BODY_BYTES = 4
    answer = run(lambda ingress: ask(ingress, scope_of("/in/abc/", headers=[("content-length", "5")]), []))
    assert answer.status == 413


def test_a_chunked_body_over_the_limit_is_refused_as_soon_as_it_is(project: Project, settings: Any) -> None:
    settings.MAX_BODY_BYTES = 4
    endless = [{"type": "http.request", "body": b"123", "more_body": True}] * 2
    answer = run(lambda ingress: ask(ingress, scope_of("/in/abc/"), endless))
    assert answer.status == 413
    assert call("/in/abc/", b"12", b"34").status == 200


def test_a_fault_of_ours_is_told_without_its_cause_and_leaves_nothing(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def break_down(*_: Any, **__: Any) -> None:
        raise RuntimeError("the cause")

    monkeypatch.setattr("events.ingress.app.judge", break_down)
    answer = call()
    assert (answer.status, answer.code) == (500, "INTERNAL_ERROR")
    assert answer.error == "something went wrong on our side; it has been logged"
    assert evidence() == []


def test_a_client_that_leaves_midway_leaves_nothing(project: Project) -> None:
    part = {"type": "http.request", "body": b"{", "more_body": True}

    async def work(ingress: Ingress) -> None:
        assert await ask(ingress, scope_of("/in/abc/"), [part, DISCONNECT]) is None
        assert ingress._held._held == 0

    run(work)
    assert evidence() == []


def test_a_source_that_cannot_be_read_answers_503_never_unverified(project: Project) -> None:
    change(project.source, auth_type="UNHEARD_OF", auth={})
    answer = call()
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert (answer.code, answer.error) == (
        "UNAVAILABLE",
        "this source cannot be served; its operator must look at the log",
    )
    assert evidence() == []


def test_without_storage_the_answer_is_503_and_then_it_works_again(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, away = capture_module.write_requests, [True]

    def write(*args: Any) -> None:
        if away:
            raise psycopg.OperationalError("away")
        real(*args)

    monkeypatch.setattr(capture_module, "write_requests", write)

    async def work(ingress: Ingress) -> list[Answer | None]:
        first = await ask(ingress, scope_of("/in/abc/"), chunks(b"{}"))
        away.clear()
        return [first, await ask(ingress, scope_of("/in/abc/"), chunks(b"{}"))]

    first, second = run(work)
    assert (first.status, first.headers["retry-after"], second.status) == (503, "5", 200)
    assert first.error == "storage is not available; nothing was stored, send it again"
    assert len(evidence()) == 1


def test_without_storage_a_refusal_is_still_a_refusal_and_counted(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(project.source, disabled_at=utc_now())

    def write(*args: Any) -> None:
        raise psycopg.OperationalError("away")

    monkeypatch.setattr(capture_module, "write_requests", write)
    assert call().status == 410
    assert DiscardedRequests.objects.get().count == 1


def test_evidence_of_refusals_is_bounded_and_the_rest_counted(project: Project, settings: Any) -> None:
    settings.REJECTED_EVIDENCE_PER_MINUTE = 2
    change(project.source, disabled_at=utc_now())
    other: Source = add_source(project, slug="other")

    async def work(ingress: Ingress) -> list[int]:
        ingress._budget = EvidenceBudget(2)
        answers = [await ask(ingress, scope_of("/in/abc/"), chunks(b"{}")) for _ in range(5)]
        answers += [await ask(ingress, scope_of("/in/other/", method="GET"), chunks(b""))]
        return [answer.status for answer in answers if answer]

    assert run(work) == [410] * 5 + [405]
    assert len(evidence()) == 3
    assert Request.objects.filter(source_id=other.id).count() == 1
    counted = DiscardedRequests.objects.get()
    assert (counted.source_id, counted.rejection_cause, counted.count) == (project.source.id, "SOURCE_DISABLED", 3)


def test_a_budget_begins_anew_every_minute() -> None:
    budget = EvidenceBudget(1)
    assert [budget.allows("src_1", now=now) for now in (0.0, 59.9, 60.0, 61.0)] == [True, False, True, False]
    assert budget.allows("src_2", now=61.0)


def test_a_custom_response_is_given_to_what_was_accepted_only(project: Project) -> None:
    change(project.source, custom_response={"content_type": "xml", "body": "<ok/>"})
    answer = call()
    assert (answer.status, answer.headers["content-type"], answer.body) == (
        200,
        "application/xml; charset=utf-8",
        b"<ok/>",
    )
    assert call(method="GET").status == 405


def test_repeated_headers_reach_the_verifier_joined(project: Project) -> None:
    change(project.source, **API_KEY)
    assert call(headers=[("x-key", "wrong"), ("x-key", "right")]).status == 401
    assert call(headers=[("x-key", "right")]).status == 200


def test_a_change_of_configuration_is_seen_while_serving(project: Project) -> None:
    async def work(ingress: Ingress) -> tuple[Any, Any]:
        before = await ask(ingress, scope_of("/in/abc/"), chunks(b"{}"))
        await asyncio.to_thread(disable)
        await asyncio.to_thread(_refresh, ingress._catalog, ingress._versions)
        return before, await ask(ingress, scope_of("/in/abc/"), chunks(b"{}"))

    def disable() -> None:
        from django.db import connection

        change(project.source, disabled_at=utc_now())
        connection.close()

    before, after = run(work)
    assert (before.status, after.status) == (200, 410)


def test_a_process_that_has_started_refuses_nobody(project: Project) -> None:
    assert first_status_after_start() == 200


def test_without_postgres_a_process_starts_and_answers_503(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any) -> None:
        raise DatabaseError("away")

    monkeypatch.setattr("events.ingress.app._refresh", refuse)
    monkeypatch.setattr("events.ingress.app._START_PATIENCE_S", 0.05)

    assert first_status_after_start() == 503


def test_before_the_catalog_is_read_the_answer_is_503(project: Project) -> None:
    async def inside() -> Answer | None:
        return await ask(Ingress(), scope_of("/in/abc/"), chunks(b"{}"))

    answer = asyncio.run(inside())
    assert answer is not None
    assert (answer.status, answer.error) == (503, "FastHook is starting; try again in a moment")


def test_what_a_process_holds_is_bounded_and_given_back(project: Project) -> None:
    async def work(ingress: Ingress) -> list[int]:
        ingress._held = BufferedBytes(10)
        ingress._held.take(8)
        refused = await ask(ingress, scope_of("/in/abc/"), chunks(b"1", b"23"))
        ingress._held.give_back(8)
        taken = await ask(ingress, scope_of("/in/abc/"), chunks(b"1", b"23"))
        assert ingress._held._held == 0
        assert refused is not None
        assert refused.error == "too much waits to be stored; nothing was stored, send it again"
        return [answer.status for answer in (refused, taken) if answer]

    assert run(work) == [503, 200]
    assert len(evidence()) == 1


def test_held_bytes_are_refused_beyond_the_limit() -> None:
    held = BufferedBytes(10)
    held.take(10)
    with pytest.raises(Overloaded):
        held.take(1)
    held.give_back(1)
    held.take(1)


@pytest.mark.parametrize(
    ("template", "host", "path", "found"),
    [
        ("{base}/in/{slug}/", "any", "/in/abc/x", ("abc", "/x")),
        ("{base}/in/{slug}/", "any", "/v1/sources", None),
        ("{base}/in/{slug}/", "any", "/in", None),
        ("https://hook-{slug}.example.com/", "hook-abc.example.com", "/x", ("abc", "/x")),
        ("https://hook-{slug}.example.com/", "HOOK-abc.Example.com:8443", "/", ("abc", "")),
        ("https://hook-{slug}.example.com/", "www.example.com", "/in/abc/", None),
        ("https://hook-{slug}.example.com/", "hook-abc.example.com.evil.test", "/", None),
        ("https://hook-{slug}.example.com/", "hook-abcXexample.com", "/", None),
        ("https://in.example.com/hooks/{slug}/", "in.example.com:443", "/hooks/abc/x", ("abc", "/x")),
        ("https://in.example.com/hooks/{slug}/", "app.example.com", "/hooks/abc/x", None),
        ("https://in.example.com/{slug}/", "in.example.com", "/abc", ("abc", "")),
        ("https://in.example.com/{slug}/", "app.example.com", "/v1/sources", None),
        ("https://{slug}.slugs.test/", "abc.slugs.test", "/", ("abc", "")),
        ("https://{slug}.slugs.test/", "abc.others.test", "/", None),
    ],
)
def test_the_slug_is_found_by_the_form_of_the_template(
    template: str, host: str, path: str, found: tuple[str, str] | None
) -> None:
    assert SourceAddress(template).split(scope_of(path, host=host)) == found
