"""Callers that race for a name, with real transactions on real connections."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection as database

from connections.models import Connection
from connections.services import create_connection, delete_connection, pause_connection, upsert_connection
from connections.tests.factories import ConnectionFactory
from destinations.models import Destination
from destinations.services import delete_destination, upsert_destination
from fasthook.lib.clock import utc_now
from fasthook.lib.errors import Conflict, NotFound
from sources.models import Source
from sources.services import create_source, update_source, upsert_source
from sources.tests.factories import SourceFactory
from teams.models import ConfigVersion, Team

THREADS = 8

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def team(transactional_db: None) -> Team:
    from teams.tests.factories import TeamFactory

    ConfigVersion.objects.get_or_create(id=1)
    made: Team = TeamFactory()
    return made


@pytest.fixture(autouse=True, scope="module")
def _configuration_clock_survives(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Truncating after each test takes away the row that the migration made; whoever comes next needs it."""
    yield
    with django_db_blocker.unblock():
        ConfigVersion.objects.get_or_create(id=1)


@pytest.fixture(autouse=True)
def _no_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fasthook.lib.nudge.nudge", lambda stage: True)


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What each call returned or raised; all of them start together."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Any]) -> Any:
        try:
            barrier.wait(timeout=10)
            return call()
        except Exception as error:
            return error
        finally:
            database.close()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def test_one_of_many_upserts_creates_and_the_others_update_the_same_row(team: Team) -> None:
    found = at_once(
        *[
            lambda number=number: upsert_source(team, {"name": "raced", "description": str(number)}, now=utc_now())
            for number in range(THREADS)
        ]
    )
    row = Source.objects.get()
    assert sorted(created for _, created in found) == [False] * (THREADS - 1) + [True]
    assert {source.id for source, _ in found} == {row.id}
    assert len({source.version for source, _ in found}) == THREADS
    assert row.version == max(source.version for source, _ in found) == ConfigVersion.objects.get().version


def test_one_of_many_creations_wins_and_the_others_are_told_its_id(team: Team) -> None:
    found = at_once(*[lambda: create_source(team, {"name": "raced"}, now=utc_now()) for _ in range(THREADS)])
    row = Source.objects.get()
    lost = [each for each in found if isinstance(each, Conflict)]
    assert len(lost) == THREADS - 1
    assert {(each.code, each.data["id"]) for each in lost} == {("RESOURCE_ALREADY_EXISTS", row.id)}


def test_inline_ends_raced_for_are_made_once(team: Team) -> None:
    def wire(number: int) -> Connection:
        given: Any = {
            "name": f"route-{number}",
            "source": {"name": "shared"},
            "destination": {"name": "shared", "config": {"url": f"https://{number}.example.com"}},
        }
        return create_connection(team, given, now=utc_now())

    found = at_once(*[lambda number=number: wire(number) for number in range(THREADS)])
    assert [each for each in found if isinstance(each, Exception)] == []
    assert (Source.objects.count(), Destination.objects.count(), Connection.objects.count()) == (1, 1, THREADS)


def test_one_connection_is_made_by_racing_upserts(team: Team) -> None:
    source, destination = SourceFactory(team=team), ConnectionFactory(team=team).destination
    given: Any = {"name": "raced", "source_id": source.id, "destination_id": destination.id}
    found = at_once(*[lambda: upsert_connection(team, given, now=utc_now()) for _ in range(THREADS)])
    assert sorted(created for _, created in found) == [False] * (THREADS - 1) + [True]
    assert Connection.objects.filter(source=source).count() == 1


def test_changes_in_every_direction_at_once_do_not_lock_each_other_out(team: Team) -> None:
    route = ConnectionFactory(team=team)
    name: Any = {
        "name": route.name,
        "source": {"name": route.source.name, "description": "a"},
        "destination": {"name": route.destination.name, "config": {"url": "https://moved.example.com"}},
    }
    calls: list[Callable[[], Any]] = [
        lambda: upsert_connection(team, name, now=utc_now()),
        lambda: pause_connection(team, route.id, now=utc_now()),
        lambda: update_source(team, route.source_id, given={"description": "b"}, merge=True, now=utc_now()),
        lambda: upsert_destination(team, {"id": route.destination_id, "description": "c"}, now=utc_now()),
    ]
    for _ in range(5):
        found = at_once(*calls, *calls)
        assert [each for each in found if isinstance(each, Exception)] == []


def test_a_destination_is_not_deleted_under_a_connection_that_is_being_made(team: Team) -> None:
    for _ in range(5):
        route = ConnectionFactory(team=team)
        delete_connection(team, route.id, now=utc_now())
        given: Any = {"name": "new", "source_id": route.source_id, "destination_id": route.destination_id}
        made, deleted = at_once(
            lambda given=given: create_connection(team, given, now=utc_now()),
            lambda route=route: delete_destination(team, route.destination_id, now=utc_now()),
        )
        destination = Destination.objects.get(id=route.destination_id)
        alive = destination.connections.filter(deleted_at=None).count()
        if isinstance(made, NotFound):
            assert (deleted, destination.deleted_at is not None, alive) == (None, True, 0)
        else:
            assert isinstance(deleted, Conflict)
            assert (destination.deleted_at, alive) == (None, 1)
