from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.db import OperationalError

from events.tests.seed import Project, make_event, make_request
from fasthook.testing import ApiCaller


def assert_sandboxed(answer: Any) -> None:
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"


@pytest.mark.parametrize("kind", ["requests", "events"])
def test_a_raw_body_is_the_exact_bytes_and_a_download(api: ApiCaller, team: Project, now: datetime, kind: str) -> None:
    body = bytes(range(256))
    row = make_request(team, now, body=body, headers=[["content-type", "text/html; charset=utf-8"]])
    identifier = row.id if kind == "requests" else make_event(row, team, now).id
    answer = api.get(f"/v1/{kind}/{identifier}/raw_body")
    assert (answer.status_code, answer.content) == (200, body)
    assert answer["Content-Type"] == "text/html; charset=utf-8"
    assert answer["Content-Disposition"] == f'attachment; filename="{identifier}.body"'
    assert_sandboxed(answer)


@pytest.mark.parametrize("headers", [[], [["content-type", "text/\x7f"]], [["content-type", "text/ö"]]])
def test_without_a_sane_content_type_it_is_bytes(
    api: ApiCaller, team: Project, now: datetime, headers: list[list[str]]
) -> None:
    row = make_request(team, now, headers=headers, body=b"x")
    assert api.get(f"/v1/requests/{row.id}/raw_body")["Content-Type"] == "application/octet-stream"


def test_an_empty_body_is_empty_and_an_unstored_one_is_not_found(api: ApiCaller, team: Project, now: datetime) -> None:
    empty = make_request(team, now, body=b"")
    answer = api.get(f"/v1/requests/{empty.id}/raw_body")
    assert (answer.status_code, answer.content) == (200, b"")
    unstored = make_request(team, now, body=None, status="rejected", rejection_cause="PAYLOAD_TOO_LARGE")
    answer = api.get(f"/v1/requests/{unstored.id}/raw_body")
    assert (answer.status_code, answer.json()["code"]) == (404, "BODY_NOT_STORED")
    assert_sandboxed(answer)


def test_refusals_and_faults_in_the_place_of_a_raw_body_are_sandboxed_too(
    api: ApiCaller, team: Project, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = f"requests/{make_request(team, now).id}/raw_body"
    hosts = {"Host": "elsewhere.test"}
    answers = [ApiCaller().get(path), ApiCaller(team.api_key).post(path), ApiCaller().get(path, headers=hosts)]
    for fault in (OperationalError("away"), RuntimeError("ours")):

        def fail(*_: Any, fault: Exception = fault) -> None:
            raise fault

        monkeypatch.setattr("events.evidence.api.payload_of", fail)
        answers.append(ApiCaller(team.api_key).get(path))
    assert [answer.status_code for answer in answers] == [401, 405, 400, 503, 500]
    for answer in answers:
        assert_sandboxed(answer)
    assert "Content-Security-Policy" not in ApiCaller(team.api_key).get("requests")
