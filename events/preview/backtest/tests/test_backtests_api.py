"""Backtests over HTTP: what may be asked, what is refused, and to whom they belong."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database

from connections.models import Connection, Transformation
from connections.tests.factories import ConnectionFactory
from events import housekeeping
from events.housekeeping import nudge_due_stages
from events.models import RequestStatus
from events.models.backtests import Backtest
from events.preview.backtest import services
from events.preview.backtest.runner import Backtester
from events.tests.backtesting import drain
from events.tests.plane import change
from events.tests.seed import Project, make_request
from fasthook.lib.clock import iso
from fasthook.testing import ApiCaller
from teams.auth.sessions import create_session
from teams.models import AuditEntry, Role
from teams.tests.factories import MembershipFactory

INLINE = {"name": "inline", "code": "return request;", "env": {"KEY": "a secret value"}}
FILTER = {"type": "filter", "body": {"id": 1}}
EVER = {"from": "now-24h"}
HOUR = timedelta(hours=1)
EMPTY = {"delivered": 0, "filtered": 0, "deduplicated": 0, "failed": 0}


@pytest.fixture
def path(team: Project) -> str:
    return f"/v1/connections/{team.connection.id}/rehearsals"


@pytest.fixture
def stranger(other_team: Project) -> ApiCaller:
    return ApiCaller(other_team.api_key, prefix="")


@pytest.fixture
def viewer(team: Project, now: datetime) -> ApiCaller:
    user = MembershipFactory(team=team.team, role=Role.VIEWER).user
    return ApiCaller(create_session(user, now=now).token, prefix="")


def start(api: ApiCaller, path: str, **body: Any) -> dict[str, Any]:
    answer = api.post(path, {**EVER, **body})
    assert answer.status_code == 202, answer.content
    shown: dict[str, Any] = answer.json()
    return shown


def refusal(answer: Any) -> tuple[int, str, list[str]]:
    body = answer.json()
    return answer.status_code, body["code"], sorted(body.get("fields", {}))


def test_it_is_planned_and_wakes_the_bulk_worker(
    api: ApiCaller, team: Project, path: str, now: datetime, nudges: list[str]
) -> None:
    make_request(team, now - HOUR)
    first = iso(now - timedelta(hours=2))
    shown = start(api, path, rules=[FILTER], **{"from": first, "to": iso(now)})
    assert shown == {
        "id": shown["id"],
        "team_id": team.team.id,
        "connection_id": team.connection.id,
        "status": "PLANNED",
        "rules": [FILTER],
        "from": first,
        "to": iso(now),
        "total_count": 1,
        "done_count": 0,
        "progress": 0.0,
        "would_be": EMPTY,
        "was": {**EMPTY, "none": 0},
        "changes": {},
        "changed_count": 0,
        "samples": [],
        "failure_message": None,
        "requested_by": "api_key",
        "created_at": shown["created_at"],
        "started_at": None,
        "finished_at": None,
    }
    assert shown["id"].startswith("rhr_")
    assert nudges == ["backtest"]


def test_it_is_shown_alone_and_in_the_list_of_its_connection(api: ApiCaller, team: Project, path: str) -> None:
    first, second = start(api, path), start(api, path, rules=[])
    other = ConnectionFactory(team=team.team)
    assert api.get(f"/v1/rehearsals/{first['id']}").json() == first
    listed = api.get(path).json()
    assert ([row["id"] for row in listed["models"]], listed["total"]) == ([second["id"], first["id"]], 2)
    page = api.get(f"{path}?limit=1").json()
    following = api.get(f"{path}?limit=1&next={page['pagination']['next']}").json()
    assert [row["id"] for row in page["models"] + following["models"]] == [second["id"], first["id"]]
    assert api.get(f"/v1/connections/{other.id}/rehearsals").json()["models"] == []


def test_it_runs_to_its_end(api: ApiCaller, team: Project, path: str, now: datetime) -> None:
    make_request(team, now - HOUR)
    made = start(api, path, rules=[{"type": "filter", "body": {"id": 2}}])
    backtester = Backtester()
    drain(backtester)
    backtester.close()
    shown = api.get(f"/v1/rehearsals/{made['id']}").json()
    assert (shown["status"], shown["progress"], shown["changes"]) == ("COMPLETED", 1.0, {"none->filtered": 1})


def test_an_empty_range_is_over_at_once(api: ApiCaller, path: str) -> None:
    made = start(api, path)
    backtester = Backtester()
    drain(backtester)
    backtester.close()
    shown = api.get(f"/v1/rehearsals/{made['id']}").json()
    assert (shown["status"], shown["progress"], shown["would_be"]) == ("COMPLETED", 1.0, EMPTY)


@pytest.mark.usefixtures("shifted_clock")
def test_the_range_ends_now_unless_it_ends_before(api: ApiCaller, team: Project, path: str, now: datetime) -> None:
    make_request(team, now - HOUR)
    assert start(api, path, to="now-2h")["total_count"] == 0
    shown = start(api, path, to=iso(now + timedelta(days=1)))
    assert shown["total_count"] == 1
    assert shown["to"] == shown["created_at"]


def test_values_of_an_inline_env_are_masked_in_every_answer(api: ApiCaller, path: str) -> None:
    rules = [{"type": "transformation", "transformation": INLINE}]
    made = start(api, path, rules=rules)
    assert made["rules"] == [{"type": "transform", "transformation": {**INLINE, "env": {"KEY": "****alue"}}}]
    for answer in (api.get(f"/v1/rehearsals/{made['id']}"), api.get(path)):
        assert "a secret value" not in answer.content.decode()
    with database.cursor() as cursor:
        cursor.execute("SELECT row::text FROM backtest AS row")
        assert "a secret value" not in cursor.fetchone()[0]
    assert not Transformation.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "from"),
        ({"from": "yesterday"}, "from"),
        ({"from": 5}, "from"),
        ({"from": "now-1h", "to": "now-2h"}, "from"),
        ({**EVER, "until": "now"}, "until"),
        ({**EVER, "rules": {}}, "rules"),
        ({**EVER, "rules": [{"type": "filter", "body": {"a": {"$gtt": 1}}}]}, "rules[0].body.a"),
        ({**EVER, "rules": [{"type": "delay", "delay": -1}]}, "rules[0].delay"),
        (
            {**EVER, "rules": [{"type": "transform", "transformation": {**INLINE, "code": "return ("}}]},
            "rules[0].transformation.code",
        ),
        (
            {**EVER, "rules": [{"type": "transform", "transformation": {**INLINE, "env": {"KEY": "****alue"}}}]},
            "rules[0].transformation.env.KEY",
        ),
        ({**EVER, "rules": [{"type": "transform", "transformation_id": "trs_none"}]}, "rules[0].transformation_id"),
    ],
)
def test_faults_are_named_and_nothing_is_planned(
    api: ApiCaller, path: str, body: dict[str, Any], field: str, nudges: list[str]
) -> None:
    status, code, fields = refusal(api.post(path, body))
    assert (status, code) == (422, "INVALID_INPUT")
    assert any(each.startswith(field) for each in fields), fields
    assert not Backtest.objects.exists()
    assert nudges == []


def test_another_teams_transformation_does_not_exist(api: ApiCaller, path: str, other_team: Project) -> None:
    theirs = Transformation.objects.create(team=other_team.team, name="theirs", code="return request;")
    rules = [{"type": "transform", "transformation_id": theirs.id}]
    assert refusal(api.post(path, {**EVER, "rules": rules})) == (422, "INVALID_INPUT", ["rules[0].transformation_id"])


def test_a_range_with_too_many_requests_is_refused_with_their_count(
    api: ApiCaller, team: Project, path: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "MAX_REQUESTS", 2)
    for minutes in range(1, 4):
        make_request(team, now - timedelta(minutes=minutes))
    answer = api.post(path, EVER)
    assert refusal(answer) == (422, "RANGE_TOO_WIDE", ["from"])
    assert answer.json()["data"] == {"count": 3, "count_exact": True, "maximum": 2}
    assert answer.json()["error"].startswith("the range holds 3 requests and a rehearsal replays at most 2")
    monkeypatch.setattr(services, "COUNT_UP_TO", 2)
    assert api.post(path, EVER).json()["data"]["count_exact"] is False
    assert not Backtest.objects.exists()
    assert start(api, path, to=iso(now - timedelta(seconds=90)))["total_count"] == 2


def test_a_team_has_two_under_way_at_most(api: ApiCaller, stranger: ApiCaller, path: str, other_team: Project) -> None:
    ids = [start(api, path)["id"] for _ in range(2)]
    answer = api.post(path, EVER)
    assert refusal(answer) == (409, "TOO_MANY_REHEARSALS", [])
    assert answer.json()["error"] == ("2 rehearsals of this team are under way; wait for one to end, or cancel it")
    assert answer.json()["data"] == {"ids": ids}
    assert Backtest.objects.count() == 2
    start(stranger, f"/v1/connections/{other_team.connection.id}/rehearsals")
    assert api.post(f"/v1/rehearsals/{ids[0]}/cancel").status_code == 200
    start(api, path)


def test_it_is_cancelled_once(api: ApiCaller, path: str) -> None:
    made = start(api, path, rules=[{"type": "transform", "transformation": INLINE}])
    answer = api.post(f"/v1/rehearsals/{made['id']}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "CANCELLED")
    assert answer.json()["finished_at"] is not None
    assert Backtest.objects.get().sealed is None
    again = api.post(f"/v1/rehearsals/{made['id']}/cancel")
    assert refusal(again) == (409, "REHEARSAL_OVER", [])
    assert api.get(f"/v1/rehearsals/{made['id']}").json() == answer.json()


def test_to_another_team_neither_the_connection_nor_its_rehearsals_exist(
    api: ApiCaller, stranger: ApiCaller, path: str
) -> None:
    made = start(api, path)
    for method, asked in (
        ("POST", path),
        ("GET", path),
        ("GET", f"/v1/rehearsals/{made['id']}"),
        ("POST", f"/v1/rehearsals/{made['id']}/cancel"),
        ("PUT", f"/v1/rehearsals/{made['id']}/cancel"),
    ):
        assert refusal(stranger.call(method, asked, EVER)) == (404, "NOT_FOUND", []), asked
    assert api.get(f"/v1/rehearsals/{made['id']}").json() == made


@pytest.mark.parametrize("identifier", ["rhr_none", "%00", "x" * 300])
def test_an_id_of_nothing_is_not_found(api: ApiCaller, identifier: str) -> None:
    assert refusal(api.get(f"/v1/rehearsals/{identifier}"))[:2] == (404, "NOT_FOUND")


def test_a_deleted_connection_has_none_but_its_rehearsals_can_be_read(
    api: ApiCaller, team: Project, path: str, now: datetime
) -> None:
    made = start(api, path)
    change(Connection.objects.get(pk=team.connection.id), deleted_at=now)
    assert api.post(path, EVER).status_code == 404
    assert api.get(f"/v1/rehearsals/{made['id']}").json() == made


def test_viewers_read_and_members_start(api: ApiCaller, viewer: ApiCaller, path: str) -> None:
    made = start(api, path)
    assert viewer.get(f"/v1/rehearsals/{made['id']}").json() == made
    assert viewer.get(path).json()["total"] == 1
    assert refusal(viewer.post(path, EVER))[:2] == (403, "ROLE_READ_ONLY")
    assert refusal(viewer.post(f"/v1/rehearsals/{made['id']}/cancel"))[:2] == (403, "ROLE_READ_ONLY")
    assert Backtest.objects.get().status == "PLANNED"


def test_who_asked_for_it_is_named(team: Project, path: str, now: datetime) -> None:
    user = MembershipFactory(team=team.team, role=Role.MEMBER).user
    member = ApiCaller(create_session(user, now=now).token, prefix="")
    assert start(member, path)["requested_by"] == user.email


def test_rejected_requests_are_not_counted(api: ApiCaller, team: Project, path: str, now: datetime) -> None:
    make_request(team, now - HOUR, status=RequestStatus.REJECTED, rejection_cause="SOURCE_AUTH_FAILED")
    assert start(api, path)["total_count"] == 0


def test_beat_wakes_the_bulk_worker_for_one_that_nobody_works_on(
    api: ApiCaller, path: str, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    woken: list[str] = []
    monkeypatch.setattr(housekeeping, "insist", woken.append)
    nudge_due_stages()
    start(api, path)
    for status, waits in (("PLANNED", HOUR), ("RUNNING", -HOUR), ("RUNNING", HOUR), ("CANCELLED", HOUR)):
        Backtest.objects.update(status=status, lease_until=now - waits)
        nudge_due_stages()
    assert woken == ["backtest", "backtest"]


def test_the_audit_log_tells_who_started_one(api: ApiCaller, team: Project, path: str) -> None:
    begun = start(api, path)
    (entry,) = AuditEntry.objects.filter(resource_id=begun["id"])
    assert (entry.action, entry.team_id, entry.actor_type) == ("rehearsal.started", team.team.id, "api_key")
    assert entry.meta == {"connection_id": team.connection.id, "from": begun["from"], "to": begun["to"]}
