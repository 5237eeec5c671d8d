"""Providers at the door: signed samples of theirs, their handshakes, their keys, and answers of the operator's own."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import structlog

from events.ingress.app import Ingress
from events.ingress.authentication import Authentication
from events.ingress.evidence_budget import EvidenceBudget
from events.ingress.provider_keys import ProviderDocuments
from events.ingress.tests.test_ingress import API_KEY, Answer, ask, call, chunks, run, scope_of
from events.models import DiscardedRequests, Request, RouteJob
from events.tests.plane import change, make_plane
from events.tests.seed import Project
from fasthook.lib.clock import utc_now
from sources.models import Source
from sources.verification.tests.provider_samples import (
    SECRET,
    SNS_CERTIFICATE_URL,
    TOPIC,
    base64ed,
    certificate,
    hexed,
    sns_message,
)
from sources.verification.verdict import KeyRequest
from tests.samples import captured, own_payload

ASANA_SECRET = "b537207f20cbfa02357cf448134da559e8bdd63d6371d5613202628dcae"
STRIPE_BODY = own_payload("customer.created")


@pytest.fixture
def project(transactional_db: None) -> Project:
    made = make_plane()
    change(made.source, slug="abc")
    return made


def configure(project: Project, source_type: str, auth: dict[str, Any] | None = None, **columns: Any) -> None:
    auth_type = "PROVIDER_SIGNATURE" if auth is not None else None
    stored = {"provider": source_type, **auth} if auth is not None else None
    change(project.source, type=source_type, auth_type=auth_type, auth=stored, **columns)


def sign(provider: str, body: bytes) -> dict[str, str]:
    """As the five providers whose webhooks were captured sign them."""
    now = int(time.time())
    return {
        "STRIPE": {"Stripe-Signature": f"t={now},v1={hexed(SECRET, b'%d.%b' % (now, body))},v0=00"},
        "GITHUB": {"X-Hub-Signature-256": f"sha256={hexed(SECRET, body)}"},
        "GITLAB": {"X-Gitlab-Token": SECRET},
        "SHOPIFY": {"X-Shopify-Hmac-Sha256": base64ed(SECRET, body)},
        "WOO_COMMERCE": {"X-WC-Webhook-Signature": base64ed(SECRET, body)},
    }[provider]


SIGNING = ["STRIPE", "GITHUB", "GITLAB", "SHOPIFY", "WOO_COMMERCE"]
CAPTURED = {
    "STRIPE": "invoice.paid",
    "GITHUB": "pull_request",
    "GITLAB": "Push Hook",
    "SHOPIFY": "orders.create",
    "WOO_COMMERCE": "product.created",
}


def bodies(provider: str) -> list[tuple[dict[str, str], bytes]]:
    """A payload of our own, and the captured one where the folder is there."""
    found = captured(CAPTURED[provider])
    signature = next(iter(sign(provider, b""))).lower()
    kept = [
        ({name: value for name, value in each.headers.items() if name.lower() != signature}, each.body)
        for each in found
        if each.name.startswith(provider.lower().replace("_", ""))
    ]
    return [({"content-type": "application/json"}, STRIPE_BODY), *kept]


@pytest.mark.parametrize("provider", SIGNING)
def test_what_a_provider_sends_is_verified_and_what_was_changed_is_not(project: Project, provider: str) -> None:
    configure(project, provider, {"secret": ["an-older-secret", SECRET]})

    async def work(ingress: Ingress) -> list[tuple[int, Any]]:
        answers = []
        for headers, body in bodies(provider):
            pairs = list({**headers, **sign(provider, body)}.items())
            wrong = {"X-Gitlab-Token": "wrong"} if provider == "GITLAB" else sign(provider, body + b" ")
            for sent in (pairs, [*headers.items(), *wrong.items()], list(headers.items())):
                lowered = [(name.lower(), value) for name, value in sent]
                made = await ask(ingress, scope_of("/in/abc/", headers=lowered), chunks(body))
                assert made is not None
                answers.append((made.status, json.loads(made.body)))
        return answers

    answers = run(work)
    assert [status for status, _ in answers] == [200, 401, 401] * (len(answers) // 3)
    rows = list(Request.objects.order_by("id"))
    assert [(row.status, row.verified, row.rejection_cause) for row in rows] == [
        ("accepted", True, None),
        ("rejected", False, "SOURCE_AUTH_FAILED"),
        ("rejected", False, "SOURCE_AUTH_FAILED"),
    ] * (len(answers) // 3)
    assert RouteJob.objects.count() == len(answers) // 3
    assert SECRET not in json.dumps(answers)


def test_a_handshake_is_answered_and_stored_and_makes_no_event(project: Project) -> None:
    configure(project, "DROPBOX", {"secret": SECRET}, allowed_http_methods=["POST"])
    answer = call(method="GET", query="challenge=abc")
    assert (answer.status, answer.body, answer.headers["content-type"]) == (200, b"abc", "text/plain; charset=utf-8")
    assert answer.headers["x-content-type-options"] == "nosniff"
    row = Request.objects.get()
    assert (row.status, row.handshake, row.verified, row.method) == ("accepted", True, False, "GET")
    assert not RouteJob.objects.exists()


def test_the_method_opens_for_the_handshake_only(project: Project) -> None:
    configure(project, "DROPBOX", {"secret": SECRET}, allowed_http_methods=["POST"])
    answers = [call(method="GET"), call(method="HEAD", query="challenge=a")]
    assert [(answer.status, answer.code) for answer in answers] == [(405, "SOURCE_METHOD_NOT_ALLOWED")] * 2
    assert answers[0].headers["allow"] == "POST"
    configure(project, "WEBHOOK", allowed_http_methods=["POST"])
    assert call(method="GET", query="challenge=abc").status == 405


def test_a_handshake_that_is_not_good_is_refused_as_such(project: Project) -> None:
    configure(project, "META", {"secret": SECRET, "verify_token": "right"}, allowed_http_methods=["POST"])
    query = "hub.mode=subscribe&hub.challenge=1&hub.verify_token="
    answer = call(method="GET", query=query + "wrong")
    assert (answer.status, answer.code) == (401, "SOURCE_AUTH_FAILED")
    assert "hub.verify_token is not the one" in json.loads(answer.body)["error"]
    assert call(method="GET", query=query + "right").body == b"1"
    rows = list(Request.objects.order_by("id").values_list("status", "rejection_cause", "handshake"))
    assert rows == [("rejected", "SOURCE_AUTH_FAILED", False), ("accepted", None, True)]


def test_a_disabled_source_answers_no_handshake(project: Project) -> None:
    configure(project, "DROPBOX", None, disabled_at=utc_now())
    assert call(method="GET", query="challenge=abc").status == 410


def test_an_unverified_source_of_a_type_answers_its_handshake_and_takes_events_as_unverified(project: Project) -> None:
    configure(project, "TRELLO", None)
    head = call(method="HEAD")
    assert (head.status, head.body) == (200, b"")
    assert call().status == 200
    assert list(Request.objects.order_by("id").values_list("handshake", "verified")) == [(True, False), (False, False)]


def test_handshakes_that_anybody_can_send_are_stored_within_the_budget_and_answered_beyond_it(project: Project) -> None:
    configure(project, "DROPBOX", {"secret": SECRET})

    async def work(ingress: Ingress) -> list[int]:
        ingress._budget = EvidenceBudget(2)
        scope = scope_of("/in/abc/", method="GET", query="challenge=a")
        answers = [await ask(ingress, scope, chunks(b"")) for _ in range(5)]
        return [answer.status for answer in answers if answer]

    assert run(work) == [200] * 5
    assert Request.objects.count() == 2
    counted = DiscardedRequests.objects.get()
    assert (counted.rejection_cause, counted.count) == ("HANDSHAKE", 3)


def asana(ingress: Ingress, body: bytes = b"{}", **headers: str) -> Awaitable[Answer | None]:
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return ask(ingress, scope_of("/in/abc/", headers=pairs), chunks(body))


def test_asanas_secret_is_stored_before_it_is_sent_back_and_verifies_from_then_on(project: Project) -> None:
    configure(project, "ASANA", None)

    async def work(ingress: Ingress) -> list[Any]:
        first = await asana(ingress, x_hook_secret=ASANA_SECRET)
        signed = await asana(ingress, b'{"events":[]}', x_hook_signature=hexed(ASANA_SECRET, b'{"events":[]}'))
        unsigned = await asana(ingress)
        second = await asana(ingress, x_hook_secret="another-secret")
        return [first, signed, unsigned, second]

    with structlog.testing.capture_logs() as lines:
        first, signed, unsigned, second = run(work)
    assert (first.status, first.headers["x-hook-secret"], first.body) == (200, ASANA_SECRET, b"")
    assert [answer.status for answer in (signed, unsigned, second)] == [200, 401, 401]
    row = Source.objects.get(id=project.source.id)
    assert (row.auth_type, row.auth) == ("PROVIDER_SIGNATURE", {"provider": "ASANA", "secret": ASANA_SECRET})
    assert row.version > project.source.version
    assert list(Request.objects.order_by("id").values_list("handshake", "verified")) == [
        (True, False),
        (False, True),
        (False, False),
        (False, False),
    ]
    assert RouteJob.objects.count() == 1
    assert ASANA_SECRET not in json.dumps(lines, default=str)
    stored = json.dumps(list(Request.objects.values_list("headers", flat=True)))
    assert '["x-hook-secret", "****"]' in stored
    assert ASANA_SECRET not in stored
    assert "another-secret" not in stored


def test_of_two_secrets_that_race_one_is_taken(project: Project) -> None:
    configure(project, "ASANA", None)

    async def work(ingress: Ingress) -> list[Any]:
        secrets = ("secret-number-one", "secret-number-two")
        return list(await asyncio.gather(*(asana(ingress, x_hook_secret=each) for each in secrets)))

    answers = run(work)
    assert sorted(answer.status for answer in answers) == [200, 401]
    [late] = [answer.error for answer in answers if answer.status == 401]
    assert late == "authentication failed: this source has its secret already"
    [taken] = [answer.headers["x-hook-secret"] for answer in answers if answer.status == 200]
    auth: Any = Source.objects.get(id=project.source.id).auth
    assert auth["secret"] == taken


def with_documents(fetch: Any, work: Callable[[Ingress], Awaitable[Any]]) -> Any:
    async def inside(ingress: Ingress) -> Any:
        ingress._authentication = Authentication(ingress._refresh_once, ProviderDocuments(fetch))
        return await work(ingress)

    return run(inside)


def test_the_certificate_of_sns_is_fetched_once_and_a_subscription_confirmed(project: Project) -> None:
    configure(project, "AWS_SNS", {"topic_arn": TOPIC})
    url = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"
    asked: list[str] = []

    async def fetch(request: KeyRequest) -> bytes | None:
        asked.append(request.url)
        return certificate(now=time.time()) if request.url == SNS_CERTIFICATE_URL else b"<ok/>"

    async def work(ingress: Ingress) -> list[Any]:
        sent = [
            sns_message("SubscriptionConfirmation", SubscribeURL=url, Token="t"),
            sns_message(),
            sns_message("Notification", "1"),
            sns_message().replace(b"Hello", b"Hallo"),
        ]
        return [await ask(ingress, scope_of("/in/abc/"), chunks(body)) for body in sent]

    answers = with_documents(fetch, work)
    assert [answer.status for answer in answers] == [200, 200, 200, 401]
    assert asked == [SNS_CERTIFICATE_URL, url]
    rows = list(Request.objects.order_by("id").values_list("handshake", "verified"))
    assert rows == [(True, True), (False, True), (False, True), (False, False)]


def test_without_the_providers_key_the_answer_is_503_and_nothing_is_stored(project: Project) -> None:
    configure(project, "AWS_SNS", {"topic_arn": TOPIC})

    async def fetch(request: KeyRequest) -> bytes | None:
        return None

    async def work(ingress: Ingress) -> Any:
        return await ask(ingress, scope_of("/in/abc/"), chunks(sns_message()))

    answer = with_documents(fetch, work)
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "UNAVAILABLE", "5")
    assert not Request.objects.exists()


def test_a_subscription_that_cannot_be_confirmed_is_asked_for_again(project: Project) -> None:
    configure(project, "AWS_SNS", {"topic_arn": TOPIC})
    url = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&Token=t"

    async def fetch(request: KeyRequest) -> bytes | None:
        return certificate(now=time.time()) if request.url == SNS_CERTIFICATE_URL else None

    async def work(ingress: Ingress) -> Any:
        body = sns_message("SubscriptionConfirmation", SubscribeURL=url, Token="t")
        return await ask(ingress, scope_of("/in/abc/"), chunks(body))

    assert with_documents(fetch, work).status == 503
    assert not Request.objects.exists()


@pytest.mark.parametrize(
    ("provider", "status", "body"), [("XERO", 401, b""), ("GOCARDLESS", 498, b""), ("GITHUB", 401, None)]
)
def test_a_refusal_is_worded_as_the_provider_wants_it(
    project: Project, provider: str, status: int, body: bytes | None
) -> None:
    configure(project, provider, {"secret": SECRET})
    answer = call()
    assert answer.status == status
    if body is None:
        assert answer.code == "SOURCE_AUTH_FAILED"
    else:
        assert answer.body == body
    assert Request.objects.get().rejection_cause == "SOURCE_AUTH_FAILED"


@pytest.mark.parametrize(("provider", "body"), [("XERO", b""), ("ADYEN", b"[accepted]")])
def test_an_acceptance_is_worded_as_the_provider_wants_it_unless_the_operator_says_otherwise(
    project: Project, provider: str, body: bytes
) -> None:
    configure(project, provider, None)
    assert call().body == body
    change(project.source, custom_response={"content_type": "text", "body": "mine"})
    assert call().body == b"mine"


def test_a_custom_response_by_rules_sees_the_request(project: Project) -> None:
    rule = {
        "match": {"body": {"kind": "order"}, "path": "/a"},
        "status": 202,
        "headers": {"x-request": "{{request.id}}"},
        "content_type": "json",
        "body": '{"id": "{{body.id}}"}',
    }
    change(project.source, custom_response={"rules": [rule]})
    answer = call("/in/abc/a", b'{"kind": "order", "id": "x\\"1"}')
    row = Request.objects.get()
    assert (answer.status, answer.body, answer.headers["x-request"]) == (202, b'{"id": "x\\"1"}', row.id)
    assert json.loads(call("/in/abc/a", b"{}").body)["ok"] is True
    change(project.source, **API_KEY)
    assert call("/in/abc/a", b'{"kind": "order"}').status == 401


def test_the_url_that_is_signed_is_the_sources_own_unless_a_trusted_proxy_says_otherwise(
    project: Project, settings: Any
) -> None:
    settings.BASE_URL = "https://hooks.example.com/base"
    configure(project, "SQUARE", {"secret": SECRET})

    def send(signed_url: str, **extra: Any) -> int:
        headers = [("x-square-hmacsha256-signature", base64ed(SECRET, signed_url.encode() + b"{}"))]
        scope = {**scope_of("/in/abc/p%20q", query="a=1", headers=headers, host="internal:8000"), **extra}
        answer = run(lambda ingress: ask(ingress, scope, chunks(b"{}")))
        return int(answer.status)

    assert send("https://hooks.example.com/base/in/abc/p%20q?a=1") == 200
    assert send("https://internal:8000/in/abc/p%20q?a=1") == 401
    seen_by_proxy = {"fasthook.root": "https://other.example.com"}
    assert send("https://other.example.com/in/abc/p%20q?a=1", **seen_by_proxy) == 200
    settings.INGRESS_URL_TEMPLATE = "https://hook-{slug}.example.com/"
    headers = [("x-square-hmacsha256-signature", base64ed(SECRET, b"https://hook-abc.example.com/x{}"))]
    scope = scope_of("/x", headers=headers, host="hook-abc.example.com")
    assert run(lambda ingress: ask(ingress, scope, chunks(b"{}"))).status == 200
