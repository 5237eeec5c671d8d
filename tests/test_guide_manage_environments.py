"""The Manage Environments guide: every curl command, in its order, and the objects that it creates."""

from __future__ import annotations

from typing import Any

import pytest

from fasthook.lib.clock import utc_now
from fasthook.testing import ApiCaller
from teams.auth.sessions import create_session
from teams.models import Team
from teams.tests.factories import MembershipFactory
from tests.guide_evidence import live_through
from tests.guides import Curl, follow

CURLS_IN_THE_GUIDE = 6
DAY = "date_range[start]=2026-05-29T00:00:00Z&date_range[end]=2026-05-29T23:59:59Z"
NARROW = {
    "from": "2026-05-29T10:00:00.000Z",
    "to": "2026-05-29T10:30:00.000Z",
    "status": "FAILED",
    "source_id": "{source}",
    "connection_id": "{connection}",
    "destination_id": "{destination}",
}
CURLS = [
    Curl("GET project-secrets", session=True, shows=["api_key.value", "signing_secret.value", "signing_secret.masked"]),
    Curl("PUT connections/{connection}/unpause", is_={"paused_at": None}),
    Curl(
        "GET events?connection_id={connection}&status=HOLD&limit=20",
        is_={"count": 1, "models.0.status": "HOLD", "models.0.connection_id": "{connection}"},
    ),
    Curl(
        f"GET metrics/requests?{DAY}&granularity=1h&source_id={{source}}"
        "&measures[]=count&measures[]=accepted_count&measures[]=rejected_count",
        shows=["series.23.count", "series.0.accepted_count", "series.0.rejected_count", "totals.count"],
    ),
    Curl(
        "GET events?connection_id={connection}&status=FAILED&limit=20",
        is_={"count": 1, "models.0.status": "FAILED", "models.0.id": "{event}"},
    ),
    Curl("POST events/bulk_operations", NARROW, shows=["id", "status", "total_count", "progress"]),
]


def build(client: ApiCaller, name: str, *, livemode: bool) -> dict[str, str]:
    """The environment's objects, as the guide's JSON has them, twice: the second time nothing is made anew."""
    source = {
        "name": f"stripe-{name}",
        "type": "WEBHOOK",
        "status": "enabled",
        "config": {
            "auth_type": "HMAC",
            "auth": {"secret": f"whsec_{name}", "signature_header": "stripe-signature"},
            "allowed_http_methods": ["POST"],
        },
    }
    destination = {
        "name": f"billing-{name}",
        "type": "HTTP",
        "config": {
            "url": f"https://{name}.example.com/webhooks/stripe",
            "http_method": "POST",
            "rate_limit": 20,
            "rate_limit_period": "minute",
            "path_forwarding_disabled": False,
            "auth_type": "FASTHOOK_SIGNATURE",
            "auth": {},
        },
    }
    codes = {"response_status_codes": ["429", "500-599", "!501"]}
    connection: dict[str, Any] = {
        "name": f"stripe-{name}-to-billing-{name}",
        "source_id": "{source}",
        "destination_id": "{destination}",
        "paused_at": None,
        "disabled_at": None,
        "rules": [
            {"type": "filter", "body": {"livemode": livemode}},
            {"type": "retry", "strategy": "exponential", "interval": 30000, "count": 3, **codes},
        ],
    }
    curls = [
        Curl("PUT sources", source, keeps="source", shows=["url"]),
        Curl("PUT destinations", destination, keeps="destination"),
        Curl("PUT connections", connection, keeps="connection", is_={"rules": connection["rules"]}),
    ]
    ids: dict[str, str] = {}
    follow(curls, ids, key=client)
    again: dict[str, str] = {}
    follow(curls, again, key=client)
    assert again == ids
    return ids


def test_every_command_of_the_guide(client: ApiCaller, team: Team) -> None:
    person = ApiCaller(create_session(MembershipFactory(team=team).user, now=utc_now()).token, team_id=team.id)
    ids = build(client, "staging", livemode=False)
    ids.update(live_through(ids["connection"]))
    follow(CURLS, ids, key=client, session=person)
    assert len(CURLS) == CURLS_IN_THE_GUIDE


@pytest.mark.parametrize("without_codes", [True, False])
def test_promotion_copies_the_route_shape_and_replaces_what_belongs_to_the_environment(
    client: ApiCaller, without_codes: bool
) -> None:
    staging = build(client, "staging", livemode=False)
    production = build(client, "production", livemode=True)
    assert set(staging.values()).isdisjoint(production.values())
    rules = client.get(f"connections/{staging['connection']}").json()["rules"]
    rules[0]["body"]["livemode"] = True
    rules[1]["count"] = 5
    if without_codes:
        del rules[1]["response_status_codes"]
    body = {
        "name": "stripe-production-to-billing-production",
        "source_id": production["source"],
        "destination_id": production["destination"],
        "rules": rules,
    }
    promoted = client.put("connections", body)
    assert (promoted.status_code, promoted.json()["id"]) == (200, production["connection"])
    assert promoted.json()["rules"] == rules
    assert client.get(f"connections/{staging['connection']}").json()["rules"][0]["body"] == {"livemode": False}
