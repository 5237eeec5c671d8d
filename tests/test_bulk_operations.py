"""Bulk operations on the running product: watched, stopped, and nothing is retried twice though workers are killed."""

from __future__ import annotations

from typing import Any

import psycopg

from teams.config.lock import CONFIG_LOCK
from tests.account import Account
from tests.product import Product
from tests.receiver import Answer, Receiver
from tests.waiting import wait_until

PATH = "events/bulk_operations"
EVENTS = 60
_AT_SAVING = (
    "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE 'UPDATE \"bulk_operation\"%'"
)


def fail(account: Account, receiver: Receiver, count: int = EVENTS) -> tuple[dict[str, Any], dict[str, Any]]:
    """Source and connection of so many events that failed at a receiver which is well by now."""
    receiver.script("/", *[Answer(503)] * count, Answer(200))
    source, _, connection = account.route(receiver.url())
    account.accept_many(source, [b'{"n":%d}' % number for number in range(count)])
    account.wait_for_count(count, connection_id=connection["id"], status="FAILED")
    return source, connection


def read(account: Account, operation: dict[str, Any]) -> dict[str, Any]:
    return account.get(f"{PATH}/{operation['id']}")


def start(account: Account, connection: dict[str, Any], **given: Any) -> dict[str, Any]:
    return account.post(PATH, {"from": "now-1h", "connection_id": connection["id"], **given})


def wait_until_over(account: Account, operation: dict[str, Any]) -> dict[str, Any]:
    """Nothing of it is under way any more."""

    def over() -> dict[str, Any] | None:
        found = read(account, operation)
        return found if found["finished_at"] else None

    return wait_until(over, 30, lambda: str(read(account, operation)))  # type: ignore[no-any-return]


def lock_configuration_for_page(database: psycopg.Connection[Any]) -> None:
    """No page gets beyond finding its rows."""
    database.execute("SELECT pg_advisory_lock(%s)", [CONFIG_LOCK])


def release_gate(database: psycopg.Connection[Any]) -> None:
    database.execute("SELECT pg_advisory_unlock(%s)", [CONFIG_LOCK])


def test_two_kills_in_the_middle_of_a_page_and_a_cancel_retry_nothing_twice(
    breakable: Product, account: Account, receiver: Receiver
) -> None:
    _, connection = fail(account, receiver)
    with breakable.database() as gate, breakable.database() as other:
        lock_configuration_for_page(gate)
        operation = start(account, connection, status="FAILED")
        assert (operation["total_count"], operation["status"]) == (EVENTS, "PLANNED")
        for _ in range(2):
            wait_until(lambda: read(account, operation)["status"] == "RUNNING", 15, "a worker has taken it on")
            wait_until(lambda: is_leased(other, operation), 15, "a worker has taken it on again")
            with other.transaction():
                other.execute("SELECT FROM bulk_operation WHERE id = %s FOR UPDATE", [operation["id"]])
                release_gate(gate)
                wait_until(lambda: gate.execute(_AT_SAVING).fetchone() == (1,), 15, "its page is about to be saved")
                breakable.kill("bulk")
            # Its page ends with its connection, and lets the gate go.
            lock_configuration_for_page(gate)
            assert read(account, operation)["queued_count"] == 0
            let_lease_lapse(other, operation)
            breakable.launch("bulk")
        wait_until(lambda: is_leased(other, operation), 15, "a third worker has taken it on")
        cancelled = account.post(f"{PATH}/{operation['id']}/cancel")
        assert (cancelled["status"], cancelled["queued_count"]) == ("CANCELLED", 0)
        release_gate(gate)
    assert account.count_events(connection_id=connection["id"], status="FAILED") == EVENTS
    again = start(account, connection, status="FAILED")
    over = wait_until_over(account, again)
    assert (over["status"], over["queued_count"], over["done_count"], over["failed_count"]) == (
        "COMPLETED",
        EVENTS,
        EVENTS,
        0,
    )
    assert len(receiver.calls) == 2 * EVENTS
    assert {event["attempts"] for event in account.events(connection_id=connection["id"])} == {2}
    assert account.count_events(batch_operation_id=again["id"], status="SUCCESSFUL") == EVENTS
    assert account.count_events(batch_operation_id=operation["id"]) == 0


def is_leased(database: psycopg.Connection[Any], operation: dict[str, Any]) -> bool:
    lease = "SELECT FROM bulk_operation WHERE id = %s AND lease_token IS NOT NULL AND lease_until > clock_timestamp()"
    return database.execute(lease, [operation["id"]]).fetchone() is not None


def let_lease_lapse(database: psycopg.Connection[Any], operation: dict[str, Any]) -> None:
    database.execute("UPDATE bulk_operation SET lease_until = clock_timestamp() WHERE id = %s", [operation["id"]])


def test_attempts_of_an_operation_name_it_and_a_second_failure_counts(account: Account, receiver: Receiver) -> None:
    _, connection = fail(account, receiver, 3)
    receiver.script("/", Answer(500), Answer(200))
    plan = account.post(f"{PATH}/plan", {"from": "now-1h", "connection_id": connection["id"]})
    assert (plan["count"], plan["destinations"][0]["count"], plan["blocked"]) == (3, 3, {})
    over = wait_until_over(account, start(account, connection))
    assert (over["done_count"], over["failed_count"], over["progress"]) == (2, 1, 1.0)
    for event in account.events(connection_id=connection["id"]):
        first, second = account.attempts(event)
        assert (first["trigger"], first["batch_operation_id"]) == ("INITIAL", None)
        assert (second["trigger"], second["batch_operation_id"]) == ("BULK_RETRY", over["id"])


def test_it_shows_each_delivery_and_a_cancel_leaves_the_rest_cancelled(account: Account, receiver: Receiver) -> None:
    _, connection = fail(account, receiver, 25)
    slow = {"rate_limit": 1, "rate_limit_period": "second"}
    account.patch(f"destinations/{connection['destination']['id']}", {"config": slow})
    operation = start(account, connection)
    seen: dict[int, set[str]] = {}

    def have_five() -> bool:
        found = read(account, operation)
        seen.setdefault(found["done_count"], set()).add(found["status"])
        return found["done_count"] >= 5

    wait_until(have_five, 30, lambda: str(seen))
    # 1, 2, 3 and so on, though a poll that came late may have missed one.
    shown = {number: statuses for number, statuses in seen.items() if number}
    assert len(shown) >= 3
    assert list(shown) == sorted(shown)
    assert all(statuses == {"RUNNING"} for statuses in shown.values())
    cancelled = account.post(f"{PATH}/{operation['id']}/cancel")
    assert (cancelled["status"], cancelled["queued_count"], cancelled["cancelable"]) == ("CANCELLED", 25, False)
    over = wait_until_over(account, operation)
    done = over["done_count"]
    # What a worker had taken for the next slots was let finish.
    assert 5 <= done < 15
    assert (over["cancelled_count"], over["failed_count"], over["held_count"]) == (25 - done, 0, 0)
    assert over["waiting_count"] == 0
    rest = account.events(connection_id=connection["id"], status="CANCELLED")
    assert [(event["ignored_cause"], event["batch_operation_id"], event["attempts"]) for event in rest] == [
        ("CANCELLED_IN_BULK", operation["id"], 1)
    ] * (25 - done)
    assert account.count_events(connection_id=connection["id"], status="SUCCESSFUL") == done
    assert len(receiver.calls) == 25 + done


def test_requests_are_accepted_again_and_their_deliveries_counted(account: Account, receiver: Receiver) -> None:
    source, connection = fail(account, receiver, 5)
    operation = account.post("requests/bulk_operations", {"from": "now-1h", "source_id": source["id"]})
    account.wait_for_count(5, connection_id=connection["id"], status="SUCCESSFUL")
    path = f"requests/bulk_operations/{operation['id']}"
    wait_until(lambda: account.get(path)["done_count"] == 5, 10, lambda: str(account.get(path)))
    over = wait_until(lambda: (found := account.get(path))["finished_at"] and found, 10, "it is over")
    assert (over["status"], over["queued_count"], over["failed_count"]) == ("COMPLETED", 5, 0)
    replayed = account.get("requests", batch_operation_id=operation["id"])["models"]
    assert [row["is_retry"] for row in replayed] == [True] * 5


def test_what_is_held_is_cancelled_in_bulk(account: Account, receiver: Receiver) -> None:
    source, _, connection = account.route(receiver.url())
    account.put(f"connections/{connection['id']}/pause")
    account.accept_many(source, [b"{}"] * 4)
    account.wait_for_count(4, connection_id=connection["id"], status="HOLD")
    over = wait_until_over(account, start(account, connection, type="event_bulk_cancel"))
    assert (over["status"], over["queued_count"], over["done_count"]) == ("COMPLETED", 4, 4)
    account.put(f"connections/{connection['id']}/unpause")
    ended = account.events(connection_id=connection["id"], status="CANCELLED")
    assert [event["ignored_cause"] for event in ended] == ["CANCELLED_IN_BULK"] * 4
    assert receiver.calls == []
