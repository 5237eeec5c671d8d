"""The result of sending: what came back, or the error code that says why nothing did. Pure."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class SendResult:
    """What came back. `error_code` is None exactly when a complete 2xx answer arrived; `status` is set whenever a
    status line did, also when the answer broke off after it. `body` and `headers` are bounded, `latency_ms` covers
    connecting, sending and reading."""

    status: int | None
    headers: tuple[tuple[str, str], ...]
    body: bytes
    latency_ms: int
    error_code: str | None
    error_message: str | None
