"""Trying a connection's rules over HTTP: on a given request, a stored one or the latest, and storing nothing."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.apps import apps

from connections.models import Connection, Transformation
from connections.sandbox.child_process import SandboxUnavailable
from connections.sandbox.pool import Busy, SandboxPool
from destinations.models import Destination
from events.models import DeduplicationKey
from events.tests.seed import Project, make_request
from fasthook.lib.clock import iso, utc_now
from fasthook.lib.ids import time_of
from fasthook.testing import ApiCaller
from teams.auth.sessions import create_session
from teams.models import ConfigVersion, Role
from teams.tests.factories import MembershipFactory

CODE = "console.info('ran'); request.body = {kind: request.body.type, key: process.env.KEY ?? null}; return request;"
INLINE_CODE = {"name": "t", "code": CODE, "env": {"KEY": "v1"}}
INLINE = {"type": "transformation", "transformation": INLINE_CODE}
PAID = {"type": "filter", "body": {"kind": "paid"}}
INPUT = {"body": {"type": "paid"}, "headers": {"X-Id": "7"}, "path": "/orders", "query": "a=1"}


def ask(api: ApiCaller, connection: Connection, body: Any = None) -> Any:
    response = api.post(f"/v1/connections/{connection.id}/test", {} if body is None else body)
    assert response.status_code == 200, response.content
    return response.json()


def faults(api: ApiCaller, connection: Connection, body: Any) -> list[str]:
    response = api.post(f"/v1/connections/{connection.id}/test", body)
    assert response.status_code == 422, response.content
    return sorted(response.json()["fields"])


def rows() -> dict[str, int]:
    return {model._meta.label: model._default_manager.count() for model in apps.get_models() if model._meta.managed}


def test_unsaved_rules_are_tried_on_a_given_request_step_by_step(api: ApiCaller, team: Project) -> None:
    rules = [
        {"type": "retry", "strategy": "linear", "interval": 1000, "count": 2},
        PAID,
        INLINE,
        {"type": "deduplicate", "window": 60_000, "include_fields": ["headers.x-id"]},
    ]
    answer = ask(api, team.connection, {"rules": rules, "input": INPUT})
    dedup, transform, filtered, retry = answer["steps"]
    assert (answer["connection_id"], answer["request_id"], answer["outcome"], answer["failure_message"]) == (
        team.connection.id,
        None,
        "QUEUED",
        None,
    )
    assert [rule["type"] for rule in answer["rules"]] == ["deduplicate", "transform", "filter", "retry"]
    assert (dedup["outcome"], len(dedup["key"])) == ("passed", 64)
    assert transform.pop("duration_ms") > 0
    assert transform == {
        "rule": "transform",
        "outcome": "passed",
        "changed": True,
        "error": None,
        "logs": [{"level": "info", "message": "ran"}],
    }
    assert filtered == {"rule": "filter", "outcome": "passed"}
    assert (retry["outcome"], len(retry["schedule"])) == ("passed", 2)
    assert answer["request"] == {
        "method": "POST",
        "path": "/orders",
        "query": "a=1",
        "parsed_query": {"a": "1"},
        "headers": {"x-id": "7", "content-type": "application/json"},
        "body": {"kind": "paid", "key": "v1"},
        "body_encoding": "json",
    }
    delivery = answer["delivery"]
    assert (delivery["method"], delivery["url"], delivery["body"]) == (
        "POST",
        "https://example.com/hooks/orders?a=1",
        {"kind": "paid", "key": "v1"},
    )
    assert (delivery["headers"]["x-id"], delivery["headers"]["x-fasthook-attempt-number"]) == ("7", "1")


def test_what_is_stopped_says_why_and_would_not_be_sent(api: ApiCaller, team: Project) -> None:
    answer = ask(api, team.connection, {"rules": [INLINE, PAID], "input": {**INPUT, "body": {"type": "sent"}}})
    assert (answer["outcome"], answer["delivery"]) == ("FILTERED", None)
    assert answer["steps"][1] == {"rule": "filter", "outcome": "stopped", "failed_targets": ["body"]}
    assert answer["request"]["body"] == {"kind": "sent", "key": "v1"}


def test_a_transformation_that_throws_fails_with_its_place(api: ApiCaller, team: Project) -> None:
    rules = [{"type": "transform", "transformation": {"name": "t", "code": "const a = 1;\nrequest.body.a.b;"}}, PAID]
    answer = ask(api, team.connection, {"rules": rules, "input": INPUT})
    error = {"kind": "THREW", "message": "TypeError: cannot read property 'b' of undefined", "line": 2, "column": 1}
    assert (answer["outcome"], answer["failure_message"], answer["delivery"]) == (
        "FAILED",
        "TRANSFORMATION_FAILED: TypeError: cannot read property 'b' of undefined",
        None,
    )
    assert (answer["steps"][0]["outcome"], answer["steps"][0]["error"]) == ("stopped", error)
    assert answer["steps"][1]["outcome"] == "not_reached"


def test_a_delay_and_a_pause_are_shown(api: ApiCaller, team: Project, now: datetime) -> None:
    request = make_request(team, now)
    delayed = {"rules": [{"type": "delay", "delay": 90_000}], "request_id": request.id}
    answer = ask(api, team.connection, delayed)
    due_at = iso(time_of(request.id) + timedelta(seconds=90))
    assert (answer["outcome"], answer["steps"]) == (
        "SCHEDULED",
        [{"rule": "delay", "outcome": "passed", "due_at": due_at}],
    )
    Connection.objects.filter(pk=team.connection.id).update(paused_at=now)
    held = ask(api, team.connection, delayed)
    assert (held["outcome"], held["steps"]) == ("HOLD", [{"rule": "delay", "outcome": "passed", "due_at": None}])


def test_a_stored_request_or_the_latest_one_is_tried_under_the_saved_rules(
    api: ApiCaller, team: Project, now: datetime
) -> None:
    Connection.objects.filter(pk=team.connection.id).update(rules=[{"type": "filter", "body": {"id": 2}}])
    older = make_request(team, now - timedelta(minutes=1), body=b'{"id": 1}')
    latest = make_request(team, now, body=b'{"id": 2}')
    stored = ask(api, team.connection, {"request_id": older.id})
    assert (stored["request_id"], stored["outcome"]) == (older.id, "FILTERED")
    assert stored["rules"] == [{"type": "filter", "body": {"id": 2}}]
    newest = ask(api, team.connection)
    assert (newest["request_id"], newest["outcome"]) == (latest.id, "QUEUED")


@pytest.mark.usefixtures("shifted_clock")
def test_a_requests_own_window_is_not_held_against_it(api: ApiCaller, team: Project, now: datetime) -> None:
    first, repeat = (make_request(team, now) for _ in range(2))
    body = {"rules": [{"type": "deduplicate", "window": 60_000, "include_fields": ["body.id"]}]}
    key = ask(api, team.connection, {**body, "request_id": first.id})["steps"][0]["key"]
    DeduplicationKey.objects.create(
        connection_id=team.connection.id,
        key=bytes.fromhex(key),
        request_id=first.id,
        expires_at=now + timedelta(hours=1),
    )
    assert ask(api, team.connection, {**body, "request_id": first.id})["outcome"] == "QUEUED"
    answer = ask(api, team.connection, {**body, "request_id": repeat.id})
    assert answer["outcome"] == "DEDUPLICATED"
    assert answer["steps"] == [{"rule": "deduplicate", "outcome": "stopped", "first_request_id": first.id}]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["input"]),
        ({"input": {}, "request_id": "req_1"}, ["request_id"]),
        ({"inptu": {}}, ["inptu"]),
        ({"input": {"hedaers": {}}}, ["input.hedaers"]),
        ({"input": {"path": "p"}}, ["input.path"]),
        ({"input": {"headers": {"a b": "1"}}}, ["input.headers.a b"]),
        ({"input": {"headers": {"a": 5}}}, ["input.headers.a"]),
        ({"input": {"body": "*", "body_encoding": "base64"}}, ["input.body"]),
        ({"input": {}, "rules": {}}, ["rules"]),
        ({"input": {}, "rules": [{"type": "delay"}]}, ["rules[0].delay"]),
        ({"input": {}, "rules": [{"type": "delay", "delay": 1}, {"type": "filter"}]}, ["rules[1]"]),
        ({"input": {}, "rules": [PAID, {"type": "deduplicate", "window": 1}]}, ["rules[1].window"]),
        (
            {"input": {}, "rules": [PAID, {"type": "transform", "transformation_id": "trs_nonsense"}]},
            ["rules[1].transformation_id"],
        ),
        (
            {"input": {}, "rules": [PAID, {"type": "transform", "transformation": {"name": "t"}}]},
            ["rules[1].transformation.code"],
        ),
        (
            {
                "input": {},
                "rules": [PAID, {"type": "transform", "transformation": {**INLINE_CODE, "env": {"A": "****abcd"}}}],
            },
            ["rules[1].transformation.env.A"],
        ),
    ],
)
def test_a_fault_is_named_by_its_path(api: ApiCaller, team: Project, body: Any, fields: list[str]) -> None:
    assert faults(api, team.connection, body) == fields


def test_anothers_transformation_does_not_exist(api: ApiCaller, team: Project, other_team: Project) -> None:
    theirs = Transformation.objects.create(team=other_team.team, name="t", code="return request;")
    rules = [{"type": "transform", "transformation_id": theirs.id}]
    assert faults(api, team.connection, {"input": {}, "rules": rules}) == ["rules[0].transformation_id"]


def test_a_body_that_was_too_large_to_store_cannot_be_tried(api: ApiCaller, team: Project, now: datetime) -> None:
    request = make_request(team, now, status="rejected", rejection_cause="PAYLOAD_TOO_LARGE", body=None)
    assert faults(api, team.connection, {"request_id": request.id}) == ["request_id"]


def test_nothing_is_stored(api: ApiCaller, team: Project, now: datetime) -> None:
    make_request(team, now)
    before = (rows(), ConfigVersion.objects.values_list("version", flat=True).first())
    saved = Connection.objects.filter(pk=team.connection.id).values().get()
    for body in (
        {"rules": [INLINE, PAID, {"type": "deduplicate", "window": 60_000}], "input": INPUT},
        {"rules": [INLINE]},
        {"rules": [{"type": "transform", "transformation": {"name": "u", "code": "throw 1;"}}], "input": INPUT},
    ):
        ask(api, team.connection, body)
    faults(api, team.connection, {"input": {}, "rules": [INLINE, INLINE]})
    assert (rows(), ConfigVersion.objects.values_list("version", flat=True).first()) == before
    assert Connection.objects.filter(pk=team.connection.id).values().get() == saved


AUTHS: list[tuple[str, dict[str, Any], str]] = [
    ("BEARER_TOKEN", {"token": "tell-nobody"}, "authorization"),
    ("BASIC_AUTH", {"username": "u", "password": "tell-nobody"}, "authorization"),
    ("API_KEY", {"key": "x-key", "api_key": "tell-nobody", "to": "header"}, "x-key"),
    ("API_KEY", {"key": "key", "api_key": "tell-nobody", "to": "query"}, ""),
    ("CUSTOM_HEADER", {"header_name": "x-mine", "header_value": "tell-nobody"}, "x-mine"),
]


@pytest.mark.parametrize(("auth_type", "auth", "header"), AUTHS)
def test_the_delivery_shows_no_credentials(
    api: ApiCaller, team: Project, auth_type: str, auth: dict[str, Any], header: str
) -> None:
    config = {"auth_type": auth_type, "auth": auth}
    answer = api.patch(f"/v1/destinations/{team.destination.id}", {"config": config})
    assert answer.status_code == 200, answer.content
    response = api.post(f"/v1/connections/{team.connection.id}/test", {"input": INPUT})
    assert response.status_code == 200
    assert b"tell-nobody" not in response.content
    delivery = response.json()["delivery"]
    assert "***" in (delivery["headers"][header] if header else delivery["url"])


def test_the_credentials_of_the_source_are_not_delivered(api: ApiCaller, team: Project) -> None:
    config = {"auth_type": "API_KEY", "auth": {"header": "authorization", "api_key": "tell-nobody"}}
    assert api.put("/v1/sources", {"id": team.source.id, "config": config}).status_code == 200
    given = {**INPUT, "headers": {"authorization": "tell-nobody", "x-id": "7"}}
    delivery = ask(api, team.connection, {"input": given})["delivery"]
    assert "authorization" not in delivery["headers"]
    assert delivery["headers"]["x-id"] == "7"


def test_a_destination_that_is_disabled_would_get_nothing(api: ApiCaller, team: Project, now: datetime) -> None:
    Destination.objects.filter(pk=team.destination.id).update(disabled_at=now)
    answer = ask(api, team.connection, {"rules": [INLINE], "input": INPUT})
    assert (answer["outcome"], answer["steps"], answer["delivery"]) == (
        "DESTINATION_DISABLED",
        [{"rule": "transform", "outcome": "not_reached"}],
        None,
    )


def test_a_stranger_finds_neither_connection_nor_request(
    api: ApiCaller, team: Project, other_team: Project, now: datetime
) -> None:
    stranger = ApiCaller(other_team.api_key, prefix="")
    ours = make_request(team, now)
    for connection, body in ((team.connection, {"input": INPUT}), (other_team.connection, {"request_id": ours.id})):
        response = stranger.post(f"/v1/connections/{connection.id}/test", body)
        assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")


def test_a_viewer_runs_no_code(team: Project) -> None:
    viewer = MembershipFactory(team=team.team, role=Role.VIEWER).user
    caller = ApiCaller(create_session(viewer, now=utc_now()).token, team_id=team.team.id, prefix="")
    response = caller.post(f"/v1/connections/{team.connection.id}/test", {"input": INPUT})
    assert (response.status_code, response.json()["code"]) == (403, "ROLE_READ_ONLY")


@pytest.mark.parametrize(
    ("fault", "code"), [(Busy(), "SANDBOX_BUSY"), (SandboxUnavailable("no child"), "SANDBOX_UNAVAILABLE")]
)
def test_without_a_free_sandbox_the_answer_is_503(
    api: ApiCaller, team: Project, monkeypatch: pytest.MonkeyPatch, fault: Exception, code: str
) -> None:
    def refuse(*_: Any) -> None:
        raise fault

    monkeypatch.setattr(SandboxPool, "run", refuse)
    response = api.post(f"/v1/connections/{team.connection.id}/test", {"rules": [INLINE], "input": INPUT})
    assert (response.status_code, response.json()["code"]) == (503, code)


def test_values_of_an_inline_env_are_masked_in_the_answer(api: ApiCaller, team: Project) -> None:
    secret = "a-long-secret-value"
    rules = [{"type": "transform", "transformation": {**INLINE_CODE, "env": {"OTHER": secret}}}]
    answer = ask(api, team.connection, {"rules": rules, "input": INPUT})
    assert answer["rules"][0]["transformation"]["env"] == {"OTHER": "****alue"}
    assert secret not in str(answer)
