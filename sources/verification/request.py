"""The request as verifiers see it: one inbound HTTP request, free of any framework."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class InboundRequest:
    """`headers` has lower-case names (repeated ones joined with ", "); `query` and `path` are raw, as they came;
    `url` is the public URL exactly as the provider called it; `body` is the bytes on the wire."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    url: str
