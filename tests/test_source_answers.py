"""What sources ask of providers and answer them, configured as in the guides."""

from __future__ import annotations

from typing import Any

import pytest

from tests.account import Account
from tests.receiver import Receiver
from tests.samples import own_payload
from tests.signing import github_signature, shopify_signature, stripe_signature

BODY = own_payload("customer.created")
HMAC = {
    "stripe": ("whsec_stripe_prod", "stripe-signature", stripe_signature),
    "shopify": ("shpss_shopify_prod", "x-shopify-hmac-sha256", shopify_signature),
    "github": ("gh-secret", "x-hub-signature-256", github_signature),
}


@pytest.mark.parametrize(("secret", "header", "sign"), HMAC.values(), ids=HMAC)
def test_hmac_as_the_guides_configure_it_takes_what_the_provider_sends(
    account: Account, receiver: Receiver, secret: str, header: str, sign: Any
) -> None:
    source = account.source(
        auth_type="HMAC", auth={"secret": secret, "signature_header": header}, allowed_http_methods=["POST"]
    )
    account.connection(source, account.destination(receiver.url()))
    request_id = account.accept(source, BODY, headers={header: sign(secret, BODY)})
    assert account.get(f"requests/{request_id}")["verified"] is True
    account.wait_for_event(request_id, "SUCCESSFUL")
    [call] = receiver.calls
    assert call.body == BODY
    for wrong in (sign("another", BODY), sign(secret, BODY + b" "), "", "nonsense"):
        assert account.send(source, BODY, headers={header: wrong}).status_code == 401
    assert account.send(source, BODY).status_code == 401
    causes = [row["rejection_cause"] for row in account.get("requests", status="rejected")["models"]]
    assert causes == ["SOURCE_AUTH_FAILED"] * 5


def test_basic_auth_is_asked_for_and_not_passed_on(account: Account, receiver: Receiver) -> None:
    source = account.source(auth_type="BASIC_AUTH", auth={"username": "hook", "password": "s3cret: ü"})
    account.connection(source, account.destination(receiver.url()))
    request_id = account.accept(source, BODY, auth=("hook", "s3cret: ü".encode()))
    account.wait_for_event(request_id, "SUCCESSFUL")
    assert "authorization" not in receiver.calls[0].headers
    assert account.get(f"requests/{request_id}")["verified"] is True
    assert account.send(source, BODY, auth=("hook", "wrong")).status_code == 401
    assert account.send(source, BODY).json()["code"] == "SOURCE_AUTH_FAILED"


@pytest.mark.parametrize("place", ["header", "query"])
def test_an_api_key_is_taken_where_it_was_agreed(account: Account, place: str) -> None:
    source = account.source(auth_type="API_KEY", auth={place: "x-gitlab-token", "api_key": "s3cret"})

    def send(key: str) -> int:
        if place == "header":
            return account.send(source, BODY, headers={"X-Gitlab-Token": key}).status_code
        return account.send(source, BODY, params={"x-gitlab-token": key}).status_code

    assert (send("s3cret"), send("wrong")) == (200, 401)
    assert account.send(source, BODY).status_code == 401


def test_a_changed_secret_is_effective_within_a_second(account: Account) -> None:
    source = account.source(auth_type="API_KEY", auth={"header": "x-key", "api_key": "old"})
    account.accept(source, BODY, headers={"X-Key": "old"})
    account.patch(f"sources/{source['id']}", {"config": {"auth": {"header": "x-key", "api_key": "new"}}})
    account.wait_until_answered(source, 200, headers={"X-Key": "new"}, timeout_s=1.0)
    assert account.send(source, BODY, headers={"X-Key": "old"}).status_code == 401


def test_a_custom_response_answers_what_is_accepted_and_only_that(account: Account) -> None:
    response = {"content_type": "xml", "body": "<Response>✓</Response>"}
    source = account.source(custom_response=response, allowed_http_methods=["POST"])
    answer = account.send(source, BODY)
    assert (answer.status_code, answer.content) == (200, "<Response>✓</Response>".encode())
    assert answer.headers["Content-Type"] == "application/xml; charset=utf-8"
    assert account.get("requests", status="accepted")["total"] == 1
    assert account.send(source, BODY, method="PUT").json()["code"] == "SOURCE_METHOD_NOT_ALLOWED"
