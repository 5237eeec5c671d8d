"""A team's metrics on the running product: the guides' calls as they stand there, ids and dates replaced, and an event
that ends differently after it was shown as failed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import requests

from tests.account import Account
from tests.receiver import Answer, Receiver

DAY = "date_range[start]={start}&date_range[end]={end}"
# fan-in, api-automation and manage-environments.
CALLS = [
    "/v1/metrics/events?" + DAY + "&destination_id={destination}&granularity=1h",
    "/v1/metrics/events?" + DAY + "&granularity=1h&connection_id={connection}"
    "&measures[]=count&measures[]=delivered_count&measures[]=failed_count",
    "/v1/metrics/requests?" + DAY + "&granularity=1h&source_id={source}"
    "&measures[]=count&measures[]=accepted_count&measures[]=rejected_count",
]


def day_around(now: datetime) -> dict[str, str]:
    """Of whole hours. The day of the calendar may end while the test runs."""
    start = now.replace(minute=0, second=0, microsecond=0) - timedelta(hours=12)
    end = start + timedelta(hours=24) - timedelta(seconds=1)
    return {"start": f"{start:%Y-%m-%dT%H:%M:%SZ}", "end": f"{end:%Y-%m-%dT%H:%M:%SZ}"}


def ask(account: Account, call: str, **names: str) -> Any:
    # Written into the URL as a shell does it: brackets are not encoded.
    answer = requests.get(
        account.base_url + call.format(**names),
        headers={"Authorization": f"Bearer {account.api_key}", "x-team-id": account.team_id},
        timeout=10,
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_the_guides_calls_count_what_went_through(account: Account, receiver: Receiver) -> None:
    receiver.script("/", Answer(200), Answer(500))
    source, destination, connection = account.route(receiver.url())
    ids = {"source": source["id"], "destination": destination["id"], "connection": connection["id"]}
    names = {**ids, **day_around(datetime.now(UTC))}
    account.wait_for_event(account.accept(source), "SUCCESSFUL")
    failed = account.wait_for_event(account.accept(source), "FAILED")
    of_destination, of_connection, of_source = [ask(account, call, **names) for call in CALLS]
    for answer in (of_destination, of_connection, of_source):
        assert answer["granularity"] == "1h"
        assert len(answer["series"]) == 24
    assert of_connection["totals"] == {"count": 2, "delivered_count": 1, "failed_count": 1}
    assert of_source["totals"] == {"count": 2, "accepted_count": 2, "rejected_count": 0}
    expected = {"failed_count": 1, "queued_count": 0, "hold_count": 0, "delivered_count": 1}
    assert {name: of_destination["totals"][name] for name in expected} == expected
    receiver.script("/", Answer(200))
    account.post(f"events/{failed['id']}/retry")
    account.wait_for_count(2, connection_id=connection["id"], status="SUCCESSFUL")
    after = ask(account, CALLS[1], **names)["totals"]
    assert after == {"count": 2, "delivered_count": 2, "failed_count": 0}
    [summary] = account.get("metrics/connections", ids=connection["id"])["models"]
    assert (summary["events"]["delivered_count"], summary["attempts"]["count"]) == (2, 3)
    newest = datetime.fromisoformat(summary["last_event_at"])
    assert timedelta() <= datetime.now(UTC) - newest < timedelta(minutes=1)


def test_a_refusal_says_what_would_be_legal(account: Account) -> None:
    answer = account.call("GET", "metrics/events?from=now-1h&to=now&measures[]=latency_p95")
    assert answer.status_code == 422
    assert answer.json()["error"] == (
        "measures[]: latency_p95 is unknown; the legal ones are count, delivered_count, failed_count, queued_count,"
        " scheduled_count, hold_count, cancelled_count, ignored_count, error_rate, avg_attempts"
    )
