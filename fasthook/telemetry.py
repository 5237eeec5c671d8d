"""Logs as events with fields: readable lines at a terminal, one JSON object per line for machines.

Our own events go straight to standard error, since delivery writes a line per attempt: through the standard library's
logging a line cost 50 us, this way 8. What libraries log goes through `logging`, in the same shapes.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import MutableMapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Literal

import orjson
import sentry_sdk
import structlog

EventDict = MutableMapping[str, Any]

_STDERR = 2
_SHOWN_ITEMS = 3


def logging_config(*, log_format: Literal["json", "text"] | str, level: str) -> dict[str, Any]:
    """Sets structlog up, and returns the `logging.config.dictConfig` for everybody else.

    Warnings, and exceptions that end a thread or the process, become lines like all others.
    """
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_crash
    threading.excepthook = _log_thread_crash
    render = render_json if log_format == "json" else render_text
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            add_time,
            report_exception,
            structlog.processors.format_exc_info,
            render,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level]),
        logger_factory=structlog.BytesLoggerFactory(open(_STDERR, "wb", buffering=0, closefd=False)),  # noqa: SIM115
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "ours": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": [structlog.stdlib.add_log_level, _name_logger, add_time],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    lambda logger, name, event: render(logger, name, event).decode(),
                ],
            }
        },
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "ours"}},
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            "celery": {"level": "WARNING"},
            "kombu": {"level": "WARNING"},
            # Both bring handlers of their own, in another shape.
            "gunicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
            "uvicorn.error": {"level": "INFO", "handlers": [], "propagate": True},
            "uvicorn.access": {"level": "WARNING"},
            "aiohttp": {"level": "WARNING"},
        },
    }


def _log_crash(kind: type[BaseException], error: BaseException, traceback: TracebackType | None) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, traceback)
        return
    structlog.get_logger(__name__).critical("process.crashed", exc_info=(kind, error, traceback))


def _log_thread_crash(crash: threading.ExceptHookArgs) -> None:
    if crash.exc_value is not None and not issubclass(crash.exc_type, SystemExit):
        found = (crash.exc_type, crash.exc_value, crash.exc_traceback)
        name = crash.thread.name if crash.thread else None
        structlog.get_logger(__name__).error("thread.crashed", thread=name, exc_info=found)


def start_reporting(dsn: str) -> None:
    """Reports faults to Sentry from now on: what Django, Celery and `logging` see, and what we log with a traceback."""
    if dsn:
        sentry_sdk.init(dsn=dsn, send_default_pii=False, include_local_variables=False, max_request_body_size="never")


def report_exception(logger: Any, name: str, event: EventDict) -> EventDict:
    """Without a DSN nothing happens."""
    if event.get("exc_info"):
        sentry_sdk.capture_exception()
    return event


def say_at_once(text: str) -> None:
    """A line from a signal handler: takes no lock, since the code that was interrupted may hold it."""
    line = structlog.get_config()["processors"][-1](
        None, "info", add_time(None, "info", {"event": text, "level": "info"})
    )
    os.write(_STDERR, line + b"\n")


def add_time(logger: Any, name: str, event: EventDict) -> EventDict:
    event["timestamp"] = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return event


def _name_logger(logger: logging.Logger, name: str, event: EventDict) -> EventDict:
    """gunicorn.error and uvicorn.error write everything but calls: a search for errors should not find all of it."""
    event = structlog.stdlib.add_logger_name(logger, name, event)
    event["logger"] = event["logger"].removesuffix(".error")
    return event


def render_json(logger: Any, name: str, event: EventDict) -> bytes:
    """One line, one object: `event`, `level`, `timestamp` and the event's own fields."""
    return orjson.dumps(event, default=str)


def render_text(logger: Any, name: str, event: EventDict) -> bytes:
    """One line; a list is cut short, since the lists in our lines are there for machines to search.

    `2026-05-29T10:00:00.000Z info     attempt.finished event_id=evt_... status=FAILED`; a traceback below it.
    """
    fields = dict(event)
    head = f"{fields.pop('timestamp', '')} {fields.pop('level', ''):<8} {fields.pop('event', '')}"
    traceback = fields.pop("exception", None)
    line = " ".join([head, *(f"{key}={_shown(value)}" for key, value in fields.items())])
    return f"{line}\n{traceback}".encode() if traceback else line.encode()


def _shown(value: Any) -> str:
    if isinstance(value, list) and len(value) > _SHOWN_ITEMS:
        return f"{','.join(map(str, value[:_SHOWN_ITEMS]))},+{len(value) - _SHOWN_ITEMS}"
    if isinstance(value, list):
        value = ",".join(map(str, value))
    text = str(value)
    return text if text and " " not in text and text.isprintable() else repr(text)
