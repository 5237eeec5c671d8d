"""Codes of the data plane as the API and alerts know them: why a request was rejected, why an attempt failed. Pure."""

from __future__ import annotations

REJECTION_CAUSES = ("SOURCE_DISABLED", "SOURCE_METHOD_NOT_ALLOWED", "PAYLOAD_TOO_LARGE", "SOURCE_AUTH_FAILED")
ERROR_CODES = (
    "BAD_RESPONSE",
    "TIMEOUT",
    "CONNECTION_REFUSED",
    "CONNECTION_RESET",
    "DNS_LOOKUP_FAILED",
    "HOST_UNREACHABLE",
    "TLS_ERROR",
    "TLS_CERT_EXPIRED",
    "TLS_CERT_INVALID",
    "TOO_LARGE",
    "ADDRESS_NOT_ALLOWED",
    "INVALID_URL",
    "CLI_UNAVAILABLE",
    "CLI_ERROR",
    "OAUTH2_FAILED",
    "CANCELLED",
    "INTERNAL_ERROR",
)
