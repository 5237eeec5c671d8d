"""What the supervisor writes: for a person at a terminal, and for a machine."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest

from local.supervisor.output import Console
from local.supervisor.welcome import CREDENTIALS_FILE, welcome


def written(name: str, text: str, *, as_json: bool) -> str:
    stream = io.StringIO()
    Console(stream, as_json=as_json).line(name, text)
    return stream.getvalue()


def test_for_a_person_a_line_begins_with_its_process() -> None:
    assert written("web", '{"event":"x"}', as_json=False) == 'web      | {"event":"x"}\n'


def test_for_a_machine_a_line_of_our_logging_gets_its_process() -> None:
    line = written("web", '{"request_ids":["req_1"],"event":"requests.stored"}', as_json=True)
    assert json.loads(line) == {"process": "web", "request_ids": ["req_1"], "event": "requests.stored"}


@pytest.mark.parametrize(
    "text", ["Traceback (most recent call last):", "", '{"cut off', "{'a': 1}", '"quoted"\t\\', "{}"]
)
def test_for_a_machine_any_other_line_becomes_an_object(text: str) -> None:
    (line,) = written("web", text, as_json=True).splitlines()
    found = json.loads(line)
    assert (found["process"], found["event"], found["level"]) == ("web", text, "info")
    assert found["timestamp"].endswith("Z")


def test_a_log_is_not_told_credentials(tmp_path: Path) -> None:
    secrets = {"email": "a@b.c", "password": "pass-word", "api_key": "fhp_key"}
    (tmp_path / CREDENTIALS_FILE).write_text(json.dumps(secrets))
    environment = {"BASE_URL": "http://127.0.0.1:8000"}
    shown = welcome(environment, tmp_path)
    assert "pass-word" in shown
    assert "fhp_key" in shown
    assert welcome(environment, tmp_path, is_log=True) == "FastHook is ready at http://127.0.0.1:8000"
