"""Forwarded headers: which of a request's headers go to a destination, and in what form."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Final

from fasthook.lib.config_fields import is_token, read_header_name
from fasthook.lib.errors import invalid

FASTHOOK_PREFIX: Final = "x-fasthook-"

# RFC 9110, 7.6.1, and what else belongs to one connection only.
HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "http2-settings",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)

# Written anew for every delivery. `expect` would make the client wait for a 100; `accept-encoding` is ours, because it
# is FastHook that reads the answer.
OWN_HEADERS: Final = frozenset({"host", "content-length", "expect", "accept-encoding"})

_LINE_NOISE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]+")


def is_owned(name: str) -> bool:
    """Lower-case names that no configuration may set: FastHook or the HTTP connection writes them."""
    return name in OWN_HEADERS or name in HOP_BY_HOP or name.startswith((FASTHOOK_PREFIX, "webhook-"))


def read_free_header(value: object, *, at: str) -> str:
    """A header name in lower case that configuration may set. InvalidInput naming `at`."""
    name = read_header_name(value, at=at)
    if is_owned(name):
        raise invalid(at, f"{name} is written by FastHook itself; choose another header")
    return name


@functools.lru_cache(maxsize=4096)
def _travels(name: str) -> bool:
    return (
        is_token(name) and name not in HOP_BY_HOP and name not in OWN_HEADERS and not name.startswith(FASTHOOK_PREFIX)
    )


def forwarded_headers(headers: Sequence[tuple[str, str]], *, dropped: frozenset[str]) -> list[tuple[str, str]]:
    """What is passed on, in order, repeated names kept. `dropped` names what else stays behind (lower case)."""
    listed = [value for name, value in headers if name == "connection"]
    if listed:
        dropped = dropped | {name.strip().lower() for name in ",".join(listed).split(",")}
    kept = []
    for name, value in headers:
        if name in dropped or not _travels(name):
            continue
        kept.append((name, value if value.isascii() and value.isprintable() else sanitise(value)))
    return kept


def sanitise(value: str) -> str:
    """A value that can neither end its line nor fail to encode.

    Servers hand header bytes over as Latin-1, the client sends UTF-8: bytes that were UTF-8 are read as such again, so
    that the receiver gets what the provider sent.
    """
    value = _LINE_NOISE.sub(" ", value).strip()
    if value.isascii():
        return value
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return value
    except UnicodeEncodeError:
        return value.encode("utf-8", "replace").decode()
