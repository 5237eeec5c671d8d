from __future__ import annotations

from typing import Any

import pytest
from django.db import connection as database

from connections.models import Connection, Transformation
from connections.sandbox.child_process import SandboxUnavailable
from connections.sandbox.pool import Busy, SandboxPool
from connections.tests.factories import ConnectionFactory
from connections.transformations import code_run
from fasthook.testing import ApiCaller
from teams.models import ConfigVersion, Team

CODE = "request.body.seen = process.env.KEY; return request;"
BODY = {"name": "enrich", "description": "adds a key", "code": CODE, "env": {"KEY": "secret-of-ours", "SHORT": "x"}}


def version() -> int:
    return ConfigVersion.objects.get(id=1).version


def test_a_transformation_is_answered_with_its_env_masked_and_sealed_at_rest(client: ApiCaller, team: Team) -> None:
    response = client.post("transformations", BODY)
    assert response.status_code == 201
    answer = response.json()
    assert answer["id"].startswith("trs_")
    assert {name: answer[name] for name in ("team_id", "name", "description", "code")} == {
        "team_id": team.id,
        "name": "enrich",
        "description": "adds a key",
        "code": CODE,
    }
    assert answer["env"] == {"KEY": "****ours", "SHORT": "****"}
    assert set(answer) == {"id", "team_id", "name", "description", "code", "env", "created_at", "updated_at"}
    assert client.get(f"transformations/{answer['id']}").json() == answer
    assert client.get("transformations").json()["models"] == [answer]
    assert client.get("transformations/count").json() == {"count": 1}
    with database.cursor() as cursor:
        cursor.execute("SELECT env FROM connections_transformation")
        assert cursor.fetchone()[0].startswith("gAAAA")


def test_a_document_that_is_sent_back_changes_nothing(client: ApiCaller) -> None:
    answer = client.post("transformations", BODY).json()
    before = version()
    for method, path in (
        ("PUT", "transformations"),
        ("PUT", f"transformations/{answer['id']}"),
        ("PATCH", f"transformations/{answer['id']}"),
    ):
        response = client.call(method, path, answer)
        assert (response.status_code, response.json()) == (200, answer)
    assert version() == before
    assert Transformation.objects.get().env == BODY["env"]


def test_env_is_merged_by_patch_and_replaced_by_put(client: ApiCaller) -> None:
    path = f"transformations/{client.post('transformations', BODY).json()['id']}"
    client.patch(path, {"env": {"NEW": "1", "SHORT": None}})
    assert Transformation.objects.get().env == {"KEY": "secret-of-ours", "NEW": "1"}
    client.put(path, {"env": {"KEY": "****ours", "OTHER": "2"}})
    assert Transformation.objects.get().env == {"KEY": "secret-of-ours", "OTHER": "2"}
    client.put("transformations", {"name": "enrich", "env": {}})
    row = Transformation.objects.get()
    assert (row.env, row.code) == ({}, CODE)


def test_upsert_creates_changes_and_renames(client: ApiCaller) -> None:
    created = client.put("transformations", BODY)
    assert created.status_code == 201
    changed = client.put("transformations", {"name": "enrich", "code": "return request;"})
    assert (changed.status_code, changed.json()["id"], changed.json()["code"]) == (
        200,
        created.json()["id"],
        "return request;",
    )
    renamed = client.put("transformations", {"id": created.json()["id"], "name": "other"})
    assert (renamed.json()["id"], renamed.json()["name"]) == (created.json()["id"], "other")
    taken = client.post("transformations", {**BODY, "name": "other"})
    assert (taken.status_code, taken.json()["code"]) == (409, "RESOURCE_ALREADY_EXISTS")
    assert taken.json()["data"] == {"id": created.json()["id"]}


REFUSALS: list[tuple[dict[str, Any], str]] = [
    ({"name": "a"}, "code"),
    ({"code": CODE}, "name"),
    ({"name": "a b", "code": CODE}, "name"),
    ({"name": "a", "code": 5}, "code"),
    ({"name": "a", "code": " "}, "code"),
    ({"name": "a", "code": "let a = ;"}, "code"),
    ({"name": "a", "code": CODE, "env": []}, "env"),
    ({"name": "a", "code": CODE, "env": {"A": 5}}, "env.A"),
    ({"name": "a", "code": CODE, "env": {"1A": "x"}}, "env"),
    ({"name": "a", "code": CODE, "env": {"A": "****abcd"}}, "env.A"),
    ({"name": "a", "code": CODE, "evn": {}}, "evn"),
    ({"name": "a", "code": CODE, "disabled_at": None}, "disabled_at"),
]


@pytest.mark.parametrize(("body", "field"), REFUSALS)
def test_a_refusal_names_the_field_and_creates_nothing(client: ApiCaller, body: Any, field: str) -> None:
    response = client.post("transformations", body)
    assert response.status_code == 422, response.content
    assert list(response.json()["fields"]) == [field]
    assert not Transformation.objects.exists()


def test_code_that_is_not_javascript_is_refused_with_its_place(client: ApiCaller) -> None:
    saved = client.post("transformations", BODY).json()
    for call in (client.patch, client.put):
        response = call(f"transformations/{saved['id']}", {"code": "return {\n  a: ,\n};"})
        assert response.status_code == 422
        assert response.json()["fields"]["code"][0].startswith("line 2, column 6: SyntaxError")
    assert Transformation.objects.get().code == CODE


def test_code_may_be_five_megabytes_long(client: ApiCaller) -> None:
    code = f"const table = '{'x' * 4_999_950}';\nreturn request;"
    assert len(code) < 5_000_000
    created = client.post("transformations", {"name": "large", "code": code})
    assert created.status_code == 201, created.content[:300]
    assert len(created.json()["code"]) == len(code)
    longer = client.post("transformations", {"name": "larger", "code": f"{code}{' ' * 60}"})
    assert (longer.status_code, list(longer.json()["fields"])) == (422, ["code"])
    assert client.post("transformations", {"name": "x", "code": "x" * 10_000_001}).status_code == 413


def test_a_transformation_in_use_is_not_deleted(client: ApiCaller, team: Team) -> None:
    saved = client.post("transformations", BODY).json()
    connection: Connection = ConnectionFactory(team=team, name="uses-it")
    path = f"connections/{connection.id}"
    assert client.patch(path, {"rules": [{"type": "transform", "transformation_id": saved["id"]}]}).status_code == 200
    # The same text elsewhere in rules is no use of it.
    ConnectionFactory(team=team, rules=[{"type": "filter", "body": {"id": saved["id"]}}])
    refused = client.delete(f"transformations/{saved['id']}")
    assert (refused.status_code, refused.json()["code"]) == (409, "HAS_CONNECTIONS")
    assert refused.json()["data"] == {"connections": 1}
    assert "uses-it" in refused.json()["error"]
    client.patch(path, {"rules": []})
    assert client.delete(f"transformations/{saved['id']}").status_code == 204
    assert client.get(f"transformations/{saved['id']}").status_code == 404
    assert Transformation.objects.get().deleted_at is not None
    assert client.post("transformations", BODY).status_code == 201


def test_a_connection_that_is_deleted_uses_nothing(client: ApiCaller, team: Team) -> None:
    saved = client.post("transformations", BODY).json()
    connection: Connection = ConnectionFactory(team=team)
    client.patch(f"connections/{connection.id}", {"rules": [{"type": "transform", "transformation_id": saved["id"]}]})
    client.delete(f"connections/{connection.id}")
    assert client.delete(f"transformations/{saved['id']}").status_code == 204


def run(client: ApiCaller, **body: Any) -> dict[str, Any]:
    response = client.put("transformations/run", body)
    assert response.status_code == 200, response.content
    answer: dict[str, Any] = response.json()
    return answer


def test_code_is_run_over_a_given_request_and_nothing_is_stored(client: ApiCaller) -> None:
    answer = run(
        client,
        code="console.warn(context.connection.name); request.body.key = process.env.KEY; return request;",
        env={"KEY": "v"},
        request={"body": {"id": 1}, "headers": {"X-A": "1"}, "query": "a=1", "path": "/p", "method": "put"},
        context={"connection": {"id": "conn_1", "name": "stripe-to-billing"}},
    )
    assert answer.pop("duration_ms") > 0
    assert answer.pop("cpu_ms") >= 0
    assert answer == {
        "status": "SUCCESSFUL",
        "changed": True,
        "error": None,
        "logs": [{"level": "warn", "message": "stripe-to-billing"}],
        "result": {
            "method": "PUT",
            "path": "/p",
            "query": "a=1",
            "parsed_query": {"a": "1"},
            "headers": {"x-a": "1", "content-type": "application/json"},
            "body": {"id": 1, "key": "v"},
            "body_encoding": "json",
        },
    }
    assert not Transformation.objects.exists()


def test_a_run_that_fails_is_an_answer(client: ApiCaller) -> None:
    answer = run(client, code="console.log('so far');\nrequest.body.a.b;", request={"body": {}})
    assert (answer["status"], answer["result"], answer["changed"]) == ("FAILED", None, False)
    assert answer["error"] == {
        "kind": "THREW",
        "message": "TypeError: cannot read property 'b' of undefined",
        "line": 2,
        "column": 1,
    }
    assert answer["logs"] == [{"level": "log", "message": "so far"}]


def test_a_saved_transformation_is_run_with_its_own_env_or_another(client: ApiCaller) -> None:
    saved = client.post("transformations", BODY).json()
    request = {"body": {}}
    assert run(client, transformation_id=saved["id"], request=request)["result"]["body"] == {"seen": "secret-of-ours"}
    masked = run(client, transformation_id=saved["id"], env=saved["env"], request=request)
    assert masked["result"]["body"] == {"seen": "secret-of-ours"}
    draft = run(client, transformation_id=saved["id"], code="return {body: process.env};", env={"KEY": "new"})
    assert draft["result"]["body"] == {"KEY": "new"}


@pytest.mark.parametrize(
    ("request_", "shown"),
    [
        ({}, {"body": None, "path": "/", "method": "POST", "query": ""}),
        ({"body": "text", "headers": {"content-type": "text/plain"}}, {"body": "text"}),
        ({"body": [1]}, {"body": [1]}),
        ({"body": "//4=", "body_encoding": "base64"}, {"body": "//4=", "body_encoding": "base64"}),
        ({"body": "a", "body_encoding": "json"}, {"body": "a"}),
        ({"parsed_query": {"a": ["1", "2"]}}, {"query": "a=1&a=2", "parsed_query": {"a": ["1", "2"]}}),
        ({"created_at": "then", "body_size": 5, "body_truncated": False}, {"created_at": "then"}),
    ],
)
def test_a_request_may_be_given_as_evidence_shows_it(
    client: ApiCaller, request_: dict[str, Any], shown: dict[str, Any]
) -> None:
    seen = run(client, code="return {headers: {}, body: request};", request=request_)["result"]["body"]
    assert {name: seen[name] for name in shown} == shown


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "code"),
        ({"code": CODE, "request": []}, "request"),
        ({"code": CODE, "request": {"hedaers": {}}}, "request.hedaers"),
        ({"code": CODE, "request": {"headers": {"a": 5}}}, "request.headers.a"),
        ({"code": CODE, "request": {"path": "p"}}, "request.path"),
        ({"code": CODE, "request": {"body": "*", "body_encoding": "base64"}}, "request.body"),
        ({"code": CODE, "env": {"A": 1}}, "env.A"),
        ({"code": CODE, "context": {"team": {}}}, "context.team"),
        ({"code": 5}, "code"),
    ],
)
def test_a_run_that_cannot_be_read_names_the_field(client: ApiCaller, body: Any, field: str) -> None:
    response = client.put("transformations/run", body)
    assert (response.status_code, list(response.json()["fields"])) == (422, [field])


def test_validation_says_where_the_fault_is(client: ApiCaller) -> None:
    assert client.put("transformations/validate", {"code": CODE}).json() == {"valid": True, "error": None}
    faulty = client.post("transformations/validate", {"code": "return {\n  a: ,\n};"}).json()
    assert faulty["valid"] is False
    assert (faulty["error"]["kind"], faulty["error"]["line"], faulty["error"]["column"]) == ("SYNTAX", 2, 6)
    assert faulty["error"]["message"].startswith("SyntaxError")


def test_a_stranger_neither_runs_nor_sees_what_is_ours(client: ApiCaller, stranger: ApiCaller) -> None:
    saved = client.post("transformations", BODY).json()
    response = stranger.put("transformations/run", {"transformation_id": saved["id"]})
    assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")
    assert stranger.get("transformations").json()["models"] == []
    assert stranger.put("transformations", {"id": saved["id"], "code": CODE}).status_code == 404
    assert stranger.post("transformations", BODY).status_code == 201


@pytest.mark.parametrize(
    ("fault", "code", "error"),
    [
        (Busy(), "SANDBOX_BUSY", "too many transformations are being tried out just now; try again"),
        (SandboxUnavailable("no child"), "SANDBOX_UNAVAILABLE", "no child"),
    ],
)
def test_without_a_free_sandbox_the_answer_is_503_and_nothing_is_saved(
    client: ApiCaller, monkeypatch: pytest.MonkeyPatch, fault: Exception, code: str, error: str
) -> None:
    def refuse(*_: Any) -> None:
        raise fault

    monkeypatch.setattr(SandboxPool, "run", refuse)
    for path, body in (("transformations/run", {"code": CODE}), ("transformations", BODY)):
        response = client.put(path, body)
        assert (response.status_code, response.json()["code"], response.json()["error"]) == (503, code, error)
        assert response.headers["Retry-After"] == "2"
    assert not Transformation.objects.exists()


def test_the_settings_are_the_limits(settings: Any) -> None:
    settings.TRANSFORM_CPU_S = 0.5
    settings.TRANSFORM_WALL_S = 3.0
    settings.TRANSFORM_MEMORY_BYTES = 32 << 20
    settings.MAX_BODY_BYTES = 1000
    limits = code_run.sandbox_limits()
    assert (limits.cpu_s, limits.wall_s, limits.memory_bytes, limits.body_bytes) == (0.5, 3.0, 32 << 20, 1000)
