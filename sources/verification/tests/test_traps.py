"""Ways around a signature that one scheme or another would leave open, each closed."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from fasthook.lib.errors import InvalidInput
from sources.verification.config import normalise_auth
from sources.verification.provider import RemoteProviderVerifier
from sources.verification.tests.provider_samples import (
    BODY,
    NOW,
    OTHER_RSA,
    RSA,
    SAMPLES,
    SECRET,
    URL,
    base64ed,
    certificate,
    hexed,
    pem,
    request,
    sns_message,
    token,
)
from sources.verification.tests.test_providers import verifier_for
from sources.verification.verdict import KeyRequest, Verdict


def judge(name: str, sent: Any, auth: dict[str, Any] | None = None) -> Verdict:
    return verifier_for(name, auth or SAMPLES[name].auth).verify(sent, now=NOW)


def test_a_timed_signature_of_grafana_does_not_pass_as_one_of_the_body() -> None:
    sent = SAMPLES["GRAFANA"].sign(NOW - 86_400)
    signature = {"x-grafana-alerting-signature": sent.headers["x-grafana-alerting-signature"]}
    replayed = judge("GRAFANA", request(signature, b"%d:%b" % (NOW - 86_400, BODY)))
    assert (replayed.ok, replayed.reason) == (
        False,
        "the body begins with a timestamp, as only signed texts do: a replayed signature",
    )
    assert judge("GRAFANA", request({"x-grafana-alerting-signature": hexed(SECRET, BODY)})).verified


def test_twilio_does_not_accept_a_body_that_nothing_covers() -> None:
    over_url = {"X-Twilio-Signature": base64ed(SECRET, URL.encode(), "sha1")}
    for headers in (over_url, {**over_url, "content-type": "application/json"}):
        assert judge("TWILIO", request(headers, b'{"a": 1}')).reason == (
            "the body is neither a form nor covered by a bodySHA256 in the URL: it is not signed"
        )
    assert judge("TWILIO", request(over_url, b"", method="GET")).verified


def test_twilios_body_hash_must_be_the_bodys() -> None:
    query = f"bodySHA256={hashlib.sha256(BODY).hexdigest()}"
    url = f"https://hooks.example.com/in/abc/?{query}"
    headers = {"X-Twilio-Signature": base64ed(SECRET, url.encode(), "sha1"), "content-type": "application/json"}
    sent = request(headers, url=url, query=query)
    assert judge("TWILIO", sent).verified
    changed = judge("TWILIO", replace(sent, body=BODY + b" "))
    assert (changed.ok, changed.reason) == (False, "the body is not the one whose bodySHA256 is in the signed URL")
    form = replace(sent, headers={**sent.headers, "content-type": "application/x-www-form-urlencoded"}, body=b"a=1")
    assert not judge("TWILIO", form).ok


def test_the_url_that_was_entered_at_the_provider_can_be_said() -> None:
    entered = "https://old-name.example.com/hooks"
    sent = request({"x-square-hmacsha256-signature": base64ed(SECRET, entered.encode() + BODY)})
    assert not judge("SQUARE", sent).ok
    assert judge("SQUARE", sent, {"secret": SECRET, "url": entered}).verified


@pytest.mark.parametrize("algorithm", ["none", "HS256", "HS512"])
def test_a_token_cannot_choose_its_algorithm(algorithm: str) -> None:
    """A public key is no HMAC secret, whatever the token says (RFC 8725, 2.1)."""
    claims = {"request_body_sha256": base64.b64encode(hashlib.sha256(BODY).digest()).decode()}
    made = token({"alg": algorithm}, claims, lambda text: bytes.fromhex(hexed(pem(RSA), text)))
    verdict = judge("FUSIONAUTH", request({"X-FusionAuth-Signature-JWT": made}), {"secret": pem(RSA)})
    assert verdict.ok is False
    assert str(verdict.reason).endswith(" is signed by an algorithm that this source's key is not for")


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": NOW - 120}, "too old"),
        ({"nbf": NOW + 120}, "too early"),
        ({"exp": "soon"}, "not a time"),
        ({"iss": "somebody"}, " was not issued by netlify"),
        ({"sha256": None}, "the body is not the one"),
    ],
)
def test_a_tokens_claims_are_looked_at(claims: dict[str, Any], reason: str) -> None:
    good = {"iss": "netlify", "sha256": hashlib.sha256(BODY).hexdigest()}
    made = token({"alg": "HS256"}, {**good, **claims}, lambda text: bytes.fromhex(hexed(SECRET, text)))
    verdict = judge("NETLIFY", request({"X-Webhook-Signature": made}))
    assert (verdict.ok, reason in str(verdict.reason)) == (False, True)


@pytest.mark.parametrize(
    "url",
    [
        "https://api.paypal.com.evil.test/v1/notifications/certs/CERT-1",
        "http://api.paypal.com/v1/notifications/certs/CERT-1",
        "https://api.paypal.com@evil.test/v1/notifications/certs/CERT-1",
        "https://api.paypal.com:444/v1/notifications/certs/CERT-1",
        "https://api.paypal.com/v1/notifications/certs/../../evil",
        "https://evil.test#api.paypal.com/v1/notifications/certs/CERT-1",
        "https://169.254.169.254/v1/notifications/certs/CERT-1",
        "https://[::1/v1",
        "",
    ],
)
def test_paypals_certificate_is_fetched_from_paypal_only(url: str) -> None:
    sent = SAMPLES["PAYPAL"].sign(NOW)
    verdict = judge("PAYPAL", replace(sent, headers={**sent.headers, "paypal-cert-url": url}))
    assert (verdict.ok, verdict.wants) == (False, None)


@pytest.mark.parametrize(
    "url",
    [
        "https://sns.eu-central-1.amazonaws.com.evil.test/SimpleNotificationService-1.pem",
        "https://evil.s3.amazonaws.com/SimpleNotificationService-1.pem",
        "https://sns.eu-central-1.amazonaws.com/other.pem",
    ],
)
def test_the_certificate_of_sns_is_fetched_from_sns_only(url: str) -> None:
    verdict = judge("AWS_SNS", request({}, sns_message(SigningCertURL=url)))
    assert (verdict.ok, verdict.wants) == (False, None)


def test_another_accounts_topic_is_refused_before_anything_is_fetched() -> None:
    verdict = judge("AWS_SNS", request({}, sns_message(TopicArn="arn:aws:sns:eu-central-1:999999999999:orders")))
    assert (verdict.ok, verdict.wants) == (False, None)


def test_what_is_not_fresh_is_refused_before_anything_is_fetched() -> None:
    for name in ("PLAID", "FAL", "MAILCHANNELS"):
        verdict = judge(name, SAMPLES[name].sign(NOW - 301))
        assert (verdict.ok, verdict.wants) == (False, None)


def small_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=1024)


@pytest.mark.parametrize(
    "document", [b"", b"<html>", certificate(OTHER_RSA), certificate(days=10), certificate(small_key())]
)
@pytest.mark.parametrize("name", ["PAYPAL", "AWS_SNS", "PLAID", "FAL", "MAILCHANNELS"])
def test_a_wrong_expired_or_weak_key_verifies_nothing(name: str, document: bytes) -> None:
    verifier = verifier_for(name, SAMPLES[name].auth)
    assert isinstance(verifier, RemoteProviderVerifier)
    verdict = verifier.verify_with(SAMPLES[name].sign(NOW), document, now=NOW)
    assert (verdict.ok, verdict.verified) == (False, False)


def test_a_signature_that_leaves_the_body_out_is_none() -> None:
    """RFC 9421 lets the signer choose what is covered."""
    sent = SAMPLES["MAILCHANNELS"].sign(NOW)
    parameters = sent.headers["signature-input"].replace('("content-digest")', '("@method")')
    verdict = judge("MAILCHANNELS", replace(sent, headers={**sent.headers, "signature-input": parameters}))
    assert (verdict.ok, verdict.wants) == (False, None)
    assert verdict.reason == "the signature does not cover content-digest, so the body is not signed"


def test_one_unsigned_item_spoils_adyens_notification() -> None:
    body = json.loads(SAMPLES["ADYEN"].sign(NOW).body)
    item = body["notificationItems"][0]
    for extra in ({"NotificationRequestItem": {**item["NotificationRequestItem"], "success": "false"}}, {}, 1):
        body["notificationItems"] = [item, extra]
        assert not judge("ADYEN", request({}, json.dumps(body).encode())).ok
    body["notificationItems"] = []
    assert not judge("ADYEN", request({}, json.dumps(body).encode())).ok


def test_an_id_cannot_take_over_what_stands_behind_it() -> None:
    """Signed as one text without separators: what moves from one part into another must not fit there."""
    body = b'{"at": "2026-11-21T09:14:00Z", "x": 1}'
    old = "2026-01-01T00:00:00Z"
    signature = "sha256=" + hexed(SECRET, b"id-1" + old.encode() + body)
    moved = {
        "twitch-eventsub-message-id": f'id-1{old}{{"at": "',
        "twitch-eventsub-message-timestamp": "2026-11-21T09:14:00Z",
        "twitch-eventsub-message-signature": signature,
    }
    verdict = judge("TWITCH", request(moved, b'", "x": 1}'))
    assert (verdict.ok, "no id" in str(verdict.reason)) == (False, True)


def test_the_credentials_for_fetching_a_key_are_not_shown() -> None:
    verdict = judge("PLAID", SAMPLES["PLAID"].sign(NOW))
    assert isinstance(verdict.wants, KeyRequest)
    assert SECRET not in repr(verdict)
    assert SECRET not in repr(verdict.wants)


@pytest.mark.parametrize(
    ("source_type", "auth", "path", "fault"),
    [
        ("GITHUB", {}, "config.auth.secret", "is required"),
        ("GITHUB", {"secrets": "x"}, "config.auth.secrets", "is not a known field; did you mean secret?"),
        (
            "GITHUB",
            {"provider": "STRIPE", "secret": "x"},
            "config.auth.provider",
            "is STRIPE, but the source's type is GITHUB; make them the same",
        ),
        ("SVIX", {"secret": "not base64!"}, "config.auth.secret", "must be whsec_ or whpk_ followed by base64"),
        ("ADYEN", {"secret": ["00ff", "zz"]}, "config.auth.secret[1]", "must be written in hex"),
        ("DISCORD", {"public_key": "00ff"}, "config.auth.public_key", "must be a public key in PEM or base64"),
        ("SENDGRID", {"public_key": pem(RSA)}, "config.auth.public_key", "must be a public key for ecdsa"),
        (
            "CHARGEBEE",
            {"username": "a:b", "password": "p"},
            "config.auth.username",
            "must not contain a colon (RFC 7617)",
        ),
        (
            "AWS_SNS",
            {"topic_arn": "orders"},
            "config.auth.topic_arn",
            "must be the ARN of a topic: arn:aws:sns:<region>:<account>:<name>",
        ),
        ("STRIPE", {"secret": "x", "tolerance": 0}, "config.auth.tolerance", "must be between 1 and 86400 seconds"),
        (
            "WEBHOOK",
            {"provider": "PLAID", "client_id": "c", "secret": "s", "environment": "prod"},
            "config.auth.environment",
            "must be one of production, sandbox",
        ),
    ],
)
def test_a_fault_in_a_providers_fields_is_named_with_its_path(
    source_type: str, auth: dict[str, Any], path: str, fault: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        normalise_auth(source_type, "PROVIDER_SIGNATURE", auth)
    assert caught.value.fields == {path: [fault]}


def test_a_generic_source_names_its_provider_in_any_case() -> None:
    assert normalise_auth("WEBHOOK", "PROVIDER_SIGNATURE", {"provider": "github", "secret": "x"}) == {
        "provider": "GITHUB",
        "secret": "x",
    }
    with pytest.raises(InvalidInput) as caught:
        normalise_auth("WEBHOOK", "PROVIDER_SIGNATURE", {"secret": "x"})
    assert list(caught.value.fields) == ["config.auth.provider"]
