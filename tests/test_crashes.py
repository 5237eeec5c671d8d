"""Parts die in the middle of work: nothing that was accepted is lost, and repeats are at most what was in flight."""

from __future__ import annotations

import signal

from teams.config.lock import CONFIG_LOCK
from tests.account import Account
from tests.product import Product
from tests.receiver import Receiver
from tests.waiting import wait_until

EVENTS = 300
CONCURRENCY = 20
ALL_WORKERS = ("route", "deliver", "bulk", "maintenance")
# The product's under test (tests/product.py), and how often a worker without Postgres tries to renew it.
LEASE_S, RETRIED_EVERY_S = 6.0, 0.5


def bodies(count: int) -> list[bytes]:
    return [b'{"n":%d}' % number for number in range(count)]


def deliver_some_then_hold(account: Account, receiver: Receiver, source: dict[str, str]) -> None:
    """All are accepted and some delivered; then CONCURRENCY calls are in flight and everything else waits."""
    account.accept_many(source, bodies(EVENTS))
    wait_until(lambda: len(receiver.calls) >= EVENTS // 4, 15, "a quarter was sent")
    receiver.hold("/")
    wait_until(lambda: receiver.in_flight["/"] == CONCURRENCY, 15, "calls are in flight")
    # The answers that were given before are recorded by now: what remains uncertain is what is in flight.
    account.wait_for_count(receiver.answered["/"], status="SUCCESSFUL")
    assert receiver.answered["/"] < EVENTS - CONCURRENCY


def test_a_killed_delivery_worker_loses_nothing(breakable: Product, account: Account, receiver: Receiver) -> None:
    source, _, connection = account.route(receiver.url(), max_concurrency=CONCURRENCY)
    receiver.slow_down("/", 0.02)
    deliver_some_then_hold(account, receiver, source)
    breakable.kill("deliver")
    receiver.release("/")
    breakable.launch("deliver")
    account.wait_for_count(EVENTS, connection_id=connection["id"], status="SUCCESSFUL", timeout_s=60)
    assert {call.body for call in receiver.calls} == set(bodies(EVENTS))
    assert receiver.repeats("/") == CONCURRENCY
    assert {event["attempts"] for event in account.events()} == {1}


def test_a_terminated_delivery_worker_gives_back_at_once(
    breakable: Product, account: Account, receiver: Receiver
) -> None:
    source, _, connection = account.route(receiver.url(), max_concurrency=CONCURRENCY)
    receiver.slow_down("/", 0.02)
    deliver_some_then_hold(account, receiver, source)
    assert breakable.terminate("deliver") == 0
    with breakable.database() as database:
        leased = "SELECT count(*) FROM delivery_job WHERE lease_token IS NOT NULL AND connection_id = %s"
        assert database.execute(leased, [connection["id"]]).fetchone() == (0,)
    receiver.release("/")
    breakable.launch("deliver")
    account.wait_for_count(EVENTS, connection_id=connection["id"], status="SUCCESSFUL")
    assert receiver.repeats("/") <= CONCURRENCY
    assert {event["attempts"] for event in account.events()} == {1}


def test_a_stopping_delivery_worker_records_what_still_finishes(
    breakable: Product, account: Account, receiver: Receiver
) -> None:
    receiver.slow_down("/", 1.0)
    source, _, connection = account.route(receiver.url(), max_concurrency=CONCURRENCY)
    account.accept_many(source, bodies(2 * CONCURRENCY))
    wait_until(lambda: receiver.in_flight["/"] == CONCURRENCY, 15, "calls are in flight")
    assert breakable.terminate("deliver") == 0
    assert account.count_events(connection_id=connection["id"], status="SUCCESSFUL") == receiver.answered["/"]
    assert receiver.answered["/"] >= CONCURRENCY
    breakable.launch("deliver")
    account.wait_for_count(2 * CONCURRENCY, connection_id=connection["id"], status="SUCCESSFUL")
    assert receiver.repeats("/") == 0


def test_a_worker_that_lost_its_lease_writes_nothing(breakable: Product, account: Account, receiver: Receiver) -> None:
    receiver.hold("/")
    source, _, _ = account.route(receiver.url())
    request_id = account.accept(source)
    wait_until(lambda: receiver.in_flight["/"] == 1, 10, "the delivery is in flight")
    breakable.signal("deliver", signal.SIGSTOP)
    breakable.launch("deliver2")
    wait_until(lambda: receiver.in_flight["/"] == 2, 30, "the second worker delivers what the first one held")
    receiver.release("/")
    event = account.wait_for_event(request_id, "SUCCESSFUL")
    breakable.signal("deliver", signal.SIGCONT)
    breakable.terminate("deliver")
    assert [attempt["status"] for attempt in account.attempts(event)] == ["SUCCESSFUL"]
    assert account.wait_for_event(request_id, "SUCCESSFUL")["attempts"] == 1


def test_a_flushed_valkey_in_the_middle_loses_and_repeats_nothing(
    breakable: Product, account: Account, receiver: Receiver
) -> None:
    source, _, connection = account.route(receiver.url(), max_concurrency=CONCURRENCY)
    receiver.slow_down("/", 0.02)
    for part in range(3):
        account.accept_many(source, bodies(EVENTS // 3))
        wait_until(lambda part=part: len(receiver.calls) > part * EVENTS // 3, 15, "a part of them was sent")
        breakable.flush_redis()
    account.wait_for_count(EVENTS, connection_id=connection["id"], status="SUCCESSFUL")
    assert receiver.repeats("/") == 0


def test_a_valkey_flushed_in_quiet_times_is_survived(breakable: Product, account: Account, receiver: Receiver) -> None:
    source, _, connection = account.route(receiver.url())
    account.wait_for_event(account.accept(source), "SUCCESSFUL")
    wait_until(lambda: not breakable.listeners(), 10, "no worker listens for nudges any more: all wait for messages")
    breakable.flush_redis()
    account.wait_for_event(account.accept(source), "SUCCESSFUL")
    # Settling goes through the third queue.
    account.put(f"connections/{connection['id']}/pause")
    held = account.accept(source)
    account.wait_for_event(held, "HOLD")
    account.put(f"connections/{connection['id']}/unpause")
    account.wait_for_event(held, "SUCCESSFUL")
    breakable.wait_until_ready()


def test_a_killed_routing_worker_neither_loses_nor_doubles(
    breakable: Product, account: Account, receiver: Receiver
) -> None:
    source, _, connection = account.route(receiver.url())
    account.wait_for_event(account.accept(source), "SUCCESSFUL")
    with breakable.database() as gate:
        # Holding the gate stops routing between its claim and its commit.
        gate.execute("SELECT pg_advisory_lock(%s)", [CONFIG_LOCK])
        account.accept_many(source, bodies(200))
        waiting = "SELECT count(*) FROM route_job WHERE lease_token IS NOT NULL"
        wait_until(lambda: gate.execute(waiting).fetchone() != (0,), 10, "routing has claimed some")
        breakable.kill("route")
        gate.execute("SELECT pg_advisory_unlock(%s)", [CONFIG_LOCK])
    breakable.launch("route")
    account.wait_for_count(201, connection_id=connection["id"], status="SUCCESSFUL", timeout_s=30)
    assert len({event["request_id"] for event in account.events()}) == 201
    assert len(receiver.calls) == 201


def test_without_beat_what_arrives_is_delivered(breakable: Product, account: Account, receiver: Receiver) -> None:
    breakable.kill("beat")
    source, _, connection = account.route(receiver.url())
    account.accept_many(source, bodies(50))
    account.wait_for_count(50, connection_id=connection["id"], status="SUCCESSFUL")


def test_a_web_process_that_is_killed_has_stored_all_that_it_accepted(
    breakable: Product, account: Account, receiver: Receiver
) -> None:
    source, _, connection = account.route(receiver.url())
    accepted = account.accept_until_refused(source, after=100, then=lambda: breakable.kill("web"))
    assert len(accepted) >= 100
    breakable.launch("web")
    breakable.wait_until_ready()
    wait_until(
        lambda: set(accepted) <= {event["request_id"] for event in account.events(status="SUCCESSFUL")},
        30,
        f"all that was accepted is delivered for {connection['id']}",
    )


def test_what_waits_for_its_time_is_delivered_by_the_next_beat(
    breakable: Product, account: Account, receiver: Receiver
) -> None:
    breakable.kill("beat")
    source, _, connection = account.route(receiver.url(), [{"type": "delay", "delay": 3000}])
    account.accept_many(source, bodies(20))
    account.wait_for_count(20, connection_id=connection["id"], status="SCHEDULED")
    wait_until(lambda: not breakable.listeners(), 10, "no worker is at work any more")
    breakable.launch("beat")
    account.wait_for_count(20, connection_id=connection["id"], status="SUCCESSFUL")
    assert receiver.repeats("/") == 0


def test_all_workers_killed_at_once_lose_nothing(breakable: Product, account: Account, receiver: Receiver) -> None:
    source, _, connection = account.route(receiver.url(), max_concurrency=CONCURRENCY)
    receiver.slow_down("/", 0.02)
    deliver_some_then_hold(account, receiver, source)
    for name in ALL_WORKERS:
        breakable.kill(name)
    while_away = account.accept_many(source, bodies(EVENTS))
    receiver.release("/")
    for name in ALL_WORKERS:
        breakable.launch(name)
    account.wait_for_count(2 * EVENTS, connection_id=connection["id"], status="SUCCESSFUL", timeout_s=60)
    assert set(while_away) <= {event["request_id"] for event in account.events()}
    assert receiver.repeats("/") == CONCURRENCY


def test_a_restarted_postgres_is_survived_by_every_process(
    breakable: Product, account: Account, receiver: Receiver
) -> None:
    source, _, _ = account.route(receiver.url())
    pids = breakable.pids()
    with account.sending(source) as load:
        load.wait_for_more(100)
        breakable.stop_database()
        breakable.start_servers()
        load.wait_for_more(100)
    account.wait_until_delivered(load.accepted)
    assert load.statuses.keys() <= {200, 503}
    assert receiver.repeats("/") == 0
    assert breakable.pids() == pids


def test_while_postgres_is_away_sources_answer_503_and_what_was_sent_is_recorded_afterwards(
    breakable: Product, account: Account, receiver: Receiver
) -> None:
    source, _, connection = account.route(receiver.url(), max_concurrency=CONCURRENCY)
    receiver.slow_down("/", 0.02)
    deliver_some_then_hold(account, receiver, source)
    tries = 'fasthook_database_failures_total{stage="deliver claim"}'
    pids, mark, tried = breakable.pids(), breakable.mark_output(), breakable.metric(tries)
    breakable.stop_database()
    refused = account.post_once(source)
    assert (refused.status_code, refused.json()["code"], refused.headers["retry-after"]) == (503, "UNAVAILABLE", "5")
    receiver.release("/")
    # Longer than a lease: what was in flight must be recorded, not sent again.
    wait_until(lambda: breakable.metric(tries) - tried > LEASE_S / RETRIED_EVERY_S, 30, "no lease")
    assert "attempts.record_failed" in breakable.output_since(mark)
    breakable.start_servers()
    breakable.wait_until_ready()
    account.wait_for_count(EVENTS, connection_id=connection["id"], status="SUCCESSFUL")
    assert receiver.repeats("/") == 0
    assert breakable.pids() == pids


def test_while_valkey_is_away_sources_accept_and_all_is_delivered_afterwards(
    breakable: Product, account: Account, receiver: Receiver
) -> None:
    source, _, _ = account.route(receiver.url())
    pids, mark = breakable.pids(), breakable.mark_output()
    with account.sending(source) as load:
        load.wait_for_more(50)
        breakable.stop_redis()
        wait_until(lambda: pids.keys() <= breakable.talkers_since(mark), 20, "every process has noticed")
        load.wait_for_more(200)
        breakable.start_servers()
        load.wait_for_more(50)
    account.wait_until_delivered(load.accepted)
    assert load.statuses.keys() == {200}
    assert receiver.repeats("/") == 0
    breakable.wait_until_ready()
    assert breakable.pids() == pids


def test_a_receiver_that_resets_connections_mid_body_gets_everything_once(
    breakable: Product, account: Account, receiver: Receiver
) -> None:
    retry = {"type": "retry", "strategy": "linear", "interval": 200, "count": 5}
    source, _, connection = account.route(receiver.url(), [retry], max_concurrency=CONCURRENCY)
    receiver.reset_next("/", 2 * CONCURRENCY)
    large = [body + b" " * 500_000 for body in bodies(3 * CONCURRENCY)]
    account.accept_many(source, large)
    account.wait_for_count(len(large), connection_id=connection["id"], status="SUCCESSFUL")
    assert {call.body for call in receiver.calls} == set(large)
    assert receiver.repeats("/") == 0
    failed = account.get("attempts", status="FAILED", limit=100)["models"]
    assert [attempt["error_code"] for attempt in failed] == ["CONNECTION_RESET"] * 2 * CONCURRENCY


def test_under_load_every_process_ends_within_ten_seconds_of_sigterm(
    breakable: Product, account: Account, receiver: Receiver
) -> None:
    source, _, _ = account.route(receiver.url(), max_concurrency=CONCURRENCY)
    receiver.slow_down("/", 0.2)
    names = breakable.pids().keys()
    with account.sending(source) as load:
        load.wait_for_more(200)
        assert breakable.terminate_all() == dict.fromkeys(names, 0)
    breakable.restore()
    account.wait_until_delivered(load.accepted)
    assert load.statuses.keys() <= {200, 503, 0}
    assert receiver.repeats("/") == 0
