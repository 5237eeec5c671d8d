"""Bad input on the running server: a clear refusal in the one envelope; nothing changes or is logged as our fault."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from tests.account import Account
from tests.product import Product
from tests.receiver import Receiver
from tests.waiting import wait_until

OUR_FAULT = re.compile(r"\[(error|critical)\s*\]|Traceback|\bERROR\b|\bCRITICAL\b", re.IGNORECASE)
TABLES = ("sources_source", "destinations_destination", "connections_connection", "teams_projectsecrets", "teams_team")
EVIDENCE = ("requests", "events", "attempts", "route_job", "delivery_job")
SOURCE: dict[str, Any] = {"name": "new"}
MIB = 1024 * 1024


def contents(product: Product, tables: tuple[str, ...]) -> dict[str, str]:
    """A fingerprint of every row."""
    fingerprint = "SELECT md5(coalesce(string_agg(row::text, '|' ORDER BY row::text), '')) FROM {} AS row"
    with product.database() as database:
        return {table: str(database.execute(fingerprint.format(table)).fetchone()) for table in tables}


def unfinished(product: Product) -> int:
    """What earlier tests left to do: jobs to route, or in a delivery worker's hands."""
    with product.database() as database:
        counts = "SELECT (SELECT count(*) FROM route_job) + (SELECT count(*) FROM delivery_job WHERE rank = 0)"
        row = database.execute(counts).fetchone()
        return int(row[0]) if row else 0


@pytest.fixture
def unharmed(product: Product) -> Iterator[Product]:
    """Fails the test when configuration or evidence changed, or an error of ours was logged, while it ran."""
    wait_until(lambda: unfinished(product) == 0, 10, "nothing of an earlier test is under way")
    mark = product.mark_output()
    before = contents(product, TABLES + EVIDENCE)
    yield product
    assert contents(product, TABLES + EVIDENCE) == before
    assert not OUR_FAULT.search(product.output_since(mark)), product.output_since(mark)


@pytest.fixture
def route(account: Account, receiver: Receiver) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    return account.route(receiver.url())


def assert_refused(answer: requests.Response, status: int, code: str, field: str | None = None) -> None:
    body = answer.json()
    assert (answer.status_code, body["code"]) == (status, code), body
    assert set(body) <= {"error", "code", "fields", "data"}
    assert body["error"]
    if field is not None:
        assert field in body["fields"], body


MALFORMED = {
    "no JSON": (b"{", 400, "MALFORMED_JSON", None),
    "a trailing comma": (b'{"name": "a",}', 400, "MALFORMED_JSON", None),
    "not UTF-8": (b'{"name": "\xff"}', 400, "MALFORMED_JSON", None),
    "a list": (b"[]", 422, "INVALID_INPUT", "body"),
    "a number": (b"1", 422, "INVALID_INPUT", "body"),
    "a wrong type": (b'{"name": 5}', 422, "INVALID_INPUT", "name"),
    "a wrong type inside": (b'{"name": "a", "config": []}', 422, "INVALID_INPUT", "config"),
    "a list of the wrong type": (
        b'{"name": "a", "config": {"allowed_http_methods": "POST"}}',
        422,
        "INVALID_INPUT",
        "config.allowed_http_methods",
    ),
    "an unknown field": (b'{"name": "a", "nmae": "b"}', 422, "INVALID_INPUT", "nmae"),
    "an unknown field inside": (b'{"name": "a", "config": {"auht": {}}}', 422, "INVALID_INPUT", "config.auht"),
    "an unknown kind of authentication": (
        b'{"name": "a", "config": {"auth_type": "HMCA"}}',
        422,
        "INVALID_INPUT",
        "config.auth_type",
    ),
    "a NUL": (b'{"name": "a\\u0000b"}', 422, "INVALID_INPUT", "name"),
    "a NUL in a field's name": (b'{"na\\u0000me": "a"}', 422, "INVALID_INPUT", "body"),
    "a raw NUL": (b'{"name": "a\x00b"}', 400, "MALFORMED_JSON", None),
    "a thousand levels": (b'{"config":' + b"[" * 1000 + b"]" * 1000 + b"}", 422, "INVALID_INPUT", "config"),
    "11 MiB": (b'{"name": "' + b"a" * (11 * MIB) + b'"}', 413, "PAYLOAD_TOO_LARGE", None),
}


@pytest.mark.parametrize(("body", "status", "code", "field"), MALFORMED.values(), ids=MALFORMED)
def test_a_bad_body_is_refused(
    account: Account, unharmed: Product, body: bytes, status: int, code: str, field: str | None
) -> None:
    answer = account.call("PUT", "sources", data=body, headers={"Content-Type": "application/json"})
    assert_refused(answer, status, code, field)


def test_a_body_that_is_not_called_json_is_415(account: Account, unharmed: Product) -> None:
    answer = account.call("PUT", "sources", data=b"name=a", headers={"Content-Type": "text/plain"})
    assert_refused(answer, 415, "UNSUPPORTED_MEDIA_TYPE")


RULES = {
    "an unknown operator": ([{"type": "filter", "body": {"a": {"$near": 1}}}], "rules[0].body.a.$near"),
    "an operator of the wrong type": ([{"type": "filter", "body": {"a": {"$regex": 5}}}], "rules[0].body.a.$regex"),
    "an empty filter": ([{"type": "filter"}], "rules[0]"),
    "an unknown type": ([{"type": "filtre", "body": {}}], "rules[0].type"),
    "a window that is too short": ([{"type": "deduplicate", "window": 1}], "rules[0].window"),
    "a delay that is no number": ([{"type": "delay", "delay": "soon"}], "rules[0].delay"),
    "codes that mean nothing": (
        [{"type": "retry", "strategy": "linear", "interval": 1000, "count": 1, "response_status_codes": ["5xx"]}],
        "rules[0].response_status_codes[0]",
    ),
    "too many retries": ([{"type": "retry", "strategy": "linear", "interval": 1000, "count": 51}], "rules[0].count"),
}


@pytest.mark.parametrize(("rules", "field"), RULES.values(), ids=RULES)
def test_a_bad_rule_is_refused(
    account: Account, route: tuple[dict[str, Any], ...], unharmed: Product, rules: list[Any], field: str
) -> None:
    assert_refused(
        account.call("PATCH", f"connections/{route[2]['id']}", json={"rules": rules}), 422, "INVALID_INPUT", field
    )


LISTS = {
    "too many rows": ("sources", {"limit": "100000"}, "limit"),
    "too many rows of evidence": ("events", {"limit": "100000"}, "limit"),
    "no number": ("requests", {"limit": "ten"}, "limit"),
    "an unknown filter": ("events", {"state": "FAILED"}, "state"),
    "an unknown status": ("events", {"status": "LOST"}, "status"),
    "an unknown order": ("sources", {"order_by": "color"}, "order_by"),
    "a broken cursor": ("events", {"next": "abc"}, "next"),
    "a time that is none": ("events", {"from": "yesterday"}, "from"),
    "a NUL in a filter": ("events", {"connection_id": "a\0b"}, "connection_id"),
}


@pytest.mark.parametrize(("path", "params", "field"), LISTS.values(), ids=LISTS)
def test_a_bad_list_is_refused(
    account: Account, unharmed: Product, path: str, params: dict[str, str], field: str
) -> None:
    assert_refused(account.call("GET", path, params=params), 422, "INVALID_INPUT", field)


def test_a_cursor_of_another_resource_is_refused(account: Account, product: Product, request: Any) -> None:
    for name in ("a", "b"):
        account.source(name)
        account.destination("https://example.com", name=name)
    cursor = account.get("sources", limit=1)["pagination"]["next"]
    assert account.get("sources", limit=1, next=cursor)["count"] == 1
    request.getfixturevalue("unharmed")
    assert_refused(
        account.call("GET", "destinations", params={"limit": 1, "next": cursor}), 422, "INVALID_INPUT", "next"
    )


def test_another_teams_ids_do_not_exist(
    account: Account, other_account: Account, route: tuple[dict[str, Any], ...], product: Product, request: Any
) -> None:
    request_id = account.accept(route[0])
    event = account.wait_for_event(request_id, "SUCCESSFUL")
    [attempt] = account.attempts(event)
    request.getfixturevalue("unharmed")
    source, destination, connection = (row["id"] for row in route)
    for method, path, body in (
        ("GET", f"sources/{source}", None),
        ("PATCH", f"destinations/{destination}", {"name": "mine"}),
        ("PUT", f"connections/{connection}/pause", None),
        ("DELETE", f"connections/{connection}", None),
        ("GET", f"connections/{connection}/latest-input", None),
        ("GET", f"requests/{request_id}", None),
        ("GET", f"requests/{request_id}/events", None),
        ("GET", f"requests/{request_id}/raw_body", None),
        ("GET", f"events/{event['id']}", None),
        ("GET", f"attempts/{attempt['id']}", None),
        ("PUT", "connections", {"name": "mine", "source_id": source, "destination_id": destination}),
    ):
        assert_refused(other_account.call(method, path, json=body), 404, "NOT_FOUND")
    answer = other_account.call("GET", "sources", headers={"x-team-id": account.team_id})
    assert_refused(answer, 403, "TEAM_FORBIDDEN")


def test_credentials_that_are_none_are_401(account: Account, unharmed: Product) -> None:
    assert_refused(account.call("GET", "sources", token=unharmed.expired_token), 401, "SESSION_EXPIRED")
    for token in ("fhp_" + "a" * 40, "fhs_" + "a" * 40, "other"):
        answer = account.call("PUT", "sources", json=SOURCE, token=token)
        assert_refused(answer, 401, "NOT_AUTHENTICATED")
        assert answer.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_header_of_100_kb_is_431_everywhere(
    account: Account, route: tuple[dict[str, Any], ...], unharmed: Product
) -> None:
    large = {"X-Large": "a" * 100_000}
    refused = account.call("GET", "sources", headers=large)
    assert_refused(refused, 431, "HEADERS_TOO_LARGE")
    assert refused.json()["error"] == "the headers are larger than 65536 bytes; send fewer or shorter ones"
    answer = requests.post(route[0]["url"], data=b"{}", headers=large, timeout=10)
    assert_refused(answer, 431, "HEADERS_TOO_LARGE")


def test_11_mib_at_a_source_are_413_and_stored_without_the_body(
    account: Account, route: tuple[dict[str, Any], ...], product: Product
) -> None:
    mark = product.mark_output()
    account.accept(route[0])
    assert_refused(account.send(route[0], b"a" * (11 * MIB)), 413, "PAYLOAD_TOO_LARGE")
    # Without an announced length it is refused once it has grown too large.
    chunks = (b"a" * MIB for _ in range(11))
    chunked = requests.post(route[0]["url"], data=chunks, headers={"X-Chunked": "yes"}, timeout=30)
    assert_refused(chunked, 413, "PAYLOAD_TOO_LARGE")
    rejected = account.get("requests", status="rejected", include="data")["models"]
    assert [row["rejection_cause"] for row in rejected] == ["PAYLOAD_TOO_LARGE"] * 2
    for row in rejected:
        assert row["data"]["body"] is None
        assert_refused(account.call("GET", f"requests/{row['id']}/raw_body"), 404, "BODY_NOT_STORED")
    assert rejected[0]["data"]["headers"]["x-chunked"] == "yes"
    assert rejected[1]["data"]["headers"]["content-length"] == str(11 * MIB)
    assert not OUR_FAULT.search(product.output_since(mark)), product.output_since(mark)


def test_a_nul_in_a_webhook_is_stored_and_delivered_as_it_came(
    account: Account, route: tuple[dict[str, Any], ...], receiver: Receiver, product: Product
) -> None:
    mark = product.mark_output()
    body = b'{"name": "a\\u0000b"}'
    account.wait_for_event(account.accept(route[0], body, path="a%00b?q=%00"), "SUCCESSFUL")
    [call] = receiver.calls
    assert (call.body, call.path, call.query) == (body, "/a%00b", "q=%00")
    assert account.get("requests", include="data")["models"][0]["data"]["body"] == {"name": "a\0b"}
    assert not OUR_FAULT.search(product.output_since(mark)), product.output_since(mark)


def test_an_unknown_source_is_404_and_leaves_nothing(account: Account, unharmed: Product) -> None:
    assert_refused(requests.post(f"{account.base_url}/in/nobody/", data=b"{}", timeout=10), 404, "UNKNOWN_SOURCE")


def test_what_is_not_http_at_all_is_survived(unharmed: Product) -> None:
    host, _, port = unharmed.base_url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n")
        assert b"400" in raw.recv(1000).split(b"\r\n")[0]
