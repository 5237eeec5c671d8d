"""A whole HTTP answer, as a value: what a provider or an operator expects instead of FastHook's own."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

JSON = "application/json"
TEXT = "text/plain; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Answer:
    """`headers` are pairs of lower-case name and value, without those that ingress adds to every answer."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def empty_answer(status: int, *headers: tuple[str, str]) -> Answer:
    return Answer(status, headers, b"")


def text_answer(text: str) -> Answer:
    return Answer(200, (("content-type", TEXT),), text.encode("utf-8", "replace"))


def json_answer(value: Any) -> Answer:
    return Answer(200, (("content-type", JSON),), json.dumps(value, separators=(",", ":")).encode())
