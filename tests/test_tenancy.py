"""One walk over the whole route table: what belongs to a team does not exist for a stranger, whoever asks and however.

Samples come from tests/world.py. A route that has none there fails the walk.
"""

from __future__ import annotations

from typing import Any

import pytest

from connections.models import Connection
from fasthook.lib.clock import utc_now
from fasthook.testing import ApiCaller
from teams.auth.sessions import create_session
from teams.models import Role, Team
from teams.secrets.services import rotate_project_secrets
from teams.tests.factories import MembershipFactory
from tests.route_table import CHANGES, CLOSED, NO_ID, OF_A_TEAM, READS, ROUTES, WITH_ID, Route
from tests.world import World, belongings, make_world

LISTS = [route for route in READS if route.is_of_a_team and not route.places]
# What a viewer may call although it is no GET: it computes and changes nothing.
COMPUTES = {"POST filters/test"}
# Answers that are the same for every team, or are of whoever asks.
NOT_OF_THE_TEAM = {"sources/types", "alerts/rules"}


@pytest.fixture
def world(team: Team) -> World:
    return make_world(team)


def session_of(team: Team, role: Role) -> ApiCaller:
    user = MembershipFactory(team=team, role=role).user
    return ApiCaller(create_session(user, now=utc_now()).token, team_id=team.id)


def refusal(response: Any) -> tuple[int, str]:
    return response.status_code, response.json()["code"]


def refusals(caller: ApiCaller, routes: list[Route], samples: dict[str, str] | None = None, **call: Any) -> Any:
    """How each route refuses, by its name. Without samples its ids are such as nobody has."""
    found = {}
    for route in routes:
        path = route.filled(dict.fromkeys(route.places, NO_ID) if samples is None else samples)
        body = None if route.method in ("GET", "DELETE") else {}
        found[str(route)] = refusal(caller.call(route.method, path, body, **call))
    return found


def all_of(routes: list[Route], status: int, code: str) -> dict[str, tuple[int, str]]:
    return {str(route): (status, code) for route in routes}


def path_of(route: Route, world: World) -> str:
    return route.filled(world.samples) + world.query(route.path)


def test_the_walk_sees_the_whole_table() -> None:
    assert len(ROUTES) >= 87
    assert len(WITH_ID) >= 53
    assert [str(route) for route in ROUTES if not route.is_of_a_team] == [
        "POST auth/login",
        "POST auth/logout",
        "GET auth/me",
        "POST auth/accept-invitation",
        "GET teams",
        "POST teams",
    ]


def test_a_strangers_call_on_an_id_is_404_and_changes_nothing(stranger: ApiCaller, world: World) -> None:
    before = belongings(world.team)
    assert refusals(stranger, WITH_ID, world.samples) == all_of(WITH_ID, 404, "NOT_FOUND")
    assert belongings(world.team) == before


def test_its_own_team_gets_what_a_stranger_does_not(client: ApiCaller, world: World) -> None:
    """Otherwise a walk over ids that nobody has would prove nothing."""
    reads = [route for route in WITH_ID if route.method == "GET"]
    assert {str(route): client.get(path_of(route, world)).status_code for route in reads} == dict.fromkeys(
        map(str, reads), 200
    )


def test_what_a_stranger_reads_without_an_id_names_nothing_of_the_team(
    client: ApiCaller, stranger: ApiCaller, world: World
) -> None:
    for route in LISTS:
        own, theirs = client.get(path_of(route, world)), stranger.get(path_of(route, world))
        assert (str(route), own.status_code, theirs.status_code) == (str(route), 200, 200)
        assert (str(route), [each for each in world.ids() if each.encode() in theirs.content]) == (str(route), [])
        if "models" in own.json() and route.path not in NOT_OF_THE_TEAM:
            assert own.json()["models"], f"tests/world.py makes nothing that {route} lists"
            assert (str(route), theirs.json()["models"]) == (str(route), [])


def test_a_filter_by_another_teams_id_finds_nothing(stranger: ApiCaller, world: World) -> None:
    lists = {route.path for route in LISTS}
    for place, sample in world.samples.items():
        name = place.partition("/<")[0]
        if name in lists:
            answer = stranger.get(f"{name}?id={sample}")
            assert answer.status_code == 422 or answer.json()["models"] == [], place


def references(world: World) -> list[tuple[str, str, Any]]:
    """Bodies that name what is another team's. A route that takes ids in its body belongs here."""
    ids = {place.partition("/")[0]: sample for place, sample in world.samples.items() if place.count("/") == 1}
    ends = {"source_id": ids["sources"], "destination_id": ids["destinations"]}
    return [
        ("PUT", "sources", {"id": ids["sources"], "name": "mine"}),
        ("PUT", "destinations", {"id": ids["destinations"], "name": "mine"}),
        ("PUT", "connections", {"id": ids["connections"], "name": "mine"}),
        ("PUT", "transformations", {"id": ids["transformations"], "name": "mine"}),
        ("PUT", "transformations/run", {"transformation_id": ids["transformations"]}),
        ("PUT", "connections", {"name": "a", "source_id": ids["sources"], "destination": {"name": "b"}}),
        ("PUT", "connections", {"name": "a", "source": {"name": "b"}, "destination_id": ids["destinations"]}),
        ("PUT", "connections", {"name": "a", "source": {"id": ids["sources"]}, "destination": {"name": "b"}}),
        ("POST", "connections", {"name": "a", **ends}),
    ]


def test_a_stranger_cannot_wire_or_take_over_what_is_not_theirs(stranger: ApiCaller, world: World) -> None:
    before = belongings(world.team)
    for method, path, body in references(world):
        assert refusal(stranger.call(method, path, body)) == (404, "NOT_FOUND"), body
    assert belongings(world.team) == before


def test_a_strangers_rules_cannot_name_a_transformation_of_the_team(
    stranger: ApiCaller, other_team: Team, world: World
) -> None:
    own: Connection = make_world(other_team).connection
    rules = [{"type": "transform", "transformation_id": world.samples["transformations/<str:id>"]}]
    for method, path, body in (
        ("PATCH", f"connections/{own.id}", {"rules": rules}),
        ("POST", f"connections/{own.id}/test", {"rules": rules, "input": {}}),
        ("POST", f"connections/{own.id}/rehearsals", {"rules": rules, "from": "now-1h"}),
    ):
        response = stranger.call(method, path, body)
        assert (response.status_code, list(response.json()["fields"])) == (422, ["rules[0].transformation_id"]), path


def test_the_same_name_is_free_in_another_team(stranger: ApiCaller, world: World) -> None:
    source = world.connection.source
    response = stranger.put("sources", {"name": source.name})
    assert response.status_code == 201
    assert response.json()["id"] != source.id


# ---- Credentials that are none, no longer, or not of this team


def test_no_route_answers_without_a_credential(db: None) -> None:
    assert refusals(ApiCaller(), CLOSED) == all_of(CLOSED, 401, "NOT_AUTHENTICATED")
    assert ApiCaller().get("sources").headers["WWW-Authenticate"] == "Bearer"


def test_no_route_answers_a_key_that_was_rotated(client: ApiCaller, team: Team) -> None:
    rotate_project_secrets(team, ["api_key"], now=utc_now())
    assert refusals(client, CLOSED) == all_of(CLOSED, 401, "NOT_AUTHENTICATED")


def test_no_route_lets_a_credential_name_a_team_that_it_does_not_reach(client: ApiCaller, other_team: Team) -> None:
    named = refusals(client, OF_A_TEAM, headers={"x-team-id": other_team.id})
    assert named == all_of(OF_A_TEAM, 403, "TEAM_FORBIDDEN")


def test_a_viewer_changes_nothing(world: World) -> None:
    viewer = session_of(world.team, Role.VIEWER)
    changes = [route for route in CHANGES if str(route) not in COMPUTES]
    before = belongings(world.team)
    assert refusals(viewer, changes, world.samples) == all_of(changes, 403, "ROLE_READ_ONLY")
    assert belongings(world.team) == before
    assert {str(route) for route in CHANGES} >= COMPUTES


def test_a_viewer_reads_all_but_credentials(world: World) -> None:
    viewer = session_of(world.team, Role.VIEWER)
    reads = [route for route in READS if route.is_of_a_team]
    statuses = {route.path: viewer.get(path_of(route, world)).status_code for route in reads}
    assert statuses == {**dict.fromkeys(statuses, 200), "project-secrets": 403}


def test_every_route_works_without_the_version_too(client: ApiCaller, world: World) -> None:
    bare = ApiCaller(client.headers["Authorization"].removeprefix("Bearer "), prefix="/")
    for route in READS:
        if route.is_of_a_team:
            assert bare.get(path_of(route, world)).status_code == 200, route
