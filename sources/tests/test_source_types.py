"""What GET /sources/types says is what saving a source asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from fasthook.testing import ROOT, ApiCaller
from sources.models import Source
from sources.services import learn_secret
from sources.tests.factories import SourceFactory
from sources.type_descriptions import describe_types
from sources.types import SOURCE_TYPES
from sources.verification.providers import PROVIDERS
from sources.verification.tests.provider_samples import SAMPLES
from teams.models import Team


@pytest.fixture
def types(client: ApiCaller) -> dict[str, Any]:
    response = client.get("sources/types")
    assert response.status_code == 200
    answer: dict[str, Any] = response.json()
    return answer


def test_every_type_and_provider_is_described(types: dict[str, Any]) -> None:
    assert [each["type"] for each in types["models"]] == list(SOURCE_TYPES)
    assert types["count"] == len(SOURCE_TYPES)
    named = {each["provider"] for each in (*types["models"][1:], *types["providers"])}
    assert named == set(PROVIDERS)
    assert [each["auth_type"] for each in types["auth_types"]] == [
        "HMAC",
        "BASIC_AUTH",
        "API_KEY",
        "PROVIDER_SIGNATURE",
    ]
    for each in (*types["models"][1:], *types["providers"]):
        assert each["docs_url"].startswith("https://")
        assert each["fields"]
        for field in each["fields"]:
            assert set(field) >= {"name", "label", "kind", "required", "default", "help"}
            assert field["kind"] in ("secret", "text", "number", "boolean", "choice")


def test_a_type_is_described_in_full(types: dict[str, Any]) -> None:
    [stripe] = [each for each in types["models"] if each["type"] == "STRIPE"]
    assert {key: value for key, value in stripe.items() if key != "fields"} == {
        "type": "STRIPE",
        "provider": "STRIPE",
        "label": "Stripe",
        "docs_url": "https://docs.stripe.com/webhooks/signature",
        "auth_type": "PROVIDER_SIGNATURE",
        "handshake": None,
        "allowed_http_methods": ["POST", "PUT", "PATCH", "DELETE"],
        "event_type": "body.type",
        "event_id": "body.id",
        "unverified": None,
    }
    assert [(field["name"], field["kind"], field["required"], field["default"]) for field in stripe["fields"]] == [
        ("secret", "secret", True, None),
        ("tolerance", "number", False, 300),
    ]


def test_a_form_made_of_it_is_accepted(client: ApiCaller, types: dict[str, Any]) -> None:
    for each in (*types["models"][1:], *types["providers"]):
        values = SAMPLES[each["provider"]].auth
        required = {field["name"]: values[field["name"]] for field in each["fields"] if field["required"]}
        auth = required if each["type"] else {**required, "provider": each["provider"]}
        config = {"auth_type": each["auth_type"], "auth": auth}
        body = {"name": each["provider"], "type": each["type"] or "WEBHOOK", "config": config}
        made = client.post("sources", body)
        assert made.status_code == 201, made.content
        assert made.json()["config"]["auth"]["provider"] == each["provider"]
        for field in each["fields"]:
            if field["kind"] == "secret" and field["required"]:
                assert str(required[field["name"]]) not in made.content.decode()


def test_it_is_in_the_openapi_description(client: ApiCaller) -> None:
    accept = {"Accept": "application/vnd.oai.openapi+json"}
    schema = json.loads(client.call("GET", "schema", headers=accept).content)
    assert schema["paths"]["/v1/sources/types"]["get"]["operationId"] == "list_source_types"
    assert set(schema["components"]["schemas"]) >= {"SourceTypes", "SourceType", "AuthField", "AuthType"}


GITHUB = {"name": "gh", "type": "GITHUB"}


@pytest.mark.parametrize(
    "config",
    [
        {"auth": {"secret": "s3cret-s3cret"}},
        {"auth_type": "PROVIDER_SIGNATURE", "auth": {"secret": "s3cret-s3cret"}},
        {"auth_type": "PROVIDER_SIGNATURE", "auth": {"provider": "GITHUB", "secret": "s3cret-s3cret"}},
        {"auth_type": "HMAC", "auth": {"secret": "s3cret-s3cret"}},
    ],
)
def test_a_providers_secret_on_its_type_means_its_scheme(client: ApiCaller, config: dict[str, Any]) -> None:
    made = client.put("sources", {**GITHUB, "config": config}).json()
    assert made["config"]["auth_type"] == "PROVIDER_SIGNATURE"
    assert made["config"]["auth"] == {"provider": "GITHUB", "secret": "****cret"}
    assert made["warnings"] == []
    before = Source.objects.get()
    assert client.put("sources", {**GITHUB, "config": config}).status_code == 200
    assert client.put(f"sources/{made['id']}", made).json() == made
    after = Source.objects.get()
    assert (after.version, after.auth["secret"]) == (before.version, "s3cret-s3cret")


def test_hmac_that_names_its_header_stays_hmac(client: ApiCaller) -> None:
    config = {"auth_type": "HMAC", "auth": {"secret": "s3cret-s3cret", "signature_header": "x-other"}}
    made = client.put("sources", {**GITHUB, "config": config}).json()
    assert made["config"]["auth_type"] == "HMAC"
    changed = client.patch(f"sources/{made['id']}", {"config": {"auth": {"secret": "another-secret"}}}).json()
    assert changed["config"]["auth_type"] == "HMAC"
    assert changed["config"]["auth"]["signature_header"] == "x-other"


def test_a_new_type_needs_its_own_secret(client: ApiCaller) -> None:
    made = client.put("sources", {**GITHUB, "config": {"auth": {"secret": "s3cret-s3cret"}}}).json()
    for body in ({"type": "STRIPE"}, {"type": "STRIPE", "config": {"allowed_http_methods": ["POST"]}}):
        response = client.patch(f"sources/{made['id']}", body)
        assert (response.status_code, list(response.json()["fields"])) == (422, ["type"])
    assert Source.objects.get().type == "GITHUB"
    auth = {"secret": "whsec_stripe_secret", "tolerance": 60}
    changed = client.patch(f"sources/{made['id']}", {"type": "STRIPE", "config": {"auth": auth}}).json()
    assert changed["config"]["auth"] == {"provider": "STRIPE", "secret": "whsec_****cret", "tolerance": 60}
    assert client.patch(f"sources/{made['id']}", {"type": "WEBHOOK"}).status_code == 200
    cleared = client.patch(f"sources/{made['id']}", {"type": "GITHUB", "config": {"auth_type": None}}).json()
    assert (cleared["config"]["auth"], [each["code"] for each in cleared["warnings"]]) == (
        None,
        ["SOURCE_NOT_VERIFIED"],
    )


@pytest.mark.parametrize("name", [each for each in SOURCE_TYPES if each != "WEBHOOK"])
def test_every_type_without_its_secret_is_warned_about(client: ApiCaller, name: str) -> None:
    [warning] = client.post("sources", {"name": "a", "type": name}).json()["warnings"]
    assert (warning["code"], warning["field"]) == ("SOURCE_NOT_VERIFIED", "config.auth")


def test_a_handshake_that_cannot_be_answered_is_warned_about(client: ApiCaller) -> None:
    body = {"name": "a", "type": "META", "config": {"auth": {"secret": "s3cret-s3cret"}}}
    [warning] = client.post("sources", body).json()["warnings"]
    assert (warning["code"], warning["field"]) == ("SOURCE_HANDSHAKE_REFUSED", "config.auth.verify_token")


def test_a_learned_secret_stays_when_the_configuration_is_sent_again(client: ApiCaller) -> None:
    """Whoever automates the source cannot know the secret that Asana sent."""
    configs: list[dict[str, Any]] = [
        {"allowed_http_methods": ["POST"]},
        {"auth_type": "PROVIDER_SIGNATURE", "auth": {"provider": "ASANA"}},
    ]
    for config in configs:
        body = {"name": "asana", "type": "ASANA", "config": config}
        source_id = client.put("sources", body).json()["id"]
        Source.objects.filter(id=source_id).update(auth_type=None, auth=None)
        assert learn_secret(source_id, "from-asana-itself")
        again = client.put("sources", body).json()
        assert again["config"]["auth"] == {"provider": "ASANA", "secret": "****self"}
        assert Source.objects.get().auth["secret"] == "from-asana-itself"
    cleared = client.put("sources", {"name": "asana", "config": {"auth_type": None}}).json()
    assert cleared["config"]["auth"] is None


def test_a_secret_is_learned_once_and_by_a_source_that_waits_for_one(team: Team) -> None:
    waiting = SourceFactory(team=team, type="ASANA", auth_type="PROVIDER_SIGNATURE", auth={"provider": "ASANA"})
    assert learn_secret(waiting.id, "first-secret")
    assert not learn_secret(waiting.id, "second-secret")
    assert Source.objects.get(id=waiting.id).auth == {"provider": "ASANA", "secret": "first-secret"}
    for values in (
        {"type": "GITHUB"},
        {"type": "WEBHOOK"},
        {"type": "ASANA", "auth_type": "API_KEY", "auth": {"header": "x", "api_key": "k"}},
    ):
        other = SourceFactory(team=team, **values)
        before = Source.objects.filter(id=other.id).values().get()
        assert not learn_secret(other.id, "a-secret")
        assert Source.objects.filter(id=other.id).values().get() == before
    assert not learn_secret("src_unknown", "a-secret")


def test_a_source_that_waits_for_its_secret_says_so(client: ApiCaller) -> None:
    config = {"auth_type": "PROVIDER_SIGNATURE", "auth": {"provider": "ASANA"}}
    made = client.post("sources", {"name": "a", "type": "ASANA", "config": config}).json()
    assert [(each["code"], each["field"]) for each in made["warnings"]] == [
        ("SOURCE_AWAITS_SECRET", "config.auth.secret")
    ]


def documented() -> str:
    """The tables of docs/source-types.md, from the table that verifies."""
    described = describe_types()
    lines = []
    for title, rows in (("As a source's type", described["models"][1:]), ("By name only", described["providers"])):
        lines += [f"## {title}", "", "| provider | `auth` | handshake | event type, event id |", "|---|---|---|---|"]
        for row in rows:
            fields = " ".join(f"`{field['name']}`" + ("" if field["required"] else "?") for field in row["fields"])
            hints = ", ".join(f"`{row[name]}`" for name in ("event_type", "event_id") if row[name])
            name = f"`{row['provider']}` [{row['label']}]({row['docs_url']})" + ("\\*" if row["unverified"] else "")
            lines.append(f"| {name} | {fields} | {row['handshake'] or ''} | {hints} |")
        lines.append("")
    rows = [row for row in (*described["models"], *described["providers"]) if row["unverified"]]
    lines += ["## Not seen in the provider's documentation", ""]
    lines += [f"- `{row['provider']}`: {row['unverified']}" for row in rows]
    return "\n".join(lines) + "\n"


def test_the_documented_table_is_the_one_that_verifies() -> None:
    text = (ROOT / "docs" / "source-types.md").read_text()
    assert text.partition("## As")[1:] == documented().partition("## As")[1:]
