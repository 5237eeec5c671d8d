"""What a caller is told who is refused: every reason, whole, with a provider at which it comes about.

Each provider's signed request is damaged in every way that needs no knowledge of the provider: one header or field of
the body at a time goes missing, becomes nonsense or another's, the body is no JSON, the documents are none.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from sources.verification.request import InboundRequest
from sources.verification.tests.provider_samples import (
    NOW,
    OTHER_ED25519,
    SAMPLES,
    SECRET,
    Sample,
    base64ed,
    hexed,
    raw,
    request,
    token,
)
from sources.verification.tests.test_providers import judge, verifier_for

REASONS: dict[str, set[str]] = {
    "ADYEN": {
        "notificationItems[0].additionalData.hmacSignature does not match: the HMAC key is wrong or the "
        "notification was changed",
        "notificationItems[0].additionalData.hmacSignature is missing in the body",
        "the body holds no notificationItems",
        "the body, which carries the signature, is not a JSON object",
    },
    "AUTH0": {
        "the API key in header authorization is wrong",
        "the header authorization that carries the API key is missing",
    },
    "AWS_SNS": {
        "Signature in the body does not match: the message was changed on its way",
        "SigningCertURL does not lead to a certificate of Amazon SNS",
        "TopicArn of the message is not a topic that this source is for",
        "Type or SignatureVersion of the message is not known",
        "the body, which carries the signature, is not a JSON object",
        "the certificate at SigningCertURL is not valid",
        "the field Signature is missing in the body",
        "the field SignatureVersion is missing in the body",
        "the field SigningCertURL is missing in the body",
        "the field Type is missing in the body",
    },
    "CHARGEBEE": {
        "the Basic credentials have no colon between user name and password",
        "the Basic user name or password is wrong",
        "the authorization header is missing",
        "the authorization header is not of the Basic scheme",
    },
    "CLERK": {
        "header svix-id is missing",
        "header svix-id is no id",
        "no signature in svix-signature matches: the secret is wrong or the request was changed on its way",
        "signature header webhook-signature (or svix-signature) is missing",
        "the timestamp in svix-timestamp is 1795252499 s old, the tolerance is 300 s",
        "the timestamp in svix-timestamp is missing",
        "the timestamp in svix-timestamp is not a Unix time",
    },
    "FAL": {
        "header x-fal-webhook-request-id, which is part of the signed text, is missing",
        "header x-fal-webhook-request-id, which is part of the signed text, is no id",
        "header x-fal-webhook-user-id, which is part of the signed text, is missing",
        "header x-fal-webhook-user-id, which is part of the signed text, is no id",
        "signature header x-fal-webhook-signature is missing",
        "the timestamp in x-fal-webhook-timestamp is 1795252499 s old, the tolerance is 300 s",
        "the timestamp in x-fal-webhook-timestamp is missing",
        "the timestamp in x-fal-webhook-timestamp is not a Unix time",
        "x-fal-webhook-signature matches none of fal's keys",
        "x-fal-webhook-user-id is not one that this source is for",
    },
    "FUSIONAUTH": {
        "signature header x-fusionauth-signature-jwt holds no JSON Web Token",
        "signature header x-fusionauth-signature-jwt is missing",
        "the body is not the one whose hash is in the token's claim request_body_sha256",
        "the signature of the token in x-fusionauth-signature-jwt does not match: the key is wrong",
    },
    "HUBSPOT": {
        "no signature in x-hubspot-signature-v3 matches: the secret is wrong, the URL is not the one "
        "that the provider called, or the request was changed on its way",
        "signature header x-hubspot-signature-v3 holds no base64 signature",
        "signature header x-hubspot-signature-v3 is missing",
        "the timestamp in x-hubspot-request-timestamp is 1795252499 s old, the tolerance is 300 s",
        "the timestamp in x-hubspot-request-timestamp is missing",
        "the timestamp in x-hubspot-request-timestamp is not a Unix time",
    },
    "MAILCHANNELS": {
        "header content-digest is missing, or not of sha-256 or sha-512",
        "headers signature and signature-input hold no Ed25519 signature with a keyid",
        "signature header signature is missing",
        "signature header signature-input is missing",
        "the body is not the one whose hash is in content-digest",
        "the key of MailChannels cannot be read",
    },
    "MAILGUN": {
        "signature.signature in the body does not match: the signing key is wrong",
        "the body, which carries the signature, is not a JSON object",
        "the field signature is missing in the body",
        "the field signature.token is missing in the body",
        "the timestamp in signature.timestamp is 1795252495 s old, the tolerance is 30000 s",
        "the timestamp in signature.timestamp is missing",
        "the timestamp in signature.timestamp is not a Unix time",
    },
    "MICROSOFT_GRAPH": {
        "the body holds no notifications in value",
        "the body, which carries the signature, is not a JSON object",
        "value[0].clientState is missing in the body",
        "value[0].clientState is not the one of this source",
        "value[1].clientState is missing in the body",
        "value[1].clientState is not the one of this source",
    },
    "NETLIFY": {
        "signature header x-webhook-signature holds no JSON Web Token",
        "signature header x-webhook-signature is missing",
        "the body is not the one whose hash is in the token's claim sha256",
        "the signature of the token in x-webhook-signature does not match: the key is wrong",
    },
    "PAYPAL": {
        "header paypal-auth-algo is not SHA256withRSA",
        "header paypal-cert-url does not lead to a certificate of PayPal's",
        "header paypal-transmission-id is no id",
        "paypal-transmission-sig does not match: the webhook ID is wrong or the request was changed",
        "signature header paypal-transmission-id is missing",
        "signature header paypal-transmission-sig is missing",
        "signature header paypal-transmission-time is missing",
        "the certificate at paypal-cert-url is not valid",
        "the timestamp in paypal-transmission-time is not an RFC 3339 time",
    },
    "PLAID": {
        "Plaid has no valid key for the token in plaid-verification",
        "signature header plaid-verification holds no token signed with ES256",
        "signature header plaid-verification is missing",
        "the body is not the one whose hash is in the token's claim request_body_sha256",
        "the signature of the token in plaid-verification does not match",
    },
    "SHOPIFY": {
        "no signature in x-shopify-hmac-sha256 matches: the secret is wrong, or the request was changed on its way",
        "signature header x-shopify-hmac-sha256 holds no base64 signature",
        "signature header x-shopify-hmac-sha256 is missing",
    },
    "SLACK": {
        "no signature in x-slack-signature matches: the secret is wrong, or the request was changed on its way",
        "signature header x-slack-signature holds no hex signature after v0=",
        "signature header x-slack-signature is missing",
        "the timestamp in x-slack-request-timestamp is 1795252499 s old, the tolerance is 300 s",
        "the timestamp in x-slack-request-timestamp is missing",
        "the timestamp in x-slack-request-timestamp is not a Unix time",
    },
    "TWILIO": {
        "no signature in x-twilio-signature matches: the secret is wrong, the URL is not the one that "
        "the provider called, or the request was changed on its way",
        "signature header x-twilio-signature holds no base64 signature",
        "signature header x-twilio-signature is missing",
    },
    "WORKOS": {
        "no signature in workos-signature matches: the secret is wrong, or the request was changed on its way",
        "signature header workos-signature holds no hex signature after v1=",
        "signature header workos-signature is missing",
    },
    "ASANA": {
        "no signature in x-hook-signature matches: the secret is wrong, or the request was changed on its way",
        "signature header x-hook-signature holds no hex signature",
        "signature header x-hook-signature is missing",
    },
}

NONSENSE = ("", "nonsense", "a.b.c", "1", "sha256=00")


def damaged(sent: InboundRequest) -> Iterator[InboundRequest]:
    for name, value in sent.headers.items():
        yield replace(sent, headers={key: each for key, each in sent.headers.items() if key != name})
        for other in (*NONSENSE, value[:-2] + "AA", value.swapcase()):
            yield replace(sent, headers={**sent.headers, name: other})
    for body in (b"", b"not json", b"[]", b"{}", sent.body + b" ", b'1795252500:{"id": 1}'):
        yield replace(sent, body=body)
    yield replace(sent, url=sent.url + "&bodySHA256=00", query=sent.query + "&bodySHA256=00")
    for body in _damaged_bodies(sent.body):
        yield replace(sent, body=body)


def _damaged_bodies(body: bytes) -> Iterator[bytes]:
    try:
        document = json.loads(body)
    except ValueError:
        return
    for path in _paths(document):
        for value in (None, "nonsense", 5, {}, [], [{}], ...):
            copy = json.loads(body)
            inner = copy
            for step in path[:-1]:
                inner = inner[step]
            if value is ...:
                del inner[path[-1]]
            else:
                inner[path[-1]] = value
            yield json.dumps(copy).encode()


def _paths(value: Any, above: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, child in children:
        yield (*above, key)
        yield from _paths(child, (*above, key))


def reasons_of(name: str, sample: Sample) -> set[str]:
    verifier, sent = verifier_for(name, sample.auth), sample.sign(NOW)
    told = {judge(verifier, each, sample).reason for each in damaged(sent)}
    for document in (b"", b"nonsense", b"{}"):
        without = replace(sample, documents=lambda wanted, document=document: document)
        told.add(judge(verifier, sent, without).reason)
    return {reason for reason in told if reason}


@pytest.mark.parametrize("name", REASONS)
def test_every_reason_that_damage_brings_about(name: str) -> None:
    assert reasons_of(name, SAMPLES[name]) == REASONS[name]


def told(name: str, sent: InboundRequest, document: bytes = b"") -> str | None:
    sample = replace(SAMPLES[name], documents=lambda _: document)
    return judge(verifier_for(name, sample.auth), sent, sample).reason


def test_the_key_of_mailchannels_is_anothers_or_for_another_id() -> None:
    sent = SAMPLES["MAILCHANNELS"].sign(NOW)
    anothers = json.dumps({"id": "mckey", "key": base64.b64encode(raw(OTHER_ED25519)).decode()}).encode()
    assert told("MAILCHANNELS", sent, anothers) == "the signature does not match: the request was changed on its way"
    assert told("MAILCHANNELS", sent, b'{"id": "another"}') == (
        "MailChannels has no key for the signature, or a signed component is missing"
    )


def test_a_token_of_plaid_that_names_no_key() -> None:
    made = token({"alg": "ES256"}, {"iat": NOW}, lambda text: b"x" * 64)
    assert told("PLAID", request({"plaid-verification": made})) == "the token in plaid-verification names no key (kid)"


def test_what_linear_signed_without_a_time() -> None:
    sent = request({"linear-signature": hexed(SECRET, b"{}")}, b"{}")
    assert told("LINEAR", sent) == "webhookTimestamp is missing in the body"


def test_what_twitter_signed_is_an_object() -> None:
    sent = request({"x-twitter-webhooks-signature": "sha256=" + base64ed(SECRET, b"[]")}, b"[]")
    assert told("TWITTER", sent) == "the body is not a JSON object, as all of this provider's are"
