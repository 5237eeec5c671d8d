"""POST /filters/test: a filter tried on one input, as routing would evaluate it, and nothing stored."""

from __future__ import annotations

from typing import Any

import pytest

from connections.models import Connection
from fasthook.lib.clock import utc_now
from fasthook.testing import ApiCaller
from teams.auth.sessions import create_session
from teams.models import Role, Team
from teams.tests.factories import MembershipFactory

GUIDES: dict[str, Any] = {
    "headers": {"Stripe-Signature": {"$exists": True}},
    "body": {"type": "invoice.paid"},
    "path": {"$starts_with": "/stripe"},
}
INPUT: dict[str, Any] = {
    "headers": {"STRIPE-signature": "t=1,v1=ab"},
    "body": {"type": "invoice.paid"},
    "query": "tag=a&tag=b&n=5",
    "path": "/stripe/eu",
    "method": "POST",
}


def ask(client: ApiCaller, filter_: Any, **changes: Any) -> Any:
    return client.post("filters/test", {"filter": filter_, "input": {**INPUT, **changes}})


def test_it_says_whether_all_targets_match(client: ApiCaller) -> None:
    response = ask(client, GUIDES)
    assert (response.status_code, response.json()) == (200, {"matched": True, "failed_targets": []})


def test_it_says_which_targets_do_not_in_their_fixed_order(client: ApiCaller) -> None:
    answer = ask(client, {"path": "/x", **GUIDES, "query": {"n": 6}}, headers={}, path="/github").json()
    assert answer == {"matched": False, "failed_targets": ["headers", "query", "path"]}


@pytest.mark.parametrize(
    ("filter_", "changes", "matched"),
    [
        ({"query": {"tag": ["b", "a"], "n": 5}}, {}, True),
        ({"query": {"tag": "b"}}, {"query": {"tag": ["a", "b"]}}, True),
        ({"query": {"tag": "b"}}, {"query": {"tag": "a"}}, False),
        ({"query": {"tag": {"$exists": False}}}, {"query": None}, True),
        ({"body": {"$contains": "text"}}, {"body": "plain text", "body_encoding": "text"}, True),
        ({"body": {"$contains": "5"}}, {"body": "5", "body_encoding": None}, True),
        ({"body": {"$starts_with": "\ufffdPNG"}}, {"body": "iVBORw==", "body_encoding": "base64"}, True),
        ({"body": {"a": {"$exists": False}}}, {"body": None}, True),
        ({"body": {"a": {"$regex": "^a+$"}}}, {"body": [{"a": "b"}, {"a": "aa"}]}, True),
        ({"headers": {"x-a": {"$ref": "body.type"}}}, {"headers": {"X-A": "invoice.paid"}}, True),
    ],
)
def test_the_input_is_read_as_evidence_shows_it(
    client: ApiCaller, filter_: Any, changes: dict[str, Any], matched: bool
) -> None:
    response = ask(client, filter_, **changes)
    assert response.status_code == 200, response.content
    assert response.json()["matched"] is matched


def test_what_the_input_leaves_out_is_empty(client: ApiCaller) -> None:
    absent = {"headers": {"a": {"$exists": False}}, "query": {"a": {"$exists": False}}, "body": {"$eq": None}}
    answer = client.post("filters/test", {"filter": {**absent, "path": {"$eq": ""}}, "input": {}})
    assert answer.json() == {"matched": True, "failed_targets": []}


def test_latest_input_can_be_sent_as_it_is_shown(client: ApiCaller) -> None:
    shown = {**INPUT, "body_encoding": "json", "parsed_query": {"tag": ["a", "b"], "n": "5"}}
    assert client.post("filters/test", {"filter": GUIDES, "input": shown}).json()["matched"] is True


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, ["filter", "input"]),
        ({"filter": GUIDES}, ["input"]),
        ({"filter": {}, "input": INPUT}, ["filter"]),
        ({"filter": {"body": {}}, "input": INPUT}, ["filter.body"]),
        ({"filter": {"body": {"a": {"$near": 1}}}, "input": INPUT}, ["filter.body.a.$near"]),
        (
            {"filter": {"headers": {"x": {"$gt": None}}, "bdy": 1}, "input": INPUT},
            ["filter.bdy", "filter.headers.x.$gt"],
        ),
        ({"filter": "x", "input": INPUT}, ["filter"]),
        ({"filter": GUIDES, "input": []}, ["input"]),
        ({"filter": GUIDES, "input": {"headers": {"x-a": 5}}}, ["input.headers.x-a"]),
        ({"filter": GUIDES, "input": {"query": {"a": [1]}}}, ["input.query.a"]),
        ({"filter": GUIDES, "input": {"query": 5}}, ["input.query"]),
        ({"filter": GUIDES, "input": {"bdoy": 1}}, ["input.bdoy"]),
        ({"filter": GUIDES, "input": {"body": "?", "body_encoding": "base64"}}, ["input.body"]),
        ({"filter": GUIDES, "input": {"body": {}, "body_encoding": "base64"}}, ["input.body"]),
    ],
)
def test_a_fault_is_named_by_its_path(client: ApiCaller, body: Any, fields: list[str]) -> None:
    response = client.post("filters/test", body)
    assert response.status_code == 422
    assert sorted(response.json()["fields"]) == fields


def test_a_viewer_may_try_filters_and_a_stranger_to_all_teams_may_not(team: Team, db: None) -> None:
    viewer = MembershipFactory(team=team, role=Role.VIEWER).user
    caller = ApiCaller(create_session(viewer, now=utc_now()).token, team_id=team.id)
    assert ask(caller, GUIDES).json()["matched"] is True
    assert caller.post("sources", {"name": "a"}).status_code == 403
    assert ask(ApiCaller(), GUIDES).status_code == 401


def test_nothing_is_stored_and_one_query_is_made(client: ApiCaller, django_assert_num_queries: Any) -> None:
    with django_assert_num_queries(1):  # the credential
        ask(client, GUIDES)
    assert not Connection.objects.exists()
