from __future__ import annotations

import re
from typing import Any

import pytest
from django.db import IntegrityError, transaction

from events.models import DeliveryJob, Event, Request
from events.states import MOVES, Move, Rank, Status, Trigger, diagram, leaving, rank_of
from events.tests.seed import Project, build_attempt, build_event, build_request, make_event, make_request
from fasthook.lib.clock import utc_now
from fasthook.lib.sql import load_statements
from fasthook.testing import ROOT

EVENTS = ROOT / "events"


@pytest.mark.parametrize(
    ("file", "statement", "move"),
    [
        ("reconcile", "hold_waiting", Move.HOLD),
        ("reconcile", "cancel_waiting", Move.CANCEL),
        ("reconcile", "cancel_held", Move.CANCEL),
        ("reconcile", "release_held", Move.RELEASE),
    ],
)
def test_a_statement_moves_events_where_the_table_says(file: str, statement: str, move: Move) -> None:
    sql = load_statements(EVENTS / f"lifecycle/sql/{file}.sql")[statement]
    assert re.findall(r"UPDATE events\s+SET status = '(\w+)'", sql) == [MOVES[move][1].value]


def test_no_other_statement_names_a_status_of_its_own() -> None:
    for file in EVENTS.rglob("sql/*.sql"):
        if "migrations" in file.parts:
            continue
        for name, sql in load_statements(file).items():
            targets = set(re.findall(r"SET status = '(\w+)'", sql))
            assert targets <= {"HOLD", "CANCELLED", "QUEUED"}, name


def test_held_events_leave_by_release_or_cancel_only() -> None:
    assert {move for move, (sources, _) in MOVES.items() if Status.HOLD in sources} == {Move.RELEASE, Move.CANCEL}


def test_what_ended_leaves_by_a_retry_only() -> None:
    for status in (Status.SUCCESSFUL, Status.CANCELLED):
        assert {move for move, (sources, _) in MOVES.items() if status in sources} == {Move.RETRY}


def test_leaving_names_statuses_in_order() -> None:
    assert leaving(Move.CANCEL) == ["FAILED", "HOLD", "QUEUED", "SCHEDULED"]
    assert leaving(Move.HOLD) == ["FAILED", "QUEUED", "SCHEDULED"]


def test_ranks_put_first_attempts_before_retries_before_bulk() -> None:
    assert {trigger.value: rank_of(trigger) for trigger in Trigger} == {
        "INITIAL": Rank.FIRST,
        "UNPAUSE": Rank.FIRST,
        "AUTOMATIC": Rank.RETRY,
        "MANUAL": Rank.RETRY,
        "BULK_RETRY": Rank.BULK,
    }
    assert sorted(Rank) == [Rank.LEASED, Rank.FIRST, Rank.RETRY, Rank.BULK, Rank.RULES]


def test_the_diagram_has_every_move() -> None:
    lines = diagram().splitlines()
    assert lines[0] == "stateDiagram-v2"
    assert "    HOLD --> QUEUED: release" in lines
    assert len(lines) == 1 + sum(len(sources) for sources, _ in MOVES.values())


@pytest.mark.parametrize(
    "values",
    [
        {"status": "DONE"},
        {"attempts": -1},
        {"status": "QUEUED", "ignored_cause": "FILTERED"},
        {"status": "HOLD", "next_attempt_at": utc_now()},
        {"status": "SUCCESSFUL", "next_attempt_at": utc_now(), "successful_at": utc_now()},
        {"status": "SUCCESSFUL", "successful_at": None},
        {"status": "CANCELLED", "next_attempt_at": utc_now()},
    ],
)
def test_an_impossible_event_is_refused(team: Project, values: dict[str, Any]) -> None:
    request = make_request(team, utc_now())
    refuse(build_event(request, team, utc_now(), **values))


@pytest.mark.parametrize(
    "values",
    [
        {"status": "accepted", "rejection_cause": "X"},
        {"status": "rejected"},
        {"status": "lost", "rejection_cause": "X"},
    ],
)
def test_an_impossible_request_is_refused(team: Project, values: dict[str, Any]) -> None:
    refuse(build_request(team, utc_now(), **values))


@pytest.mark.parametrize("values", [{"attempt_number": 0}, {"trigger": "BOT"}, {"status": "QUEUED"}])
def test_an_impossible_attempt_is_refused(team: Project, values: dict[str, Any]) -> None:
    event = make_event(make_request(team, utc_now()), team, utc_now())
    refuse(build_attempt(event, utc_now(), **values))


@pytest.mark.parametrize(
    "values",
    [
        {"rank": 5},
        {"rank": 0},
        {"rank": 1, "lease_token": "00000000-0000-0000-0000-000000000001"},
        {"rank": 1, "cancelled": True},
    ],
)
def test_an_impossible_job_is_refused(team: Project, values: dict[str, Any]) -> None:
    fields = {"due_at": utc_now(), "attempt_number": 1, "trigger": "INITIAL", "body_size": 0, **values}
    refuse(DeliveryJob(event_id="evt_1", **fields))


def refuse(row: Any) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        row.save(force_insert=True)
    assert not Event.objects.filter(pk=row.pk).exists()
    assert not Request.objects.filter(pk=row.pk).exists()
