"""Code runs from the web process: code is validated, or run over a given request. Nothing is stored."""

from __future__ import annotations

import atexit
import base64
import binascii
from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlencode

import orjson
from django.conf import settings

from connections.rules.payload import parse_query
from connections.sandbox.child_process import SandboxUnavailable
from connections.sandbox.jobs import Job, Limits, Message, Named, Outcome, RunContext
from connections.sandbox.pool import Busy, SandboxPool
from fasthook.lib.clock import iso
from fasthook.lib.config_fields import is_token
from fasthook.lib.errors import Unavailable, invalid
from fasthook.lib.headers import merge_headers

RETRY_AFTER_S: Final = 2


def sandbox_limits() -> Limits:
    """Of one run, as the settings have them. Routing and the web process use the same."""
    return Limits(
        cpu_s=settings.TRANSFORM_CPU_S,
        wall_s=settings.TRANSFORM_WALL_S,
        memory_bytes=settings.TRANSFORM_MEMORY_BYTES,
        body_bytes=settings.MAX_BODY_BYTES,
        header_bytes=settings.MAX_HEADER_BYTES,
    )


@lru_cache(maxsize=1)
def _pool() -> SandboxPool:
    pool = SandboxPool(size=settings.TRANSFORM_TRIALS, limits=sandbox_limits())
    atexit.register(pool.close)
    return pool


def try_out(code: str, env: Mapping[str, str], *, request: Message, context: RunContext, created_at: str) -> Outcome:
    """Runs it once. Unavailable (503) when all sandboxes are taken or none can be started."""
    job = Job(code=code, env=env, request=request, context=context, created_at=created_at, limits=sandbox_limits())
    return _run(job)


def check_syntax(code: str) -> Outcome:
    """FAILED with the place of the fault when it is not JavaScript. Unavailable (503) as above."""
    empty = Message(method="POST", path="", query="", headers=(), body=b"")
    return _run(Job(code=code, request=empty, limits=sandbox_limits(), check_only=True))


def refuse_unreadable(code: str, *, at: str) -> None:
    """InvalidInput naming `at` when the code is not JavaScript."""
    outcome = check_syntax(code)
    if outcome.error is not None:
        place = f"line {outcome.line}, column {outcome.column}: " if outcome.line else ""
        raise invalid(at, f"{place}{outcome.error}")


def _run(job: Job) -> Outcome:
    try:
        return _pool().run(job)
    except Busy:
        raise Unavailable(
            "too many transformations are being tried out just now; try again",
            code="SANDBOX_BUSY",
            headers={"Retry-After": str(RETRY_AFTER_S)},
        ) from None
    except SandboxUnavailable as error:
        raise Unavailable(str(error), code="SANDBOX_UNAVAILABLE", headers={"Retry-After": str(RETRY_AFTER_S)}) from None


def read_message(given: Mapping[str, Any], *, at: str = "request") -> Message:
    """The request that a caller describes, as it would have been stored. Raises InvalidInput under `at`."""
    query = given.get("query")
    if query is None:
        query = urlencode(given.get("parsed_query") or {}, doseq=True)
    body, is_json = _read_body(given, at=at)
    headers = _read_headers(given.get("headers") or {}, at=f"{at}.headers")
    if is_json and not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", "application/json"))
    path = given.get("path") or ""
    if path and not path.startswith("/"):
        raise invalid(f"{at}.path", "must begin with a slash")
    return Message(
        method=given.get("method", "POST").upper(),
        path=path,
        query=query.removeprefix("?"),
        headers=headers,
        body=body,
    )


def read_context(given: Mapping[str, Any]) -> RunContext:
    return RunContext(
        **{end: Named(each.get("id"), each.get("name")) for end, each in given.items() if each is not None}
    )


def shown_created_at(given: Mapping[str, Any], now: datetime) -> str:
    return given.get("created_at") or iso(now) or ""


def run_answer(outcome: Outcome, request: Message) -> dict[str, Any]:
    return {
        "status": outcome.status,
        "result": None if outcome.error is not None else message_answer(outcome.request or request),
        "changed": outcome.request is not None,
        "error": error_answer(outcome),
        "logs": [{"level": line.level, "message": line.message} for line in outcome.logs],
        "duration_ms": outcome.duration_us / 1000,
        "cpu_ms": outcome.cpu_us / 1000,
    }


def error_answer(outcome: Outcome) -> dict[str, Any] | None:
    if outcome.error is None:
        return None
    return {
        "kind": outcome.error_kind,
        "message": outcome.error,
        "line": outcome.line,
        "column": outcome.column,
    }


def message_answer(message: Message) -> dict[str, Any]:
    """As `data` of requests and events: `body` is the JSON value, else text, else base64."""
    body, encoding = _shown_body(message.body)
    return {
        "method": message.method,
        "path": message.path or "/",
        "query": message.query,
        "parsed_query": parse_query(message.query),
        "headers": merge_headers(message.headers),
        "body": body,
        "body_encoding": encoding,
    }


def _shown_body(body: bytes) -> tuple[Any, str]:
    if not body:
        return None, "text"
    try:
        orjson.loads(body)
        return orjson.Fragment(body), "json"
    except orjson.JSONDecodeError:
        pass
    try:
        return body.decode(), "text"
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"


def _read_body(given: Mapping[str, Any], *, at: str) -> tuple[bytes, bool]:
    body = given.get("body")
    encoding = given.get("body_encoding")
    if body is None:
        return b"", False
    if encoding == "base64":
        try:
            return base64.b64decode(body, validate=True), False
        except (binascii.Error, ValueError, TypeError):
            raise invalid(f"{at}.body", f"is not base64, as {at}.body_encoding says") from None
    if isinstance(body, str) and encoding != "json":
        return body.encode(), False
    return orjson.dumps(body), True


def _read_headers(given: Mapping[str, Any], *, at: str) -> list[tuple[str, str]]:
    headers = []
    for name, value in given.items():
        if not is_token(name):
            raise invalid(f"{at}.{name[:100]}", "is not a header name")
        if not isinstance(value, str):
            raise invalid(f"{at}.{name}", "must be a string")
        headers.append((name.lower(), value))
    return headers
