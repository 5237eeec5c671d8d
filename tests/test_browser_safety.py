"""A browser that is signed in is no way in: what the running product answers at the addresses that others fill."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import requests

from fasthook.asgi import Application
from tests.account import Account
from tests.receiver import Receiver
from tests.samples import own_payload

BODY = own_payload("customer.created")
XML = '<x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(document.cookie)</x:script>'


def assert_sandboxed(answer: requests.Response) -> None:
    assert answer.headers["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_xml_of_a_custom_response_runs_no_script(account: Account) -> None:
    source = account.source(custom_response={"content_type": "xml", "body": XML}, allowed_http_methods=["GET"])
    answer = account.send(source, method="GET")
    assert (answer.text, answer.headers["Content-Type"]) == (XML, "application/xml; charset=utf-8")
    assert_sandboxed(answer)


@pytest.mark.parametrize(
    ("method", "status"), [("POST", 200), ("GET", 405), ("HEAD", 405), ("OPTIONS", 405), ("PROPFIND", 405)]
)
def test_every_answer_of_a_source_is_sandboxed(account: Account, method: str, status: int) -> None:
    answer = account.send(account.source(allowed_http_methods=["POST"]), method=method)
    assert answer.status_code == status
    assert_sandboxed(answer)


@pytest.mark.parametrize("path", ["in/unknown/", "mock/", "mock/x?status=500", "mock?body_bytes=3&status=700"])
def test_no_source_and_the_built_in_receiver_are_sandboxed_too(account: Account, path: str) -> None:
    for method in ("GET", "HEAD", "OPTIONS"):
        assert_sandboxed(requests.request(method, f"{account.base_url}/{path}", timeout=30))


def test_headers_that_are_too_large_are_refused_in_the_sandbox() -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        raise AssertionError("nothing is read")

    scope = {"type": "http", "path": "/in/abc/", "raw_path": b"/in/abc/", "headers": [(b"x", b"x" * 70_000)]}
    asyncio.run(Application()(scope, receive, send))
    assert sent[0]["status"] == 431
    headers = dict(sent[0]["headers"])
    assert headers[b"content-security-policy"] == b"sandbox; default-src 'none'"
    assert headers[b"x-content-type-options"] == b"nosniff"


def test_a_signed_in_browser_leaves_its_credentials_in_no_evidence_and_at_no_receiver(
    account: Account, receiver: Receiver
) -> None:
    source, _, _ = account.route(receiver.url())
    sent = {"Cookie": "a=1; fasthook-session=secret; b=2", "Authorization": f"Bearer {account.api_key}"}
    request_id = account.accept(source, BODY, headers=sent)
    account.wait_for_event(request_id, "SUCCESSFUL")
    shown = account.get(f"requests/{request_id}")["data"]["headers"]
    assert shown["cookie"] == receiver.calls[0].headers["cookie"] == "a=1; b=2"
    assert "authorization" not in shown
    assert "authorization" not in receiver.calls[0].headers


def test_raw_bodies_are_sandboxed_whatever_they_are(account: Account) -> None:
    request_id = account.accept(account.source(), XML.encode(), headers={"Content-Type": "application/xhtml+xml"})
    answer = account.call("GET", f"requests/{request_id}/raw_body")
    assert (answer.status_code, answer.content) == (200, XML.encode())
    assert_sandboxed(answer)
    assert_sandboxed(account.call("GET", "requests/req_nothing/raw_body"))
