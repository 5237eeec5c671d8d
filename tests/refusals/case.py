"""What a refused call is, and bodies that are too deep to write down."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Refused:
    """`{name}` in the call, the body and the error stands for an id. An error that ends in `...` is the beginning."""

    call: str
    body: Any = None
    error: str = ""
    status: int = 422
    code: str = "INVALID_INPUT"


def nested(depth: int) -> Any:
    """{"a": {"a": ... 1}}"""
    value: Any = 1
    for _ in range(depth):
        value = {"a": value}
    return value
