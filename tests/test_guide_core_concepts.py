"""The Core Concepts page has no commands; what it promises is that its objects can be looked at one from another."""

from __future__ import annotations

from fasthook.testing import ApiCaller
from tests.guide_evidence import live_through
from tests.guides import Curl, follow

CURLS_IN_THE_GUIDE = 0
FLOW = [
    Curl("GET requests/{request}", is_={"source_id": "{source}", "events_count": 3}),
    Curl("GET requests/{request}/events", is_={"count": 3, "models.0.request_id": "{request}"}),
    Curl("GET events/{event}", is_={"connection_id": "{connection}", "destination_id": "{destination}"}),
    Curl("GET attempts?event_id={event}", is_={"count": 1, "models.0.destination_id": "{destination}"}),
]


def test_from_the_request_to_the_attempt(client: ApiCaller) -> None:
    body = {
        "name": "stripe-to-billing",
        "source": {"name": "stripe"},
        "destination": {"name": "billing", "config": {"url": "https://billing.example.com"}},
    }
    made = client.post("connections", body).json()
    ids = {"source": made["source_id"], "destination": made["destination_id"], "connection": made["id"]}
    ids.update(live_through(made["id"]))
    follow(FLOW, ids, key=client)
