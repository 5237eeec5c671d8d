"""Rules of type transform: a saved transformation named, or one that comes along."""

from __future__ import annotations

from typing import Any

import pytest

from connections.catalog import ConnectionCatalog
from connections.models import Connection, Transformation
from connections.tests.factories import ConnectionFactory
from connections.transformations.catalog import transformation_catalog
from fasthook.testing import ApiCaller
from teams.models import ConfigVersion, Team

CODE = "return request;"
INLINE = {"name": "inline", "code": CODE, "env": {"KEY": "a secret value"}}
DELAY = {"type": "delay", "delay": 1000}


@pytest.fixture
def saved(client: ApiCaller) -> str:
    identifier: str = client.post("transformations", {"name": "saved", "code": CODE}).json()["id"]
    return identifier


@pytest.fixture
def path(team: Team) -> str:
    return f"connections/{ConnectionFactory(team=team).id}"


@pytest.mark.parametrize("spelling", ["transform", "transformation"])
def test_a_rule_names_a_transformation_and_is_stored_in_its_place(
    client: ApiCaller, path: str, saved: str, spelling: str
) -> None:
    rules = [DELAY, {"type": spelling, "transformation_id": saved}]
    answer = client.patch(path, {"rules": rules})
    assert answer.status_code == 200, answer.content
    assert answer.json()["rules"] == [{"type": "transform", "transformation_id": saved}, DELAY]
    again = client.patch(path, {"rules": answer.json()["rules"]})
    assert again.json() == answer.json()


def test_the_compiled_rules_name_it(client: ApiCaller, path: str, saved: str) -> None:
    client.patch(path, {"rules": [{"type": "transform", "transformation_id": saved}]})
    catalog = ConnectionCatalog()
    catalog.refresh(0)
    entry = catalog.get(path.removeprefix("connections/"))
    assert entry is not None
    assert entry.rules.transformation_id == saved


def test_an_inline_transformation_is_saved_and_replaced_by_its_id(client: ApiCaller, path: str, team: Team) -> None:
    answer = client.patch(path, {"rules": [DELAY, {"type": "transformation", "transformation": INLINE}]})
    assert answer.status_code == 200, answer.content
    row = Transformation.objects.get()
    assert (row.team_id, row.name, row.code, row.env) == (team.id, "inline", CODE, INLINE["env"])
    assert answer.json()["rules"] == [{"type": "transform", "transformation_id": row.id}, DELAY]


def test_the_same_inline_name_is_the_same_transformation(client: ApiCaller, path: str, team: Team) -> None:
    client.patch(path, {"rules": [{"type": "transform", "transformation": INLINE}]})
    first = Transformation.objects.get()
    version = ConfigVersion.objects.get(id=1).version
    same = client.patch(path, {"rules": [{"type": "transform", "transformation": INLINE}]})
    assert same.status_code == 200
    assert ConfigVersion.objects.get(id=1).version == version
    changed = {**INLINE, "code": "request.body = 1; return request;", "env": {"KEY": "****alue"}}
    other = f"connections/{ConnectionFactory(team=team).id}"
    client.patch(other, {"rules": [{"type": "transform", "transformation": changed}]})
    row = Transformation.objects.get()
    assert (row.id, row.code, row.env) == (first.id, changed["code"], INLINE["env"])


def test_a_new_connection_brings_all_of_its_parts(client: ApiCaller) -> None:
    body = {
        "name": "all-in-one",
        "source": {"name": "s"},
        "destination": {"name": "d", "config": {"url": "https://example.com"}},
        "rules": [{"type": "transform", "transformation": INLINE}],
    }
    created = client.put("connections", body)
    assert created.status_code == 201, created.content
    assert created.json()["rules"] == [{"type": "transform", "transformation_id": Transformation.objects.get().id}]
    assert client.put("connections", body).status_code == 200
    assert Transformation.objects.count() == Connection.objects.count() == 1


@pytest.mark.parametrize(
    ("rule", "field"),
    [
        ({"transformation_id": "trs_missing"}, "transformation_id"),
        ({"transformation_id": "of the other team"}, "transformation_id"),
        ({"transformation_id": "deleted"}, "transformation_id"),
        ({}, "transformation_id"),
        ({"transformation": {"name": "a"}}, "transformation.code"),
        ({"transformation": {"name": "a", "code": "if ("}}, "transformation.code"),
        ({"transformation": {"name": "a", "code": CODE, "env": {"A": "****abcd"}}}, "transformation.env.A"),
        ({"transformation": {"name": "a", "code": CODE, "env": {"A": None}}}, "transformation.env.A"),
    ],
)
def test_a_rule_that_names_nothing_usable_is_refused_at_its_place(
    client: ApiCaller, stranger: ApiCaller, path: str, rule: dict[str, Any], field: str
) -> None:
    if rule.get("transformation_id") == "of the other team":
        rule = {"transformation_id": stranger.post("transformations", {"name": "x", "code": CODE}).json()["id"]}
    if rule.get("transformation_id") == "deleted":
        rule = {"transformation_id": client.post("transformations", {"name": "x", "code": CODE}).json()["id"]}
        client.delete(f"transformations/{rule['transformation_id']}")
    before = list(Transformation.objects.values())
    response = client.patch(path, {"rules": [DELAY, {"type": "transform", **rule}]})
    assert (response.status_code, list(response.json()["fields"])) == (422, [f"rules[1].{field}"])
    assert Connection.objects.get(id=path.removeprefix("connections/")).rules == []
    assert list(Transformation.objects.values()) == before


def test_a_connection_that_is_refused_saves_no_transformation_either(client: ApiCaller, team: Team) -> None:
    taken = ConnectionFactory(team=team, name="taken")
    other = ConnectionFactory(team=team, source=taken.source)
    rules = [{"type": "transform", "transformation": INLINE}]
    response = client.patch(f"connections/{other.id}", {"name": "taken", "rules": rules})
    assert (response.status_code, response.json()["code"]) == (409, "RESOURCE_ALREADY_EXISTS")
    assert not Transformation.objects.exists()


def test_the_catalog_holds_code_and_env_and_follows_changes(client: ApiCaller, team: Team) -> None:
    body = {"name": "enrich", "code": CODE, "env": {"KEY": "secret"}}
    saved = client.post("transformations", body).json()["id"]
    catalog = transformation_catalog()
    catalog.refresh(0)
    entry = catalog.get(saved)
    assert entry is not None
    assert (entry.team_id, entry.name, entry.code, entry.env, entry.fault) == (
        team.id,
        "enrich",
        CODE,
        {"KEY": "secret"},
        None,
    )
    client.patch(f"transformations/{saved}", {"code": "return {};"})
    assert catalog.refresh(ConfigVersion.objects.get(id=1).version)
    changed = catalog.get(saved)
    assert changed is not None
    assert changed.code == "return {};"
    assert changed.version > entry.version
    client.delete(f"transformations/{saved}")
    catalog.refresh(ConfigVersion.objects.get(id=1).version)
    assert catalog.get(saved) is None


def test_an_env_under_a_lost_key_makes_an_entry_that_says_so(client: ApiCaller, settings: Any) -> None:
    from cryptography.fernet import Fernet

    saved = client.post("transformations", {"name": "a", "code": CODE, "env": {"KEY": "secret"}}).json()["id"]
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    catalog = transformation_catalog()
    catalog.refresh(0)
    entry = catalog.get(saved)
    assert entry is not None
    assert entry.env == {}
    assert "ENCRYPTION_KEYS" in (entry.fault or "")
