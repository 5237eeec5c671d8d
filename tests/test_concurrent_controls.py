"""Operators and deploy scripts at once on live traffic: nobody is answered 5xx, nothing deadlocks, evidence adds up."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.account import Account, Json
from tests.product import Product
from tests.receiver import Answer, Receiver
from tests.waiting import wait_until

OPERATORS = 12
SECONDS = 5.0
RETRY = {"type": "retry", "strategy": "linear", "interval": 300, "count": 2}
LEGAL = {200, 201, 202, 204, 404, 409}

# Events that are not where the table of states allows, beside their jobs.
_ILLEGAL = """
SELECT event.id, event.status, job.event_id IS NOT NULL AS has_job
FROM events AS event LEFT JOIN delivery_job AS job ON job.event_id = event.id AND NOT job.cancelled
WHERE event.team_id = %(team)s AND (job.event_id IS NOT NULL) <> (
    event.status IN ('QUEUED', 'SCHEDULED') OR (event.status = 'FAILED' AND event.next_attempt_at IS NOT NULL)
)
"""
# Events that do not say what their attempts say.
_UNTRUE = """
SELECT event.id, event.status, event.attempts, told.count, told.last
FROM events AS event
LEFT JOIN LATERAL (
    SELECT count(*), count(DISTINCT attempt_number) AS numbers, max(attempt_number) AS last_number,
        (array_agg(status ORDER BY attempt_number DESC))[1] AS last
    FROM attempts WHERE event_id = event.id
) AS told ON true
WHERE event.team_id = %(team)s AND (
    event.attempts <> told.count OR told.numbers <> told.count OR coalesce(told.last_number, 0) <> told.count
    OR (event.status = 'SUCCESSFUL' AND told.last IS DISTINCT FROM 'SUCCESSFUL')
    OR (event.status = 'FAILED' AND told.last IS DISTINCT FROM 'FAILED')
)
"""
_TWICE = """
SELECT request_id, connection_id FROM events WHERE team_id = %(team)s GROUP BY 1, 2 HAVING count(*) > 1
"""
_WAITING = """
SELECT (SELECT count(*) FROM route_job) + (SELECT count(*) FROM delivery_job WHERE team_id = %(team)s)
    + (SELECT count(*) FROM events WHERE team_id = %(team)s AND status = 'HOLD')
    + (SELECT count(*) FROM connections_connection WHERE team_id = %(team)s AND settle_requested_at IS NOT NULL)
"""


class Operators:
    """Several at once, each doing whatever comes to mind."""

    def __init__(self, account: Account, source: Json, connections: list[Json]) -> None:
        self.account = account
        self.source = source
        self.connections = connections
        self.answers: Counter[tuple[str, int]] = Counter()
        self.wrong: list[str] = []

    def run(self, seconds: float) -> None:
        over_at = time.monotonic() + seconds
        threads = [
            threading.Thread(target=self._work, args=(random.Random(seed), over_at)) for seed in range(OPERATORS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _work(self, rng: random.Random, over_at: float) -> None:
        acts: list[tuple[Callable[[random.Random], None], int]] = [
            (self._control_connection, 6),
            (self._control_end, 2),
            (self._act_on_events, 8),
            (self._retry_request, 2),
            (self._replace_connection, 1),
        ]
        while time.monotonic() < over_at:
            [act] = rng.choices([act for act, _ in acts], [weight for _, weight in acts])
            act(rng)

    def _call(self, method: str, path: str, name: str, body: Any = None) -> Json:
        answer = self.account.call(method, path, json=body)
        self.answers[name, answer.status_code] += 1
        if answer.status_code not in LEGAL:
            self.wrong.append(f"{name}: {answer.status_code} {answer.text[:300]}")
        shown: Json = answer.json() if answer.content else {}
        return shown

    def _control_connection(self, rng: random.Random) -> None:
        action = rng.choice(("pause", "unpause", "unpause", "disable", "enable", "enable"))
        self._call("PUT", f"connections/{rng.choice(self.connections)['id']}/{action}", action)

    def _control_end(self, rng: random.Random) -> None:
        kind = rng.choice(("sources", "destinations"))
        row = self.source if kind == "sources" else rng.choice(self.connections)["destination"]
        self._call("PUT", f"{kind}/{row['id']}/disable", f"disable {kind}")
        self._call("PUT", f"{kind}/{row['id']}/enable", f"enable {kind}")

    def _act_on_events(self, rng: random.Random) -> None:
        events = self._call("GET", f"events?limit=20&connection_id={rng.choice(self.connections)['id']}", "list")
        for event in rng.sample(events.get("models", []), k=min(4, len(events.get("models", [])))):
            action = rng.choice(("retry", "cancel"))
            self._call("POST", f"events/{event['id']}/{action}", f"{action} event")

    def _retry_request(self, rng: random.Random) -> None:
        requests = self._call("GET", f"requests?limit=20&source_id={self.source['id']}", "list")["models"]
        if requests:
            self._call("POST", f"requests/{rng.choice(requests)['id']}/retry", "retry request", {"path": "/again"})

    def _replace_connection(self, rng: random.Random) -> None:
        number = rng.randrange(1, len(self.connections))
        old = self.connections[number]
        self._call("DELETE", f"connections/{old['id']}", "delete")
        body = {name: old[name] for name in ("source_id", "destination_id", "name", "rules")}
        made = self._call("PUT", "connections", "create", body)
        if "id" in made:
            self.connections[number] = made

    def repair(self) -> None:
        """Everything is on again."""
        self.account.put(f"sources/{self.source['id']}/enable")
        for connection in self.account.get("connections")["models"]:
            self.account.put(f"destinations/{connection['destination_id']}/enable")
            self.account.put(f"connections/{connection['id']}/enable")
            self.account.put(f"connections/{connection['id']}/unpause")


def deadlocks(product: Product) -> int:
    with product.database() as database:
        row = database.execute("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()").fetchone()
    assert row is not None
    return int(row[0])


def read(product: Product, statement: str, account: Account) -> list[Any]:
    with product.database() as database:
        return database.execute(statement, {"team": account.team_id}).fetchall()


@pytest.fixture
def operators(account: Account, receiver: Receiver) -> Operators:
    source = account.source()
    receiver.slow_down("/slow", 0.05)
    receiver.script("/failing", *[Answer(503)] * 10_000)
    connections = [
        account.connection(source, account.destination(receiver.url(f"/{name}"), name=name), [RETRY], name=name)
        for name in ("slow", "failing", "fine")
    ]
    limited = account.destination(receiver.url("/limited"), name="limited", rate_limit=100)
    return Operators(account, source, [*connections, account.connection(source, limited, name="limited")])


def test_controls_at_once_leave_every_event_legal_and_every_count_true(
    product: Product, account: Account, receiver: Receiver, operators: Operators
) -> None:
    before, log = deadlocks(product), product.database_log().stat().st_size
    with account.sending(operators.source) as load:
        operators.run(SECONDS)
        operators.repair()
    wait_until(
        lambda: read(product, _WAITING, account) == [(0,)],
        30,
        lambda: f"everything comes to its end: {read(product, _WAITING, account)}",
    )
    assert operators.wrong == []
    assert set(load.statuses) <= {200, 410}
    assert {name for (name, status) in operators.answers if status < 300} >= {
        *("pause", "unpause", "enable", "disable", "delete", "create"),
        *("retry event", "cancel event", "retry request"),
    }
    assert deadlocks(product) == before
    with product.database_log().open("rb") as file:
        file.seek(log)
        assert b"deadlock" not in file.read()
    for statement in (_ILLEGAL, _UNTRUE, _TWICE):
        assert read(product, statement, account) == []
    accepted = account.get("requests/count", status="accepted")["count"]
    again = operators.answers["retry request", 202]
    assert accepted == 1 + len(load.accepted) + again
    attempts = read(product, "SELECT count(*) FROM attempts WHERE team_id = %(team)s", account)
    assert attempts == [(len(receiver.calls),)]
