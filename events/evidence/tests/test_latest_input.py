from __future__ import annotations

from datetime import datetime, timedelta

from connections.models import Connection
from events.tests.seed import Project, make_request
from fasthook.lib.clock import iso
from fasthook.lib.ids import time_of
from fasthook.testing import ApiCaller

MINUTE = timedelta(minutes=1)


def test_the_latest_input_is_what_the_source_accepted_last(
    api: ApiCaller, team: Project, other_team: Project, now: datetime
) -> None:
    make_request(team, now - 5 * MINUTE)
    latest = make_request(team, now - 4 * MINUTE, path="/p", query="a=1", body=b'{"n": 2}', headers=[["x-a", "1"]])
    make_request(team, now - 3 * MINUTE, status="rejected", rejection_cause="SOURCE_AUTH_FAILED")
    make_request(team, now - 2 * MINUTE, handshake=True)
    make_request(team, now - MINUTE, source_id="src_other")
    make_request(other_team, now)
    assert api.get(f"/v1/connections/{team.connection.id}/latest-input").json() == {
        "connection_id": team.connection.id,
        "latest_input": {
            "source_id": team.source.id,
            "request_id": latest.id,
            "created_at": iso(time_of(latest.id)),
            "input": {
                "headers": {"x-a": "1"},
                "body": {"n": 2},
                "body_encoding": "json",
                "query": "a=1",
                "parsed_query": {"a": "1"},
                "path": "/p",
                "method": "POST",
            },
        },
    }


def test_a_source_without_input_has_none(api: ApiCaller, team: Project) -> None:
    answer = api.get(f"/v1/connections/{team.connection.id}/latest-input")
    assert answer.json() == {"connection_id": team.connection.id, "latest_input": None}


def test_a_connection_that_is_not_the_teams_is_not_there(
    api: ApiCaller, team: Project, other_team: Project, now: datetime
) -> None:
    for identifier in (other_team.connection.id, "conn_nonsense", "a%00b"):
        assert api.get(f"/v1/connections/{identifier}/latest-input").status_code == 404
    Connection.objects.filter(pk=team.connection.id).update(deleted_at=now)
    assert api.get(f"/v1/connections/{team.connection.id}/latest-input").status_code == 404
