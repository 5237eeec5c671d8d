"""Indexes over evidence are built day by day beside the running product, and an interruption is taken on from there."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from django.db import OperationalError, connection

from events.storage import partition_indexes
from events.storage.partition_indexes import create_index, drop_index
from events.storage.partitions import PREFIXES, ensure_partitions
from events.tests.seed import make_project, make_request
from fasthook.lib.clock import utc_now

NAME = "requests_tried"
DEFINITION = "(client_ip, id) WHERE method = 'PUT'"
FAR = datetime(2040, 3, 10, 15, tzinfo=UTC)


@pytest.fixture
def filled(transactional_db: None) -> Iterator[None]:
    """Two days with a request each."""
    now = utc_now()
    project = make_project("team", now=now)
    for age in (0, 1):
        make_request(project, now - age * timedelta(days=1))
    yield
    drop_index(NAME)
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {', '.join(f'{table}_20400310' for table in PREFIXES)}")


def is_valid(name: str = NAME) -> bool | None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT indisvalid FROM pg_index WHERE indexrelid = to_regclass(%s)", [name])
        row = cursor.fetchone()
        return None if row is None else bool(row[0])


def pieces() -> set[str]:
    """The partitions that have a valid piece of it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT indrelid::regclass::text FROM pg_inherits JOIN pg_index ON indexrelid = inhrelid"
            " WHERE inhparent = %s::regclass AND indisvalid",
            [NAME],
        )
        return {row[0] for row in cursor.fetchall()}


def partitions() -> set[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'requests'::regclass")
        return {row[0] for row in cursor.fetchall()}


@pytest.mark.usefixtures("filled")
def test_every_partition_gets_its_piece_and_the_whole_is_valid() -> None:
    create_index(NAME, "requests", DEFINITION)
    assert (is_valid(), pieces()) == (True, partitions())
    create_index(NAME, "requests", DEFINITION)
    assert is_valid()


@pytest.mark.usefixtures("filled")
def test_what_an_interruption_left_is_taken_on() -> None:
    first, *_ = sorted(partitions(), reverse=True)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX {NAME} ON ONLY requests {DEFINITION}")
        cursor.execute(f"CREATE INDEX {first}_tried ON {first} {DEFINITION}")
    assert is_valid() is False
    create_index(NAME, "requests", DEFINITION)
    assert (is_valid(), pieces()) == (True, partitions())


@pytest.mark.usefixtures("filled")
def test_a_partition_made_meanwhile_comes_with_it() -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE INDEX {NAME} ON ONLY requests {DEFINITION}")
    ensure_partitions(now=FAR, days_ahead=0, days_back=0)
    assert pieces() == {"requests_20400310"}
    create_index(NAME, "requests", DEFINITION)
    assert (is_valid(), pieces()) == (True, partitions())


def test_over_an_empty_table_it_is_one_statement(transactional_db: None) -> None:
    try:
        create_index(NAME, "requests", DEFINITION)
        assert (is_valid(), pieces()) == (True, partitions())
    finally:
        drop_index(NAME)
    assert is_valid() is None


@pytest.mark.usefixtures("filled")
def test_a_lock_that_is_not_free_is_asked_for_again_and_given_up_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """Writers wait for half a second at most each time."""
    other = connection.copy()
    waited: list[float] = []
    monkeypatch.setattr(partition_indexes, "_TRIES", 3)
    monkeypatch.setattr(partition_indexes, "_LOCK_TIMEOUT_MS", 20)
    monkeypatch.setattr(partition_indexes.time, "sleep", waited.append)
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("LOCK TABLE requests IN ROW EXCLUSIVE MODE")
        with pytest.raises(OperationalError):
            create_index(NAME, "requests", DEFINITION)
        assert waited == [1.0, 1.0]
        other.rollback()
        create_index(NAME, "requests", DEFINITION)
    finally:
        other.close()
    assert is_valid()
