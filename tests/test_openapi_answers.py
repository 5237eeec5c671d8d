"""The OpenAPI document is true: what routes really answer is what it says, field by field, and nothing besides."""

from __future__ import annotations

from typing import Any

import pytest

from fasthook.testing import ApiCaller
from teams.models import Team
from tests.route_table import READS, Route
from tests.schema_checks import answer_schema, faults, operations
from tests.world import World, make_world

OPERATIONS = operations()
# Lists that can show more than they do by default.
MORE: dict[str, str] = {"requests": "?include=data", "events": "?include=data,ignored"}


@pytest.fixture
def world(team: Team) -> World:
    return make_world(team)


def told(response: Any, route: Route) -> list[str]:
    """What is not as the document says; the answer must have a status that it names."""
    operation = OPERATIONS[route.method, route.template]
    if str(response.status_code) not in operation["responses"]:
        return [f"{response.status_code} is not in the document: {response.content[:300]!r}"]
    schema = answer_schema(operation, response.status_code)
    if schema is None:
        return [] if answer_schema(operation, response.status_code, "*/*") else ["its content type is not described"]
    return faults(schema, response.json())


def test_every_read_is_as_described(client: ApiCaller, world: World) -> None:
    for route in READS:
        path = route.filled(world.samples)
        for query in {world.query(route.path), MORE.get(route.path, world.query(route.path))}:
            response = client.get(path + query)
            if route.path != "auth/me":
                assert (str(route), query, response.status_code) == (str(route), query, 200)
            assert (str(route), query, told(response, route)) == (str(route), query, [])


def test_a_team_that_has_nothing_yet_is_as_described(stranger: ApiCaller, world: World) -> None:
    for route in READS:
        if not route.places:
            response = stranger.get(route.path + world.query(route.path))
            assert (str(route), told(response, route)) == (str(route), [])


def test_refusals_are_as_described(client: ApiCaller, world: World) -> None:
    for route in READS:
        response = client.get(route.filled(world.samples) + "?team_id=tm_other")
        assert (str(route), told(response, route)) == (str(route), [])


def test_a_field_that_the_document_does_not_name_is_a_fault() -> None:
    schema = answer_schema(OPERATIONS["GET", "/v1/sources/count"], 200)
    assert schema is not None
    assert faults(schema, {"count": 1}) == []
    assert len(faults(schema, {"count": 1, "more": 2})) == 1
    assert len(faults(schema, {"count": "1"})) == 1
    assert len(faults(schema, {})) == 1


@pytest.mark.parametrize("accept", ["*/*", "application/json", "text/html,*/*;q=0.8"])
def test_the_document_is_json_and_is_not_sent_twice(db: None, accept: str) -> None:
    reader = ApiCaller()
    first = reader.get("schema", headers={"Accept": accept})
    assert (first.status_code, first.headers["Content-Type"], first.json()["openapi"]) == (
        200,
        "application/json",
        "3.0.3",
    )
    again = reader.get("schema", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.content) == (304, b"")
