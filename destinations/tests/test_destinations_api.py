from __future__ import annotations

from typing import Any

import pytest

from destinations.models import Destination
from destinations.tests.factories import DestinationFactory
from fasthook.testing import ApiCaller
from teams.models import Team

# The body that the automation guide sends.
BILLING: dict[str, Any] = {
    "name": "billing-api-production",
    "type": "HTTP",
    "config": {
        "url": "https://api.example.com/webhooks/stripe",
        "http_method": "POST",
        "rate_limit": 60,
        "rate_limit_period": "minute",
        "path_forwarding_disabled": False,
        "auth_type": "FASTHOOK_SIGNATURE",
        "auth": {},
    },
}


def test_the_guides_upsert_returns_the_normalised_config(client: ApiCaller, team: Team) -> None:
    response = client.put("destinations", BILLING)
    assert response.status_code == 201
    answer = response.json()
    assert answer["id"].startswith("des_")
    assert (answer["team_id"], answer["name"], answer["type"]) == (team.id, "billing-api-production", "HTTP")
    assert answer["disabled_at"] is None
    assert answer["config"] == {**BILLING["config"], "max_concurrency": 50, "timeout": 30.0}


def test_the_same_upsert_again_changes_nothing(client: ApiCaller) -> None:
    client.put("destinations", BILLING)
    before = Destination.objects.get()
    assert client.put("destinations", BILLING).status_code == 200
    after = Destination.objects.get()
    assert (after.version, after.updated_at) == (before.version, before.updated_at)


def test_patch_merges_config_as_the_fan_in_guide_does(client: ApiCaller) -> None:
    destination_id = client.put("destinations", BILLING).json()["id"]
    config = {"rate_limit": 20, "rate_limit_period": "second"}
    patched = client.patch(f"destinations/{destination_id}", {"config": config}).json()
    assert patched["config"] == {**BILLING["config"], **config, "max_concurrency": 50, "timeout": 30.0}


def test_put_replaces_the_config(client: ApiCaller) -> None:
    destination_id = client.put("destinations", BILLING).json()["id"]
    response = client.put(f"destinations/{destination_id}", {"config": {"url": "https://b.example.com"}})
    assert response.json()["config"] == {
        "url": "https://b.example.com",
        "http_method": None,
        "rate_limit": None,
        "rate_limit_period": "second",
        "max_concurrency": 50,
        "timeout": 30.0,
        "path_forwarding_disabled": False,
        "auth_type": None,
        "auth": None,
    }
    assert response.json()["name"] == "billing-api-production"


def test_a_masked_secret_sent_back_is_kept(client: ApiCaller) -> None:
    config = {"url": "https://a.example.com", "auth_type": "BEARER_TOKEN", "auth": {"token": "tok_0123456789abcdef"}}
    shown = client.post("destinations", {"name": "a", "config": config}).json()
    assert shown["config"]["auth"] == {"token": "tok_****cdef"}
    response = client.put(f"destinations/{shown['id']}", {**shown, "description": "now described"})
    assert response.status_code == 200
    row = Destination.objects.get()
    assert (row.auth, row.description) == ({"token": "tok_0123456789abcdef"}, "now described")


SECRETS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "CUSTOM_SIGNATURE": (
        {"header": "x-sig", "signing_secret": "sign_0123456789ab", "algorithm": "sha512", "encoding": "base64"},
        {"signing_secret": "sign_****89ab"},
    ),
    "OAUTH2_CLIENT_CREDENTIALS": (
        {
            "token_url": "https://login.example.com/token",
            "client_id": "id",
            "client_secret": "0123456789abcdef",
            "auth_method": "basic",
            "scope": "a b",
        },
        {"client_secret": "****cdef"},
    ),
    "AWS_SIGNATURE": (
        {
            "access_key_id": "AKIDEXAMPLE",
            "secret_access_key": "wJalrXUtnFEMI/K7MDENG",
            "region": "us-east-1",
            "service": "execute-api",
            "session_token": "short",
        },
        {"secret_access_key": "****DENG", "session_token": "****"},
    ),
}


@pytest.mark.parametrize("auth_type", SECRETS)
def test_secrets_survive_every_way_of_sending_back_what_was_shown(client: ApiCaller, auth_type: str) -> None:
    auth, masked = SECRETS[auth_type]
    config = {"url": "https://a.example.com", "auth_type": auth_type, "auth": auth}
    shown = client.post("destinations", {"name": "a", "config": config}).json()
    assert shown["config"]["auth"] == {**auth, **masked}
    path = f"destinations/{shown['id']}"
    for method, to, body in (
        ("PUT", path, shown),
        ("PUT", "destinations", shown),
        ("PATCH", path, {"config": {"auth": shown["config"]["auth"]}}),
        ("PATCH", path, {"config": {"rate_limit": 5}}),
    ):
        assert client.call(method, to, body).status_code == 200
        assert Destination.objects.get().auth == auth, (method, to)
    assert client.get(path).json()["config"]["auth"] == shown["config"]["auth"]


@pytest.mark.parametrize("auth_type", SECRETS)
def test_a_secret_is_neither_carried_to_another_type_nor_taken_for_another(client: ApiCaller, auth_type: str) -> None:
    auth, masked = SECRETS[auth_type]
    config = {"url": "https://a.example.com", "auth_type": auth_type, "auth": auth}
    shown = client.post("destinations", {"name": "a", "config": config}).json()
    path = f"destinations/{shown['id']}"
    field = next(iter(masked))
    for other in ({"auth_type": "CUSTOM_HEADER", "auth": {"header_name": "x-a"}}, {"auth_type": "BEARER_TOKEN"}):
        assert client.patch(path, {"config": other}).status_code == 422
    answer = client.patch(path, {"config": {"auth": {field: "****zzzz"}}})
    assert list(answer.json()["fields"]) == [f"config.auth.{field}"]
    assert Destination.objects.get().auth == auth
    assert client.patch(path, {"config": {"auth_type": None}}).json()["config"]["auth"] is None
    back = client.patch(path, {"config": {"auth_type": auth_type, "auth": {**auth, **masked}}})
    assert back.status_code == 422
    assert set(back.json()["fields"]) <= {f"config.auth.{name}" for name in masked}
    assert Destination.objects.get().auth is None


def test_an_optional_secret_is_taken_away_with_null(client: ApiCaller) -> None:
    auth, _ = SECRETS["AWS_SIGNATURE"]
    config = {"url": "https://a.example.com", "auth_type": "AWS_SIGNATURE", "auth": auth}
    shown = client.post("destinations", {"name": "a", "config": config}).json()
    answer = client.patch(f"destinations/{shown['id']}", {"config": {"auth": {"session_token": None}}})
    assert "session_token" not in answer.json()["config"]["auth"]
    assert Destination.objects.get().auth == {name: auth[name] for name in auth if name != "session_token"}


def test_secrets_are_encrypted_at_rest(client: ApiCaller) -> None:
    from django.db import connection

    config = {"url": "https://a.example.com", "auth_type": "BEARER_TOKEN", "auth": {"token": "tok_0123456789abcdef"}}
    client.post("destinations", {"name": "a", "config": config})
    with connection.cursor() as cursor:
        cursor.execute("SELECT auth FROM destinations_destination")
        assert "tok_0123456789abcdef" not in cursor.fetchone()[0]


def test_mock_api_is_served_by_the_product_itself(client: ApiCaller, settings: Any) -> None:
    settings.BASE_URL = "https://hooks.example.com"
    shown = client.post("destinations", {"name": "mock", "type": "MOCK_API"}).json()
    assert (shown["config"]["url"], shown["config"]["path"]) == ("https://hooks.example.com/mock/", "/mock/")
    assert Destination.objects.get().url == "/mock/"
    again = client.put(f"destinations/{shown['id']}", shown)
    assert (again.status_code, again.json()) == (200, shown)
    moved = client.patch(f"destinations/{shown['id']}", {"config": {"path": "/mock/?status=503"}}).json()
    assert moved["config"]["url"] == "https://hooks.example.com/mock/?status=503"
    assert client.patch(f"destinations/{shown['id']}", {"description": "x"}).json()["config"] == moved["config"]


def test_a_type_cannot_change_without_what_it_needs(client: ApiCaller) -> None:
    shown = client.post("destinations", {"name": "mock", "type": "MOCK_API"}).json()
    response = client.patch(f"destinations/{shown['id']}", {"type": "HTTP"})
    assert response.status_code == 422
    assert list(response.json()["fields"]) == ["config.url"]
    assert Destination.objects.get().type == "MOCK_API"


def with_config(**config: Any) -> dict[str, Any]:
    return {"name": "a", "config": {"url": "https://a.example.com", **config}}


REFUSALS = [
    ({"config": {"url": "https://a.example.com"}}, "name"),
    ({"name": "a"}, "config.url"),
    ({"name": "a", "config": {}}, "config.url"),
    ({"name": "a", "type": "CLI", "config": {"path": "/x"}}, "type"),
    (with_config(url="ftp://a.example.com"), "config.url"),
    (with_config(url=7), "config.url"),
    (with_config(path="/mock/"), "config.path"),
    ({"name": "a", "type": "MOCK_API", "config": {"path": "/admin/"}}, "config.path"),
    ({"name": "a", "type": "MOCK_API", "config": {"url": "https://elsewhere.example.com"}}, "config.url"),
    (with_config(http_method="FETCH"), "config.http_method"),
    (with_config(rate_limit=0), "config.rate_limit"),
    (with_config(rate_limit=-1), "config.rate_limit"),
    (with_config(rate_limit=1.5), "config.rate_limit"),
    (with_config(rate_limit=True), "config.rate_limit"),
    (with_config(rate_limit="60"), "config.rate_limit"),
    (with_config(rate_limit=1_000_001), "config.rate_limit"),
    (with_config(rate_limit_period="day"), "config.rate_limit_period"),
    (with_config(max_concurrency=0), "config.max_concurrency"),
    (with_config(max_concurrency=1001), "config.max_concurrency"),
    (with_config(timeout=0), "config.timeout"),
    (with_config(timeout=60.5), "config.timeout"),
    (with_config(path_forwarding_disabled="no"), "config.path_forwarding_disabled"),
    (with_config(auth_type="NONE"), "config.auth_type"),
    (with_config(auth_type="BEARER_TOKEN", auth={}), "config.auth.token"),
    (with_config(auth_type="BEARER_TOKEN", auth={"token": "tok_****cdef"}), "config.auth.token"),
    (with_config(rate_limt=1), "config.rate_limt"),
    ({**with_config(), "status": "enabled"}, "status"),
]


@pytest.mark.parametrize(("body", "field"), REFUSALS)
def test_a_refusal_names_the_field_and_creates_nothing(client: ApiCaller, body: Any, field: str) -> None:
    response = client.post("destinations", body)
    assert response.status_code == 422, response.content
    assert list(response.json()["fields"]) == [field]
    assert not Destination.objects.exists()


def test_cli_is_refused_naming_the_legal_types(client: ApiCaller) -> None:
    fault = client.post("destinations", {"name": "a", "type": "CLI"}).json()["fields"]["type"][0]
    assert fault == "must be one of HTTP, MOCK_API"


def test_a_refused_change_changes_nothing(client: ApiCaller) -> None:
    shown = client.put("destinations", BILLING).json()
    for method, path in (("PATCH", f"destinations/{shown['id']}"), ("PUT", "destinations")):
        body = {"name": shown["name"], "description": "x", "config": {"url": "https://a.example.com", "rate_limit": 0}}
        assert client.call(method, path, body).status_code == 422
    assert client.get(f"destinations/{shown['id']}").json() == shown


def test_creating_an_existing_name_is_a_conflict_with_its_id(client: ApiCaller) -> None:
    first = client.post("destinations", BILLING).json()
    response = client.post("destinations", BILLING)
    assert (response.status_code, response.json()["code"]) == (409, "RESOURCE_ALREADY_EXISTS")
    assert response.json()["data"] == {"id": first["id"]}


def test_disabling_and_enabling_ask_for_settling_each_time_and_once(client: ApiCaller, nudges: list[str]) -> None:
    destination_id = client.post("destinations", BILLING).json()["id"]
    assert nudges == []
    for action, disabled in (("disable", True), ("disable", True), ("enable", False), ("enable", False)):
        Destination.objects.update(reconcile_requested_at=None)
        nudges.clear()
        before = Destination.objects.get()
        response = client.put(f"destinations/{destination_id}/{action}")
        row = Destination.objects.get()
        changed = (before.disabled_at is not None) != disabled
        assert (response.json()["disabled_at"] is not None) is disabled
        assert (row.reconcile_requested_at is not None) is changed
        assert (row.version > before.version) is changed
        assert nudges == (["reconcile"] if changed else [])


def test_a_change_of_config_asks_for_no_settling(client: ApiCaller, nudges: list[str]) -> None:
    destination_id = client.post("destinations", BILLING).json()["id"]
    client.patch(f"destinations/{destination_id}", {"config": {"rate_limit": 5}})
    assert Destination.objects.get().reconcile_requested_at is None
    assert nudges == []


def test_deleting_asks_for_settling(client: ApiCaller, nudges: list[str]) -> None:
    destination_id = client.post("destinations", BILLING).json()["id"]
    assert client.delete(f"destinations/{destination_id}").status_code == 204
    row = Destination.objects.get()
    assert row.deleted_at is not None
    assert row.reconcile_requested_at is not None
    assert nudges == ["reconcile"]


def test_a_list_takes_the_same_queries_however_long_it_is(
    client: ApiCaller, team: Team, django_assert_num_queries: Any
) -> None:
    for size in (1, 20):
        DestinationFactory.create_batch(size, team=team)
        with django_assert_num_queries(2):  # credential, page; a list that fits its page is not counted
            client.get("destinations")
    for limit in (1, 10):
        with django_assert_num_queries(3):  # credential, page, total
            client.get(f"destinations?limit={limit}")
