from __future__ import annotations

import re
import tracemalloc
from io import BytesIO
from typing import Any

import psycopg_pool
import pytest
from django.core.handlers.asgi import ASGIRequest
from django.db import InterfaceError, OperationalError
from django.test import Client

from fasthook.api.fields import MAX_UNKNOWN_TOLD
from fasthook.api.parsers import MAX_DEPTH, JSONParser
from fasthook.testing import ApiCaller
from sources.api import SourceViewSet
from sources.models import Source


@pytest.mark.parametrize(
    ("body", "position"),
    [(b'{"name": }', 9), (b'{"name": "a"', 12), (b"\xff", 0), (b'{"name": "\\ud800"}', 10), (b'{"a": NaN}', 6)],
)
def test_malformed_json_says_where(client: ApiCaller, body: bytes, position: int) -> None:
    response = client.post("sources", body)
    assert (response.status_code, response.json()["code"]) == (400, "MALFORMED_JSON")
    assert abs(response.json()["data"]["position"] - position) <= 1
    assert set(response.json()["data"]) == {"position", "line", "column"}


@pytest.mark.parametrize("body", ["[]", '"text"', "5", "null"])
def test_a_body_that_is_no_object_is_refused(client: ApiCaller, body: str) -> None:
    response = client.post("sources", body)
    assert (response.status_code, response.json()["fields"]) == (422, {"body": ["must be a JSON object"]})


def test_an_empty_body_is_an_empty_object(client: ApiCaller) -> None:
    response = client.post("sources")
    assert (response.status_code, list(response.json()["fields"])) == (422, ["name"])


def test_a_body_that_is_too_large_is_refused(client: ApiCaller, settings: Any) -> None:
    settings.MAX_API_BODY_BYTES = settings.DATA_UPLOAD_MAX_MEMORY_SIZE = 100
    response = client.post("sources", {"name": "a", "description": "x" * 100})
    assert (response.status_code, response.json()["code"]) == (413, "PAYLOAD_TOO_LARGE")
    assert client.post("sources", {"name": "a"}).status_code == 201


def test_another_content_type_is_refused(client: ApiCaller) -> None:
    response = client.http.post("/v1/sources", "name=a", "application/x-www-form-urlencoded", headers=client.headers)
    assert (response.status_code, response.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")
    assert "Content-Type: application/json" in response.json()["error"]


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"name": "a\0"}, "name"),
        ({"name": "a", "config": {"auth": {"secret": "\0"}}}, "config.auth.secret"),
        ({"name": "a", "config": {"allowed_http_methods": ["POST", "\0"]}}, "config.allowed_http_methods[1]"),
        ({"config": {"a\0": 1}}, "config"),
    ],
)
def test_nul_characters_are_refused_wherever_they_stand(client: ApiCaller, body: Any, path: str) -> None:
    response = client.post("sources", body)
    assert (response.status_code, list(response.json()["fields"])) == (422, [path])


def test_nul_characters_in_ids_filters_and_headers_find_nothing(client: ApiCaller) -> None:
    assert client.get("sources/src_%00").status_code == 404
    assert client.delete("sources/src_%00").status_code == 404
    assert client.get("sources?name=%00").status_code == 422
    assert client.get("sources?team_id=%00").status_code in (403, 422)
    assert client.put("connections", {"name": "a", "source_id": "x"}).status_code == 404


def test_nesting_is_bounded(client: ApiCaller) -> None:
    deep: Any = 1
    for _ in range(MAX_DEPTH):
        deep = [deep]
    response = client.post("sources", {"name": "a", "config": deep})
    assert (response.status_code, list(response.json()["fields"])) == (422, ["config"])
    assert client.post("sources", b'{"a":' * 5000 + b"1" + b"}" * 5000).status_code in (400, 422)


def test_a_chunked_body_is_read(client: ApiCaller) -> None:
    """Without a length REST framework would take it for an empty one."""
    token = client.headers["Authorization"].encode()
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/sources",
        "query_string": b"",
        "headers": [
            (b"content-type", b"application/json"),
            (b"authorization", token),
            (b"transfer-encoding", b"chunked"),
        ],
    }
    view: Any = SourceViewSet.as_view({"post": "create"})
    response = view(ASGIRequest(scope, BytesIO(b'{"name": "chunked"}')))
    assert response.status_code == 201
    assert Source.objects.get().name == "chunked"


@pytest.mark.parametrize("path", ["/v1/nothing", "/v1/sources/", "/v1/sources/a/b/c", "/v1/", "/nothing", "/v1/nul%00"])
def test_an_unknown_path_is_answered_with_the_envelope(db: None, path: str) -> None:
    response = Client().get(path, headers={"Accept": "*/*"})
    assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")


def test_under_debug_too(db: None, settings: Any) -> None:
    settings.DEBUG = True
    assert Client().get("/v1/nothing").json()["code"] == "NOT_FOUND"


def test_a_browser_gets_a_page_where_there_is_no_api(db: None) -> None:
    response = Client().get("/nothing", headers={"Accept": "text/html"})
    assert (response.status_code, response.headers["Content-Type"].partition(";")[0]) == (404, "text/html")


def test_a_wrong_method_names_the_right_ones(client: ApiCaller) -> None:
    response = client.delete("sources")
    assert (response.status_code, response.json()["code"]) == (405, "METHOD_NOT_ALLOWED")
    assert {each.strip() for each in response.headers["Allow"].split(",")} >= {"GET", "POST", "PUT"}


@pytest.mark.parametrize(
    "error", [OperationalError("down"), InterfaceError("closed"), psycopg_pool.PoolTimeout("no connection in 10 s")]
)
def test_a_database_that_is_away_is_503_with_retry_after(
    client: ApiCaller, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setattr("sources.services.create_source", fail)
    response = client.post("sources", {"name": "a"})
    assert (response.status_code, response.json()["code"]) == (503, "DATABASE_UNAVAILABLE")
    assert response.json()["error"] == "the database does not answer; try again"
    assert int(response.headers["Retry-After"]) >= 1
    assert str(error) not in response.content.decode()


def test_a_crash_is_500_without_internals(client: ApiCaller, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError("the secret inside")

    monkeypatch.setattr("sources.services.create_source", fail)
    response = client.post("sources", {"name": "a"})
    assert (response.status_code, response.json()["code"]) == (500, "INTERNAL_ERROR")
    assert "inside" not in response.content.decode()


def test_a_secret_under_a_lost_key_is_told_apart(client: ApiCaller, settings: Any) -> None:
    from cryptography.fernet import Fernet

    body = {"name": "a", "config": {"auth_type": "API_KEY", "auth": {"header": "x-key", "api_key": "k" * 20}}}
    source_id = client.post("sources", body).json()["id"]
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    response = client.get(f"sources/{source_id}")
    assert (response.status_code, response.json()["code"]) == (500, "SECRET_UNDECRYPTABLE")


def test_the_schema_and_its_page_need_no_other_host(db: None) -> None:
    schema = Client().get("/v1/schema")
    page = Client().get("/v1/docs")
    assert (schema.status_code, page.status_code) == (200, 200)
    assert b"/v1/connections/{id}/pause" in schema.content
    assert b"https://" not in page.content.replace(b"https://testserver", b"")
    scripts = re.findall(rb"<script([^>]*)>([^<]*)</script>", page.content)
    assert len(scripts) == 3
    assert all(b"src=" in attributes and not text for attributes, text in scripts)
    assert page.headers["Content-Security-Policy"].startswith("default-src 'self'; style-src ")
    assert Client().get("/v1/docs?script=").headers["Content-Type"] == "application/javascript"


def test_the_schema_is_complete(db: None) -> None:
    from django.core.management import call_command

    call_command("spectacular", "--validate", "--fail-on-warn", "--file", "/dev/null")


def test_a_long_name_costs_no_more_memory_for_every_value_below_it() -> None:
    body = b'{"' + b"k" * 50_000 + b'":[' + b",".join([b'"x"'] * 2_000) + b"]}"
    tracemalloc.start()
    try:
        JSONParser().parse(BytesIO(body))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000


def test_of_many_unknown_fields_the_first_are_told(db: None) -> None:
    response = ApiCaller().post("auth/login", {"email": "a@example.com", "password": "x"} | dict.fromkeys(_names(500)))
    assert response.status_code == 422
    assert list(response.json()["fields"]) == _names(MAX_UNKNOWN_TOLD)


def _names(count: int) -> list[str]:
    return [f"emai{number}" for number in range(count)]


@pytest.mark.parametrize("path", ["sources", "auth/me", "audit"])
def test_a_query_of_too_many_parameters_is_refused(client: ApiCaller, path: str) -> None:
    response = client.get(f"{path}?" + "&".join(f"a{number}=" for number in range(1001)))
    assert (response.status_code, response.json()) == (
        422,
        {"error": "the query has more than 1000 parameters; send fewer", "code": "INVALID_INPUT"},
    )


def test_who_wants_something_else_than_json_is_told_what_there_is(client: ApiCaller) -> None:
    response = client.get("sources", headers={"Accept": "text/html"})
    assert (response.status_code, response.json()) == (
        406,
        {"error": "answers are JSON: send Accept: application/json, or no Accept at all", "code": "NOT_ACCEPTABLE"},
    )
