"""What the OpenAPI description leaves out: the same routes without their version."""

from __future__ import annotations

from typing import Any


def versioned_only(endpoints: list[tuple[str, str, str, Any]]) -> list[tuple[str, str, str, Any]]:
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/v1/")]
