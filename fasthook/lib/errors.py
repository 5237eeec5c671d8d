"""The family of errors, and the envelope that shows them.

Services raise `FastHookError` subclasses; the REST exception handler, the ingress and the dashboard all answer with
`envelope`. The envelope's shape is the API's promise: error, code, and where they help fields and data.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class FastHookError(Exception):
    """Something a caller asked for that cannot be done, with what is wrong and what to do.

    `fields` maps a dotted path in the caller's input to its faults; `data` carries facts a program may act on.
    """

    status = 400
    code = "BAD_REQUEST"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        fields: Mapping[str, Sequence[str]] | None = None,
        data: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.fields = {path: list(faults) for path, faults in (fields or {}).items()}
        self.data = dict(data or {})
        self.headers = dict(headers or {})


class MalformedInput(FastHookError):
    status = 400
    code = "MALFORMED_INPUT"


class NotAuthenticated(FastHookError):
    status = 401
    code = "NOT_AUTHENTICATED"


class Forbidden(FastHookError):
    status = 403
    code = "FORBIDDEN"


class NotFound(FastHookError):
    status = 404
    code = "NOT_FOUND"


class Conflict(FastHookError):
    status = 409
    code = "CONFLICT"


class InvalidInput(FastHookError):
    """Input that is well formed but not a legal value; `fields` names each fault."""

    status = 422
    code = "INVALID_INPUT"


class Unavailable(FastHookError):
    status = 503
    code = "UNAVAILABLE"


def envelope(
    *,
    message: str,
    code: str,
    fields: Mapping[str, Sequence[str]] | None = None,
    data: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """The body of every error answer: {"error", "code", "fields"?, "data"?}."""
    body: dict[str, Any] = {"error": message, "code": code}
    if fields:
        body["fields"] = {path: list(faults) for path, faults in fields.items()}
    if data:
        body["data"] = dict(data)
    return body


def invalid(path: str, fault: str) -> InvalidInput:
    """The common case: one field, one fault."""
    return InvalidInput(f"{path}: {fault}", fields={path: [fault]})
