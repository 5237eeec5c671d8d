"""Operators and deploy scripts at once on live traffic: nobody is answered 5xx, nothing deadlocks, evidence adds up."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from bench.evidence import Evidence
from tests.account import Account, Json
from tests.product import Product
from tests.receiver import Answer, Receiver
from tests.waiting import wait_until

OPERATORS = 12
SECONDS = 5.0
RETRY = {"type": "retry", "strategy": "linear", "interval": 300, "count": 2}
LEGAL = {200, 201, 202, 204, 404, 409}


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
    evidence = Evidence(product.environment["DATABASE_URL"], account.team_id)
    before, log = evidence.deadlocks(), product.database_log().stat().st_size
    with account.sending(operators.source) as load:
        operators.run(SECONDS)
        operators.repair()
    wait_until(lambda: evidence.waiting_count() == 0, 30, lambda: f"{evidence.waiting_count()} come to their end")
    assert operators.wrong == []
    assert set(load.statuses) <= {200, 410}
    assert {name for (name, status) in operators.answers if status < 300} >= {
        *("pause", "unpause", "enable", "disable", "delete", "create"),
        *("retry event", "cancel event", "retry request"),
    }
    assert evidence.deadlocks() == before
    with product.database_log().open("rb") as file:
        file.seek(log)
        assert b"deadlock" not in file.read()
    assert evidence.faults() == []
    accepted = account.get("requests/count", status="accepted")["count"]
    assert accepted == 1 + len(load.accepted) + operators.answers["retry request", 202]
    assert evidence.attempts_count() == len(receiver.calls)


def test_the_look_at_evidence_sees_what_is_wrong(product: Product, account: Account, receiver: Receiver) -> None:
    source, _, _ = account.route(receiver.url())
    event = account.wait_for_event(account.accept(source), "SUCCESSFUL")
    evidence = Evidence(product.environment["DATABASE_URL"], account.team_id)
    assert (evidence.faults(), evidence.attempts_count(), evidence.waiting_count()) == ([], 1, 0)
    for sabotage, kind in (
        ("attempts = 2", "untrue"),
        ("status = 'FAILED'", "untrue"),
        ("status = 'QUEUED'", "illegal"),
    ):
        with product.database() as database:
            database.execute(f"UPDATE events SET {sabotage} WHERE id = %s", [event["id"]])
            assert [fault.split()[1].rstrip(",") for fault in evidence.faults()] == [kind], sabotage
            database.execute("UPDATE events SET attempts = 1, status = 'SUCCESSFUL' WHERE id = %s", [event["id"]])
