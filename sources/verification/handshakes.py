"""Challenges and pings that providers send to see whether a URL is the receiver's; none of them makes an event.

An *opening* is looked at before the signature, because the provider does not sign it (a GET, or a call that brings the
secret). A *signed* handshake is looked at only after the signature was found good. Each answers None for what is not
its handshake. What is repeated to the caller is bounded, and never as a type that a browser would run.
"""

from __future__ import annotations

import base64
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import parse_qsl

from sources.verification.answer import Answer, empty_answer, json_answer, text_answer
from sources.verification.fields import all_values
from sources.verification.request import InboundRequest
from sources.verification.schemes.decoding import comparable, is_one_of, read_json_object
from sources.verification.verdict import Verdict, handshake, refused_handshake

MAX_CHALLENGE_CHARACTERS: Final = 1024
# A handshake's body is small: nothing larger is parsed to find out whether it is one.
MAX_HANDSHAKE_BYTES: Final = 16 * 1024
_TOKEN: Final = re.compile(r"[A-Za-z0-9_\-.=+/]{1,256}")
_HOOK_SECRET: Final = frozenset({"x-hook-secret"})
_VISIBLE: Final = re.compile(r"[\x21-\x7e]{8,512}")


class OpeningAnswer(Protocol):
    def __call__(self, request: InboundRequest, auth: Mapping[str, Any]) -> Verdict | None:
        """`auth` is what the source has stored, {} when nothing."""


class SignedHandshake(Protocol):
    def __call__(self, request: InboundRequest, auth: Mapping[str, Any]) -> Answer | None: ...


@dataclass(frozen=True, slots=True)
class Opening:
    """methods: passed although the source may not allow them. without_auth: answered also by a source of this type
    that has no authentication; otherwise the answer needs a secret."""

    answer: OpeningAnswer
    methods: frozenset[str]
    without_auth: bool
    summary: str


# ---- Openings


def meta_challenge(request: InboundRequest, auth: Mapping[str, Any]) -> Verdict | None:
    """developers.facebook.com/docs/graph-api/webhooks/getting-started, "Verification requests"."""
    query = _query(request)
    if request.method != "GET" or query.get("hub.mode") != "subscribe":
        return None
    expected = all_values(auth, "verify_token")
    if not expected:
        return refused_handshake("Meta asks for the verify token, but the source has none (config.auth.verify_token)")
    given = comparable(query.get("hub.verify_token", ""))
    if not is_one_of(given, [token.encode() for token in expected]):
        return refused_handshake("hub.verify_token is not the one of this source")
    return _echo(query.get("hub.challenge"))


def dropbox_challenge(request: InboundRequest, auth: Mapping[str, Any]) -> Verdict | None:
    """dropbox.com/developers/reference/webhooks, "The verification request"."""
    return _echo(_query(request).get("challenge")) if request.method == "GET" else None


def graph_validation(request: InboundRequest, auth: Mapping[str, Any]) -> Verdict | None:
    """learn.microsoft.com/graph/change-notifications-delivery-webhooks, "notificationUrl validation"."""
    if request.method != "POST" or request.body.strip() or "validationToken" not in request.query:
        return None
    return _echo(_query(request).get("validationToken"))


def okta_challenge(request: InboundRequest, auth: Mapping[str, Any]) -> Verdict | None:
    """developer.okta.com/docs/concepts/event-hooks, "One-time verification request"."""
    challenge = request.headers.get("x-okta-verification-challenge", "")
    if request.method != "GET" or not challenge:
        return None
    if not _is_short(challenge):
        return refused_handshake("the challenge is longer than any that the provider sends")
    return handshake(json_answer({"verification": challenge}))


def twitter_crc(request: InboundRequest, auth: Mapping[str, Any]) -> Verdict | None:
    """docs.x.com/x-api/webhooks, "CRC": the answer is an HMAC with the key that also signs events, of what the caller
    gives. So only what looks like a token is answered, and `begins_as_object` keeps such tokens from being events."""
    token = _query(request).get("crc_token")
    if request.method != "GET" or token is None:
        return None
    secrets = all_values(auth, "secret")
    if not _TOKEN.fullmatch(token) or not secrets:
        return refused_handshake("crc_token is not a token")
    # X knows one secret at a time: the first is the one that is in use.
    digest = hmac.digest(secrets[0].encode(), token.encode(), "sha256")
    return handshake(json_answer({"response_token": f"sha256={base64.b64encode(digest).decode()}"}))


def probe(request: InboundRequest, auth: Mapping[str, Any]) -> Verdict | None:
    """Trello and Mandrill look whether the URL answers 200 to HEAD."""
    return handshake(empty_answer(200)) if request.method == "HEAD" else None


def asana_secret(request: InboundRequest, auth: Mapping[str, Any]) -> Verdict | None:
    """developers.asana.com/docs/webhooks-guide, "The webhook handshake": the first call brings the secret.

    Taken once: whoever could bring a second one could sign from then on.
    """
    secret = request.headers.get("x-hook-secret", "")
    if request.method != "POST" or not secret:
        return None
    if all_values(auth, "secret"):
        reason = "this source has its secret already; use another source, or set config.auth_type to null first"
        return Verdict(ok=False, reason=reason, handshake=True, hidden_headers=_HOOK_SECRET)
    if not _VISIBLE.fullmatch(secret):
        return refused_handshake("x-hook-secret is no secret")
    answer = empty_answer(200, ("x-hook-secret", secret))
    return Verdict(ok=True, handshake=True, answer=answer, learned_secret=secret, hidden_headers=_HOOK_SECRET)


def woocommerce_ping(request: InboundRequest, auth: Mapping[str, Any]) -> Verdict | None:
    """What WooCommerce sends when a webhook is saved: `webhook_id=7`, without a signature."""
    is_ping = re.fullmatch(rb"webhook_id=[0-9]{1,20}", request.body) and "x-wc-webhook-signature" not in request.headers
    return handshake(empty_answer(200)) if request.method == "POST" and is_ping else None


# ---- Signed handshakes


def slack_challenge(request: InboundRequest, auth: Mapping[str, Any]) -> Answer | None:
    """docs.slack.dev/reference/events/url_verification."""
    body = _small_object(request, b"url_verification")
    challenge = body.get("challenge") if body and body.get("type") == "url_verification" else None
    return text_answer(challenge) if isinstance(challenge, str) and _is_short(challenge) else None


def zoom_challenge(request: InboundRequest, auth: Mapping[str, Any]) -> Answer | None:
    """developers.zoom.us/docs/api/webhooks, "Validate your webhook endpoint"; repeated every 72 hours."""
    body = _small_object(request, b"endpoint.url_validation")
    payload = body.get("payload") if body and body.get("event") == "endpoint.url_validation" else None
    token = payload.get("plainToken") if isinstance(payload, dict) else None
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        return None
    encrypted = hmac.digest(all_values(auth, "secret")[0].encode(), token.encode(), "sha256").hex()
    return json_answer({"plainToken": token, "encryptedToken": encrypted})


def twitch_challenge(request: InboundRequest, auth: Mapping[str, Any]) -> Answer | None:
    """dev.twitch.tv/docs/eventsub/handling-webhook-events, "Responding to a challenge request"."""
    if request.headers.get("twitch-eventsub-message-type") != "webhook_callback_verification":
        return None
    challenge = (_small_object(request, b"challenge") or {}).get("challenge")
    return text_answer(challenge) if isinstance(challenge, str) and _is_short(challenge) else None


def discord_ping(request: InboundRequest, auth: Mapping[str, Any]) -> Answer | None:
    """discord.com/developers/docs: interactions ping with type 1, webhook events with type 0."""
    body = _small_object(request, b'"type"')
    if body is None or "event" in body or isinstance(body.get("type"), bool):
        return None
    if body.get("type") == 1:
        return json_answer({"type": 1})
    return empty_answer(204, ("content-type", "application/json")) if body.get("type") == 0 else None


def _query(request: InboundRequest) -> dict[str, str]:
    try:
        pairs = parse_qsl(request.query, keep_blank_values=True, max_num_fields=100)
    except ValueError:
        return {}
    # The first of a name counts, in the order it came.
    return dict(reversed(pairs))


def _echo(challenge: str | None) -> Verdict | None:
    if not challenge:
        return None
    if not _is_short(challenge):
        return refused_handshake("the challenge is longer than any that the provider sends")
    return handshake(text_answer(challenge))


def _is_short(challenge: str) -> bool:
    return 0 < len(challenge) <= MAX_CHALLENGE_CHARACTERS


def _small_object(request: InboundRequest, sign: bytes) -> dict[str, Any] | None:
    """The body, if it can be a handshake at all."""
    if len(request.body) > MAX_HANDSHAKE_BYTES or sign not in request.body:
        return None
    return read_json_object(request.body)
