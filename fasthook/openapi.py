"""What the OpenAPI description leaves out: the routes without their version, and POST where PUT does the same."""

from __future__ import annotations

from typing import Any

Endpoint = tuple[str, str, str, Any]


def described_once(endpoints: list[Endpoint]) -> list[Endpoint]:
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/v1/") and not _repeats_put(endpoint)]


def _repeats_put(endpoint: Endpoint) -> bool:
    _, _, method, view = endpoint
    actions = getattr(view, "actions", None) or {}
    return method == "POST" and "put" in actions and actions["put"] == actions.get("post")
