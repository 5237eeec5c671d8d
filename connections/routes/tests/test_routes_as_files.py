"""Routes as files: what is exported can be applied, twice changes nothing, all or nothing, secrets never leave."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connections.models import Connection, Transformation
from destinations.models import Destination
from fasthook.lib.clock import utc_now
from fasthook.testing import ApiCaller
from sources.models import Source
from sources.services import learn_secret
from teams.auth.sessions import create_session
from teams.models import AuditEntry, ConfigVersion, Role, Team
from teams.tests.factories import MembershipFactory, UserFactory

Json = dict[str, Any]

STRIPE: Json = {"auth_type": "HMAC", "auth": {"secret": "whsec_of_staging", "signature_header": "stripe-signature"}}
RULES = [
    {"type": "transform", "transformation": "to-billing"},
    {"type": "filter", "body": {"livemode": False}},
    {"type": "retry", "strategy": "exponential", "interval": 30000, "count": 3},
]
DOCUMENT: Json = {
    "version": 1,
    "sources": [
        {
            "name": "stripe",
            "config": {**STRIPE, "auth": {**STRIPE["auth"], "secret": "${STRIPE_SECRET}"}},
        }
    ],
    "destinations": [{"name": "billing", "type": "HTTP", "config": {"url": "https://example.com/hooks"}}],
    "transformations": [
        {"name": "to-billing", "code": "return `${request.body.id}`;", "env": {"REGION": "eu", "KEY": "${KEY}"}}
    ],
    "connections": [{"name": "stripe-to-billing", "source": "stripe", "destination": "billing", "rules": RULES}],
}
VARIABLES = {"STRIPE_SECRET": "whsec_of_staging", "KEY": "k-0123456789"}


@pytest.fixture(autouse=True)
def readable(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sandbox is not asked; which codes it would be asked about is noted."""
    asked: list[str] = []
    monkeypatch.setattr("connections.routes.services.refuse_unreadable", lambda code, *, at: asked.append(at))
    return asked


def document(**sections: Any) -> Json:
    return {**json.loads(json.dumps(DOCUMENT)), **sections}


def call(client: ApiCaller, action: str, given: Json, *, status: int = 200, **more: Any) -> Json:
    answer = client.post(f"routes/{action}", {"document": given, **more})
    assert answer.status_code == status, answer.json()
    body: Json = answer.json()
    return body


def apply(client: ApiCaller, given: Json, *, status: int = 200, **more: Any) -> Json:
    return call(client, "apply", given, status=status, **more)


def actions(answer: Json) -> dict[str, str]:
    return {f"{each['resource']} {each['name']}": each["action"] for each in answer["resources"]}


def fields(answer: Json, name: str) -> dict[str, tuple[Any, Any]]:
    [found] = [each for each in answer["resources"] if each["name"] == name]
    return {each["field"]: (each["before"], each["after"]) for each in found["fields"]}


@pytest.fixture
def applied(client: ApiCaller) -> Json:
    return apply(client, document(), variables=VARIABLES)


def version() -> int:
    return ConfigVersion.objects.get().version


def test_applying_creates_all_of_it(client: ApiCaller, applied: Json) -> None:
    assert (applied["applied"], applied["unchanged"], applied["summary"]["create"]) == (True, False, 4)
    source = Source.objects.get()
    auth: Any = source.auth
    assert (auth["secret"], auth["signature_header"]) == ("whsec_of_staging", "stripe-signature")
    transformation = Transformation.objects.get()
    assert transformation.env == {"REGION": "eu", "KEY": "k-0123456789"}
    assert transformation.code == "return `${request.body.id}`;"
    connection = Connection.objects.get()
    assert connection.rules == [{"type": "transform", "transformation_id": transformation.id}, *RULES[1:]]
    assert (connection.source_id, connection.paused_at) == (source.id, None)
    [shown] = [each for each in applied["resources"] if each["resource"] == "source"]
    assert (shown["id"], shown["url"]) == (source.id, source.url)


def test_applying_twice_changes_nothing(client: ApiCaller, applied: Json) -> None:
    before, told = version(), AuditEntry.objects.count()
    again = apply(client, document(), variables=VARIABLES)
    assert (again["applied"], again["unchanged"], again["summary"]) == (
        False,
        True,
        {"create": 0, "update": 0, "delete": 0, "unchanged": 4, "left": 0},
    )
    assert again["digest"] == applied["digest"]
    assert (version(), AuditEntry.objects.count()) == (before, told)


def test_what_is_exported_plans_no_change_and_holds_no_secret(client: ApiCaller, applied: Json) -> None:
    answer = client.get("routes/export")
    exported = answer.json()
    assert "whsec_of_staging" not in answer.content.decode()
    assert "k-0123456789" not in answer.content.decode()
    assert exported["sources"][0]["config"]["auth"]["secret"] == "${SOURCE_STRIPE_SECRET}"
    assert exported["transformations"][0]["env"] == {
        "REGION": "${TRANSFORMATION_TO_BILLING_REGION}",
        "KEY": "${TRANSFORMATION_TO_BILLING_KEY}",
    }
    assert exported["connections"][0]["rules"] == RULES
    assert answer.headers["ETag"] == f'"{applied["digest"]}"'
    plan = call(client, "plan", exported, prune=True)
    assert (plan["unchanged"], plan["summary"]["unchanged"]) == (True, 4)
    assert plan["secrets_kept"] == [
        "SOURCE_STRIPE_SECRET",
        "TRANSFORMATION_TO_BILLING_KEY",
        "TRANSFORMATION_TO_BILLING_REGION",
    ]


def test_a_plan_changes_nothing_and_says_what_would(client: ApiCaller) -> None:
    before = version()
    plan = call(client, "plan", document(), variables=VARIABLES)
    assert (plan["applied"], plan["summary"]["create"]) == (False, 4)
    assert {each["id"] for each in plan["resources"]} == {None}
    assert fields(plan, "stripe")["config.auth.secret"] == (None, "whsec_****ging")
    assert fields(plan, "stripe-to-billing")["rules.transform"] == (None, {"transformation": "to-billing"})
    assert not Source.objects.exists()
    assert (version(), AuditEntry.objects.count()) == (before, 0)


def test_changes_are_told_field_by_field(client: ApiCaller, applied: Json) -> None:
    changed = document()
    changed["destinations"][0]["config"]["rate_limit"] = 5
    changed["connections"][0]["rules"][1]["body"]["livemode"] = True
    changed["transformations"][0]["env"]["REGION"] = "us"
    answer = apply(client, changed, variables={**VARIABLES, "STRIPE_SECRET": "whsec_of_another_ging"})
    assert actions(answer) == {
        "source stripe": "update",
        "destination billing": "update",
        "transformation to-billing": "update",
        "connection stripe-to-billing": "update",
    }
    assert fields(answer, "stripe") == {"config.auth.secret": ("whsec_****ging", "whsec_****ging")}
    assert fields(answer, "billing") == {"config.rate_limit": (None, 5)}
    assert fields(answer, "to-billing") == {"env.REGION": ("****", "****")}
    assert fields(answer, "stripe-to-billing") == {
        "rules.filter": ({"body": {"livemode": False}}, {"body": {"livemode": True}})
    }


def test_a_digest_guards_against_changes_since_the_plan(client: ApiCaller, applied: Json) -> None:
    plan = call(client, "plan", document(sources=[]), variables={"KEY": "other"})
    connection = Connection.objects.get()
    client.put(f"connections/{connection.id}/pause")
    assert call(client, "plan", document(sources=[]), variables={"KEY": "other"}, expect=plan["digest"])
    client.patch(f"destinations/{connection.destination_id}", {"config": {"timeout": 3}})
    refused = apply(client, document(sources=[]), variables={"KEY": "other"}, expect=plan["digest"], status=409)
    assert (refused["code"], refused["error"]) == (
        "ROUTES_CHANGED",
        "the configuration has changed since it was planned; look at a new plan and expect its digest",
    )
    assert Transformation.objects.get().env["KEY"] == "k-0123456789"
    assert apply(client, document(sources=[]), variables={"KEY": "other"}, expect=refused["data"]["digest"])["applied"]


def test_a_digest_changes_with_a_secret(client: ApiCaller, applied: Json) -> None:
    after = apply(client, document(), variables={**VARIABLES, "KEY": "x-0123456789"})
    assert after["digest"] != applied["digest"]


def test_state_is_not_part_of_the_shape(client: ApiCaller, applied: Json) -> None:
    connection = Connection.objects.get()
    client.put(f"connections/{connection.id}/pause")
    client.put(f"sources/{connection.source_id}/disable")
    assert apply(client, document(), variables=VARIABLES)["unchanged"]
    assert client.get(f"connections/{connection.id}").json()["paused_at"] is not None
    assert "paused" not in client.get("routes/export").content.decode()


@pytest.mark.parametrize("start", ["paused", "disabled"])
def test_new_connections_start_as_asked(client: ApiCaller, start: str) -> None:
    apply(client, document(), variables=VARIABLES, new_connections=start)
    connection = Connection.objects.get()
    assert (connection.paused_at is not None, connection.disabled_at is not None) == (
        start == "paused",
        start == "disabled",
    )
    assert apply(client, document(), variables=VARIABLES, new_connections="live")["unchanged"]


def test_what_the_document_lacks_is_left_unless_pruning_is_asked_for(client: ApiCaller, applied: Json) -> None:
    nothing: Json = {"sources": [], "destinations": [], "transformations": [], "connections": []}
    answer = apply(client, nothing)
    assert (answer["unchanged"], answer["summary"]["left"]) == (True, 4)
    answer = apply(client, nothing, prune=True)
    assert (answer["applied"], answer["summary"]["delete"]) == (True, 4)
    assert not Connection.objects.filter(deleted_at=None).exists()
    assert not Source.objects.filter(deleted_at=None).exists()


def test_pruning_leaves_sections_alone_that_the_document_does_not_have(client: ApiCaller, applied: Json) -> None:
    answer = apply(client, {"sources": [DOCUMENT["sources"][0]], "connections": []}, prune=True)
    assert actions(answer) == {
        "source stripe": "unchanged",
        "connection stripe-to-billing": "delete",
        "transformation to-billing": "left",
        "destination billing": "left",
    }


def test_pruning_cuts_no_connection_off(client: ApiCaller, applied: Json) -> None:
    refused = apply(client, {"destinations": []}, prune=True, status=409)
    assert refused["code"] == "HAS_CONNECTIONS"
    assert "connection stripe-to-billing uses" in refused["error"]
    missing = document(destinations=[])
    refused = apply(client, missing, variables=VARIABLES, prune=True, status=422)
    assert list(refused["fields"]) == ["document.connections[0].destination"]
    assert "pruning deletes it" in refused["error"]
    assert Destination.objects.filter(deleted_at=None).count() == 1


def test_a_rename_keeps_the_row_and_may_be_asked_for_again(client: ApiCaller, applied: Json) -> None:
    renamed = document()
    renamed["sources"][0]["name"] = renamed["connections"][0]["source"] = "stripe-eu"
    renamed["connections"][0]["name"] = "stripe-eu-to-billing"
    asked = [
        {"resource": "source", "from": "stripe", "to": "stripe-eu"},
        {"resource": "connection", "from": "stripe-to-billing", "to": "stripe-eu-to-billing"},
    ]
    before = Source.objects.get().id, Connection.objects.get().id
    answer = apply(client, renamed, renames=asked)
    assert answer["summary"] == {"create": 0, "update": 2, "delete": 0, "unchanged": 2, "left": 0}
    assert fields(answer, "stripe-eu") == {"name": ("stripe", "stripe-eu")}
    assert (Source.objects.get().id, Connection.objects.get().id) == before
    assert [each["renamed_from"] for each in answer["resources"]] == ["stripe", None, None, "stripe-to-billing"]
    assert apply(client, renamed, renames=asked)["unchanged"]


@pytest.mark.parametrize(
    ("rename", "path", "fault"),
    [
        ({"resource": "source", "from": "nobody", "to": "other"}, "renames[0].to", "the document has no source"),
        ({"resource": "source", "from": "nobody", "to": "new"}, "renames[0].from", "there is no source"),
        ({"resource": "source", "from": "stripe", "to": "new"}, "renames[0].from", "the document still has"),
        ({"resource": "source", "from": "left", "to": "stripe"}, "renames[0].to", "there is already a source"),
        ({"resource": "robot", "from": "a", "to": "b"}, "renames[0].resource", "must be one of source"),
        ({"resource": "source", "to": "b"}, "renames[0].from", "is required"),
    ],
)
def test_a_rename_that_cannot_be_is_refused(
    client: ApiCaller, applied: Json, rename: Json, path: str, fault: str
) -> None:
    client.post("sources", {"name": "left"})
    given = document()
    given["sources"].append({"name": "new"})
    refused = apply(client, given, variables=VARIABLES, renames=[rename], status=422)
    assert fault in refused["fields"][path][0]


def test_a_new_secret_without_its_variable_is_refused_by_its_path(client: ApiCaller) -> None:
    refused = apply(client, document(), variables={"KEY": "k"}, status=422)
    assert refused["fields"] == {
        "document.sources[0].config.auth.secret": [
            "the variable STRIPE_SECRET is not given, and there is no stored secret to keep"
        ]
    }
    assert not Destination.objects.exists()


def test_of_several_secrets_all_are_kept_or_all_are_given(client: ApiCaller) -> None:
    def rotating(*secrets: str) -> Json:
        auth = {"secret": list(secrets), "signature_header": "x-signature"}
        return {"sources": [{"name": "s", "config": {"auth_type": "HMAC", "auth": auth}}]}

    apply(client, rotating("${OLD}", "${NEW}"), variables={"OLD": "old-secret", "NEW": "new-secret"})
    assert apply(client, rotating("${A}", "${B}"))["unchanged"]
    refused = apply(client, rotating("${NEW}", "${NEXT}"), variables={"NEXT": "next-secret"}, status=422)
    assert list(refused["fields"]) == ["document.sources[0].config.auth.secret[0]"]
    stored: Any = Source.objects.get().auth
    assert stored["secret"] == ["old-secret", "new-secret"]


@pytest.mark.parametrize(
    ("variables", "path", "fault"),
    [
        ({**VARIABLES, "STRIPE_SECERT": "x"}, "variables.STRIPE_SECERT", "is not used by the document"),
        ({**VARIABLES, "KEY": ["x"]}, "variables.KEY", "must be text, a number, true or false"),
        ({**VARIABLES, "A B": "x"}, "variables.A B", "is no name"),
    ],
)
def test_variables_are_checked(client: ApiCaller, variables: Json, path: str, fault: str) -> None:
    refused = apply(client, document(), variables=variables, status=422)
    assert fault in refused["fields"][path][0]
    assert not Source.objects.exists()


def test_references_stand_anywhere_and_keep_their_type(client: ApiCaller) -> None:
    given = document(transformations=[], sources=[{"name": "stripe-${ENV}"}])
    given["destinations"][0]["config"] = {"url": "https://${ENV}.example.com/", "rate_limit": "${RATE}"}
    given["connections"][0] |= {
        "source": "stripe-${ENV}",
        "rules": [{"type": "filter", "body": {"livemode": "${LIVE}", "note": "$${ENV}"}}],
    }
    apply(client, given, variables={"ENV": "staging", "RATE": 7, "LIVE": False})
    connection = Connection.objects.select_related("source", "destination").get()
    assert connection.source.name == "stripe-staging"
    assert (connection.destination.url, connection.destination.rate_limit) == ("https://staging.example.com/", 7)
    assert connection.rules == [{"type": "filter", "body": {"livemode": False, "note": "${ENV}"}}]
    exported = client.get("routes/export").json()
    assert exported["connections"][0]["rules"][0]["body"]["note"] == "$${ENV}"
    assert call(client, "plan", exported)["unchanged"]


def faulty(section: str, index: int = 0, **changes: Any) -> Json:
    given = document()
    given[section][index] |= changes
    return given


@pytest.mark.parametrize(
    ("given", "path", "fault"),
    [
        (document(version=2), "document.version", "must be at most 1"),
        (document(routes=[]), "document.routes", "unknown field"),
        (faulty("sources", id="src_1"), "document.sources[0].id", "unknown field"),
        (faulty("sources", name="a b"), "document.sources[0].name", "must be made of letters"),
        (faulty("sources", type="STRIPPE"), "document.sources[0].type", "did you mean STRIPE?"),
        (faulty("sources", config=STRIPE), "document.sources[0].config.auth.secret", "write a reference such as"),
        (
            faulty("destinations", config={"url": "${URL}"}),
            "document.destinations[0].config.url",
            "the variable URL is not given",
        ),
        (
            faulty("destinations", config={"url": "https://example.com/${URL}"}),
            "document.destinations[0].config.url",
            "the variable URL is not given",
        ),
        (faulty("destinations", description="${a b}"), "document.destinations[0].description", "is no reference"),
        (
            faulty("destinations", config={"rate_limit": 0}),
            "document.destinations[0].config.rate_limit",
            "must be at least 1",
        ),
        (faulty("destinations", config={}), "document.destinations[0].config.url", "is required"),
        (faulty("connections", source="nobody"), "document.connections[0].source", "names no source"),
        (faulty("connections", source_id="src_1"), "document.connections[0].source_id", "did you mean source?"),
        (
            faulty("connections", rules=[{"type": "transform", "transformation": "none"}]),
            "document.connections[0].rules[0].transformation",
            "names no transformation",
        ),
        (
            faulty("connections", rules=[{"type": "transform", "transformation_id": "trs_1"}]),
            "document.connections[0].rules[0].transformation_id",
            "belongs to one team",
        ),
        (
            faulty("connections", rules=[{"type": "delay", "delay": -1}]),
            "document.connections[0].rules[0].delay",
            "must be",
        ),
        (
            document(sources=[*DOCUMENT["sources"], {"name": "stripe"}]),
            "document.sources[1].name",
            "is listed twice",
        ),
        (document(sources={}), "document.sources", "list"),
        (document(sources=[1]), "document.sources[0]", "must be an object"),
        (document(sources=[{"name": "s"}] * 2001), "document.sources", "must have at most 2000 entries"),
    ],
)
def test_a_fault_is_named_by_its_path_and_nothing_is_applied(
    client: ApiCaller, given: Json, path: str, fault: str
) -> None:
    used = {name: value for name, value in VARIABLES.items() if f"${{{name}}}" in json.dumps(given)}
    refused = apply(client, given, variables=used, status=422)
    assert fault in refused["fields"][path][0]
    assert not Source.objects.exists()
    assert not Destination.objects.exists()


def test_all_faults_are_told_at_once(client: ApiCaller) -> None:
    given = faulty("sources", type="STRIPPE")
    given["destinations"][0]["config"]["url"] = "ftp://example.com"
    refused = apply(client, given, variables=VARIABLES, status=422)
    assert list(refused["fields"]) == ["document.sources[0].type", "document.destinations[0].config.url"]


def test_only_code_that_is_new_is_asked_about(client: ApiCaller, applied: Json, readable: list[str]) -> None:
    assert readable == ["document.transformations[0].code"]
    apply(client, document(), variables=VARIABLES)
    assert len(readable) == 1


def test_what_was_applied_is_in_the_audit_log(client: ApiCaller, applied: Json, team: Team) -> None:
    rows = list(AuditEntry.objects.order_by("id"))
    assert [row.action for row in rows] == [
        "source.created",
        "destination.created",
        "transformation.created",
        "connection.created",
        "routes.applied",
    ]
    last: Any = rows[-1].meta
    assert (last["summary"]["create"], rows[-1].resource_id) == (4, team.id)
    assert "whsec_of_staging" not in str([(row.before, row.after, row.meta) for row in rows])


def test_warnings_are_told_by_their_place(client: ApiCaller) -> None:
    plan = call(client, "plan", {"sources": [{"name": "s", "type": "STRIPE"}]})
    assert [(each["at"], each["code"]) for each in plan["warnings"]] == [("document.sources[0]", "SOURCE_NOT_VERIFIED")]


def test_another_team_is_not_touched(stranger: ApiCaller, applied: Json) -> None:
    assert stranger.get("routes/export").json() == {
        "version": 1,
        "sources": [],
        "destinations": [],
        "transformations": [],
        "connections": [],
    }
    answer = apply(stranger, document(), variables=VARIABLES, prune=True)
    assert (answer["summary"]["create"], Source.objects.filter(deleted_at=None).count()) == (4, 2)


def test_a_secret_that_a_provider_brought_stays_where_it_is(client: ApiCaller, stranger: ApiCaller) -> None:
    made = client.post("sources", {"name": "asana", "type": "ASANA"}).json()
    assert learn_secret(made["id"], "brought-by-the-handshake")
    exported = client.get("routes/export").json()
    assert exported["sources"][0]["config"]["auth"] == {"provider": "ASANA"}
    assert call(client, "plan", exported)["unchanged"]
    apply(stranger, exported)
    learned: Any = Source.objects.get(id=made["id"]).auth
    fresh: Any = Source.objects.exclude(id=made["id"]).get().auth
    assert (learned.get("secret"), fresh.get("secret")) == ("brought-by-the-handshake", None)


def test_a_secret_of_another_provider_is_not_kept(client: ApiCaller) -> None:
    def of(provider: str) -> Json:
        auth = {"provider": provider, "secret": "${SECRET}"}
        return {"sources": [{"name": "s", "config": {"auth_type": "PROVIDER_SIGNATURE", "auth": auth}}]}

    apply(client, of("STRIPE"), variables={"SECRET": "whsec_of_stripe"})
    assert apply(client, of("stripe"))["unchanged"]
    refused = apply(client, of("GITHUB"), status=422)
    assert list(refused["fields"]) == ["document.sources[0].config.auth.secret"]


def test_viewers_export_and_do_not_apply(team: Team, applied: Json) -> None:
    user = UserFactory()
    MembershipFactory(team=team, user=user, role=Role.VIEWER)
    viewer = ApiCaller(create_session(user, now=utc_now()).token)
    assert viewer.get("routes/export").status_code == 200
    for action in ("plan", "apply"):
        assert viewer.post(f"routes/{action}", {"document": {}}).json()["code"] == "ROLE_READ_ONLY"


def test_a_long_list_of_renames_is_refused_as_a_whole(client: ApiCaller) -> None:
    answer = client.post("routes/plan", {"document": {}, "renames": [{}] * 2001})
    assert (answer.status_code, answer.json()["fields"]) == (422, {"renames": ["must have at most 2000 entries"]})
