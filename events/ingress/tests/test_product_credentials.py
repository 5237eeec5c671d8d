"""What signs somebody in to FastHook and comes to a source URL nevertheless: it leaves no trace there."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from events.ingress import product_tokens
from events.ingress.app import Ingress
from events.ingress.tests.test_ingress import Answer, ask, call, chunks, evidence, project, run, scope_of  # noqa: F401
from events.models import DiscardedRequests, Request
from events.tests.plane import change
from events.tests.seed import Project
from fasthook.lib.clock import utc_now
from teams.auth.credentials import new_api_key, new_session_token
from teams.auth.sessions import create_session
from teams.models import User

COOKIES = "a=1; __Host-fasthook-session=secret;b=2 ; fasthook-csrf=secret"


@pytest.fixture
def session_token(project: Project) -> Iterator[str]:  # noqa: F811
    user = User.objects.create_user("ada@example.com")
    yield create_session(user, now=utc_now()).token
    user.delete()


def kept() -> list[list[str]]:
    """The headers of the one request that was stored, without its host. Removes it."""
    row = Request.objects.get()
    Request.objects.all().delete()
    return [pair for pair in row.headers if pair[0] != "host"]


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_our_cookies_are_no_evidence_also_of_what_is_refused(project: Project, method: str) -> None:  # noqa: F811
    headers = [("Cookie", COOKIES), ("x-a", "1"), ("cookie", "fasthook-session=secret")]
    assert call(method=method, headers=headers).status == (200 if method == "POST" else 405)
    assert kept() == [["cookie", "a=1;b=2 "], ["x-a", "1"]]


def test_a_custom_response_cannot_read_our_cookies(project: Project) -> None:  # noqa: F811
    rule = {"match": {"headers": {"cookie": {"starts_with": "fast"}}}, "content_type": "text", "body": "matched"}
    change(project.source, custom_response={"rules": [rule], "content_type": "text", "body": "[{{headers.cookie}}]"})
    headers = [("cookie", "fasthook-session=secret; a=1"), ("cookie", "fasthook-csrf=secret")]
    assert call(headers=headers).body == b"[a=1]"


@pytest.mark.parametrize("form", ["Bearer {}", "bearer  {}", "Token {}", "{}"])
@pytest.mark.parametrize("name", ["authorization", "proxy-authorization"])
def test_our_bearer_tokens_are_no_evidence(
    project: Project,  # noqa: F811
    session_token: str,
    name: str,
    form: str,
) -> None:
    for token in (project.api_key, session_token):
        headers = [("x-a", "1"), (name, form.format(token)), (name, "Bearer theirs")]
        assert call(headers=headers).status == 200
        assert kept() == [["x-a", "1"], [name, "Bearer theirs"]]


def test_a_refused_call_leaves_no_bearer_token_either(project: Project) -> None:  # noqa: F811
    assert call(method="GET", headers=[("authorization", f"Bearer {project.api_key}")]).status == 405
    assert kept() == []


def test_the_digest_tells_and_not_the_prefix(project: Project) -> None:  # noqa: F811
    """Other installations' tokens, and whatever a provider makes of the same form."""
    for token in (new_api_key(), new_session_token(), "fh_api_" + "x" * 40):
        header = ("authorization", f"Bearer {token}")
        assert call(headers=[header]).status == 200
        assert kept() == [list(header)]


def test_the_sources_own_authentication_sees_what_is_dropped(project: Project) -> None:  # noqa: F811
    value = f"Bearer {project.api_key}"
    change(project.source, auth_type="API_KEY", auth={"header": "authorization", "api_key": value})
    assert call(headers=[("authorization", value)]).status == 200
    assert Request.objects.get().verified
    assert kept() == []


@pytest.mark.parametrize(
    "value", ["Basic dXNlcjpmaHBfcGFzc3dvcmQ=", "Bearer eyJhbGciOiJIUzI1NiJ9.e30.x", "Bearer fhp_short", "fhs_", ""]
)
def test_what_cannot_be_ours_is_not_looked_up(
    project: Project,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    value: str,
) -> None:
    monkeypatch.setattr(product_tokens, "find_known_tokens", None)
    headers = [("authorization", value), ("x-token", project.api_key)]
    assert call(headers=headers).status == 200
    assert kept() == [list(pair) for pair in headers]


def test_while_nobody_can_say_the_answer_is_503_and_a_refusal_is_counted(
    project: Project,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def be_away(*_: Any) -> None:
        raise psycopg.OperationalError("away")

    monkeypatch.setattr(product_tokens, "find_known_tokens", be_away)
    headers = [("authorization", f"Bearer {project.api_key}")]
    assert call(headers=headers).error == "storage is not available; nothing was stored, send it again"
    assert call(headers=headers, method="GET").status == 405
    assert evidence() == []
    assert DiscardedRequests.objects.get().count == 1


def test_callers_that_come_while_one_is_looked_up_share_the_next_statement(
    project: Project,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked_up, asked, go_on = [], threading.Event(), threading.Event()
    real = product_tokens.find_known_tokens

    def look_up(connection: Any, digests: Any) -> set[str]:
        looked_up.append(len(digests))
        asked.set()
        assert go_on.wait(10)
        return real(connection, digests)

    monkeypatch.setattr(product_tokens, "find_known_tokens", look_up)
    monkeypatch.setattr(product_tokens, "MAX_WAITING", 5)

    async def work(ingress: Ingress) -> list[Answer | None]:
        def send(token: str) -> asyncio.Task[Answer | None]:
            scope = scope_of("/in/abc/", headers=[("authorization", f"Bearer {token}")])
            return asyncio.create_task(ask(ingress, scope, chunks(b"{}")))

        calls = [send(project.api_key)]
        await asyncio.to_thread(asked.wait, 10)
        calls += [send(new_api_key()) for _ in range(5)]
        over = [await send(new_api_key()) for _ in range(2)]
        go_on.set()
        return [*over, *await asyncio.gather(*calls)]

    first, second, *others = run(work)
    for over in (first, second):
        assert over.error == "too much waits to be stored; nothing was stored, send it again"
    assert [answer.status for answer in others] == [200] * 6
    assert looked_up == [1, 5]
    assert sorted(len(row.headers) for row in Request.objects.all()) == [1, 2, 2, 2, 2, 2]
