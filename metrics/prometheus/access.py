"""Access to /metrics: with the token, or without one from this machine alone. Pure."""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Mapping

# A proxy on this machine comes from loopback too; these say that it speaks for somebody else.
_FORWARDED = ("x-forwarded-for", "forwarded", "x-real-ip", "x-forwarded-host", "via")

UNPROVEN = "the metrics need Authorization: Bearer and the value of METRICS_TOKEN"
FROM_ELSEWHERE = (
    "without METRICS_TOKEN the metrics are shown only to this machine, and not through a proxy; set METRICS_TOKEN and"
    " send it as Authorization: Bearer"
)


def why_refused(*, token: str, peer: str | None, headers: Mapping[str, str]) -> str | None:
    """None when the caller may look. `peer` is the address that connected, `headers` have names in lower case."""
    if token:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        # Compared as bytes: compare_digest refuses text outside ASCII.
        is_right = hmac.compare_digest(given.strip().encode(), token.encode())
        return None if is_right and scheme.lower() == "bearer" else UNPROVEN
    if not _is_loopback(peer) or any(name in headers for name in _FORWARDED):
        return FROM_ELSEWHERE
    return None


def _is_loopback(peer: str | None) -> bool:
    try:
        address = ipaddress.ip_address(peer or "")
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)
