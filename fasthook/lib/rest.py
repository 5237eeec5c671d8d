"""JSON in, JSON out, and one envelope for everything that goes wrong: what REST_FRAMEWORK in the settings names.

Knows no resource and no team. Shapes of bodies are read by `fasthook.lib.inputs`, credentials by `teams.auth`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
import structlog
from django.conf import settings
from django.core.exceptions import PermissionDenied, RequestDataTooBig, TooManyFieldsSent
from django.db import InterfaceError, OperationalError
from django.http import Http404
from rest_framework import exceptions
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer
from rest_framework.response import Response

from fasthook.lib.crypto import UndecryptableSecret
from fasthook.lib.errors import FastHookError, InvalidInput, MalformedInput, NotFound, Unavailable, envelope, invalid

log = structlog.get_logger(__name__)

MAX_DEPTH = 64
MAX_SOURCE_TEXT_BYTES = 10_000_000
# Of a field's name in an error.
MAX_SHOWN_NAME = 100
_FIRST_NAME = re.compile(r"[.\[]")
RETRY_AFTER_S = 5
# Away, restarting, or no connection free in time (psycopg_pool's PoolTimeout is an OperationalError).
DATABASE_FAULTS = (OperationalError, InterfaceError, psycopg.OperationalError)


class PayloadTooLarge(FastHookError):
    status = 413
    code = "PAYLOAD_TOO_LARGE"


class JSONRenderer(BaseRenderer):
    media_type = "application/json"
    format = "json"
    charset = None
    render_style = "binary"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return b"" if data is None else orjson.dumps(data, default=str, option=orjson.OPT_NON_STR_KEYS)


class JSONParser(BaseParser):
    """A body that is one JSON object, at most MAX_API_BODY_BYTES long and MAX_DEPTH deep, without NUL characters."""

    media_type = "application/json"

    def limit_bytes(self) -> int:
        return settings.MAX_API_BODY_BYTES

    def parse(
        self, stream: Any, media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        value = self.decode(_read_bounded(stream, self.limit_bytes()))
        if not isinstance(value, dict):
            raise invalid("body", "must be a JSON object")
        _refuse_unstorable(value)
        return value

    def decode(self, body: bytes) -> Any:
        try:
            return orjson.loads(body)
        except orjson.JSONDecodeError as fault:
            raise MalformedInput(
                f"the body is not JSON: {fault.msg} at line {fault.lineno} column {fault.colno}",
                code="MALFORMED_JSON",
                data={"position": fault.pos, "line": fault.lineno, "column": fault.colno},
            ) from None


class LargeJSONParser(JSONParser):
    """For bodies that carry a source text: twice the largest one, since JSON writes line breaks and quotes longer."""

    def limit_bytes(self) -> int:
        return max(settings.MAX_API_BODY_BYTES, MAX_SOURCE_TEXT_BYTES)


def _read_bounded(stream: Any, limit: int) -> bytes:
    try:
        body: bytes = stream.read(limit + 1)
    except RequestDataTooBig:
        body = b"\0" * (limit + 1)
    if len(body) > limit:
        raise PayloadTooLarge(f"the body is larger than {limit} bytes")
    return body


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a value stands. Written out only for a fault: a long name would be copied for every value below it."""

    item: Any
    depth: int = 0
    parent: _Place | None = None
    step: str | int = ""

    def path(self) -> str:
        steps: list[str] = []
        place: _Place | None = self
        while place is not None and place.parent is not None:
            steps.append(f"[{place.step}]" if isinstance(place.step, int) else f".{place.step[:MAX_SHOWN_NAME]}")
            place = place.parent
        return "".join(reversed(steps)).removeprefix(".")


def _refuse_unstorable(value: Any) -> None:
    """Postgres text holds no NUL, and whoever walks the value later may recurse: both are refused, naming the place."""
    waiting = [_Place(value)]
    while waiting:
        place = waiting.pop()
        if isinstance(place.item, str):
            raise invalid(place.path(), "must not contain NUL characters")
        if place.depth >= MAX_DEPTH:
            raise invalid(_FIRST_NAME.split(place.path())[0], f"is nested deeper than {MAX_DEPTH} levels")
        waiting.extend(_children(place))


def _children(place: _Place) -> Iterator[_Place]:
    """Those that may be at fault."""
    if isinstance(place.item, list):
        steps: Iterable[tuple[str | int, Any]] = enumerate(place.item)
    else:
        steps = place.item.items()
        if any("\0" in name for name in place.item):
            raise invalid(place.path() or "body", "must not contain NUL characters in the name of a field")
    for step, item in steps:
        if isinstance(item, dict | list) or (isinstance(item, str) and "\0" in item):
            yield _Place(item, place.depth + 1, place, step)


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
