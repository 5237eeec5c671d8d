"""Credentials that a receiver sends back are taken out of its answer before that becomes evidence. Pure.

Echo services and debug pages do so, the built-in receiver among them; people who read attempts may not see credentials.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from destinations.outbound.build import MASK, PreparedRequest
from destinations.outbound.result import SendResult

# A shorter one is found in too much that is none.
_LEAST: Final = 6


def redacted(sent: SendResult, *, request: PreparedRequest, shown: PreparedRequest) -> SendResult:
    """`shown` is `request` with its credentials masked."""
    if shown is request:
        return sent
    body, headers, message = sent.body, sent.headers, sent.error_message
    # The longest first: one may be part of another.
    for credential in sorted(set(_credentials(request, shown)), key=len, reverse=True):
        body = body.replace(credential.encode("latin-1", "replace"), MASK.encode())
        headers = tuple((name, value.replace(credential, MASK)) for name, value in headers)
        message = message and message.replace(credential, MASK)
    return replace(sent, body=body, headers=headers, error_message=message)


def _credentials(request: PreparedRequest, shown: PreparedRequest) -> Iterator[str]:
    """As sent, and without the scheme in front (`Bearer`) or the name of the parameter."""
    for (_, value), (_, masked) in zip(request.headers, shown.headers, strict=True):
        if value != masked:
            yield from _spellings(value, value.rpartition(" ")[2])
    if request.url != shown.url:
        known = set(_pairs(shown.url))
        for pair in _pairs(request.url):
            if pair not in known:
                yield from _spellings(pair.partition("=")[2])


def _pairs(url: str) -> list[str]:
    return url.partition("?")[2].split("&")


def _spellings(*values: str) -> Iterator[str]:
    return (value for value in values if len(value) >= _LEAST)
