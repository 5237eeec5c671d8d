"""OAUTH2_CLIENT_CREDENTIALS: what is saved, the request for a token, and what the answer to it means (RFC 6749, 4.4).

Sending, caching and sharing are `access_tokens`'. No message made here holds a secret or a token.
"""

from __future__ import annotations

import base64
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import quote_plus, urlencode

import orjson

from destinations.outbound.url import normalise_destination_url
from fasthook.lib.config_fields import ObjectReader, read_choice, read_text
from fasthook.lib.errors import invalid

AUTH_METHODS: Final = ("basic", "body")
MAX_TOKEN_LENGTH: Final = 12 * 1024
# When the answer does not say how long the token lives; RFC 6749 only recommends that it does.
DEFAULT_LIFETIME_S: Final = 300.0
MAX_LIFETIME_S: Final = 24 * 3600.0
# A token is replaced this long before it expires, or a tenth of its life if that is less: it has a way to go.
EXPIRY_MARGIN_S: Final = 60.0
SHOWN_CHARACTERS: Final = 200

# RFC 6749, 3.3: printable ASCII without quotation mark and backslash, one space between scopes.
_SCOPE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]+(?: [\x21\x23-\x5b\x5d-\x7e]+)*")
_TOKEN = re.compile(r"[\x21-\x7e]+")
_NOT_SHOWN = re.compile(r"[^\x21-\x7e]+")


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """What a token is asked for with. Equal grants share a token, so a changed secret asks for a new one."""

    token_url: str
    client_id: str
    client_secret: str = field(repr=False)
    scope: str = ""
    audience: str = ""
    auth_method: str = "basic"


@dataclass(frozen=True, slots=True)
class GrantedToken:
    """`usable_s` is for how long it may be used, the margin before its expiry taken off."""

    value: str = field(repr=False)
    usable_s: float


@dataclass(frozen=True, slots=True)
class TokenFault:
    """Why there is no token, in a sentence for operators."""

    message: str


def normalise_client_credentials(auth: object, *, at: str) -> dict[str, Any]:
    known = ("token_url", "client_id", "client_secret", "scope", "audience", "auth_method")
    fields = ObjectReader(auth, at=at, known=known)
    normal: dict[str, Any] = {
        "token_url": normalise_destination_url(fields.require("token_url"), at=fields.at("token_url")),
        "client_id": read_text(fields.require("client_id"), at=fields.at("client_id")),
        "client_secret": read_text(fields.require("client_secret"), at=fields.at("client_secret")),
        "auth_method": read_choice(fields.get("auth_method", "basic"), AUTH_METHODS, at=fields.at("auth_method")),
    }
    if fields.get("scope", "") != "":
        scope = read_text(fields.get("scope"), at=fields.at("scope"))
        if not _SCOPE.fullmatch(scope):
            raise invalid(fields.at("scope"), "must be scopes separated by single spaces, such as events:write orders")
        normal["scope"] = scope
    if fields.get("audience", "") != "":
        normal["audience"] = read_text(fields.get("audience"), at=fields.at("audience"))
    return normal


def client_credentials(auth: Mapping[str, Any]) -> ClientCredentials:
    return ClientCredentials(**auth)


def token_request(grant: ClientCredentials) -> tuple[tuple[tuple[str, str], ...], bytes]:
    """Headers and body of the POST to the token endpoint.

    RFC 6749, 2.3.1: id and secret are form-encoded before they become Basic credentials. An endpoint that does not
    decode them is served by `auth_method: body`.
    """
    form = {"grant_type": "client_credentials"}
    headers = [("content-type", "application/x-www-form-urlencoded"), ("accept", "application/json")]
    if grant.scope:
        form["scope"] = grant.scope
    if grant.audience:
        form["audience"] = grant.audience
    if grant.auth_method == "body":
        form |= {"client_id": grant.client_id, "client_secret": grant.client_secret}
    else:
        headers.append(("authorization", f"Basic {_basic(grant)}"))
    return tuple(headers), urlencode(form).encode()


def read_token(status: int, body: bytes, *, grant: ClientCredentials) -> GrantedToken | TokenFault:
    """What the token endpoint's complete answer means (RFC 6749, 5.1 and 5.2)."""
    answer = _as_object(body)
    if not 200 <= status <= 299:
        return TokenFault(f"the token endpoint answered {status}{_told(answer, body, grant)}")
    if answer is None:
        return TokenFault(f"the token endpoint answered {status}, but not with a JSON object")
    token = answer.get("access_token")
    if not isinstance(token, str) or not token:
        # Some report errors with 200.
        return TokenFault(f"the token endpoint answered {status} without an access_token{_error_of(answer, grant)}")
    if len(token) > MAX_TOKEN_LENGTH or not _TOKEN.fullmatch(token):
        return TokenFault("the token endpoint gave an access_token that cannot be sent in a header")
    kind = answer.get("token_type", "Bearer")
    if not isinstance(kind, str) or not kind.lower().startswith("bearer"):
        return TokenFault(f"the token endpoint gave a token of type {_shown(str(kind), grant)}, which is not Bearer")
    return GrantedToken(token, usable_s=_usable_s(answer.get("expires_in")))


def _usable_s(expires_in: object) -> float:
    try:
        lifetime_s = float(expires_in) if isinstance(expires_in, int | float | str) else DEFAULT_LIFETIME_S
    except (ValueError, OverflowError):
        lifetime_s = DEFAULT_LIFETIME_S
    # Zero is how some say "forever"; a token that did expire is found out by the destination's 401.
    if math.isnan(lifetime_s) or lifetime_s <= 0:
        lifetime_s = DEFAULT_LIFETIME_S
    lifetime_s = min(lifetime_s, MAX_LIFETIME_S)
    return lifetime_s - min(EXPIRY_MARGIN_S, lifetime_s / 10)


def _as_object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return answer if isinstance(answer, dict) else None


def _told(answer: dict[str, Any] | None, body: bytes, grant: ClientCredentials) -> str:
    """What a refusal says of itself: the fields of RFC 6749, else the beginning of its text."""
    if answer is not None and (told := _error_of(answer, grant)):
        return told
    text = _shown(body.decode("utf-8", "replace"), grant)
    return f": {text}" if text and not text.startswith("<") else ""


def _error_of(answer: dict[str, Any], grant: ClientCredentials) -> str:
    told = [answer[name] for name in ("error", "error_description") if isinstance(answer.get(name), str)]
    return f": {_shown(': '.join(told), grant)}" if told else ""


def _shown(text: str, grant: ClientCredentials) -> str:
    """One line without the secret, in whatever spelling the endpoint may repeat it, cut after that."""
    secret = grant.client_secret
    in_json = orjson.dumps(secret).decode()[1:-1]
    for spelling in (_basic(grant), _base64(secret), secret, quote_plus(secret), in_json):
        text = text.replace(spelling, "***")
    text = _NOT_SHOWN.sub(" ", text).strip()
    return text if len(text) <= SHOWN_CHARACTERS else text[:SHOWN_CHARACTERS] + "..."


def _basic(grant: ClientCredentials) -> str:
    return _base64(f"{quote_plus(grant.client_id)}:{quote_plus(grant.client_secret)}")


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
