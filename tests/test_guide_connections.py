"""The Connections guide: every curl command, in its order, and the shapes that it shows."""

from __future__ import annotations

from typing import Any

import pytest

from fasthook.testing import ApiCaller
from tests.guide_evidence import live_through
from tests.guides import Curl, follow

CURLS_IN_THE_GUIDE = 6
RETRY = {
    "type": "retry",
    "strategy": "exponential",
    "interval": 30000,
    "count": 5,
    "response_status_codes": ["429", "500-599", "!501"],
}
RULES: list[dict[str, Any]] = [{"type": "filter", "body": {"type": "invoice.paid"}}, RETRY]
CREATING = [
    Curl(
        "POST connections",
        {
            "name": "stripe-to-billing",
            "description": "Route paid invoice events to billing API",
            "source_id": "{source}",
            "destination_id": "{destination}",
            "paused_at": None,
            "disabled_at": None,
            "rules": RULES,
        },
        keeps="connection",
        shows=["id", "team_id", "name", "paused_at", "disabled_at", "source.name", "source.url", "destination.type"],
        is_={"rules": RULES, "source_id": "{source}", "destination_id": "{destination}"},
    ),
]
PAUSING = [
    Curl(
        "PATCH connections/{connection}",
        {"paused_at": "2026-05-29T17:30:00.000Z"},
        is_={"paused_at": "2026-05-29T17:30:00.000Z"},
    ),
    Curl("PUT connections/{connection}/pause", is_={"paused_at": "2026-05-29T17:30:00.000Z", "disabled_at": None}),
    Curl("PUT connections/{connection}/unpause", is_={"paused_at": None}),
]
INSPECTING = [
    Curl(
        "GET events?connection_id={connection}&limit=20",
        shows=["models.0.id", "models.0.status", "models.0.connection_id", "pagination.next"],
        is_={"count": 3},
    ),
    Curl(
        "GET connections/{connection}/latest-input",
        is_={"connection_id": "{connection}", "latest_input.request_id": "{request}"},
        shows=["latest_input.input.body"],
    ),
]


@pytest.fixture
def ids(client: ApiCaller) -> dict[str, str]:
    config = {"url": "https://api.example.com/billing"}
    return {
        "source": client.post("sources", {"name": "stripe"}).json()["id"],
        "destination": client.post("destinations", {"name": "billing", "type": "HTTP", "config": config}).json()["id"],
        "transformation": client.post("transformations", {"name": "shape", "code": "return request;"}).json()["id"],
    }


def test_every_command_of_the_guide(client: ApiCaller, ids: dict[str, str]) -> None:
    follow([*CREATING, *PAUSING], ids, key=client)
    ids.update(live_through(ids["connection"]))
    follow(INSPECTING, ids, key=client)
    assert len([*CREATING, *PAUSING, *INSPECTING]) == CURLS_IN_THE_GUIDE


def test_the_supported_rules_are_put_into_their_order(client: ApiCaller, ids: dict[str, str]) -> None:
    follow(CREATING, ids, key=client)
    supported = [
        {"type": "deduplicate", "window": 300000, "include_fields": ["body.id"]},
        {"type": "transform", "transformation_id": ids["transformation"]},
        {
            "type": "filter",
            "headers": {"stripe-signature": {"$exists": True}},
            "body": {"type": "invoice.paid"},
            "path": {"$starts_with": "/stripe"},
        },
        {"type": "delay", "delay": 5000},
        RETRY,
    ]
    patched = client.patch(f"connections/{ids['connection']}", {"rules": list(reversed(supported))})
    assert (patched.status_code, patched.json()["rules"]) == (200, supported)


def test_the_shape_that_the_guide_shows_can_be_sent(client: ApiCaller, ids: dict[str, str]) -> None:
    rules = [
        {"type": "deduplicate", "window": 5000, "include_fields": ["body.id"]},
        {"type": "transform", "transformation_id": ids["transformation"]},
        {"type": "delay", "delay": 1000},
        {
            "type": "retry",
            "strategy": "linear",
            "count": 5,
            "interval": 3600000,
            "response_status_codes": ["500-599", ">=500", "!501"],
        },
    ]
    body: dict[str, Any] = {"name": "shopify-orders", "rules": rules, "source": {"name": "my-api"}}
    body["destination"] = {"name": "orders-api", "type": "HTTP", "config": {"url": "https://orders.example.com"}}
    made = client.put("connections", body)
    assert (made.status_code, made.json()["rules"]) == (201, rules)


def test_disabling_clears_the_pause_and_deleting_removes_the_route(client: ApiCaller, ids: dict[str, str]) -> None:
    follow([*CREATING, *PAUSING[:1]], ids, key=client)
    path = f"connections/{ids['connection']}"
    disabled = client.patch(path, {"disabled_at": "2026-05-29T18:00:00.000Z"}).json()
    assert (disabled["paused_at"], disabled["disabled_at"]) == (None, "2026-05-29T18:00:00.000Z")
    assert client.delete(path).status_code == 204
    assert client.get("connections").json()["models"] == []
