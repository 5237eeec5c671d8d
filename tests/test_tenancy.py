"""One walk over the whole route table: what belongs to a team does not exist for a stranger."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.urls import URLPattern

from connections.models import Connection, Transformation
from connections.tests.factories import ConnectionFactory
from destinations.models import Destination
from fasthook import api_urls
from fasthook.testing import ApiCaller
from sources.models import Source
from teams.models import ProjectSecrets, Team

MODELS = (Source, Destination, Connection, Transformation, ProjectSecrets)
# What each resource's `{id}` is filled with; a route that is missing here fails the walk.
RESOURCES = ("sources", "destinations", "connections", "transformations")


def routes() -> Iterator[tuple[str, str]]:
    for pattern in api_urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        for method in getattr(pattern.callback, "actions", None) or {}:
            if method != "head":
                yield method.upper(), str(pattern.pattern)


ROUTES = list(routes())
WITH_ID = [(method, path) for method, path in ROUTES if "<" in path and path.split("/")[0] in RESOURCES]
LISTS = [path for method, path in ROUTES if method == "GET" and path in RESOURCES]
CLOSED = [(method, path) for method, path in ROUTES if path != "auth/login"]


@pytest.fixture
def connection(team: Team) -> Connection:
    made: Connection = ConnectionFactory(team=team)
    Transformation.objects.create(team=team, name="ours", code="return request;", env={"KEY": "secret"})
    return made


def filled(path: str, connection: Connection) -> str:
    ids = {
        "sources": connection.source_id,
        "destinations": connection.destination_id,
        "connections": connection.id,
        "transformations": Transformation.objects.get(team=connection.team, name="ours").id,
    }
    return re.sub("<str:(id|transformation_id|connection_id)>", ids[path.split("/")[0]], path)


def state() -> list[Any]:
    return [list(model.objects.order_by("pk").values()) for model in MODELS]


def test_the_walk_sees_every_kind_of_route() -> None:
    assert len(WITH_ID) >= 34
    assert {path.split("/")[0] for _, path in WITH_ID} == set(RESOURCES) == set(LISTS)


@pytest.mark.parametrize(("method", "path"), WITH_ID)
def test_a_strangers_call_on_an_id_is_404_and_changes_nothing(
    stranger: ApiCaller, client: ApiCaller, connection: Connection, method: str, path: str
) -> None:
    before = state()
    response = stranger.call(method, filled(path, connection), {} if method in ("PATCH", "PUT") else None)
    assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")
    assert state() == before
    assert client.get(filled(f"{path.split('/')[0]}/<str:id>", connection)).status_code == 200


@pytest.mark.parametrize("path", LISTS)
def test_a_strangers_list_is_empty_and_counts_nothing(stranger: ApiCaller, connection: Connection, path: str) -> None:
    assert stranger.get(path).json()["models"] == []
    assert stranger.get(f"{path}?id={filled(f'{path}/<str:id>', connection)}").json()["total"] == 0
    assert stranger.get(f"{path}/count").json() == {"count": 0}


def test_a_stranger_cannot_wire_or_take_over_what_is_not_theirs(stranger: ApiCaller, connection: Connection) -> None:
    before = state()
    calls = [
        ("sources", {"id": connection.source_id, "name": "mine"}),
        ("destinations", {"id": connection.destination_id, "name": "mine"}),
        ("connections", {"id": connection.id, "name": "mine"}),
        ("transformations", {"id": filled("transformations/<str:id>", connection).split("/")[1], "name": "mine"}),
        ("transformations/run", {"transformation_id": filled("transformations/<str:id>", connection).split("/")[1]}),
        ("connections", {"name": "a", "source_id": connection.source_id, "destination": {"name": "b"}}),
        ("connections", {"name": "a", "source": {"name": "b"}, "destination_id": connection.destination_id}),
        ("connections", {"name": "a", "source": {"id": connection.source_id}, "destination": {"name": "b"}}),
    ]
    for path, body in calls:
        response = stranger.put(path, body)
        assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND"), body
    assert state() == before


def test_the_same_name_is_free_in_another_team(stranger: ApiCaller, connection: Connection) -> None:
    source = connection.source
    response = stranger.put("sources", {"name": source.name})
    assert response.status_code == 201
    assert response.json()["id"] != source.id


@pytest.mark.parametrize(("method", "path"), CLOSED)
def test_no_route_answers_without_a_credential(db: None, method: str, path: str) -> None:
    response = ApiCaller().call(method, path.replace("<str:id>", "x"))
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"] == "Bearer"


def test_every_route_works_without_the_version_too(client: ApiCaller, connection: Connection) -> None:
    bare = ApiCaller(client.headers["Authorization"].removeprefix("Bearer "), prefix="/")
    for path in (*LISTS, "project-secrets", f"connections/{connection.id}"):
        assert bare.get(path).status_code == 200
