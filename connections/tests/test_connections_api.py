from __future__ import annotations

from typing import Any

import pytest

from connections.models import Connection
from connections.tests.factories import ConnectionFactory
from destinations.models import Destination
from destinations.tests.factories import DestinationFactory
from fasthook.testing import ApiCaller
from sources.models import Source
from sources.tests.factories import SourceFactory
from teams.models import Team

RETRY = {
    "type": "retry",
    "strategy": "exponential",
    "interval": 30000,
    "count": 5,
    "response_status_codes": ["429", "500-599", "!501"],
}
FILTER = {"type": "filter", "body": {"type": "invoice.paid"}}
DEDUPLICATE = {"type": "deduplicate", "window": 300000, "include_fields": ["body.id"]}
AT = "2026-05-29T17:30:00.000Z"


@pytest.fixture
def source(team: Team) -> Source:
    made: Source = SourceFactory(team=team, name="stripe")
    return made


@pytest.fixture
def destination(team: Team) -> Destination:
    made: Destination = DestinationFactory(team=team, name="billing")
    return made


@pytest.fixture
def body(source: Source, destination: Destination) -> dict[str, Any]:
    """The body that the automation guide sends."""
    return {
        "name": "stripe-production-to-billing-api-production",
        "source_id": source.id,
        "destination_id": destination.id,
        "paused_at": None,
        "disabled_at": None,
        "rules": [RETRY, FILTER, DEDUPLICATE],
    }


def test_a_connection_is_answered_with_its_ends_and_its_rules_in_order(
    client: ApiCaller, body: dict[str, Any], team: Team, source: Source, destination: Destination
) -> None:
    response = client.post("connections", {**body, "description": "Route paid invoice events to billing API"})
    assert response.status_code == 201
    answer = response.json()
    assert answer["rules"] == [DEDUPLICATE, FILTER, RETRY]
    assert answer["description"] == "Route paid invoice events to billing API"
    assert (answer["team_id"], answer["source_id"], answer["destination_id"]) == (team.id, source.id, destination.id)
    assert (answer["source"]["id"], answer["source"]["name"], answer["source"]["url"]) == (
        source.id,
        "stripe",
        source.url,
    )
    assert (answer["destination"]["id"], answer["destination"]["type"]) == (destination.id, "HTTP")
    assert (answer["paused_at"], answer["disabled_at"]) == (None, None)
    assert client.get(f"connections/{answer['id']}").json() == answer
    assert client.get(f"connections?source_id={source.id}").json()["models"] == [answer]


def test_an_upsert_goes_by_source_and_name_or_by_id(client: ApiCaller, body: dict[str, Any], team: Team) -> None:
    first = client.put("connections", body)
    assert first.status_code == 201
    again = client.put("connections", body)
    assert (again.status_code, again.json()) == (200, first.json())
    renamed = client.put("connections", {"id": first.json()["id"], "name": "renamed"})
    assert (renamed.status_code, renamed.json()["name"]) == (200, "renamed")
    assert renamed.json()["rules"] == first.json()["rules"]
    elsewhere = client.put("connections", {**body, "source_id": SourceFactory(team=team).id})
    assert elsewhere.status_code == 201
    assert Connection.objects.count() == 2


def test_an_answer_sent_back_unchanged_changes_nothing(client: ApiCaller, body: dict[str, Any]) -> None:
    shown = client.post("connections", body).json()
    client.put(f"connections/{shown['id']}/pause")
    shown = client.get(f"connections/{shown['id']}").json()
    before = Connection.objects.get()
    for method, path in (("PATCH", f"connections/{shown['id']}"), ("PUT", f"connections/{shown['id']}")):
        response = client.call(method, path, shown)
        assert (response.status_code, response.json()) == (200, shown)
    assert client.put("connections", shown).json() == shown
    after = Connection.objects.get()
    assert (after.version, after.updated_at) == (before.version, before.updated_at)


def test_nested_ids_name_the_ends(client: ApiCaller, source: Source, destination: Destination) -> None:
    nested = {"name": "a", "source": {"id": source.id}, "destination": {"id": destination.id}}
    answer = client.post("connections", nested).json()
    assert (answer["source_id"], answer["destination_id"]) == (source.id, destination.id)


def test_inline_ends_are_upserted_by_name(client: ApiCaller, source: Source) -> None:
    inline = {
        "name": "a",
        "source": {"name": "stripe", "description": "described in passing"},
        "destination": {"name": "new", "config": {"url": "https://new.example.com"}},
    }
    answer = client.post("connections", inline).json()
    assert answer["source_id"] == source.id
    assert answer["source"]["description"] == "described in passing"
    assert Destination.objects.get().name == "new"
    again = client.put("connections", inline)
    assert (again.status_code, again.json()["id"]) == (200, answer["id"])


def test_a_refused_connection_leaves_no_inline_ends_behind(client: ApiCaller) -> None:
    inline = {
        "name": "a",
        "source": {"name": "new-source"},
        "destination": {"name": "new", "config": {"url": "https://new.example.com"}},
        "rules": [{"type": "delay"}],
    }
    response = client.post("connections", inline)
    assert response.status_code == 422
    assert list(response.json()["fields"]) == ["rules[0].delay"]
    faulty = {**inline, "rules": [], "destination": {"name": "new", "config": {"url": "nowhere"}}}
    response = client.post("connections", faulty)
    assert response.status_code == 422
    assert list(response.json()["fields"]) == ["destination.config.url"]
    assert (Source.objects.count(), Destination.objects.count(), Connection.objects.count()) == (0, 0, 0)


REFUSALS: list[tuple[dict[str, Any], list[str]]] = [
    ({"name": None}, ["name"]),
    ({"source_id": None}, ["source_id"]),
    ({"source_id": 5}, ["source_id"]),
    ({"source": {"nam": "x"}}, ["source.nam"]),
    ({"paused_at": "soon"}, ["paused_at"]),
    ({"disabled_at": 1}, ["disabled_at"]),
    ({"rules": {}}, ["rules"]),
    ({"rules": [{"type": "dely"}]}, ["rules[0].type"]),
    ({"rules": [FILTER, {"type": "retry", "strategy": "x", "interval": 1000, "count": 1}]}, ["rules[1].strategy"]),
    ({"rules": [FILTER, {"type": "transform", "transformation_id": "trs_x"}]}, ["rules[1].transformation_id"]),
    ({"rules": [{"type": "transformation", "transformation_id": "trs_x"}]}, ["rules[0].transformation_id"]),
    ({"destinaton_id": "des_x"}, ["destinaton_id"]),
]


@pytest.mark.parametrize(("change", "fields"), REFUSALS)
def test_a_refusal_names_the_field_and_changes_nothing(
    client: ApiCaller, body: dict[str, Any], change: dict[str, Any], fields: list[str]
) -> None:
    response = client.post("connections", {**body, **change})
    assert response.status_code == 422, response.content
    assert list(response.json()["fields"]) == fields
    assert not Connection.objects.exists()
    shown = client.post("connections", body).json()
    assert client.patch(f"connections/{shown['id']}", change).status_code == 422
    assert client.get(f"connections/{shown['id']}").json() == shown


def test_an_id_and_an_object_that_name_different_ends_are_refused(client: ApiCaller, body: dict[str, Any]) -> None:
    for end in ("source", "destination"):
        response = client.post("connections", {**body, end: {"id": "other"}})
        assert (response.status_code, list(response.json()["fields"])) == (422, [f"{end}_id"])
    assert not Connection.objects.exists()


def test_what_a_new_connection_lacks_is_named(client: ApiCaller) -> None:
    assert set(client.post("connections", {"name": "a"}).json()["fields"]) == {"source_id", "destination_id"}
    assert list(client.put("connections", {"name": "a"}).json()["fields"]) == ["source_id"]


def test_an_end_that_is_not_there_is_404_and_named(client: ApiCaller, body: dict[str, Any]) -> None:
    for field in ("source_id", "destination_id"):
        response = client.post("connections", {**body, field: "src_nobody"})
        assert response.status_code == 404
        assert list(response.json()["fields"]) == [field]


def test_a_name_is_unique_on_its_source(client: ApiCaller, body: dict[str, Any], source: Source) -> None:
    first = client.post("connections", body).json()
    by_nested_id = {**{k: v for k, v in body.items() if k != "source_id"}, "source": {"id": source.id}}
    inline = {**by_nested_id, "source": {"name": "stripe"}}
    for repeated in (body, by_nested_id, inline):
        response = client.post("connections", repeated)
        assert (response.status_code, response.json()["code"]) == (409, "RESOURCE_ALREADY_EXISTS")
        assert response.json()["data"] == {"id": first["id"]}
    second = client.post("connections", {**body, "name": "second"}).json()
    response = client.patch(f"connections/{second['id']}", {"name": first["name"]})
    assert (response.status_code, response.json()["data"]) == (409, {"id": first["id"]})


def test_a_connection_keeps_its_source_and_may_change_its_destination(
    client: ApiCaller, body: dict[str, Any], team: Team
) -> None:
    shown = client.post("connections", body).json()
    response = client.patch(f"connections/{shown['id']}", {"source_id": SourceFactory(team=team).id})
    assert (response.status_code, list(response.json()["fields"])) == (422, ["source_id"])
    elsewhere = DestinationFactory(team=team)
    moved = client.patch(f"connections/{shown['id']}", {"destination_id": elsewhere.id}).json()
    assert (moved["destination_id"], moved["destination"]["id"]) == (elsewhere.id, elsewhere.id)


def test_pause_and_disable_follow_the_guide(client: ApiCaller, body: dict[str, Any]) -> None:
    path = f"connections/{client.post('connections', body).json()['id']}"
    assert client.patch(path, {"paused_at": AT}).json()["paused_at"] == AT
    assert client.put(f"{path}/pause").json()["paused_at"] == AT
    assert client.put(f"{path}/unpause").json()["paused_at"] is None
    assert client.post(f"{path}/pause").json()["paused_at"] is not None
    disabled = client.put(f"{path}/disable").json()
    assert (disabled["paused_at"], disabled["disabled_at"] is not None) == (None, True)
    for response in (client.put(f"{path}/pause"), client.patch(path, {"paused_at": AT})):
        assert (response.status_code, response.json()["code"]) == (409, "CONNECTION_DISABLED")
    both = client.patch(path, {"paused_at": AT, "disabled_at": AT}).json()
    assert (both["paused_at"], both["disabled_at"]) == (None, AT)
    assert client.patch(path, {"paused_at": AT, "disabled_at": None}).json()["paused_at"] == AT
    assert client.put(f"{path}/enable").json()["disabled_at"] is None


def test_a_pause_that_lies_ahead_is_a_pause_now(client: ApiCaller, body: dict[str, Any]) -> None:
    from fasthook.lib.clock import utc_now

    client.post("connections", {**body, "paused_at": "2999-01-01T00:00:00Z"})
    paused_at = Connection.objects.get().paused_at
    assert paused_at is not None
    assert paused_at <= utc_now()


STATE_CHANGES = [
    ("PUT", "/pause", None),
    ("PUT", "/disable", None),
    ("PATCH", "", {"paused_at": AT}),
    ("PUT", "", {"disabled_at": AT}),
    ("DELETE", "", None),
]


@pytest.mark.parametrize(("method", "suffix", "sent"), STATE_CHANGES)
def test_a_change_of_state_asks_for_settling_in_the_same_save(
    client: ApiCaller, body: dict[str, Any], nudges: list[str], method: str, suffix: str, sent: Any
) -> None:
    path = f"connections/{client.post('connections', body).json()['id']}"
    assert (Connection.objects.get().reconcile_requested_at, nudges) == (None, [])
    version = Connection.objects.get().version
    assert client.call(method, path + suffix, sent).status_code in (200, 204)
    row = Connection.objects.get()
    assert row.reconcile_requested_at is not None
    assert row.version > version
    assert nudges == ["reconcile"]


@pytest.mark.parametrize(("do", "undo"), [("pause", "unpause"), ("disable", "enable")])
def test_undoing_asks_for_settling_and_repeating_does_not(
    client: ApiCaller, body: dict[str, Any], nudges: list[str], do: str, undo: str
) -> None:
    path = f"connections/{client.post('connections', body).json()['id']}"
    for action in (do, do, undo, undo):
        assert client.put(f"{path}/{action}").status_code == 200
    assert nudges == ["reconcile", "reconcile"]


def test_a_change_of_rules_asks_for_no_settling(client: ApiCaller, body: dict[str, Any], nudges: list[str]) -> None:
    path = f"connections/{client.post('connections', body).json()['id']}"
    rules = [{"type": "retry", "strategy": "linear", "interval": 60000, "count": 3}]
    assert client.patch(path, {"rules": rules}).json()["rules"] == rules
    assert (Connection.objects.get().reconcile_requested_at, nudges) == (None, [])


@pytest.mark.parametrize("end", ["source", "destination"])
def test_an_end_with_connections_is_deleted_only_with_them(
    client: ApiCaller, body: dict[str, Any], nudges: list[str], end: str, other_team: Team
) -> None:
    bystander = ConnectionFactory(team=other_team)
    connection_id = client.post("connections", body).json()["id"]
    path = f"{end}s/{body[f'{end}_id']}"
    response = client.delete(path)
    assert (response.status_code, response.json()["code"]) == (409, "HAS_CONNECTIONS")
    assert response.json()["data"] == {"connections": 1}
    assert client.get(path).status_code == 200
    assert client.delete(f"{path}?cascade=maybe").status_code == 422
    assert client.delete(f"{path}?cascade=true").status_code == 204
    assert client.get(path).status_code == 404
    assert client.get(f"connections/{connection_id}").status_code == 404
    assert Connection.objects.get(id=connection_id).reconcile_requested_at is not None
    assert "reconcile" in nudges
    bystander.refresh_from_db()
    assert bystander.deleted_at is None


def test_a_list_takes_the_same_queries_however_long_it_is(
    client: ApiCaller, team: Team, django_assert_num_queries: Any
) -> None:
    for size in (1, 20):
        ConnectionFactory.create_batch(size, team=team)
        with django_assert_num_queries(2):  # credential, page with both ends; a list that fits its page is not counted
            client.get("connections")
    for limit in (1, 10):
        with django_assert_num_queries(3):  # credential, page with both ends, total
            client.get(f"connections?limit={limit}")
