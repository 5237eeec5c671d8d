"""The bytes that a signature covers, from a template: `{time}.{body}`, `{header:x-id}{time}{body}`, `{url}{form}`.

Names: body, time (as it was sent), url, url_decoded, method, form, body_sha256, envelope, header:<name>.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from sources.verification.request import InboundRequest


@dataclass(frozen=True, slots=True)
class SignedValues:
    """What a request's signed text is made of. `url` is the one that the provider signs; `environment` is Hygraph's."""

    request: InboundRequest
    time: str
    url: str
    environment: str = ""


Part = bytes | Callable[[SignedValues], bytes]

_PLACEHOLDER: Final = re.compile(r"\{([a-z0-9_]+)(?::([a-z0-9-]+))?\}")
# Joined without separators, a header that may hold anything could take over what follows it.
_ID: Final = re.compile(r"[A-Za-z0-9_\-:+/=|@]{1,256}")
# HubSpot decodes exactly these before it signs (developers.hubspot.com, "Validate requests", v3).
_HUBSPOT_DECODED: Final = {f"%{ord(char):02X}": char for char in ":/?@!$'()*,;"}
_HUBSPOT_ESCAPE: Final = re.compile(r"%[0-9A-Fa-f]{2}")


@dataclass(frozen=True, slots=True)
class SignedText:
    """`headers` have to be there, and look like ids, before `build` is asked."""

    parts: tuple[Part, ...]
    headers: tuple[str, ...]

    def fault(self, request: InboundRequest) -> str | None:
        for name in self.headers:
            value = request.headers.get(name)
            if not value:
                return f"header {name}, which is part of the signed text, is missing"
            if not _ID.fullmatch(value):
                return f"header {name}, which is part of the signed text, is no id"
        return None

    def build(self, values: SignedValues) -> bytes:
        return b"".join(part if isinstance(part, bytes) else part(values) for part in self.parts)


def compile_signed_text(template: str) -> SignedText:
    parts: list[Part] = []
    headers: list[str] = []
    at = 0
    for match in _PLACEHOLDER.finditer(template):
        if match.start() > at:
            parts.append(template[at : match.start()].encode())
        if match[1] == "header":
            headers.append(match[2])
            parts.append(_header(match[2]))
        else:
            parts.append(_VALUES[match[1]])
        at = match.end()
    if at < len(template):
        parts.append(template[at:].encode())
    return SignedText(tuple(parts), tuple(headers))


def sorted_form(body: bytes) -> bytes:
    """A form's names and values, one after another, sorted by name (twilio.com/docs/usage/security; the same at
    mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks)."""
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=10_000)
    except ValueError:
        return body
    return "".join(name + value for name, value in sorted(pairs)).encode()


def decode_for_hubspot(url: str) -> str:
    return _HUBSPOT_ESCAPE.sub(lambda match: _HUBSPOT_DECODED.get(match[0].upper(), match[0]), url)


def _header(name: str) -> Callable[[SignedValues], bytes]:
    return lambda values: values.request.headers[name].encode()


def _envelope(values: SignedValues) -> bytes:
    """What Hygraph signs: the body as a string inside of an object (github.com/hygraph/hygraph-utils)."""
    text = values.request.body.decode("utf-8", "replace")
    time = int(values.time)
    envelope = {"Body": text, "EnvironmentName": values.environment, "TimeStamp": time}
    return json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


_VALUES: Final[dict[str, Part]] = {
    "body": lambda values: values.request.body,
    "time": lambda values: values.time.encode(),
    "url": lambda values: values.url.encode(),
    "url_decoded": lambda values: decode_for_hubspot(values.url).encode(),
    "method": lambda values: values.request.method.encode(),
    "form": lambda values: sorted_form(values.request.body),
    "body_sha256": lambda values: hashlib.sha256(values.request.body).hexdigest().encode(),
    "envelope": _envelope,
}
