"""Authentication types of destinations: what is saved of each, and what is sent for it.

Types that are more than a constant header or query key have files of their own.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol
from urllib.parse import quote_plus

from destinations.outbound.auth.aws_signature import aws_signer, normalise_aws_signature
from destinations.outbound.auth.credentials import Credentials
from destinations.outbound.auth.custom_signature import custom_signer, normalise_custom_signature
from destinations.outbound.auth.oauth2 import client_credentials, normalise_client_credentials
from destinations.outbound.auth.signing import PROJECT_SIGNER
from destinations.outbound.headers import read_free_header
from fasthook.lib.config_fields import ObjectReader, read_choice, read_text, read_visible_ascii
from fasthook.lib.errors import invalid


class _Normalise(Protocol):
    def __call__(self, auth: object, *, at: str) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True)
class _AuthType:
    normalise: _Normalise
    credentials: Callable[[Mapping[str, Any]], Credentials]
    secret_fields: frozenset[str]


def _normalise_signature(auth: object, *, at: str) -> dict[str, Any]:
    ObjectReader(auth, at=at, known=())
    return {}


def _normalise_basic(auth: object, *, at: str) -> dict[str, Any]:
    fields = ObjectReader(auth, at=at, known=("username", "password"))
    username = read_text(fields.require("username"), at=fields.at("username"))
    if ":" in username:
        raise invalid(fields.at("username"), "must not contain a colon (RFC 7617)")
    # An empty password is usual where an API key is the user name.
    password = read_text(fields.get("password", ""), at=fields.at("password"), allow_empty=True)
    return {"username": username, "password": password}


def _basic_credentials(auth: Mapping[str, Any]) -> Credentials:
    pair = f"{auth['username']}:{auth['password']}".encode()
    return Credentials(headers=(("authorization", "Basic " + base64.b64encode(pair).decode()),))


def _normalise_bearer(auth: object, *, at: str) -> dict[str, Any]:
    fields = ObjectReader(auth, at=at, known=("token",))
    return {"token": read_visible_ascii(fields.require("token"), at=fields.at("token"))}


def _bearer_credentials(auth: Mapping[str, Any]) -> Credentials:
    return Credentials(headers=(("authorization", f"Bearer {auth['token']}"),))


def _normalise_api_key(auth: object, *, at: str) -> dict[str, Any]:
    fields = ObjectReader(auth, at=at, known=("key", "api_key", "to"))
    place = read_choice(fields.get("to", "header"), ("header", "query"), at=fields.at("to"))
    if place == "header":
        key = read_free_header(fields.require("key"), at=fields.at("key"))
        return {"key": key, "api_key": _read_value(fields, "api_key"), "to": place}
    key = read_text(fields.require("key"), at=fields.at("key"), max_length=256)
    return {"key": key, "api_key": read_text(fields.require("api_key"), at=fields.at("api_key")), "to": place}


def _api_key_credentials(auth: Mapping[str, Any]) -> Credentials:
    if auth["to"] == "header":
        return Credentials(headers=((auth["key"], auth["api_key"]),))
    pair = f"{quote_plus(auth['key'])}={quote_plus(auth['api_key'])}"
    return Credentials(query=((auth["key"], pair),))


def _normalise_custom_header(auth: object, *, at: str) -> dict[str, Any]:
    fields = ObjectReader(auth, at=at, known=("header_name", "header_value"))
    name = read_free_header(fields.require("header_name"), at=fields.at("header_name"))
    return {"header_name": name, "header_value": _read_value(fields, "header_value")}


def _custom_header_credentials(auth: Mapping[str, Any]) -> Credentials:
    return Credentials(headers=((auth["header_name"], auth["header_value"]),))


def _read_value(fields: ObjectReader, name: str) -> str:
    return read_visible_ascii(fields.require(name), at=fields.at(name))


_AUTH_TYPES: Final[Mapping[str, _AuthType]] = {
    "FASTHOOK_SIGNATURE": _AuthType(_normalise_signature, lambda _: Credentials(signer=PROJECT_SIGNER), frozenset()),
    "BASIC_AUTH": _AuthType(_normalise_basic, _basic_credentials, frozenset({"password"})),
    "BEARER_TOKEN": _AuthType(_normalise_bearer, _bearer_credentials, frozenset({"token"})),
    "API_KEY": _AuthType(_normalise_api_key, _api_key_credentials, frozenset({"api_key"})),
    "CUSTOM_HEADER": _AuthType(_normalise_custom_header, _custom_header_credentials, frozenset({"header_value"})),
    "CUSTOM_SIGNATURE": _AuthType(
        normalise_custom_signature, lambda auth: Credentials(signer=custom_signer(auth)), frozenset({"signing_secret"})
    ),
    "OAUTH2_CLIENT_CREDENTIALS": _AuthType(
        normalise_client_credentials,
        lambda auth: Credentials(grant=client_credentials(auth)),
        frozenset({"client_secret"}),
    ),
    "AWS_SIGNATURE": _AuthType(
        normalise_aws_signature,
        lambda auth: Credentials(signer=aws_signer(auth)),
        frozenset({"secret_access_key", "session_token"}),
    ),
}

DESTINATION_SECRET_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    name: auth_type.secret_fields for name, auth_type in _AUTH_TYPES.items()
}


def normalise_destination_auth(auth_type: str | None, auth: object, *, at: str = "config") -> dict[str, Any] | None:
    """The stored form of `auth` (header names in lower case, defaults filled in), or None without authentication.

    Raises InvalidInput naming `<at>.auth_type` or `<at>.auth.<field>`.
    """
    if auth_type is None:
        if auth is None or auth == {}:
            return None
        raise invalid(f"{at}.auth_type", f"is required when auth is given: one of {', '.join(_AUTH_TYPES)}")
    name = read_choice(auth_type, _AUTH_TYPES, at=f"{at}.auth_type")
    return _AUTH_TYPES[name].normalise(auth, at=f"{at}.auth")


def credentials_of(auth_type: str | None, auth: Mapping[str, Any]) -> Credentials:
    """From what `normalise_destination_auth` returned. Raises KeyError for an unknown type."""
    return Credentials() if auth_type is None else _AUTH_TYPES[auth_type].credentials(auth)
