"""AWS_SIGNATURE: AWS Signature Version 4 in the `authorization` header, for destinations that are AWS endpoints.

The rules are those of the IAM user guide ("Create a signed AWS API request"). Signed are host, content-type and every
`x-amz-*` header. The query is sent in the spelling that is signed, so that nobody may read a `+` in it another way.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote, unquote_to_bytes, urlsplit

from destinations.outbound.auth.signer import Signature, Signer, Unsigned
from fasthook.lib.config_fields import ObjectReader, read_text, read_visible_ascii
from fasthook.lib.errors import invalid

ALGORITHM: Final = "AWS4-HMAC-SHA256"
WRITES: Final = frozenset({"authorization", "x-amz-date", "x-amz-content-sha256", "x-amz-security-token"})
HIDES: Final = frozenset({"x-amz-security-token"})

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_KEY_ID = re.compile(r"[A-Za-z0-9_]{1,128}")
_SCOPE_PART = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
_SPACES = re.compile(r" +")


def normalise_aws_signature(auth: object, *, at: str) -> dict[str, Any]:
    fields = ObjectReader(
        auth, at=at, known=("access_key_id", "secret_access_key", "region", "service", "session_token")
    )
    key_id = read_text(fields.require("access_key_id"), at=fields.at("access_key_id"))
    if not _KEY_ID.fullmatch(key_id):
        raise invalid(fields.at("access_key_id"), "must be letters, digits and underscores, such as AKIA...")
    at_secret = fields.at("secret_access_key")
    normal = {
        "access_key_id": key_id,
        "secret_access_key": read_visible_ascii(fields.require("secret_access_key"), at=at_secret),
        "region": _read_scope_part(fields, "region", "us-east-1"),
        "service": _read_scope_part(fields, "service", "execute-api"),
    }
    if fields.get("session_token", "") != "":
        normal["session_token"] = read_visible_ascii(fields.get("session_token"), at=fields.at("session_token"))
    return normal


def _read_scope_part(fields: ObjectReader, name: str, example: str) -> str:
    value = read_text(fields.require(name), at=fields.at(name))
    if not _SCOPE_PART.fullmatch(value):
        raise invalid(fields.at(name), f"must be lower-case letters, digits and hyphens, such as {example}")
    return value


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """Who signs, and for which region and service."""

    access_key_id: str
    secret_access_key: str = field(repr=False)
    region: str
    service: str


def aws_signer(auth: Mapping[str, Any]) -> Signer:
    keys = AwsKeys(auth["access_key_id"], auth["secret_access_key"], auth["region"], auth["service"])
    session_token: str | None = auth.get("session_token")

    def sign(request: Unsigned) -> Signature:
        parts = urlsplit(request.url)
        path = parts.path or "/"
        query = respelled_query(parts.query)
        payload_hash = hashlib.sha256(request.body).hexdigest()
        amz_date = datetime.fromtimestamp(int(request.now), UTC).strftime("%Y%m%dT%H%M%SZ")
        added = [("x-amz-date", amz_date), ("x-amz-content-sha256", payload_hash)]
        if session_token:
            added.append(("x-amz-security-token", session_token))
        signed = [
            ("host", sent_host(request.url)),
            *((name, value) for name, value in request.headers if name == "content-type" or name.startswith("x-amz-")),
            *added,
        ]
        value = authorization(
            keys, method=request.method, path=path, query=query, headers=signed, payload_hash=payload_hash
        )
        url = f"{parts.scheme}://{parts.netloc}{path}" + (f"?{query}" if query else "")
        return Signature(url, (*added, ("authorization", value)))

    return Signer(sign, writes=WRITES, hides=HIDES)


def authorization(
    keys: AwsKeys, *, method: str, path: str, query: str, headers: Sequence[tuple[str, str]], payload_hash: str
) -> str:
    """The value of the `authorization` header; `headers` are all that is signed, `x-amz-date` among them.

    `path` and `query` as they are sent.
    """
    canonical_headers = _canonical_headers(headers)
    names = ";".join(canonical_headers)
    canonical_request = "\n".join(
        (
            method,
            canonical_path(path, service=keys.service),
            "&".join(sorted(respelled_query(query).split("&"), key=_name_and_value)),
            *(f"{name}:{value}" for name, value in canonical_headers.items()),
            "",
            names,
            payload_hash,
        )
    )
    amz_date = canonical_headers["x-amz-date"]
    scope = f"{amz_date[:8]}/{keys.region}/{keys.service}/aws4_request"
    request_hash = hashlib.sha256(canonical_request.encode()).hexdigest()
    key = _signing_key(keys.secret_access_key, amz_date[:8], keys.region, keys.service)
    signature = _hmac(key, f"{ALGORITHM}\n{amz_date}\n{scope}\n{request_hash}").hex()
    return f"{ALGORITHM} Credential={keys.access_key_id}/{scope}, SignedHeaders={names}, Signature={signature}"


def canonical_path(path: str, *, service: str) -> str:
    """The path as AWS signs it: for S3 the key, encoded once; elsewhere without dot segments and empty ones, and what
    is sent is encoded once more."""
    if service == "s3":
        return quote(unquote_to_bytes(path), safe="/~") or "/"
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            del kept[-1:]
        elif segment not in ("", "."):
            kept.append(segment)
    is_folder = bool(kept) and path.endswith("/")
    return quote("/" + "/".join(kept) + ("/" if is_folder else ""), safe="/~")


def respelled_query(query: str) -> str:
    """The pairs in their order, each name and value percent-encoded as AWS does it, a `+` read as a space."""
    return "&".join(_respelled(pair) for pair in query.split("&") if pair)


def sent_host(url: str) -> str:
    """The `host` header that an HTTP client sends for a normalised URL: without the scheme's own port."""
    parts = urlsplit(url)
    suffix = f":{parts.port}"
    return parts.netloc.removesuffix(suffix) if parts.port == _DEFAULT_PORTS[parts.scheme] else parts.netloc


def _respelled(pair: str) -> str:
    name, _, value = pair.replace("+", " ").partition("=")
    return f"{quote(unquote_to_bytes(name), safe='~')}={quote(unquote_to_bytes(value), safe='~')}"


def _name_and_value(pair: str) -> tuple[str, str]:
    """What pairs are sorted by: `a=` comes before `a-b=`, though `-` comes before `=`."""
    name, _, value = pair.partition("=")
    return name, value


def _canonical_headers(headers: Sequence[tuple[str, str]]) -> dict[str, str]:
    values: dict[str, list[str]] = {}
    for name, value in headers:
        values.setdefault(name.lower(), []).append(_SPACES.sub(" ", value.strip()))
    return {name: ",".join(values[name]) for name in sorted(values)}


@functools.lru_cache(maxsize=256)
def _signing_key(secret: str, date: str, region: str, service: str) -> bytes:
    key = f"AWS4{secret}".encode()
    for part in (date, region, service, "aws4_request"):
        key = _hmac(key, part)
    return key


def _hmac(key: bytes, text: str) -> bytes:
    return hmac.digest(key, text.encode(), "sha256")
