"""The data plane's connection against a Postgres that ends it: between two runs, and in the midst of one."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest
from django.db import connection as django_connection
from psycopg import Connection

from fasthook.lib.sql import DataConnection

pytestmark = pytest.mark.usefixtures("transactional_db")


@pytest.fixture
def database() -> Iterator[DataConnection]:
    opened = DataConnection("test")
    yield opened
    opened.close()


def ask_pid(connection: Connection[Any]) -> int:
    row = connection.execute("SELECT pg_backend_pid()").fetchone()
    assert row is not None
    return int(row[0])


def terminate(pid: int) -> None:
    """Returns when the backend is gone."""
    with django_connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
        assert cursor.fetchone() == (True,)


def test_one_connection_serves_run_after_run(database: DataConnection) -> None:
    assert database.run(ask_pid) == database.run(ask_pid)


def test_it_names_itself_to_postgres(database: DataConnection) -> None:
    row = database.run(lambda connection: connection.execute("SHOW application_name").fetchone())
    assert row == ("fasthook test",)


def test_a_connection_that_died_while_idle_costs_the_caller_nothing(database: DataConnection) -> None:
    before = database.run(ask_pid)
    terminate(before)
    after = database.run(ask_pid)
    assert after != before
    assert database.run(ask_pid) == after


def test_work_cut_off_midway_is_rolled_back_and_done_once_more(database: DataConnection) -> None:
    tries = []

    def work(connection: Connection[Any], minute: str) -> int:
        with connection.transaction():
            connection.execute(
                "INSERT INTO discarded_requests (team_id, source_id, minute, rejection_cause, count)"
                " VALUES ('tm_1', 'src_1', %s, 'X', 1)",
                [minute],
            )
            tries.append(connection)
            if len(tries) == 1:
                terminate(ask_pid(connection))
        return len(tries)

    database.run(ask_pid)
    assert database.run(work, "2026-01-01T00:00Z") == 2
    rows = database.run(lambda connection: connection.execute("SELECT count(*) FROM discarded_requests").fetchone())
    assert rows == (1,)


def test_work_that_is_cut_off_twice_raises_and_the_next_run_mends_it(database: DataConnection) -> None:
    def work(connection: Connection[Any]) -> None:
        terminate(ask_pid(connection))
        connection.execute("SELECT 1")

    database.run(ask_pid)
    with pytest.raises(psycopg.OperationalError):
        database.run(work)
    assert database.run(ask_pid) > 0


def test_a_refusal_of_a_living_postgres_is_raised_at_once(database: DataConnection) -> None:
    calls = []

    def work(connection: Connection[Any]) -> None:
        calls.append(1)
        connection.execute("SET LOCAL statement_timeout = 1")
        with connection.transaction():
            connection.execute("SET LOCAL statement_timeout = 20")
            connection.execute("SELECT pg_sleep(5)")

    before = database.run(ask_pid)
    with pytest.raises(psycopg.errors.QueryCanceled):
        database.run(work)
    assert calls == [1]
    assert database.run(ask_pid) == before


def test_a_postgres_that_cannot_be_reached_raises(database: DataConnection, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fasthook.lib.sql._conninfo", lambda name: "host=127.0.0.1 port=1 connect_timeout=1")
    with pytest.raises(psycopg.OperationalError):
        database.run(ask_pid)
    monkeypatch.undo()
    assert database.run(ask_pid) > 0


def test_runs_of_several_threads_take_turns(database: DataConnection) -> None:
    inside, most = 0, 0
    lock = threading.Lock()

    def work(connection: Connection[Any]) -> None:
        nonlocal inside, most
        with lock:
            inside += 1
            most = max(most, inside)
        connection.execute("SELECT pg_sleep(0.005)")
        with lock:
            inside -= 1

    threads = [threading.Thread(target=database.run, args=(work,)) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=10)
    assert most == 1


def test_plans_that_took_long_are_made_anew(database: DataConnection) -> None:
    database.run(lambda connection: connection.execute("SELECT 1"))
    assert last_statement(database) == "SELECT 1"
    database.run(lambda connection: connection.execute("SELECT pg_sleep(0.3)"))
    assert last_statement(database) == "DISCARD PLANS"


def last_statement(database: DataConnection) -> str:
    pid = database.run(lambda connection: connection.info.backend_pid)
    with django_connection.cursor() as cursor:
        cursor.execute("SELECT query FROM pg_stat_activity WHERE pid = %s", [pid])
        return str(cursor.fetchone()[0])
