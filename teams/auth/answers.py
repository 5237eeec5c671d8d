"""Answers that hold credentials, and so may not be cached."""

from __future__ import annotations

from typing import Any

from rest_framework.response import Response


def private_answer(body: Any = None, *, status: int = 200) -> Response:
    return Response(body, status=status, headers={"Cache-Control": "no-store"})
