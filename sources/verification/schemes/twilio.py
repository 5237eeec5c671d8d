"""Twilio: an HMAC over the public URL as Twilio called it, and over the form's fields or a hash of the body.

Square, HubSpot, Trello and Mandrill sign their URL in ways that `signed_header` can say.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qs

from sources.verification.fields import Field
from sources.verification.request import InboundRequest
from sources.verification.schemes.decoding import comparable
from sources.verification.schemes.signed_header import SignedHeader, SignedHeaderVerifier
from sources.verification.verdict import Verdict, refused

_OVER_FORM: Final = SignedHeader("x-twilio-signature", "{url}{form}", "hmac-sha1", "base64", key_label="Auth token")
_OVER_URL: Final = SignedHeader("x-twilio-signature", "{url}", "hmac-sha1", "base64", key_label="Auth token")
_FORM_TYPE: Final = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Twilio:
    """twilio.com/docs/usage/security."""

    @property
    def fields(self) -> tuple[Field, ...]:
        return _OVER_FORM.fields

    def compile(self, auth: Mapping[str, Any]) -> TwilioVerifier:
        return TwilioVerifier(_OVER_FORM.compile(auth), _OVER_URL.compile(auth))


@dataclass(frozen=True, slots=True)
class TwilioVerifier:
    over_form: SignedHeaderVerifier
    over_url: SignedHeaderVerifier

    @property
    def credential_headers(self) -> frozenset[str]:
        return frozenset()

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        hashes = parse_qs(request.query).get("bodySHA256", [])
        if hashes:
            verdict = self.over_url.verify(request, now=now)
            digest = hashlib.sha256(request.body).hexdigest()
            if verdict.ok and not (len(hashes) == 1 and hmac.compare_digest(comparable(hashes[0]), digest.encode())):
                return refused("the body is not the one whose bodySHA256 is in the signed URL")
            return verdict
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() == _FORM_TYPE:
            return self.over_form.verify(request, now=now)
        verdict = self.over_url.verify(request, now=now)
        if verdict.ok and request.body:
            return refused("the body is neither a form nor covered by a bodySHA256 in the URL: it is not signed")
        return verdict
