"""Challenges and pings: answered as the provider wants, only for its type, and after the signature where it signs."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from dataclasses import replace
from typing import Any
from urllib.parse import quote

import pytest

from sources.types import PROVIDER_TYPES
from sources.verification.compile import compile_auth, handshake_methods
from sources.verification.config import normalise_auth
from sources.verification.provider import RemoteProviderVerifier
from sources.verification.request import InboundRequest
from sources.verification.tests.provider_samples import (
    ED25519,
    NOW,
    SECRET,
    certificate,
    hexed,
    iso,
    raw,
    request,
    sns_message,
)
from sources.verification.verdict import Verdict

TEXT = ("content-type", "text/plain; charset=utf-8")
JSON = ("content-type", "application/json")


def judge(name: str, sent: InboundRequest, auth: dict[str, Any] | None = None) -> Verdict | None:
    """None when the source has no verifier at all."""
    auth_type = "PROVIDER_SIGNATURE" if auth is not None else None
    verifier = compile_auth(name, auth_type, normalise_auth(name, auth_type, auth))
    return verifier.verify(sent, now=NOW) if verifier else None


def get(query: str = "", headers: dict[str, str] | None = None) -> InboundRequest:
    return request(headers or {}, b"", method="GET", query=query)


def slack(body: bytes, secret: str = SECRET) -> InboundRequest:
    headers = {"X-Slack-Request-Timestamp": str(NOW)}
    return request({**headers, "X-Slack-Signature": "v0=" + hexed(secret, b"v0:%d:%b" % (NOW, body))}, body)


def test_meta_gets_its_challenge_back_for_the_right_token_only() -> None:
    auth = {"secret": SECRET, "verify_token": ["old-token", "my-token"]}
    query = "hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token="
    for token in ("my-token", "old-token"):
        verdict = judge("META", get(query + token), auth)
        assert verdict is not None
        assert (verdict.ok, verdict.handshake, verdict.verified) == (True, True, False)
        assert verdict.answer is not None
        assert (verdict.answer.status, verdict.answer.body) == (200, b"1158201444")
        assert verdict.answer.headers == (TEXT,)
    wrong = judge("META", get(query + "other"), auth)
    assert wrong is not None
    assert (wrong.ok, wrong.handshake, wrong.answer) == (False, True, None)
    assert "my-token" not in str(wrong.reason)
    without = judge("META", get(query + "other"), {"secret": SECRET})
    assert without is not None
    assert not without.ok
    assert judge("META", get(query + "my-token")) is None


@pytest.mark.parametrize("auth", [None, {"secret": SECRET}])
@pytest.mark.parametrize(
    ("name", "sent", "body", "content_type"),
    [
        ("DROPBOX", get("challenge=a%20b"), b"a b", TEXT),
        ("OKTA", get(headers={"X-Okta-Verification-Challenge": 'c"1'}), b'{"verification":"c\\"1"}', JSON),
        (
            "MICROSOFT_GRAPH",
            request({}, b"", query="validationToken=Validation%3A+a%3Cb%3E"),
            b"Validation: a<b>",
            TEXT,
        ),
    ],
)
def test_a_challenge_is_sent_back_with_or_without_a_secret(
    name: str, sent: InboundRequest, body: bytes, content_type: tuple[str, str], auth: dict[str, Any] | None
) -> None:
    verdict = judge(name, sent, auth)
    assert verdict is not None
    assert (verdict.ok, verdict.handshake, verdict.verified) == (True, True, False)
    assert verdict.answer is not None
    assert (verdict.answer.body, verdict.answer.headers) == (body, (content_type,))


def test_a_challenge_that_no_provider_would_send_is_not_repeated() -> None:
    verdict = judge("DROPBOX", get("challenge=" + "a" * 1025), {"secret": SECRET})
    assert verdict is not None
    assert (verdict.ok, verdict.answer) == (False, None)


def test_a_notification_is_not_taken_for_graphs_validation() -> None:
    sent = request({}, b'{"value": [{"clientState": "wrong"}]}', query="validationToken=x")
    verdict = judge("MICROSOFT_GRAPH", sent, {"secret": SECRET})
    assert verdict is not None
    assert not verdict.ok


def test_x_gets_its_crc() -> None:
    verdict = judge("TWITTER", get("crc_token=M2YxNzQ-token"), {"secret": SECRET})
    digest = hmac.new(SECRET.encode(), b"M2YxNzQ-token", hashlib.sha256).digest()
    assert verdict is not None
    assert verdict.answer is not None
    assert json.loads(verdict.answer.body) == {"response_token": "sha256=" + base64.b64encode(digest).decode()}


@pytest.mark.parametrize("body", [b'{"for_user_id":"1"}', b"plain-token"])
def test_the_crc_cannot_be_used_to_sign_events(body: bytes) -> None:
    """Its answer is an HMAC under the very key that signs events, of what the caller chooses."""
    crc = judge("TWITTER", get(f"crc_token={quote(body)}"), {"secret": SECRET})
    assert crc is not None
    stolen = json.loads(crc.answer.body)["response_token"] if crc.answer else "sha256=none"
    forged = judge("TWITTER", request({"x-twitter-webhooks-signature": stolen}, body), {"secret": SECRET})
    assert forged is not None
    assert not forged.ok


@pytest.mark.parametrize("name", ["TRELLO", "MAILCHIMP_TRANSACTIONAL"])
def test_head_is_answered_200(name: str) -> None:
    source_type = name if name in PROVIDER_TYPES else "WEBHOOK"
    auth = normalise_auth(source_type, "PROVIDER_SIGNATURE", {"provider": name, "secret": SECRET})
    verifier = compile_auth(source_type, "PROVIDER_SIGNATURE", auth)
    assert verifier is not None
    verdict = verifier.verify(request({}, b"", method="HEAD"), now=NOW)
    assert verdict.answer is not None
    assert (verdict.handshake, verdict.answer.status, verdict.answer.body) == (True, 200, b"")
    assert handshake_methods(verifier) == {"HEAD"}


@pytest.mark.parametrize("auth", [None, {"provider": "ASANA"}])
def test_asanas_secret_is_sent_back_and_learned(auth: dict[str, Any] | None) -> None:
    verdict = judge("ASANA", request({"X-Hook-Secret": "b537207f20cbfa02357cf448134da559"}, b"{}"), auth)
    assert verdict is not None
    assert verdict.answer is not None
    assert (verdict.ok, verdict.handshake, verdict.verified) == (True, True, False)
    assert verdict.learned_secret == "b537207f20cbfa02357cf448134da559"
    assert verdict.answer.headers == (("x-hook-secret", "b537207f20cbfa02357cf448134da559"),)
    assert "b537207f20cbfa02357cf448134da559" not in repr(verdict.reason)


def test_a_second_secret_of_asanas_is_refused() -> None:
    verdict = judge("ASANA", request({"X-Hook-Secret": "of-an-attacker"}, b"{}"), {"secret": SECRET})
    assert verdict is not None
    assert (verdict.ok, verdict.learned_secret) == (False, None)


def test_before_its_secret_came_an_asana_source_with_authentication_refuses_events() -> None:
    verdict = judge("ASANA", request({"X-Hook-Signature": hexed("", b"{}")}, b"{}"), {"provider": "ASANA"})
    assert verdict is not None
    assert (verdict.ok, verdict.reason) == (
        False,
        "this source has not received its secret yet; the provider's handshake brings it",
    )


def test_woocommerces_unsigned_ping_is_answered_and_nothing_else_that_is_unsigned() -> None:
    auth = {"secret": SECRET}
    ping = judge("WOO_COMMERCE", request({}, b"webhook_id=17"), auth)
    assert ping is not None
    assert (ping.ok, ping.handshake) == (True, True)
    for body in (b"webhook_id=17&a=1", b'{"webhook_id":17}', b"webhook_id="):
        verdict = judge("WOO_COMMERCE", request({}, body), auth)
        assert verdict is not None
        assert (verdict.ok, verdict.handshake) == (False, False)


CHALLENGE = (
    b'{"type": "url_verification", "token": "t", "challenge": "3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXA"}'
)


def test_slacks_challenge_is_sent_back_once_its_signature_is_good() -> None:
    verdict = judge("SLACK", slack(CHALLENGE), {"secret": SECRET})
    assert verdict is not None
    assert verdict.answer is not None
    assert (verdict.handshake, verdict.verified) == (True, True)
    assert verdict.answer.body == b"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXA"
    for sent in (slack(CHALLENGE, "wrong"), request({}, CHALLENGE)):
        forged = judge("SLACK", sent, {"secret": SECRET})
        assert forged is not None
        assert (forged.ok, forged.answer) == (False, None)
    assert judge("SLACK", slack(CHALLENGE)) is None


def test_zooms_token_comes_back_with_its_hmac() -> None:
    body = b'{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"},"event_ts":1}'
    signature = "v0=" + hexed(SECRET, b"v0:%d:%b" % (NOW, body))
    sent = request({"x-zm-request-timestamp": str(NOW), "x-zm-signature": signature}, body)
    verdict = judge("ZOOM", sent, {"secret": [SECRET, "older"]})
    assert verdict is not None
    assert verdict.answer is not None
    encrypted = hexed(SECRET, b"qgg8vlvZRS6UYooatFL8Aw")
    assert json.loads(verdict.answer.body) == {"plainToken": "qgg8vlvZRS6UYooatFL8Aw", "encryptedToken": encrypted}
    forged = judge("ZOOM", replace(sent, body=body.replace(b"qgg8", b"qgg9")), {"secret": SECRET})
    assert forged is not None
    assert not forged.ok


def test_twitchs_challenge_is_sent_back_once_its_signature_is_good() -> None:
    body = b'{"challenge":"pogchamp-kappa-360noscope-vohiyo","subscription":{}}'
    signature = "sha256=" + hexed(SECRET, f"id-1{iso(NOW)}".encode() + body)
    names = {"Id": "id-1", "Timestamp": iso(NOW), "Type": "webhook_callback_verification", "Signature": signature}
    sent = request({f"Twitch-Eventsub-Message-{name}": value for name, value in names.items()}, body)
    verdict = judge("TWITCH", sent, {"secret": SECRET})
    assert verdict is not None
    assert verdict.answer is not None
    assert (verdict.answer.body, verdict.answer.headers[0]) == (b"pogchamp-kappa-360noscope-vohiyo", TEXT)
    forged = judge("TWITCH", sent, {"secret": "wrong"})
    assert forged is not None
    assert not forged.ok


@pytest.mark.parametrize(
    ("body", "answer"),
    [
        (b'{"type":1}', (200, b'{"type":1}')),
        (b'{"version":1,"type":0}', (204, b"")),
        (b'{"type":1,"event":{"type":"APPLICATION_AUTHORIZED"}}', None),
        (b'{"type":2}', None),
        (b'{"type":true}', None),
    ],
)
def test_discords_pings_are_answered_and_events_are_not_pings(body: bytes, answer: tuple[int, bytes] | None) -> None:
    headers = {"X-Signature-Timestamp": str(NOW), "X-Signature-Ed25519": ED25519.sign(b"%d%b" % (NOW, body)).hex()}
    verdict = judge("DISCORD", request(headers, body), {"public_key": raw(ED25519).hex()})
    assert verdict is not None
    assert (verdict.verified, verdict.handshake) == (True, answer is not None)
    assert answer == (verdict.answer and (verdict.answer.status, verdict.answer.body))
    forged = judge("DISCORD", request(headers, body + b" "), {"public_key": raw(ED25519).hex()})
    assert forged is not None
    assert (forged.ok, forged.answer) == (False, None)


def test_xero_hears_an_empty_body_either_way() -> None:
    verdict = judge("XERO", request({"x-xero-signature": "wrong"}), {"secret": SECRET})
    assert verdict is not None
    assert verdict.answer is not None
    assert (verdict.ok, verdict.answer.status, verdict.answer.body) == (False, 401, b"")


def test_gocardless_hears_498() -> None:
    verdict = judge("GOCARDLESS", request({"Webhook-Signature": "wrong"}), {"secret": SECRET})
    assert verdict is not None
    assert verdict.answer is not None
    assert (verdict.ok, verdict.answer.status) == (False, 498)


SUBSCRIBE = "https://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription&TopicArn=arn&Token=t"


def confirmation(version: str, url: str) -> Verdict:
    auth = {"provider": "AWS_SNS", "topic_arn": "arn:aws:sns:eu-central-1:123456789012:orders"}
    verifier = compile_auth("AWS_SNS", "PROVIDER_SIGNATURE", normalise_auth("AWS_SNS", "PROVIDER_SIGNATURE", auth))
    assert isinstance(verifier, RemoteProviderVerifier)
    sent = request({}, sns_message("SubscriptionConfirmation", version, SubscribeURL=url, Token="t"))
    assert verifier.verify(sent, now=NOW).wants is not None
    return verifier.verify_with(sent, certificate(), now=NOW)


@pytest.mark.parametrize("version", ["1", "2"])
def test_a_signed_subscription_confirmation_asks_for_its_url_to_be_called(version: str) -> None:
    verdict = confirmation(version, SUBSCRIBE)
    assert (verdict.verified, verdict.handshake, verdict.confirm_url) == (True, True, SUBSCRIBE)


@pytest.mark.parametrize(
    "url",
    [
        "http://sns.eu-central-1.amazonaws.com/?Action=ConfirmSubscription",
        "https://sns.eu-central-1.amazonaws.com.evil.test/?Action=ConfirmSubscription",
        "https://user@sns.eu-central-1.amazonaws.com/",
        "https://sns.eu-central-1.amazonaws.com:8443/",
        "https://127.0.0.1/",
        "https://evil.test\\@sns.eu-central-1.amazonaws.com/",
        "https://sns.eu-central-1.amazonaws.com/other/path",
        "",
    ],
)
def test_a_subscription_is_confirmed_nowhere_but_at_sns(url: str) -> None:
    verdict = confirmation("2", url)
    assert (verdict.ok, verdict.confirm_url) == (False, None)
    assert verdict.reason == "SubscribeURL does not lead to Amazon SNS"


@pytest.mark.parametrize("name", PROVIDER_TYPES)
def test_handshakes_of_others_are_not_answered(name: str) -> None:
    """A source answers its own provider's handshakes; a plain one, and another's type, none."""
    openings = {"META", "DROPBOX", "TWITTER", "OKTA", "MICROSOFT_GRAPH", "TRELLO", "ASANA", "WOO_COMMERCE"}
    sent = get("challenge=a&validationToken=b&crc_token=c&hub.mode=subscribe", {"X-Okta-Verification-Challenge": "d"})
    verdict = judge(name, sent)
    assert (verdict is not None and verdict.handshake) == (name in ("DROPBOX", "OKTA"))
    assert verdict is None or name in openings
