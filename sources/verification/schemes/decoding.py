"""Signatures and keys as text: hex and base64 as providers write them, None for what is neither."""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Iterable
from typing import Any, Final

import orjson

_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2})+")


def decode_hex(text: str) -> bytes | None:
    return bytes.fromhex(text) if _HEX.fullmatch(text) else None


def decode_base64(text: str) -> bytes | None:
    """Both alphabets, padded or not."""
    unpadded = text.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(unpadded + "=" * (-len(unpadded) % 4), validate=True)
    except (binascii.Error, ValueError):
        return None


def decode_signature(text: str, encoding: str) -> bytes | None:
    return decode_hex(text) if encoding == "hex" else decode_base64(text)


def comparable(text: str) -> bytes:
    """Bytes for a constant-time compare; a lone surrogate must neither raise nor equal anything legal."""
    return text.encode("utf-8", "surrogatepass")


def is_one_of(given: bytes, legal: Iterable[bytes]) -> bool:
    """All are compared, so that time does not tell which of several secrets is in use."""
    matches = [hmac.compare_digest(given, each) for each in legal]
    return any(matches)


def read_json_object(body: bytes) -> dict[str, Any] | None:
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return value if isinstance(value, dict) else None
