"""Retries and cancels over HTTP: their answers, what they refuse, and that a stranger reaches none of them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection

from connections.models import Connection
from events.models import DeliveryJob, Event, Request, RouteJob
from events.storage.partitions import ensure_partitions
from events.tests.seed import Project, make_event, make_request
from fasthook.lib.clock import iso
from fasthook.testing import ApiCaller
from teams.models import AuditEntry


@pytest.fixture
def failed(team: Project, now: datetime) -> Event:
    return make_event(make_request(team, now), team, now, status="FAILED", attempts=3, last_attempt_at=now)


def refused(answer: Any, code: str) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    assert (answer.status_code, body["code"]) == (409, code), body
    return body


def audited() -> list[tuple[str, str | None, Any]]:
    return list(AuditEntry.objects.order_by("id").values_list("action", "resource_id", "meta"))


# ---- Events


def test_a_retried_event_is_answered_and_waits(api: ApiCaller, failed: Event, nudges: list[str]) -> None:
    answer = api.post(f"/v1/events/{failed.id}/retry")
    body = answer.json()
    assert answer.status_code == 202, body
    assert (body["ok"], body["queued"], body["event_id"], body["id"], body["status"], body["attempts"]) == (
        True,
        True,
        failed.id,
        failed.id,
        "QUEUED",
        3,
    )
    assert (DeliveryJob.objects.get().attempt_number, nudges) == (4, ["deliver"])
    assert audited() == [("event.retried", failed.id, None)]
    assert "waits for delivery already" in refused(api.post(f"/v1/events/{failed.id}/retry"), "EVENT_QUEUED")["error"]
    assert DeliveryJob.objects.count() == 1


def test_a_blocked_retry_names_what_blocks_it(api: ApiCaller, team: Project, failed: Event, now: datetime) -> None:
    Connection.objects.update(paused_at=now)
    body = refused(api.post(f"/v1/events/{failed.id}/retry", {}), "CONNECTION_PAUSED")
    assert body["error"] == (
        "the event cannot be retried: its connection is paused; unpause it first, which also releases what is on hold"
    )
    assert body["data"] == {"id": failed.id, "connection_id": team.connection.id}
    failed.refresh_from_db()
    assert (failed.status, DeliveryJob.objects.count(), audited()) == ("FAILED", 0, [])


@pytest.mark.parametrize("method", ["PUT", "POST"])
def test_a_cancelled_event_is_answered_with_who_ended_it(
    api: ApiCaller, team: Project, now: datetime, method: str
) -> None:
    event = make_event(make_request(team, now), team, now, status="HOLD")
    answer = api.call(method, f"/v1/events/{event.id}/cancel")
    body = answer.json()
    assert (answer.status_code, body["id"], body["status"], body["ignored_cause"], body["ignored_meta"]) == (
        200,
        event.id,
        "CANCELLED",
        "CANCELLED_BY_OPERATOR",
        None,
    )
    listed = api.get("/v1/events?status=CANCELLED&ignored_cause=CANCELLED_BY_OPERATOR").json()["models"]
    assert [model["id"] for model in listed] == [event.id]
    assert audited() == [("event.cancelled", event.id, None)]
    assert "only what waits" in refused(api.call(method, f"/v1/events/{event.id}/cancel"), "EVENT_ENDED")["error"]


def test_neither_takes_a_body(api: ApiCaller, failed: Event) -> None:
    for action in ("retry", "cancel"):
        answer = api.post(f"/v1/events/{failed.id}/{action}", {"force": True})
        assert (answer.status_code, list(answer.json()["fields"])) == (422, ["force"])
    assert not DeliveryJob.objects.exists()


@pytest.mark.parametrize("path", ["events/{}/retry", "events/{}/cancel"])
def test_an_event_of_another_team_is_not_there(api: ApiCaller, other_team: Project, now: datetime, path: str) -> None:
    foreign = make_event(make_request(other_team, now), other_team, now, status="FAILED")
    for identifier in (foreign.id, "evt_1", "evt_00000000000000000000000000"):
        assert api.post(f"/v1/{path.format(identifier)}").status_code == 404
    foreign.refresh_from_db()
    assert foreign.status == "FAILED"


# ---- Requests


def test_a_retried_request_is_a_new_one_as_it_was(
    api: ApiCaller, team: Project, now: datetime, nudges: list[str]
) -> None:
    parent = make_request(team, now, verified=True, path="/a", query="b=1", body=b"\xff raw")
    answer = api.post(f"/v1/requests/{parent.id}/retry")
    body = answer.json()
    assert answer.status_code == 202, body
    again = Request.objects.get(id=body["id"])
    assert (body["ok"], body["queued"], body["request_id"], body["is_retry"], body["retry_parent_request_id"]) == (
        True,
        True,
        again.id,
        True,
        parent.id,
    )
    assert (again.status, again.verified, again.path, again.query, bytes(again.body or b"")) == (
        "accepted",
        True,
        "/a",
        "b=1",
        b"\xff raw",
    )
    assert (RouteJob.objects.filter(request_id=again.id).count(), nudges) == (1, ["route"])
    assert audited() == [("request.retried", parent.id, {"new_request_id": again.id, "modified": False})]
    assert body["created_at"] >= (iso(now) or "")
    assert [each["id"] for each in api.get("/v1/requests?is_retry=true").json()["models"]] == [again.id]


def test_a_modified_request_is_not_verified_any_more(api: ApiCaller, team: Project, now: datetime) -> None:
    headers = [["content-type", "application/json"], ["content-length", "9"], ["x-signature", "abc"]]
    parent = make_request(team, now, verified=True, headers=headers)
    changes = {"method": "PUT", "path": "/v2", "query": "dry=1", "body": {"id": 2, "more": [1.5]}}
    body = api.post(f"/v1/requests/{parent.id}/retry", changes).json()
    shown = api.get(f"/v1/requests/{body['id']}").json()
    assert (shown["verified"], shown["status"], shown["retry_parent_request_id"]) == (False, "accepted", parent.id)
    assert {name: shown["data"][name] for name in changes} == changes
    assert shown["data"]["headers"] == {
        "content-type": "application/json",
        "x-signature": "abc",
        "content-length": "21",
    }
    assert RouteJob.objects.get(request_id=body["id"]).body_size == 21
    assert audited() == [("request.retried", parent.id, {"new_request_id": body["id"], "modified": True})]


def test_the_data_of_a_request_may_be_sent_back(api: ApiCaller, team: Project, now: datetime) -> None:
    parent = make_request(team, now, verified=True, body=b'{"id":   1}')
    data = api.get(f"/v1/requests/{parent.id}").json()["data"]
    unchanged = Request.objects.get(id=api.post(f"/v1/requests/{parent.id}/retry", data).json()["id"])
    assert (unchanged.verified, bytes(unchanged.body or b"")) == (True, b'{"id":   1}')
    changed = api.post(f"/v1/requests/{parent.id}/retry", {**data, "body": {"id": 2}}).json()
    assert api.get(f"/v1/requests/{changed['id']}/raw_body").content == b'{"id":2}'


def test_a_rejected_request_may_be_accepted_after_all(api: ApiCaller, team: Project, now: datetime) -> None:
    parent = make_request(team, now, status="rejected", rejection_cause="SOURCE_AUTH_FAILED")
    body = api.post(f"/v1/requests/{parent.id}/retry").json()
    assert (body["status"], body["rejection_cause"], body["verified"]) == ("accepted", None, False)


def test_what_was_too_large_to_store_needs_a_body(api: ApiCaller, team: Project, now: datetime) -> None:
    parent = make_request(team, now, status="rejected", rejection_cause="PAYLOAD_TOO_LARGE", body=None)
    body = refused(api.post(f"/v1/requests/{parent.id}/retry", {"path": "/x"}), "PAYLOAD_NOT_STORED")
    assert body["error"].endswith("its body was too large to be stored; send a body in place of it")
    refused(api.post(f"/v1/requests/{parent.id}/retry"), "PAYLOAD_NOT_STORED")
    assert api.post(f"/v1/requests/{parent.id}/retry", {"body": {}}).status_code == 202
    assert api.post(f"/v1/requests/{parent.id}/retry", {"body": None}).status_code == 202
    assert RouteJob.objects.count() == 2


@pytest.mark.parametrize("changes", [None, {"path": "/x"}])
@pytest.mark.parametrize(("column", "code"), [("disabled_at", "SOURCE_DISABLED"), ("deleted_at", "SOURCE_DELETED")])
def test_a_source_that_ended_refuses_it(
    api: ApiCaller, team: Project, now: datetime, column: str, code: str, changes: Any
) -> None:
    parent = make_request(team, now)
    setattr(team.source, column, now)
    team.source.save()
    body = refused(api.post(f"/v1/requests/{parent.id}/retry", changes), code)
    assert body["data"] == {"id": parent.id, "source_id": team.source.id}
    assert Request.objects.count() == 1


@pytest.mark.parametrize("changes", [None, {"path": "/x"}])
def test_a_handshake_is_not_retried(api: ApiCaller, team: Project, now: datetime, changes: Any) -> None:
    parent = make_request(team, now, handshake=True)
    refused(api.post(f"/v1/requests/{parent.id}/retry", changes), "REQUEST_IS_HANDSHAKE")


@pytest.mark.parametrize(
    ("changes", "status", "field"),
    [
        ({"url": "/x"}, 422, "url"),
        ({"path": "x"}, 422, "path"),
        ({"method": "BREW"}, 422, "method"),
        ({"headers": {"x": 1}}, 422, "headers.x"),
        ({"headers": []}, 422, "headers"),
        ({"body_encoding": "hex"}, 422, "body_encoding"),
        ({"body": "x" * 2001}, 413, "body"),
    ],
)
def test_what_cannot_be_is_refused_by_its_field(
    api: ApiCaller, team: Project, now: datetime, settings: Any, changes: Any, status: int, field: str
) -> None:
    settings.MAX_BODY_BYTES = 2000
    parent = make_request(team, now)
    answer = api.post(f"/v1/requests/{parent.id}/retry", changes)
    assert (answer.status_code, list(answer.json()["fields"])) == (status, [field]), answer.json()
    assert Request.objects.count() == 1


def test_a_body_as_long_as_sources_take_may_be_sent(
    api: ApiCaller, team: Project, now: datetime, settings: Any
) -> None:
    parent = make_request(team, now)
    text = "\n" * (settings.MAX_API_BODY_BYTES + 1)
    body = api.post(f"/v1/requests/{parent.id}/retry", {"body": text}).json()
    assert RouteJob.objects.get(request_id=body["id"]).body_size == len(text)


def test_a_request_of_another_team_is_not_there(api: ApiCaller, other_team: Project, now: datetime) -> None:
    foreign = make_request(other_team, now)
    for identifier in (foreign.id, "req_1", "req_00000000000000000000000000"):
        assert api.post(f"/v1/requests/{identifier}/retry", {"path": "/x"}).status_code == 404
    assert Request.objects.count() == 1


@pytest.mark.parametrize("changes", [None, {"path": "/x"}])
def test_a_missing_partition_is_made(transactional_db: None, now: datetime, changes: Any, nudges: list[str]) -> None:
    from events.tests.plane import make_plane

    project = make_plane()
    parent = make_request(project, now - timedelta(days=1))
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE requests_{now:%Y%m%d}")
    try:
        answer = ApiCaller(project.api_key, prefix="").post(f"/v1/requests/{parent.id}/retry", changes)
        assert answer.status_code == 202, answer.json()
    finally:
        ensure_partitions(now=now)
