"""Sources of a provider's type in the running product: what the provider signs goes through, nothing else does."""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import pytest

from tests.account import Account
from tests.product import Product
from tests.receiver import Receiver
from tests.samples import captured_samples, own_payload
from tests.signing import github_signature, shopify_signature, stripe_signature

SECRET = "the-secret-of-this-provider"
OLDER = "an-older-secret"
SIGNED: dict[str, tuple[str, Any]] = {
    "STRIPE": ("Stripe-Signature", stripe_signature),
    "GITHUB": ("X-Hub-Signature-256", github_signature),
    "GITLAB": ("X-Gitlab-Token", lambda secret, body: secret),
    "SHOPIFY": ("X-Shopify-Hmac-SHA256", shopify_signature),
    "WOO_COMMERCE": ("X-WC-Webhook-Signature", shopify_signature),
}


def provider_source(account: Account, kind: str, auth: dict[str, Any] | None = None, **config: Any) -> dict[str, Any]:
    given = {**config, "auth": auth} if auth is not None else config
    made: dict[str, Any] = account.put("sources", {"name": kind.lower(), "type": kind, "config": given})
    return made


def captured_of(kind: str) -> list[tuple[dict[str, str], bytes]]:
    """At most three captured webhooks, as they came but for their signature."""
    folder, signature = kind.lower().replace("_", "") + "/", SIGNED[kind][0].lower()
    found = [each for each in captured_samples() if each.name.startswith(folder)][:3]
    return [({k: v for k, v in each.headers.items() if k.lower() != signature}, each.body) for each in found]


@pytest.mark.parametrize("kind", SIGNED)
def test_a_providers_webhooks_go_through_with_either_secret_of_a_rotation(
    account: Account, receiver: Receiver, kind: str
) -> None:
    header, sign = SIGNED[kind]
    source = provider_source(account, kind, {"secret": [OLDER, SECRET]})
    assert (source["config"]["auth_type"], source["warnings"]) == ("PROVIDER_SIGNATURE", [])
    account.connection(source, account.destination(receiver.url()))
    webhooks = [({"content-type": "application/json"}, own_payload("customer.created")), *captured_of(kind)]
    for headers, body in webhooks:
        for secret in (SECRET, OLDER):
            request_id = account.accept(source, body, headers={**headers, header: sign(secret, body)})
            assert account.get(f"requests/{request_id}")["verified"] is True
        wrong = account.send(source, body, headers={**headers, header: sign("wrong", body)})
        assert (wrong.status_code, wrong.json()["code"]) == (401, "SOURCE_AUTH_FAILED")
        assert SECRET not in wrong.text
        assert account.send(source, body, headers=headers).status_code == 401
    account.wait_for_count(2 * len(webhooks), status="SUCCESSFUL")
    assert sorted(call.body for call in receiver.calls) == sorted(body for _, body in webhooks for _ in range(2))


def test_a_handshake_is_answered_and_is_no_event(account: Account, receiver: Receiver) -> None:
    source = provider_source(account, "DROPBOX", {"secret": SECRET}, allowed_http_methods=["POST"])
    account.connection(source, account.destination(receiver.url()))
    answer = account.send(source, b"", method="GET", params={"challenge": "abc"})
    assert (answer.status_code, answer.text) == (200, "abc")
    assert account.send(source, b"", method="GET").status_code == 405
    [request] = account.get("requests", status="accepted")["models"]
    assert (request["events_count"], request["verified"]) == (0, False)


def test_asanas_secret_verifies_from_its_handshake_on(account: Account) -> None:
    source = provider_source(account, "ASANA")
    assert [warning["code"] for warning in source["warnings"]] == ["SOURCE_NOT_VERIFIED"]
    answer = account.send(source, headers={"X-Hook-Secret": "secret-that-asana-made"})
    assert (answer.status_code, answer.headers["X-Hook-Secret"]) == (200, "secret-that-asana-made")
    shown = account.get(f"sources/{source['id']}")
    assert (shown["config"]["auth"], shown["warnings"]) == ({"provider": "ASANA", "secret": "****made"}, [])
    signature = hmac.new(b"secret-that-asana-made", b"{}", hashlib.sha256).hexdigest()
    account.accept(source, headers={"X-Hook-Signature": signature})
    assert account.send(source).status_code == 401


def test_a_stranger_cannot_say_which_url_was_called_or_who_calls(account: Account, product: Product) -> None:
    """Also not from loopback: no proxy is trusted unless TRUSTED_PROXIES names it."""
    source = provider_source(account, "SQUARE", {"secret": SECRET})
    lie = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.test"}

    def send(url: str) -> int:
        signature = base64.b64encode(hmac.digest(SECRET.encode(), url.encode() + b"{}", "sha256")).decode()
        headers = {**lie, "x-square-hmacsha256-signature": signature}
        return account.send(source, path="a?b=1", headers=headers).status_code

    assert send(f"{source['url']}a?b=1") == 200
    assert send(f"https://evil.test/in/{source['url'].rstrip('/').rpartition('/')[2]}/a?b=1") == 401
    with product.database() as database:
        rows = database.execute("SELECT DISTINCT client_ip FROM requests WHERE source_id = %s", [source["id"]])
        assert rows.fetchall() == [("127.0.0.1",)]
