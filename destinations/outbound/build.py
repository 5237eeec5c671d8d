"""The HTTP request of one attempt, built from target, payload and context: URL, headers, signature, body.

Pure and cheap: what depends on the target alone is worked out once by `compile_target`. Which address is dialled is
decided by `address`, sending is `client`'s, and an access token comes from `access_tokens` before anything is built.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final
from urllib.parse import quote, quote_plus, unquote_plus

from destinations.outbound.auth.oauth2 import ClientCredentials
from destinations.outbound.auth.signer import Signer, Unsigned
from destinations.outbound.auth.types import credentials_of
from destinations.outbound.headers import forwarded_headers, sanitise

USER_AGENT: Final = "FastHook"
MASK: Final = "***"

# Describe a body, so they go when the body does.
_BODY_HEADERS: Final = frozenset(
    {"content-type", "content-encoding", "content-language", "content-md5", "content-digest", "digest"}
)

_UNSAFE_IN_PATH = re.compile(r"[^\x21-\x7e]|[#?\\]")
_UNSAFE_IN_QUERY = re.compile(r"[^\x21-\x7e]|#")
_DOT_SEGMENT = re.compile(r"(?:^|/)(?:\.|%2e){1,2}(?:/|$)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DestinationTarget:
    """Where deliveries of one destination go. `url` and `auth` as normalised when saved; `http_method` None keeps the
    request's own."""

    id: str
    url: str
    http_method: str | None
    path_forwarding_disabled: bool
    timeout_s: float
    auth_type: str | None
    auth: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Payload:
    """What is delivered. `path` is the extra path after the source URL, raw: "" or "/...". `headers` have lower-case
    names, in order, repeated ones kept. `strip_headers` are lower-case names used to authenticate to the source."""

    method: str
    path: str
    query: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    strip_headers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class DeliveryContext:
    """Which attempt this is. `signing_secrets`: the current one first, the previous one during its grace period.
    `access_token`: for a target with a grant."""

    event_id: str
    request_id: str
    attempt_number: int
    attempt_trigger: str
    source_name: str
    connection_name: str
    signing_secrets: tuple[str, ...]
    access_token: str | None = None


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """One request ready to be sent; `headers` have lower-case names, without host and content-length."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class CompiledTarget:
    """A target with everything worked out that does not depend on the payload."""

    target: DestinationTarget
    base: str
    query: str
    masked_query: str
    query_keys: frozenset[str]
    credentials: tuple[tuple[str, str], ...]
    signer: Signer | None
    grant: ClientCredentials | None
    replaced: frozenset[str]
    hidden: frozenset[str]

    def build(self, payload: Payload, context: DeliveryContext, *, now: float) -> PreparedRequest:
        """`now` in Unix seconds. Raises ValueError when `context` lacks the signing secret or access token needed."""
        method = (self.target.http_method or payload.method).upper()
        # HEAD never carries a body; GET only if it came with one. What is not sent is not signed either.
        drops_body = method == "HEAD" or (method == "GET" and payload.method.upper() != "GET")
        body = b"" if drops_body else payload.body
        url = self._url(payload)
        headers = self._headers(payload, context, body)
        if self.signer is not None:
            signature = self.signer.sign(
                Unsigned(method, url, headers, body, context.event_id, context.signing_secrets, now)
            )
            url = signature.url
            headers += signature.headers
        return PreparedRequest(method=method, url=url, headers=tuple(headers), body=body)

    def masked(self, prepared: PreparedRequest) -> PreparedRequest:
        """What `build` returned, fit to be stored and shown: the destination's credentials are `***`."""
        if not self.hidden and self.masked_query == self.query:
            return prepared
        path, _, query = prepared.url.partition("?")
        if self.masked_query != self.query:
            query = self.masked_query + query.removeprefix(self.query)
        return replace(
            prepared,
            url=f"{path}?{query}" if query else path,
            headers=tuple((name, MASK if name in self.hidden else value) for name, value in prepared.headers),
        )

    def _url(self, payload: Payload) -> str:
        url = self.base
        if payload.path and payload.path != "/" and not self.target.path_forwarding_disabled:
            url = url.rstrip("/") + _safe_path(payload.path)
        query = self._merged_query(payload.query)
        return f"{url}?{query}" if query else url

    def _merged_query(self, query: str) -> str:
        if not query:
            return self.query
        query = _UNSAFE_IN_QUERY.sub(_percent_encode, query)
        if not self.query:
            return query
        others = [pair for pair in query.split("&") if pair and _query_key(pair) not in self.query_keys]
        return "&".join((self.query, *others))

    def _headers(self, payload: Payload, context: DeliveryContext, body: bytes) -> list[tuple[str, str]]:
        dropped = self.replaced | payload.strip_headers if payload.strip_headers else self.replaced
        if not body and payload.body:
            dropped = dropped | _BODY_HEADERS
        headers = forwarded_headers(payload.headers, dropped=dropped)
        taken = {name for name, _ in headers} | self.replaced
        if "user-agent" not in taken:
            headers.append(("user-agent", USER_AGENT))
        if "idempotency-key" not in taken:
            headers.append(("idempotency-key", context.event_id))
        headers += (
            ("accept-encoding", "identity"),
            ("x-fasthook-event-id", context.event_id),
            ("x-fasthook-request-id", context.request_id),
            ("x-fasthook-attempt-number", str(context.attempt_number)),
            ("x-fasthook-attempt-trigger", context.attempt_trigger),
            ("x-fasthook-source", sanitise(context.source_name)),
            ("x-fasthook-connection", sanitise(context.connection_name)),
            *self.credentials,
        )
        if self.grant is not None:
            if context.access_token is None:
                raise ValueError("OAUTH2_CLIENT_CREDENTIALS needs an access token")
            headers.append(("authorization", f"Bearer {context.access_token}"))
        return headers


def compile_target(target: DestinationTarget) -> CompiledTarget:
    """Raises KeyError for an unknown `auth_type`."""
    base, _, query = target.url.partition("#")[0].partition("?")
    credentials = credentials_of(target.auth_type, target.auth)
    # A key that authenticates replaces the same key in the URL as well.
    own_keys = {key for key, _ in credentials.query}
    pairs = [pair for pair in query.split("&") if pair and _query_key(pair) not in own_keys]
    keys = own_keys | {_query_key(pair) for pair in pairs}
    constant = frozenset(name for name, _ in credentials.headers)
    if credentials.grant is not None:
        constant |= {"authorization"}
    signer = credentials.signer
    return CompiledTarget(
        target=target,
        base=base,
        query="&".join((*pairs, *(pair for _, pair in credentials.query))),
        masked_query="&".join((*pairs, *(f"{quote_plus(key)}={MASK}" for key, _ in credentials.query))),
        query_keys=frozenset(keys),
        credentials=credentials.headers,
        signer=signer,
        grant=credentials.grant,
        replaced=constant | signer.writes if signer else constant,
        hidden=constant | signer.hides if signer else constant,
    )


def build_request(
    target: DestinationTarget, payload: Payload, context: DeliveryContext, *, now: float
) -> PreparedRequest:
    """One request for one attempt; callers with many attempts keep what `compile_target` returns."""
    return compile_target(target).build(payload, context, now=now)


def _safe_path(path: str) -> str:
    """The path as it came, except for what would break out of it.

    Dot segments, also percent-encoded ones, are resolved here (RFC 3986, 5.2.4): left to the receiver they would climb
    out of the destination's own path.
    """
    path = _UNSAFE_IN_PATH.sub(_percent_encode, path if path.startswith("/") else f"/{path}")
    if not _DOT_SEGMENT.search(path):
        return path
    kept: list[str] = []
    segments = path.split("/")[1:]
    for segment in segments:
        dots = segment.lower().replace("%2e", ".")
        if dots == "..":
            del kept[-1:]
        elif dots != ".":
            kept.append(segment)
    is_folder = segments[-1].lower().replace("%2e", ".") in (".", "..")
    return "/" + "/".join(kept) + ("/" if is_folder and kept else "")


def _query_key(pair: str) -> str:
    return unquote_plus(pair.partition("=")[0])


def _percent_encode(found: re.Match[str]) -> str:
    return quote(found[0], safe="", errors="replace")
