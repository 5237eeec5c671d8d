"""The exception handler: every fault of a view becomes the one error envelope.

Knows no resource and no team. Bodies are parsed by `parsers`, read by `fields`; credentials are `teams.auth.bearer`'s.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import psycopg
import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response

from fasthook.api.parsers import PayloadTooLarge
from fasthook.lib.crypto import UndecryptableSecret
from fasthook.lib.errors import FastHookError, InvalidInput, NotFound, Unavailable, envelope

log = structlog.get_logger(__name__)

RETRY_AFTER_S = 5
# Away, restarting, or no connection free in time (psycopg_pool's PoolTimeout is an OperationalError).
DATABASE_FAULTS = (OperationalError, InterfaceError, psycopg.OperationalError)


def exception_handler(error: Exception, context: Mapping[str, Any]) -> Response:
    """Answers any exception of a view with the envelope; what nobody foresaw is logged and told to nobody."""
    known = _as_known(error)
    if known is None:
        request = context.get("request")
        log.exception("api.crashed", method=getattr(request, "method", None), path=getattr(request, "path", None))
        known = FastHookError("something went wrong on our side; it has been logged", code="INTERNAL_ERROR")
        known.status = 500
    elif known.status >= 500:
        log.warning("api.unavailable", code=known.code, error=str(error))
    return error_response(known)


def error_response(error: FastHookError) -> Response:
    body = envelope(message=error.message, code=error.code, fields=error.fields, data=error.data)
    return Response(body, status=error.status, headers=error.headers)


def _as_known(error: Exception) -> FastHookError | None:
    if isinstance(error, FastHookError):
        return error
    if isinstance(error, DATABASE_FAULTS):
        return database_unavailable()
    if isinstance(error, Http404):
        return NotFound("not found")
    if isinstance(error, PermissionDenied):
        return _translated(exceptions.PermissionDenied())
    if isinstance(error, RequestDataTooBig):
        return PayloadTooLarge(f"the body is larger than {settings.MAX_API_BODY_BYTES} bytes")
    if isinstance(error, TooManyFieldsSent):
        return InvalidInput(f"the query has more than {settings.DATA_UPLOAD_MAX_NUMBER_FIELDS} parameters; send fewer")
    if isinstance(error, UndecryptableSecret):
        known = FastHookError(str(error), code="SECRET_UNDECRYPTABLE")
        known.status = 500
        return known
    return _translated(error) if isinstance(error, exceptions.APIException) else None


def database_unavailable() -> Unavailable:
    return Unavailable(
        "the database does not answer; try again",
        code="DATABASE_UNAVAILABLE",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )


_CODES = {
    400: "BAD_REQUEST",
    401: "NOT_AUTHENTICATED",
    403: "FORBIDDEN",
    404: "NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "TOO_MANY_REQUESTS",
}


def _translated(error: exceptions.APIException) -> FastHookError:
    message = str(error.detail) if isinstance(error.detail, str) else "the request is not valid"
    if isinstance(error, exceptions.UnsupportedMediaType):
        message = "the body must be JSON: send Content-Type: application/json"
    if isinstance(error, exceptions.NotAcceptable):
        message = "answers are JSON: send Accept: application/json, or no Accept at all"
    if isinstance(error, exceptions.NotAuthenticated):
        message = "credentials are missing: send Authorization: Bearer with an API key or a session token"
    headers = {}
    challenge = getattr(error, "auth_header", None)
    if challenge:
        headers["WWW-Authenticate"] = str(challenge)
    known = FastHookError(message, code=_CODES.get(error.status_code, "BAD_REQUEST"), headers=headers)
    known.status = error.status_code
    return known
