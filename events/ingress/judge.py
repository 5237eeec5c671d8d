"""The judgement of a call, in this order: source enabled, method, size, authentication or handshake.

What each refusal answers and leaves behind: docs/architecture.md.
"""

from __future__ import annotations

from django.conf import settings

from events.ingress.authentication import Authentication
from events.ingress.responses import Rejection
from sources.catalog import SourceEntry
from sources.verification.request import InboundRequest
from sources.verification.verdict import UNVERIFIED, Verdict


async def judge(
    source: SourceEntry,
    method: str,
    body: bytes | None,
    inbound: InboundRequest | None,
    *,
    authentication: Authentication,
) -> tuple[Rejection | None, Verdict]:
    if not source.enabled:
        return Rejection(410, "SOURCE_DISABLED", "this source is disabled"), UNVERIFIED
    may_come = method in source.methods
    if not may_come and method not in source.handshake_methods:
        return _method_refused(source, method), UNVERIFIED
    if body is None:
        limit = settings.MAX_BODY_BYTES
        message = f"the body is larger than this installation's {limit} bytes"
        return Rejection(413, "PAYLOAD_TOO_LARGE", message), UNVERIFIED
    verdict = await authentication.judge(source, inbound)
    if not may_come and not verdict.handshake:
        return _method_refused(source, method), UNVERIFIED
    if not verdict.ok:
        message = f"authentication failed: {verdict.reason}"
        return Rejection(401, "SOURCE_AUTH_FAILED", message, answer=verdict.answer), verdict
    return None, verdict


def _method_refused(source: SourceEntry, method: str) -> Rejection:
    allowed = ", ".join(sorted(source.methods))
    message = f"this source takes {allowed}, not {method}"
    return Rejection(405, "SOURCE_METHOD_NOT_ALLOWED", message, ((b"allow", allowed.encode()),))
