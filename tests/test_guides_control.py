"""The guides' calls on sources, destinations, connections and project secrets, as they stand there, ids replaced."""

from __future__ import annotations

from typing import Any

import pytest

from fasthook.lib.clock import utc_now
from fasthook.testing import ApiCaller
from teams.models import Team
from teams.sessions import create_session
from teams.tests.factories import MembershipFactory

# The fan-in guide's transformation, as it stands there.
FAN_IN_CODE = """request.body = {
provider: "stripe",
event_id: request.body.id,
event_type: request.body.type,
object_id: request.body.data?.object?.id,
received_at: request.created_at,
data: request.body.data?.object ?? request.body
};
return request;"""
RETRY = {
    "type": "retry",
    "strategy": "exponential",
    "interval": 30000,
    "count": 5,
    "response_status_codes": ["429", "500-599", "!501"],
}


def hmac_source(name: str, secret: str, header: str) -> dict[str, Any]:
    config = {
        "auth_type": "HMAC",
        "auth": {"secret": secret, "signature_header": header},
        "allowed_http_methods": ["POST"],
    }
    return {"name": name, "type": "WEBHOOK", "config": config}


def http_destination(name: str, url: str, rate_limit: int) -> dict[str, Any]:
    config = {
        "url": url,
        "http_method": "POST",
        "rate_limit": rate_limit,
        "rate_limit_period": "minute",
        "path_forwarding_disabled": False,
        "auth_type": "FASTHOOK_SIGNATURE",
        "auth": {},
    }
    return {"name": name, "type": "HTTP", "config": config}


def ok(response: Any, status: int = 200) -> Any:
    assert response.status_code == status, response.content
    return response.json()


def test_api_automation(client: ApiCaller, team: Team) -> None:
    listed = ok(client.get("sources?limit=100"))
    assert set(listed) == {"pagination", "count", "total", "total_exact", "models"}
    source = ok(
        client.put(
            "sources",
            {**hmac_source("stripe-production", "whsec_provider_secret", "stripe-signature"), "status": "enabled"},
        ),
        201,
    )
    destination = ok(
        client.put(
            "destinations",
            http_destination("billing-api-production", "https://api.example.com/webhooks/stripe", 60),
        ),
        201,
    )
    rules = [
        {"type": "deduplicate", "window": 300000, "include_fields": ["body.id"]},
        {"type": "filter", "body": {"type": "invoice.paid"}},
        RETRY,
    ]
    route = ok(
        client.put(
            "connections",
            {
                "name": "stripe-production-to-billing-api-production",
                "source_id": source["id"],
                "destination_id": destination["id"],
                "paused_at": None,
                "disabled_at": None,
                "rules": rules,
            },
        ),
        201,
    )
    assert route["rules"] == rules
    linear = {
        "type": "retry",
        "strategy": "linear",
        "interval": 60000,
        "count": 3,
        "response_status_codes": ["500-599", "429"],
    }
    assert ok(client.patch(f"connections/{route['id']}", {"rules": [linear]}))["rules"] == [linear]
    assert ok(client.put(f"connections/{route['id']}/pause"))["paused_at"] is not None
    assert ok(client.put(f"connections/{route['id']}/unpause"))["paused_at"] is None

    user = MembershipFactory(team=team).user
    person = ApiCaller(create_session(user, now=utc_now()).token, team_id=team.id)
    before = ok(person.get("project-secrets"))
    after = ok(person.post("project-secrets/rotate", {"rotate": ["signing_secret"]}))
    assert after["signing_secret"]["value"] != before["signing_secret"]["value"]
    assert after["api_key"] == before["api_key"]


def test_connections(client: ApiCaller) -> None:
    source = ok(client.post("sources", {"name": "stripe"}), 201)
    destination = ok(client.post("destinations", http_destination("billing", "https://api.example.com", 20)), 201)
    route = ok(
        client.post(
            "connections",
            {
                "name": "stripe-to-billing",
                "description": "Route paid invoice events to billing API",
                "source_id": source["id"],
                "destination_id": destination["id"],
                "paused_at": None,
                "disabled_at": None,
                "rules": [{"type": "filter", "body": {"type": "invoice.paid"}}, RETRY],
            },
        ),
        201,
    )
    assert set(route) >= {"id", "team_id", "name", "source_id", "destination_id", "paused_at", "disabled_at", "rules"}
    assert set(route["source"]) >= {"id", "name", "url"}
    assert set(route["destination"]) >= {"id", "name", "type"}
    transformation = ok(client.post("transformations", {"name": "envelope", "code": FAN_IN_CODE}), 201)
    # The block of supported rules.
    supported = [
        {"type": "deduplicate", "window": 300000, "include_fields": ["body.id"]},
        {"type": "transform", "transformation_id": transformation["id"]},
        {
            "type": "filter",
            "headers": {"stripe-signature": {"$exists": True}},
            "body": {"type": "invoice.paid"},
            "path": {"$starts_with": "/stripe"},
        },
        {"type": "delay", "delay": 5000},
        RETRY,
    ]
    path = f"connections/{route['id']}"
    assert ok(client.patch(path, {"rules": list(reversed(supported))}))["rules"] == supported
    assert ok(client.patch(path, {"paused_at": "2026-05-29T17:30:00.000Z"}))["paused_at"] == "2026-05-29T17:30:00.000Z"
    assert client.delete(path).status_code == 204
    assert ok(client.get("connections"))["models"] == []


def test_the_shape_that_the_connections_guide_shows_can_be_sent(client: ApiCaller) -> None:
    header = ok(client.post("transformations", {"name": "header", "code": FAN_IN_CODE}), 201)
    rules = [
        {"type": "deduplicate", "window": 5000, "include_fields": ["body.id"]},
        {"type": "transform", "transformation_id": header["id"]},
        {"type": "delay", "delay": 1000},
        {
            "type": "retry",
            "strategy": "linear",
            "count": 5,
            "interval": 3600000,
            "response_status_codes": ["500-599", ">=500", "!501"],
        },
    ]
    body = {"name": "shopify-orders", "rules": rules, "source": {"name": "my-api"}}
    body["destination"] = {"name": "orders-api", "type": "HTTP", "config": {"url": "https://orders.example.com"}}
    assert ok(client.put("connections", body), 201)["rules"] == rules


def test_fan_in(client: ApiCaller) -> None:
    sources = [
        ok(client.post("sources", hmac_source(name, secret, header)), 201)
        for name, secret, header in (
            ("stripe-prod", "whsec_stripe_prod", "stripe-signature"),
            ("shopify-prod", "shpss_shopify_prod", "x-shopify-hmac-sha256"),
        )
    ]
    ingest = ok(
        client.post("destinations", http_destination("event-ingest-api", "https://api.example.com/events", 120)), 201
    )
    to_envelope = [
        ok(client.post("transformations", {"name": f"{name}_to_envelope", "code": FAN_IN_CODE}), 201)["id"]
        for name in ("stripe", "shopify")
    ]
    transforms = [{"type": "transform", "transformation_id": identifier} for identifier in to_envelope]
    routes = [
        ok(
            client.post(
                "connections",
                {
                    "name": f"{name}-to-ingest",
                    "source_id": source["id"],
                    "destination_id": ingest["id"],
                    "rules": rules,
                },
            ),
            201,
        )
        for name, source, rules in (
            ("stripe", sources[0], [{"type": "filter", "body": {"type": "invoice.paid"}}, transforms[0]]),
            (
                "shopify",
                sources[1],
                [{"type": "deduplicate", "window": 60000, "include_fields": ["body.id"]}, transforms[1]],
            ),
        )
    ]
    assert [[rule["type"] for rule in route["rules"]] for route in routes] == [
        ["transform", "filter"],
        ["deduplicate", "transform"],
    ]
    assert {route["destination_id"] for route in routes} == {ingest["id"]}
    assert ok(client.get(f"connections?destination_id={ingest['id']}"))["total"] == 2
    assert ok(client.put(f"connections/{routes[1]['id']}/pause"))["paused_at"] is not None
    patched = ok(
        client.patch(f"destinations/{ingest['id']}", {"config": {"rate_limit": 60, "rate_limit_period": "minute"}})
    )
    assert (patched["config"]["rate_limit"], patched["config"]["url"]) == (60, "https://api.example.com/events")


@pytest.mark.parametrize("livemode", [False, True])
def test_manage_environments(client: ApiCaller, livemode: bool) -> None:
    name = "production" if livemode else "staging"
    source = ok(
        client.put(
            "sources", {**hmac_source(f"stripe-{name}", "whsec_staging", "stripe-signature"), "status": "enabled"}
        ),
        201,
    )
    destination = ok(
        client.put("destinations", http_destination(f"billing-{name}", f"https://{name}.example.com/webhooks", 20)), 201
    )
    rules = [
        {"type": "filter", "body": {"livemode": livemode}},
        {"type": "retry", "strategy": "exponential", "interval": 30000, "count": 3},
    ]
    body = {
        "name": f"stripe-{name}-to-billing-{name}",
        "source_id": source["id"],
        "destination_id": destination["id"],
        "rules": rules,
    }
    assert ok(client.put("connections", body), 201)["rules"] == rules
    assert ok(client.put("connections", body))["rules"] == rules
