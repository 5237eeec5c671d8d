"""The API Automation guide: every curl command, in its order."""

from __future__ import annotations

from typing import Any

from fasthook.lib.clock import utc_now
from fasthook.testing import ApiCaller
from teams.auth.sessions import create_session
from teams.models import Team
from teams.tests.factories import MembershipFactory
from tests.guide_evidence import live_through
from tests.guides import Curl, follow

CURLS_IN_THE_GUIDE = 14
DAY = "date_range[start]=2026-05-29T00:00:00Z&date_range[end]=2026-05-29T23:59:59Z"
RULES: list[dict[str, Any]] = [
    {"type": "deduplicate", "window": 300000, "include_fields": ["body.id"]},
    {"type": "filter", "body": {"type": "invoice.paid"}},
    {
        "type": "retry",
        "strategy": "exponential",
        "interval": 30000,
        "count": 5,
        "response_status_codes": ["429", "500-599", "!501"],
    },
]
LINEAR = {
    "type": "retry",
    "strategy": "linear",
    "interval": 60000,
    "count": 3,
    "response_status_codes": ["500-599", "429"],
}
SETTING_UP = [
    Curl("GET sources?limit=100", shows=["pagination.next", "count", "models"]),
    Curl(
        "PUT sources",
        {
            "name": "stripe-production",
            "type": "WEBHOOK",
            "status": "enabled",
            "config": {
                "auth_type": "HMAC",
                "auth": {"secret": "whsec_provider_secret", "signature_header": "stripe-signature"},
                "allowed_http_methods": ["POST"],
            },
        },
        keeps="source",
        shows=["id", "url"],
    ),
    Curl(
        "PUT destinations",
        {
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
        },
        keeps="destination",
        is_={"config.rate_limit": 60, "config.url": "https://api.example.com/webhooks/stripe"},
    ),
    Curl(
        "PUT connections",
        {
            "name": "stripe-production-to-billing-api-production",
            "source_id": "{source}",
            "destination_id": "{destination}",
            "paused_at": None,
            "disabled_at": None,
            "rules": RULES,
        },
        keeps="connection",
        is_={"rules": RULES, "source.id": "{source}", "destination.id": "{destination}", "paused_at": None},
        shows=["disabled_at", "source.url", "destination.config"],
    ),
    Curl("PATCH connections/{connection}", {"rules": [LINEAR]}, is_={"rules": [LINEAR], "id": "{connection}"}),
    Curl(
        "GET project-secrets",
        session=True,
        shows=["api_key.value", "api_key.masked", "signing_secret.value", "signing_secret.masked"],
    ),
    Curl(
        "POST project-secrets/rotate",
        {"rotate": ["signing_secret"]},
        session=True,
        shows=["signing_secret.value", "signing_secret.previous_valid_until"],
    ),
]
LOOKING = [
    Curl(
        "GET requests?from=now-15m&source_id={source}&include=data&limit=20",
        shows=["models.0.events_count", "models.0.data.body", "models.0.data.headers"],
        is_={"models.0.id": "{request}", "count": 1},
    ),
    Curl(
        "GET events?connection_id={connection}&limit=20",
        shows=["models.0.status", "models.0.attempts"],
        is_={"models.0.connection_id": "{connection}"},
    ),
    Curl(
        "GET connections/{connection}/latest-input",
        shows=["latest_input.input.headers", "latest_input.input.body"],
        is_={"latest_input.request_id": "{request}"},
    ),
    Curl(
        f"GET metrics/events?{DAY}&granularity=1h&connection_id={{connection}}"
        "&measures[]=count&measures[]=delivered_count&measures[]=failed_count",
        shows=["series.23.count", "series.0.delivered_count", "series.0.failed_count", "totals.count"],
    ),
]
INCIDENT = [
    Curl("PUT connections/{connection}/pause", shows=["paused_at"], is_={"id": "{connection}"}),
]
RETRYING = [
    Curl("POST events/{event}/retry", is_={"id": "{event}", "status": "QUEUED", "queued": True}),
    Curl(
        "POST events/bulk_operations",
        {
            "from": "2026-05-29T10:00:00.000Z",
            "to": "2026-05-29T10:30:00.000Z",
            "status": "FAILED",
            "source_id": "{source}",
            "connection_id": "{connection}",
            "destination_id": "{destination}",
            "q": "timeout",
        },
        shows=["id", "status", "progress", "total_count", "cancelable"],
    ),
]


def test_every_command_of_the_guide(client: ApiCaller, team: Team) -> None:
    person = ApiCaller(create_session(MembershipFactory(team=team).user, now=utc_now()).token, team_id=team.id)
    ids: dict[str, str] = {}
    follow(SETTING_UP, ids, key=client, session=person)
    ids.update(live_through(ids["connection"]))
    follow([*LOOKING, *INCIDENT], ids, key=client)
    # The receiver is fixed, and the branch runs again.
    assert client.put(f"connections/{ids['connection']}/unpause").status_code == 200
    follow(RETRYING, ids, key=client)
    assert len([*SETTING_UP, *LOOKING, *INCIDENT, *RETRYING]) == CURLS_IN_THE_GUIDE


def test_what_else_the_guide_says_of_these_calls(client: ApiCaller, team: Team) -> None:
    ids: dict[str, str] = {}
    follow([curl for curl in SETTING_UP if not curl.session], ids, key=client)
    # PATCH merges config, PUT by id replaces it.
    path = f"destinations/{ids['destination']}"
    merged = client.patch(path, {"config": {"rate_limit": 20}}).json()["config"]
    assert (merged["rate_limit"], merged["auth_type"]) == (20, "FASTHOOK_SIGNATURE")
    replaced = client.put(path, {"config": {"url": "https://api.example.com/other"}}).json()["config"]
    assert (replaced["url"], replaced["rate_limit"], replaced["auth_type"]) == (
        "https://api.example.com/other",
        None,
        None,
    )
    # With an empty body both secrets are rotated; PUT takes the caller's.
    before = team.secrets
    both = client.post("project-secrets/rotate", {}).json()
    assert both["api_key"]["value"] != before.api_key
    assert both["signing_secret"]["value"] != before.signing_secret
    rotated = ApiCaller(both["api_key"]["value"])
    own = rotated.put("project-secrets", {"signing_secret": "whsec_" + "a" * 32}).json()
    assert own["signing_secret"]["value"] == "whsec_" + "a" * 32
    for kind in ("connection", "destination", "source"):
        assert rotated.delete(f"{kind}s/{ids[kind]}").status_code == 204
    # Without the version as well.
    assert ApiCaller(both["api_key"]["value"], prefix="/").get("sources?limit=100").json()["models"] == []
