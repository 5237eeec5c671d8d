"""Log lines: what a person reads and what a machine parses."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from fasthook.telemetry import render_json, render_text

EVENT = {"event": "attempt.finished", "level": "info", "timestamp": "2026-05-29T10:00:00.000Z", "event_id": "evt_1"}

WRITE = """
import logging, logging.config, structlog
from fasthook.telemetry import logging_config
logging.config.dictConfig(logging_config(log_format={form!r}, level="INFO"))
log = structlog.get_logger("any")
log.debug("too.fine")
log.info("attempt.finished", event_id="evt_1", error_code=None)
try:
    raise ValueError("broken")
except ValueError:
    log.exception("attempt.crashed", event_id="evt_2")
logging.getLogger("library").warning("said %s", "so")
logging.getLogger("celery").info("chatter")
"""


def written(form: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", WRITE.format(form=form)], capture_output=True, text=True, check=True, timeout=30
    )
    return done.stderr.splitlines()


def test_as_json_every_line_is_an_object_ours_and_the_libraries() -> None:
    lines: list[dict[str, Any]] = [json.loads(line) for line in written("json")]
    assert [line["event"] for line in lines] == ["attempt.finished", "attempt.crashed", "said so"]
    assert [line["level"] for line in lines] == ["info", "error", "warning"]
    assert (lines[0]["event_id"], lines[0]["error_code"]) == ("evt_1", None)
    assert lines[1]["exception"].endswith("ValueError: broken")
    assert lines[2]["logger"] == "library"


CRASH = """
import logging.config, sys, threading, warnings
from fasthook.telemetry import logging_config, say_at_once
logging.config.dictConfig(logging_config(log_format="json", level="INFO"))
logging.getLogger("gunicorn.error").info("Booting worker")
logging.getLogger("uvicorn.error").error("Exception in ASGI application")
warnings.warn("an old way", DeprecationWarning, stacklevel=1)
say_at_once("worker: Warm shutdown")
thread = threading.Thread(target=lambda: 1 / 0, name="capture")
thread.start()
thread.join()
raise LookupError("nothing there")
"""


def test_as_json_crashes_warnings_and_servers_are_objects_too() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "always", "-c", CRASH], capture_output=True, text=True, check=False, timeout=30
    )
    lines: list[dict[str, Any]] = [json.loads(line) for line in done.stderr.splitlines()]
    booting, failed, warning, shutdown, thread, process = lines
    assert (done.returncode, done.stdout) == (1, "")
    assert (booting["event"], booting["logger"]) == ("Booting worker", "gunicorn")
    assert (failed["event"], failed["level"]) == ("Exception in ASGI application", "error")
    assert "DeprecationWarning: an old way" in warning["event"]
    assert (shutdown["event"], shutdown["level"]) == ("worker: Warm shutdown", "info")
    assert (thread["event"], thread["thread"]) == ("thread.crashed", "capture")
    assert thread["exception"].endswith("ZeroDivisionError: division by zero")
    assert (process["event"], process["level"]) == ("process.crashed", "critical")
    assert process["exception"].endswith("LookupError: nothing there")


@pytest.mark.parametrize(
    ("ids", "shown"), [([], "''"), (["a"], "a"), (["a", "b", "c"], "a,b,c"), (["a", "b", "c", "d", "e"], "a,b,c,+2")]
)
def test_as_text_a_long_list_is_cut_short(ids: list[str], shown: str) -> None:
    line = render_text(None, "info", {**EVENT, "request_ids": ids}).decode()
    assert line.endswith(f" event_id=evt_1 request_ids={shown}")


def test_as_text_a_traceback_follows_its_line() -> None:
    lines = written("text")
    assert lines[0].endswith("Z info     attempt.finished event_id=evt_1 error_code=None")
    assert lines[1].endswith("Z error    attempt.crashed event_id=evt_2")
    assert (lines[2], lines[-2]) == ("Traceback (most recent call last):", "ValueError: broken")
    assert lines[-1].endswith("warning  said so logger=library")


def test_values_with_spaces_or_line_ends_stay_on_their_line() -> None:
    line = render_text(None, "info", {**EVENT, "error": "a b\nc", "empty": ""}).decode()
    assert line == "2026-05-29T10:00:00.000Z info     attempt.finished event_id=evt_1 error='a b\\nc' empty=''"


@pytest.mark.parametrize("text", ["\x1b[2J", "a\rb", "a\u2028b", "\u202ea"])
def test_nobody_writes_to_the_terminal_by_a_value(text: str) -> None:
    line = render_text(None, "info", {**EVENT, "path": text}).decode()
    assert line.endswith(f"path={text!r}")
    assert line.isprintable()


@pytest.mark.parametrize("value", [object(), {1, 2}, b"x"])
def test_a_value_that_json_has_no_form_for_is_written_as_text(value: object) -> None:
    assert json.loads(render_json(None, "info", {**EVENT, "value": value}))["value"] == str(value)


REPORT = """
import logging.config, sentry_sdk, structlog
from fasthook.telemetry import logging_config, start_reporting
logging.config.dictConfig(logging_config(log_format="json", level="INFO"))
start_reporting({dsn!r})
sent = []
sentry_sdk.get_client().options["before_send"] = lambda event, hint: sent.append(event)
secret = "whsec_local"
try:
    raise ValueError("broken")
except ValueError:
    structlog.get_logger("any").exception("attempt.crashed")
print([(value["type"], value["value"]) for event in sent for value in event["exception"]["values"]])
print("whsec_local" in repr(sent))
"""


@pytest.mark.parametrize(
    ("dsn", "reported"), [("", "[]"), ("http://key@127.0.0.1:1/1", "[('ValueError', 'broken')]")], ids=["no DSN", "DSN"]
)
def test_what_is_logged_with_a_traceback_is_reported_when_there_is_where_to(dsn: str, reported: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", REPORT.format(dsn=dsn)], capture_output=True, text=True, check=True, timeout=30
    )
    # Of a function's variables, among which secrets may be, nothing is sent along.
    assert done.stdout.splitlines() == [reported, "False"]
