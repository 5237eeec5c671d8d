from __future__ import annotations

from typing import Any

import pytest

from fasthook.testing import ApiCaller
from sources.models import Source
from sources.tests.factories import SourceFactory
from teams.models import ConfigVersion, Team

# The body that three guides send.
STRIPE: dict[str, Any] = {
    "name": "stripe-production",
    "type": "WEBHOOK",
    "status": "enabled",
    "config": {
        "auth_type": "HMAC",
        "auth": {"secret": "whsec_provider_secret", "signature_header": "stripe-signature"},
        "allowed_http_methods": ["POST"],
    },
}


def test_the_guides_upsert_creates_a_source_with_a_public_url(client: ApiCaller, team: Team, settings: Any) -> None:
    settings.BASE_URL = "https://hooks.example.com"
    response = client.put("sources", STRIPE)
    assert response.status_code == 201
    answer = response.json()
    row = Source.objects.get()
    assert answer["id"] == row.id
    assert answer["id"].startswith("src_")
    assert answer["team_id"] == team.id
    assert answer["url"] == f"https://hooks.example.com/in/{row.slug}/"
    assert len(row.slug) == 20
    assert row.slug.isalnum()
    assert row.slug == row.slug.lower()
    assert (answer["name"], answer["type"], answer["status"]) == ("stripe-production", "WEBHOOK", "enabled")
    assert answer["disabled_at"] is None
    assert answer["warnings"] == []
    assert answer["config"]["auth_type"] == "HMAC"
    assert answer["config"]["allowed_http_methods"] == ["POST"]
    assert answer["config"]["auth"]["signature_header"] == "stripe-signature"
    assert answer["config"]["auth"]["secret"] == "whsec_****cret"
    assert row.auth["secret"] == "whsec_provider_secret"
    assert "whsec_provider_secret" not in response.content.decode()


def test_the_same_upsert_again_changes_nothing(client: ApiCaller) -> None:
    client.put("sources", STRIPE)
    before = Source.objects.get()
    response = client.put("sources", STRIPE)
    after = Source.objects.get()
    assert response.status_code == 200
    assert (after.version, after.updated_at) == (before.version, before.updated_at)


def test_an_answer_sent_back_unchanged_changes_nothing_and_keeps_the_secret(client: ApiCaller) -> None:
    shown = client.put("sources", STRIPE).json()
    client.put(f"sources/{shown['id']}/disable")
    shown = client.get(f"sources/{shown['id']}").json()
    before = Source.objects.get()
    for method, path in (("PUT", f"sources/{shown['id']}"), ("PATCH", f"sources/{shown['id']}"), ("PUT", "sources")):
        response = client.call(method, path, shown)
        assert response.status_code == 200, response.content
        assert response.json() == shown
    after = Source.objects.get()
    assert after.auth["secret"] == "whsec_provider_secret"
    assert (after.version, after.updated_at) == (before.version, before.updated_at)


def test_a_change_takes_the_next_configuration_version(client: ApiCaller) -> None:
    source_id = client.post("sources", {"name": "a"}).json()["id"]
    version = ConfigVersion.objects.get().version
    client.patch(f"sources/{source_id}", {"description": "new"})
    row = Source.objects.get()
    assert row.version == version + 1 == ConfigVersion.objects.get().version


def test_patch_merges_config_and_put_replaces_it(client: ApiCaller) -> None:
    source_id = client.put("sources", STRIPE).json()["id"]
    patched = client.patch(f"sources/{source_id}", {"config": {"auth": {"secret": "another_secret_value"}}}).json()
    assert patched["config"]["auth"]["signature_header"] == "stripe-signature"
    assert patched["config"]["allowed_http_methods"] == ["POST"]
    assert Source.objects.get().auth["secret"] == "another_secret_value"
    replaced = client.put(f"sources/{source_id}", {"config": {"custom_response": None}}).json()
    assert replaced["config"] == {
        "auth_type": None,
        "auth": None,
        "allowed_http_methods": ["POST", "PUT", "PATCH", "DELETE"],
        "custom_response": None,
    }
    assert replaced["name"] == "stripe-production"


def test_put_without_config_leaves_the_authentication_alone(client: ApiCaller) -> None:
    client.put("sources", STRIPE)
    response = client.put("sources", {"name": "stripe-production", "status": "disabled"})
    assert response.status_code == 200
    assert Source.objects.get().auth["secret"] == "whsec_provider_secret"


def test_a_mask_of_another_secret_is_refused(client: ApiCaller) -> None:
    masked = {**STRIPE, "config": {**STRIPE["config"], "auth": {"secret": "whsec_****abcd", "signature_header": "x"}}}
    response = client.post("sources", masked)
    assert response.status_code == 422
    assert list(response.json()["fields"]) == ["config.auth.secret"]
    assert not Source.objects.exists()


def test_a_list_of_secrets_is_masked_and_comes_back_whole(client: ApiCaller) -> None:
    auth = {"secret": ["short-one", "other-one"], "signature_header": "x-signature"}
    shown = client.post("sources", {"name": "a", "config": {"auth_type": "HMAC", "auth": auth}}).json()
    assert shown["config"]["auth"]["secret"] == ["****", "****"]
    assert client.put(f"sources/{shown['id']}", shown).status_code == 200
    assert Source.objects.get().auth["secret"] == ["short-one", "other-one"]


def test_creating_an_existing_name_is_a_conflict_with_its_id(client: ApiCaller) -> None:
    first = client.post("sources", STRIPE).json()
    response = client.post("sources", STRIPE)
    assert response.status_code == 409
    assert response.json()["code"] == "RESOURCE_ALREADY_EXISTS"
    assert response.json()["data"] == {"id": first["id"]}
    assert Source.objects.count() == 1


def test_renaming_to_a_taken_name_is_a_conflict_and_changes_nothing(client: ApiCaller) -> None:
    first = client.post("sources", {"name": "first"}).json()
    second = client.post("sources", {"name": "second"}).json()
    for method, path, body in (
        ("PATCH", f"sources/{second['id']}", {"name": "first"}),
        ("PUT", "sources", {"id": second["id"], "name": "first"}),
    ):
        response = client.call(method, path, body)
        assert response.status_code == 409
        assert response.json()["data"] == {"id": first["id"]}
    assert client.get(f"sources/{second['id']}").json() == second


def test_a_deleted_name_is_free_again(client: ApiCaller) -> None:
    first = client.post("sources", {"name": "again"}).json()
    assert client.delete(f"sources/{first['id']}").status_code == 204
    assert client.get(f"sources/{first['id']}").status_code == 404
    assert client.get("sources/count").json() == {"count": 0}
    assert client.post("sources", {"name": "again"}).status_code == 201
    assert Source.objects.get(id=first["id"]).deleted_at is not None


def test_status_and_disabled_at_are_one_state(client: ApiCaller) -> None:
    source_id = client.post("sources", {"name": "a", "status": "disabled"}).json()["id"]
    first = Source.objects.get().disabled_at
    assert first is not None
    again = client.put(f"sources/{source_id}/disable").json()
    assert again["status"] == "disabled"
    assert Source.objects.get().disabled_at == first
    enabled = client.post(f"sources/{source_id}/enable").json()
    assert (enabled["status"], enabled["disabled_at"]) == ("enabled", None)
    given = client.patch(f"sources/{source_id}", {"disabled_at": "2026-05-29T17:30:00.000Z"}).json()
    assert (given["status"], given["disabled_at"]) == ("disabled", "2026-05-29T17:30:00.000Z")


def test_a_provider_type_without_its_secret_is_warned_about(client: ApiCaller) -> None:
    answer = client.post("sources", {"name": "gh", "type": "GITHUB"}).json()
    assert [(each["code"], each["field"]) for each in answer["warnings"]] == [("SOURCE_NOT_VERIFIED", "config.auth")]
    auth = {"secret": "s3cret-s3cret", "signature_header": "x-hub-signature-256"}
    answer = client.patch(f"sources/{answer['id']}", {"config": {"auth_type": "HMAC", "auth": auth}}).json()
    assert answer["warnings"] == []


REFUSALS = [
    ({}, "name"),
    ({"name": None}, "name"),
    ({"name": ""}, "name"),
    ({"name": 7}, "name"),
    ({"name": "a b"}, "name"),
    ({"name": "a\n"}, "name"),
    ({"name": "a" * 156}, "name"),
    ({"name": "a", "nmae": "b"}, "nmae"),
    ({"name": "a", "id": "src_x"}, "id"),
    ({"name": "a", "team_id": "tm_x"}, "team_id"),
    ({"name": "a", "description": 1}, "description"),
    ({"name": "a", "description": "nul\0"}, "description"),
    ({"name": "a", "type": "STRIPEE"}, "type"),
    ({"name": "a", "status": "on"}, "status"),
    ({"name": "a", "status": "enabled", "disabled_at": "2026-01-01T00:00:00Z"}, "status"),
    ({"name": "a", "disabled_at": "yesterday"}, "disabled_at"),
    ({"name": "a", "disabled_at": True}, "disabled_at"),
    ({"name": "a", "config": []}, "config"),
    ({"name": "a", "config": {"auth_typ": "HMAC"}}, "config.auth_typ"),
    ({"name": "a", "config": {"auth": {"secret": "x"}}}, "config.auth_type"),
    ({"name": "a", "config": {"auth_type": "MAGIC"}}, "config.auth_type"),
    ({"name": "a", "config": {"auth_type": "HMAC", "auth": "x"}}, "config.auth"),
    ({"name": "a", "config": {"auth_type": "HMAC", "auth": {"signature_header": "x"}}}, "config.auth.secret"),
    ({"name": "a", "config": {"allowed_http_methods": "POST"}}, "config.allowed_http_methods"),
    ({"name": "a", "config": {"allowed_http_methods": []}}, "config.allowed_http_methods"),
    ({"name": "a", "config": {"allowed_http_methods": ["POST", "PSOT"]}}, "config.allowed_http_methods[1]"),
    ({"name": "a", "config": {"custom_response": {"content_type": "html"}}}, "config.custom_response.content_type"),
]


@pytest.mark.parametrize(("body", "field"), REFUSALS)
def test_a_refusal_names_the_field_and_creates_nothing(client: ApiCaller, body: Any, field: str) -> None:
    response = client.post("sources", body)
    assert response.status_code == 422, response.content
    assert list(response.json()["fields"]) == [field]
    assert response.json()["code"] == "INVALID_INPUT"
    assert not Source.objects.exists()


def test_an_unknown_field_is_answered_with_a_hint(client: ApiCaller) -> None:
    response = client.post("sources", {"name": "a", "nmae": "b"})
    assert response.json()["fields"] == {"nmae": ["unknown field, did you mean name?"]}


def test_several_faults_are_named_at_once(client: ApiCaller) -> None:
    body = {"name": "a b", "status": "on", "config": {"auth_typ": 1, "allowed_http_methods": [1]}}
    fields = client.post("sources", body).json()["fields"]
    assert set(fields) == {"name", "status", "config.auth_typ", "config.allowed_http_methods[0]"}


def test_an_id_in_the_body_must_be_the_one_in_the_path(client: ApiCaller) -> None:
    source_id = client.post("sources", {"name": "a"}).json()["id"]
    response = client.patch(f"sources/{source_id}", {"id": "src_other", "name": "b"})
    assert response.status_code == 422
    assert list(response.json()["fields"]) == ["id"]
    assert Source.objects.get().name == "a"


def test_a_list_pages_filters_and_sorts(client: ApiCaller, team: Team) -> None:
    for name in ("c", "a", "b"):
        client.post("sources", {"name": name, "type": "GITHUB" if name == "b" else "WEBHOOK"})
    first = client.get("sources?order_by=name&dir=asc&limit=2").json()
    assert [row["name"] for row in first["models"]] == ["a", "b"]
    assert (first["count"], first["total"], first["total_exact"]) == (2, 3, True)
    second = client.get(f"sources?order_by=name&dir=asc&limit=2&next={first['pagination']['next']}").json()
    assert [row["name"] for row in second["models"]] == ["c"]
    assert [row["name"] for row in client.get("sources?type=GITHUB").json()["models"]] == ["b"]
    assert client.get(f"sources/count?name=a,c&team_id={team.id}").json() == {"count": 2}


def test_an_unknown_filter_is_refused(client: ApiCaller) -> None:
    response = client.get("sources?nam=a")
    assert response.status_code == 422
    assert list(response.json()["fields"]) == ["nam"]


def test_a_list_takes_the_same_queries_however_long_it_is(
    client: ApiCaller, team: Team, django_assert_num_queries: Any
) -> None:
    for size in (1, 20):
        SourceFactory.create_batch(size, team=team, auth_type="HMAC", auth={"secret": "x" * 20})
        with django_assert_num_queries(2):  # credential, page; a list that fits its page is its own total
            client.get("sources")


def test_the_legal_types_are_those_of_the_table() -> None:
    from sources.types import SOURCE_TYPES

    assert len(SOURCE_TYPES) == len(set(SOURCE_TYPES)) == 62
