"""The Fan-In guide: every curl command, in its order, with a key of the spelling that it uses."""

from __future__ import annotations

from typing import Any

from fasthook.testing import ApiCaller
from teams.models import Team
from tests.guide_evidence import live_through
from tests.guides import Curl, follow

CURLS_IN_THE_GUIDE = 11
DAY = "date_range[start]=2026-05-29T00:00:00Z&date_range[end]=2026-05-29T23:59:59Z"
CODE = """request.body = {
provider: "stripe",
event_id: request.body.id,
event_type: request.body.type,
object_id: request.body.data?.object?.id,
received_at: request.created_at,
data: request.body.data?.object ?? request.body
};
return request;"""


def source(name: str, secret: str, header: str) -> dict[str, Any]:
    auth = {"secret": secret, "signature_header": header}
    config = {"auth_type": "HMAC", "auth": auth, "allowed_http_methods": ["POST"]}
    return {"name": name, "type": "WEBHOOK", "config": config}


STRIPE_RULES = [
    {"type": "filter", "body": {"type": "invoice.paid"}},
    {"type": "transform", "transformation_id": "{stripe_to_envelope}"},
]
SHOPIFY_RULES = [
    {"type": "deduplicate", "window": 60000, "include_fields": ["body.id"]},
    {"type": "transform", "transformation_id": "{shopify_to_envelope}"},
]
BUILDING = [
    Curl("POST sources", source("stripe-prod", "whsec_stripe_prod", "stripe-signature"), "stripe", shows=["url"]),
    Curl("POST sources", source("shopify-prod", "shpss_shopify_prod", "x-shopify-hmac-sha256"), "shopify"),
    Curl(
        "POST destinations",
        {
            "name": "event-ingest-api",
            "type": "HTTP",
            "config": {
                "url": "https://api.example.com/events",
                "http_method": "POST",
                "path_forwarding_disabled": False,
                "rate_limit": 120,
                "rate_limit_period": "minute",
                "auth_type": "FASTHOOK_SIGNATURE",
                "auth": {},
            },
        },
        keeps="ingest",
        is_={"config.rate_limit": 120, "config.http_method": "POST", "disabled_at": None},
    ),
    Curl(
        "POST connections",
        {"name": "stripe-to-ingest", "source_id": "{stripe}", "destination_id": "{ingest}", "rules": STRIPE_RULES},
        keeps="stripe_to_ingest",
        # Transform comes before filter, whatever was sent.
        is_={"destination_id": "{ingest}", "rules": list(reversed(STRIPE_RULES))},
    ),
    Curl(
        "POST connections",
        {"name": "shopify-to-ingest", "source_id": "{shopify}", "destination_id": "{ingest}", "rules": SHOPIFY_RULES},
        keeps="shopify_to_ingest",
        is_={"destination_id": "{ingest}", "rules": SHOPIFY_RULES},
    ),
]
INSPECTING = [
    Curl(
        "GET requests?from=now-24h&to=now&source_id={stripe}&status=accepted",
        shows=["models.0.verified"],
        is_={"count": 1, "models.0.source_id": "{stripe}", "models.0.status": "accepted"},
    ),
    Curl(
        "GET events?from=now-24h&to=now&connection_id={stripe_to_ingest}&destination_id={ingest}",
        is_={"count": 3, "models.0.connection_id": "{stripe_to_ingest}", "models.0.destination_id": "{ingest}"},
    ),
    Curl(
        "GET attempts?event_id={event}&order_by=created_at&dir=desc",
        shows=["models.0.response_status", "models.0.body", "models.0.requested_url", "models.0.trigger"],
        is_={
            "count": 1,
            "models.0.error_code": "TIMEOUT",
            "pagination.order_by": "created_at",
            "pagination.dir": "desc",
        },
    ),
    Curl(
        f"GET metrics/events?{DAY}&destination_id={{ingest}}&granularity=1h",
        shows=[f"series.0.{name}_count" for name in ("failed", "queued", "hold", "delivered")],
    ),
]
CONTROLLING = [
    Curl("PUT connections/{shopify_to_ingest}/pause", shows=["paused_at"], is_={"id": "{shopify_to_ingest}"}),
    Curl(
        "PATCH destinations/{ingest}",
        {"config": {"rate_limit": 60, "rate_limit_period": "minute"}},
        is_={"config.rate_limit": 60, "config.url": "https://api.example.com/events"},
    ),
]


def test_every_command_of_the_guide(client: ApiCaller, team: Team) -> None:
    key = "fh_api_" + "k" * 40
    assert client.put("project-secrets", {"api_key": key}).status_code == 200
    caller = ApiCaller(key, team_id=team.id)
    ids = {
        f"{name}_to_envelope": caller.post("transformations", {"name": f"{name}_envelope", "code": CODE}).json()["id"]
        for name in ("stripe", "shopify")
    }
    follow(BUILDING, ids, key=caller)
    ids.update(live_through(ids["stripe_to_ingest"]))
    follow([*INSPECTING, *CONTROLLING], ids, key=caller)
    assert len([*BUILDING, *INSPECTING, *CONTROLLING]) == CURLS_IN_THE_GUIDE
    # The repeated destination is what makes it a fan-in.
    assert caller.get(f"connections?destination_id={ids['ingest']}").json()["total"] == 2
