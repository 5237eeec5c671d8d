"""Documents applied while others change the configuration: all or nothing, nothing lost, no deadlock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection as database
from django.db import transaction

from connections.models import Connection
from connections.routes import services
from connections.routes.planning import Wishes
from connections.routes.services import Order, apply_routes, plan_routes
from connections.services import pause_connection, unpause_connection, upsert_connection
from destinations.models import Destination
from fasthook.lib.clock import utc_now
from fasthook.lib.errors import Conflict
from fasthook.testing import make_team
from sources.models import Source
from sources.services import upsert_source
from teams.config.lock import lock_config_exclusive
from teams.models import Team

DOCUMENT: dict[str, Any] = {
    "sources": [{"name": f"s{number}"} for number in range(5)],
    "destinations": [{"name": "d", "type": "MOCK_API"}],
    "connections": [{"name": "c", "source": f"s{number}", "destination": "d", "rules": []} for number in range(5)],
}


@pytest.fixture
def team(transactional_db: None, monkeypatch: pytest.MonkeyPatch) -> Team:
    monkeypatch.setattr("fasthook.lib.nudge.nudge", lambda stage: True)
    return make_team("ours")


def order(document: dict[str, Any] = DOCUMENT, **wishes: Any) -> Order:
    return Order(document, {}, Wishes(**wishes))


def apply(team: Team, given: Order) -> dict[str, Any]:
    return apply_routes(team, given, now=utc_now())


def elsewhere(call: Callable[[], Any]) -> Any:
    """What it returns or raises on a connection of its own."""

    def run() -> Any:
        try:
            return call()
        except Exception as error:
            return error
        finally:
            database.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result(timeout=30)


def test_what_appears_while_it_is_applied_is_seen(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source created between the locked reading and the gate: the document is planned anew, and prunes it too."""
    appeared: list[str] = []

    def close_late() -> None:
        if not appeared:
            appeared.append("late")
            elsewhere(lambda: upsert_source(team, {"name": "late"}, now=utc_now()))
        lock_config_exclusive()

    monkeypatch.setattr(services, "lock_config_exclusive", close_late)
    answer = apply(team, order(prune=True))
    assert answer["summary"] == {"create": 11, "update": 0, "delete": 1, "unchanged": 0, "left": 0}
    assert sorted(Source.objects.filter(deleted_at=None).values_list("name", flat=True)) == [
        f"s{number}" for number in range(5)
    ]


def test_a_configuration_that_never_rests_is_given_up_on(team: Team, monkeypatch: pytest.MonkeyPatch) -> None:
    count = iter(range(100))

    def close_late() -> None:
        elsewhere(lambda: upsert_source(team, {"name": f"late-{next(count)}"}, now=utc_now()))
        lock_config_exclusive()

    monkeypatch.setattr(services, "lock_config_exclusive", close_late)
    with pytest.raises(Conflict, match="the configuration keeps changing while this is applied; try again") as refused:
        apply(team, order())
    assert refused.value.code == "ROUTES_BUSY"
    assert not Destination.objects.exists()


def test_a_plan_waits_for_no_row_and_keeps_nothing(team: Team) -> None:
    apply(team, order())
    changed = {**DOCUMENT, "sources": [{"name": "s0", "description": "new"}]}
    with transaction.atomic():
        assert len(Source.objects.select_for_update()) == 5
        answer = elsewhere(lambda: plan_routes(team, order(changed), now=utc_now()))
    assert answer["summary"]["update"] == 1
    assert Source.objects.get(name="s0").description == ""


def test_many_at_once_apply_it_once_and_others_get_through(team: Team) -> None:
    apply(team, order({**DOCUMENT, "connections": DOCUMENT["connections"][:1]}))
    first = Connection.objects.get()
    barrier = threading.Barrier(7)

    def at_once(call: Callable[[int], Any]) -> Any:
        def run() -> list[Any]:
            barrier.wait(timeout=20)
            found = []
            for number in range(5):
                try:
                    found.append(call(number))
                except Conflict as conflict:
                    found.append(conflict.code)
            return found

        return elsewhere(run)

    calls: list[Callable[[int], Any]] = [
        lambda number: apply(team, order())["applied"],
        lambda number: apply(team, order())["applied"],
        lambda number: apply(team, order())["applied"],
        lambda number: pause_connection(team, first.id, now=utc_now()).id,
        lambda number: unpause_connection(team, first.id, now=utc_now()).id,
        lambda number: upsert_source(team, {"name": "s1", "description": str(number)}, now=utc_now())[0].name,
        lambda number: (
            upsert_connection(
                team, {"name": "x", "source": {"name": "s2"}, "destination": {"name": "d"}}, now=utc_now()
            )[0].name
        ),
    ]
    with ThreadPoolExecutor(len(calls)) as pool:
        found = list(pool.map(at_once, calls))
    assert all(isinstance(each, list) for each in found), found
    applied = [each for answers in found[:3] for each in answers]
    assert (applied.count(True), set(applied) <= {True, False, "ROUTES_BUSY"}) == (1, True)
    assert Connection.objects.filter(deleted_at=None, name="c").count() == 5
    assert set(found[3]) | set(found[4]) == {first.id}
