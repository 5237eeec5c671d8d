"""The response of a destination, read within bounds: the first part is evidence, the rest is dropped."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from typing import Final

import aiohttp

KEPT_BODY_BYTES: Final = 16 * 1024
# Reading this much and dropping it is cheaper than a new connection; beyond it the connection is closed.
DRAINED_BODY_BYTES: Final = 256 * 1024

KEPT_HEADERS: Final = 100
KEPT_HEADER_CHARACTERS: Final = 16 * 1024

# 32 more than the window size lets zlib tell gzip from zlib by itself.
_WINDOW_BITS: Final = {"gzip": 47, "x-gzip": 47, "deflate": 47}


@dataclass(frozen=True, slots=True)
class AnswerBody:
    """`fault` is what broke off the reading before the answer was complete or enough of it was kept."""

    content: bytes
    fault: Exception | None = None


async def read_body(response: aiohttp.ClientResponse) -> AnswerBody:
    """The first 16 KiB, decompressed within the same bound; afterwards the connection is back in the pool or closed."""
    kept = bytearray()
    read_bytes = 0
    fault: Exception | None = None
    try:
        while chunk := await response.content.readany():
            kept += chunk[: KEPT_BODY_BYTES - len(kept)]
            read_bytes += len(chunk)
            if read_bytes > DRAINED_BODY_BYTES:
                response.close()
                break
    except (aiohttp.ClientError, OSError, TimeoutError) as broken_off:
        response.close()
        # The status and all that is kept have arrived: nobody misses the rest.
        fault = broken_off if len(kept) < KEPT_BODY_BYTES else None
    return AnswerBody(_decompressed(bytes(kept), response.headers.get("content-encoding", "")), fault)


def read_headers(response: aiohttp.ClientResponse) -> tuple[tuple[str, str], ...]:
    """Lower-case names, repeated ones kept, at most 100 of them and 16 KiB of text in all."""
    headers = []
    room = KEPT_HEADER_CHARACTERS
    for raw_name, raw_value in response.raw_headers[:KEPT_HEADERS]:
        name = raw_name.decode("utf-8", "replace").lower()
        value = raw_value.decode("utf-8", "replace").replace("\x00", "")
        room -= len(name)
        if room <= 0:
            break
        headers.append((name, value[:room]))
        room -= len(value)
    return tuple(headers)


def _decompressed(content: bytes, encoding: str) -> bytes:
    """Bounded, so that a bomb stays small; what cannot be decompressed is kept as it came."""
    window_bits = _WINDOW_BITS.get(encoding.strip().lower())
    if window_bits is None or not content:
        return content
    try:
        return zlib.decompressobj(window_bits).decompress(content, KEPT_BODY_BYTES)
    except zlib.error:
        return content
