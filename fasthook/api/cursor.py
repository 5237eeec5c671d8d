"""Keyset cursors: opaque, versioned, and tied to the list (resource, order and filters) that gave them out."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from fasthook.lib.errors import invalid

VERSION = 1


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place between two rows: `key` holds the order columns of the row beside it, `backward` which way to read."""

    key: tuple[str, ...]
    backward: bool


def list_signature(resource: str, *parts: object) -> str:
    """Names one list: a cursor of another resource, order or filter has another signature."""
    text = json.dumps([resource, *parts], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def encode_cursor(signature: str, key: Sequence[str], *, backward: bool) -> str:
    text = json.dumps([VERSION, signature, int(backward), *key], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def decode_cursor(text: str, signature: str, *, at: str) -> Cursor:
    """The cursor in `text`. InvalidInput naming `at` when it is damaged or belongs to another list."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        version, tied_to, backward, *key = json.loads(raw)
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise invalid(at, "is not a cursor; use the value of pagination.next or pagination.prev as it came") from None
    if version != VERSION or tied_to != signature:
        raise invalid(at, "belongs to another list, order or filter; start again without it")
    if not key or not all(isinstance(part, str) and "\0" not in part for part in key):
        raise invalid(at, "is not a cursor; use the value of pagination.next or pagination.prev as it came")
    return Cursor(key=tuple(key), backward=bool(backward))
