"""Error codes of attempts: one exception in, one code and a sentence for operators out."""

from __future__ import annotations

import asyncio
import errno
import ssl
from typing import Final

import aiohttp

_CERT_HAS_EXPIRED: Final = 10  # X509_V_ERR_CERT_HAS_EXPIRED

_CODES_BY_ERRNO: Final = {
    errno.ECONNREFUSED: "CONNECTION_REFUSED",
    errno.ECONNRESET: "CONNECTION_RESET",
    errno.ECONNABORTED: "CONNECTION_RESET",
    errno.EPIPE: "CONNECTION_RESET",
    errno.ENOTCONN: "CONNECTION_RESET",
    errno.ETIMEDOUT: "TIMEOUT",
    errno.EHOSTUNREACH: "HOST_UNREACHABLE",
    errno.ENETUNREACH: "HOST_UNREACHABLE",
    errno.EHOSTDOWN: "HOST_UNREACHABLE",
    errno.ENETDOWN: "HOST_UNREACHABLE",
    errno.EADDRNOTAVAIL: "HOST_UNREACHABLE",
    errno.EAFNOSUPPORT: "HOST_UNREACHABLE",
}

_SENTENCES: Final = {
    "CONNECTION_REFUSED": "the destination refused the connection",
    "CONNECTION_RESET": "the destination closed the connection before its answer was complete",
    "TIMEOUT": "the destination did not answer in time",
    "HOST_UNREACHABLE": "there is no route to the destination",
}

_BROKEN_OFF: Final = (
    ConnectionResetError,
    ConnectionAbortedError,
    BrokenPipeError,
    aiohttp.ServerDisconnectedError,
    aiohttp.ClientPayloadError,
)

# How aiohttp's parser words a header line, or a number of them, over its limits.
_OVERSIZED: Final = ("Got more than", "Too many headers")

Fault = tuple[str, str]


def name_fault(fault: Exception) -> Fault:
    """(error_code, error_message) for whatever aiohttp raised."""
    return _name_tls_fault(fault) or _name_http_fault(fault) or _name_connection_fault(fault)


def _name_tls_fault(fault: Exception) -> Fault | None:
    if isinstance(fault, aiohttp.ClientConnectorCertificateError):
        refusal = fault.certificate_error
        if isinstance(refusal, ssl.SSLCertVerificationError):
            if refusal.verify_code == _CERT_HAS_EXPIRED:
                return "TLS_CERT_EXPIRED", "the destination's certificate has expired"
            return "TLS_CERT_INVALID", f"the destination's certificate is not valid: {refusal.verify_message}"
        return "TLS_CERT_INVALID", "the destination's certificate is not valid"
    cause = fault.os_error if isinstance(fault, aiohttp.ClientConnectorError) else fault.__cause__ or fault
    if isinstance(cause, ssl.SSLError):
        return "TLS_ERROR", f"TLS failed: {cause.reason or 'the connection broke off'}"
    return None


def _name_http_fault(fault: Exception) -> Fault | None:
    if isinstance(fault, aiohttp.InvalidURL | aiohttp.NonHttpUrlClientError):
        return "INVALID_URL", "the destination's URL cannot be called"
    if isinstance(fault, aiohttp.ClientResponseError):
        if fault.message.startswith(_OVERSIZED):
            return "TOO_LARGE", "the header of the destination's answer is too large"
        return "BAD_RESPONSE", "the destination's answer is not valid HTTP"
    if isinstance(fault, aiohttp.ClientConnectorDNSError):
        return "DNS_LOOKUP_FAILED", f"{fault.host} could not be resolved: {fault.os_error.strerror or fault.os_error}"
    return None


def _name_connection_fault(fault: Exception) -> Fault:
    if isinstance(fault, aiohttp.ConnectionTimeoutError):
        return "TIMEOUT", "no connection to the destination was established in time"
    if isinstance(fault, asyncio.TimeoutError):
        return "TIMEOUT", _SENTENCES["TIMEOUT"]
    # A reset during the TLS handshake has the class but no number.
    cause = fault.os_error if isinstance(fault, aiohttp.ClientConnectorError) else fault
    if isinstance(cause, _BROKEN_OFF):
        return "CONNECTION_RESET", _SENTENCES["CONNECTION_RESET"]
    if isinstance(cause, OSError):
        if cause.errno in _CODES_BY_ERRNO:
            code = _CODES_BY_ERRNO[cause.errno]
            return code, _SENTENCES[code]
        if isinstance(fault, aiohttp.ClientConnectorError) and cause.errno is None:
            # Several addresses that failed in several ways.
            return "HOST_UNREACHABLE", f"none of the destination's addresses could be reached: {cause}"
    if isinstance(fault, aiohttp.ClientConnectionError) and not isinstance(fault, OSError):
        return "CONNECTION_RESET", _SENTENCES["CONNECTION_RESET"]
    return "INTERNAL_ERROR", f"sending failed inside FastHook: {type(fault).__name__}"
