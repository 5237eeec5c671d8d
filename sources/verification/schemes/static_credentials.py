"""Senders that show a fixed credential: HTTP Basic (RFC 7617) and an API key in a header or in the query.

A GitLab webhook is API_KEY with header `x-gitlab-token`. Nothing here protects the body.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import unquote_plus

from fasthook.lib.config_fields import ObjectReader, read_header_name, read_text, read_visible_ascii
from fasthook.lib.errors import invalid
from sources.verification.fields import Field, all_values, read_values, secret_field
from sources.verification.request import InboundRequest
from sources.verification.schemes.decoding import comparable, is_one_of
from sources.verification.verdict import VERIFIED, Verdict, refused

_AUTHORIZATION = "authorization"


def normalise_basic_auth(auth: object, *, at: str) -> dict[str, Any]:
    fields = ObjectReader(auth, at=at, known=("username", "password"))
    username = read_text(fields.require("username"), at=fields.at("username"))
    if ":" in username:
        raise invalid(fields.at("username"), "must not contain a colon (RFC 7617)")
    password = read_values(fields.require("password"), read_text, at=fields.at("password"))
    return {"username": username, "password": password}


def normalise_api_key(auth: object, *, at: str) -> dict[str, Any]:
    fields = ObjectReader(auth, at=at, known=("header", "query", "api_key"))
    if fields.has("header") and fields.has("query"):
        raise invalid(fields.at("query"), "give either header or query, not both")
    if fields.has("query"):
        name = read_text(fields.get("query"), at=fields.at("query"), max_length=256)
        api_key = read_values(fields.require("api_key"), read_text, at=fields.at("api_key"))
        return {"query": name, "api_key": api_key}
    if not fields.has("header"):
        raise invalid(fields.at("header"), "is required: the header (or query, the parameter) that carries the key")
    header = read_header_name(fields.get("header"), at=fields.at("header"))
    api_key = read_values(fields.require("api_key"), read_visible_ascii, at=fields.at("api_key"))
    return {"header": header, "api_key": api_key}


@dataclass(frozen=True, slots=True)
class BasicAuthVerifier:
    username: bytes
    passwords: tuple[bytes, ...] = field(repr=False)

    @property
    def credential_headers(self) -> frozenset[str]:
        return frozenset({_AUTHORIZATION})

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        value = request.headers.get(_AUTHORIZATION)
        if not value:
            return refused("the authorization header is missing")
        scheme, _, encoded = value.partition(" ")
        if scheme.lower() != "basic":
            return refused("the authorization header is not of the Basic scheme")
        try:
            decoded = base64.b64decode(comparable(encoded.strip()), validate=True)
        except (binascii.Error, ValueError):
            return refused("the Basic credentials are not valid base64")
        username, colon, password = decoded.partition(b":")
        if not colon:
            return refused("the Basic credentials have no colon between user name and password")
        # Both halves are always compared, so that time does not tell which of them was right.
        same_username = hmac.compare_digest(username, self.username)
        same_password = is_one_of(password, self.passwords)
        return VERIFIED if same_username & same_password else refused("the Basic user name or password is wrong")


@dataclass(frozen=True, slots=True)
class HeaderKeyVerifier:
    header: str
    api_keys: tuple[bytes, ...] = field(repr=False)

    @property
    def credential_headers(self) -> frozenset[str]:
        return frozenset({_AUTHORIZATION} if self.header == _AUTHORIZATION else ())

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        value = request.headers.get(self.header)
        if not value:
            return refused(f"the header {self.header} that carries the API key is missing")
        matched = is_one_of(comparable(value.strip()), self.api_keys)
        if self.header == _AUTHORIZATION:
            # Operators write the key, senders write "Bearer <key>".
            scheme, _, token = value.partition(" ")
            matched |= scheme.lower() == "bearer" and is_one_of(comparable(token.strip()), self.api_keys)
        return VERIFIED if matched else refused(f"the API key in header {self.header} is wrong")


@dataclass(frozen=True, slots=True)
class QueryKeyVerifier:
    name: str
    api_keys: tuple[bytes, ...] = field(repr=False)

    @property
    def credential_headers(self) -> frozenset[str]:
        return frozenset()

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        values = []
        for pair in request.query.split("&"):
            name, _, value = pair.partition("=")
            if unquote_plus(name) == self.name:
                values.append(unquote_plus(value))
        if not values:
            return refused(f"the query parameter {self.name} that carries the API key is missing")
        # A repeated parameter is ambiguous between readers; only a single one counts.
        if len(values) > 1:
            return refused(f"the query parameter {self.name} is given more than once")
        if is_one_of(comparable(values[0]), self.api_keys):
            return VERIFIED
        return refused(f"the API key in query parameter {self.name} is wrong")


def compile_basic_auth(auth: Mapping[str, Any]) -> BasicAuthVerifier:
    return BasicAuthVerifier(username=auth["username"].encode(), passwords=_all_bytes(auth, "password"))


def compile_api_key(auth: Mapping[str, Any]) -> HeaderKeyVerifier | QueryKeyVerifier:
    api_keys = _all_bytes(auth, "api_key")
    if auth.get("query") is not None:
        return QueryKeyVerifier(name=auth["query"], api_keys=api_keys)
    return HeaderKeyVerifier(header=auth["header"], api_keys=api_keys)


@dataclass(frozen=True, slots=True)
class StaticHeader:
    """A provider that shows one fixed secret in one header."""

    header: str
    label: str = "Secret token"

    @property
    def fields(self) -> tuple[Field, ...]:
        def check(secret: str) -> str | None:
            legal = secret.isascii() and secret == secret.strip()
            return None if legal else "must be printable ASCII without a space at either end"

        return (secret_field(self.label, check=check),)

    def compile(self, auth: Mapping[str, Any]) -> HeaderKeyVerifier:
        return HeaderKeyVerifier(header=self.header, api_keys=_all_bytes(auth, "secret"))


@dataclass(frozen=True, slots=True)
class StaticBasic:
    """A provider that is given user name and password in the webhook's URL or settings."""

    @property
    def fields(self) -> tuple[Field, ...]:
        def check(username: str) -> str | None:
            return "must not contain a colon (RFC 7617)" if ":" in username else None

        return (Field("username", "User name", check=check), Field("password", "Password", "secret", many=True))

    def compile(self, auth: Mapping[str, Any]) -> BasicAuthVerifier:
        return compile_basic_auth(auth)


def _all_bytes(auth: Mapping[str, Any], name: str) -> tuple[bytes, ...]:
    return tuple(value.encode() for value in all_values(auth, name))
