"""Senders that show a fixed credential: HTTP Basic (RFC 7617) and an API key in a header or in the query.

A GitLab webhook is API_KEY with header `x-gitlab-token`. Nothing here protects the body.
"""

from __future__ import annotations

import base64
import binascii
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote_plus

from fasthook.lib.config_fields import ObjectReader, read_header_name, read_text, read_visible_ascii
from fasthook.lib.errors import invalid
from sources.verification.request import InboundRequest
from sources.verification.verdict import VERIFIED, Verdict, refused

_AUTHORIZATION = "authorization"


def normalise_basic_auth(auth: object, *, at: str) -> dict[str, Any]:
    fields = ObjectReader(auth, at=at, known=("username", "password"))
    username = read_text(fields.require("username"), at=fields.at("username"))
    if ":" in username:
        raise invalid(fields.at("username"), "must not contain a colon (RFC 7617)")
    return {"username": username, "password": read_text(fields.require("password"), at=fields.at("password"))}


def normalise_api_key(auth: object, *, at: str) -> dict[str, Any]:
    fields = ObjectReader(auth, at=at, known=("header", "query", "api_key"))
    if fields.has("header") and fields.has("query"):
        raise invalid(fields.at("query"), "give either header or query, not both")
    if fields.has("query"):
        name = read_text(fields.get("query"), at=fields.at("query"), max_length=256)
        return {"query": name, "api_key": read_text(fields.require("api_key"), at=fields.at("api_key"))}
    if not fields.has("header"):
        raise invalid(fields.at("header"), "is required: the header (or query, the parameter) that carries the key")
    header = read_header_name(fields.get("header"), at=fields.at("header"))
    return {"header": header, "api_key": read_visible_ascii(fields.require("api_key"), at=fields.at("api_key"))}


@dataclass(frozen=True, slots=True)
class BasicAuthVerifier:
    username: bytes
    password: bytes

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
            decoded = base64.b64decode(_comparable(encoded.strip()), validate=True)
        except (binascii.Error, ValueError):
            return refused("the Basic credentials are not valid base64")
        username, colon, password = decoded.partition(b":")
        if not colon:
            return refused("the Basic credentials have no colon between user name and password")
        # Both halves are always compared, so that time does not tell which of them was right.
        same_username = hmac.compare_digest(username, self.username)
        same_password = hmac.compare_digest(password, self.password)
        return VERIFIED if same_username & same_password else refused("the Basic user name or password is wrong")


@dataclass(frozen=True, slots=True)
class HeaderKeyVerifier:
    header: str
    api_key: bytes

    @property
    def credential_headers(self) -> frozenset[str]:
        return frozenset({_AUTHORIZATION} if self.header == _AUTHORIZATION else ())

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        value = request.headers.get(self.header)
        if not value:
            return refused(f"the header {self.header} that carries the API key is missing")
        matched = hmac.compare_digest(_comparable(value.strip()), self.api_key)
        if self.header == _AUTHORIZATION:
            # Operators write the key, senders write "Bearer <key>".
            scheme, _, token = value.partition(" ")
            matched |= scheme.lower() == "bearer" and hmac.compare_digest(_comparable(token.strip()), self.api_key)
        return VERIFIED if matched else refused(f"the API key in header {self.header} is wrong")


@dataclass(frozen=True, slots=True)
class QueryKeyVerifier:
    name: str
    api_key: bytes

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
        if hmac.compare_digest(_comparable(values[0]), self.api_key):
            return VERIFIED
        return refused(f"the API key in query parameter {self.name} is wrong")


def compile_basic_auth(auth: Mapping[str, Any]) -> BasicAuthVerifier:
    return BasicAuthVerifier(username=auth["username"].encode(), password=auth["password"].encode())


def compile_api_key(auth: Mapping[str, Any]) -> HeaderKeyVerifier | QueryKeyVerifier:
    api_key = auth["api_key"].encode()
    if auth.get("query") is not None:
        return QueryKeyVerifier(name=auth["query"], api_key=api_key)
    return HeaderKeyVerifier(header=auth["header"], api_key=api_key)


def _comparable(text: str) -> bytes:
    """Bytes for a constant-time compare; a lone surrogate must neither raise nor equal anything legal."""
    return text.encode("utf-8", "surrogatepass")
