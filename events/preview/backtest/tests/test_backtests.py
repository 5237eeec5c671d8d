"""A backtest over a made history: exact counts and samples, page by page, and nothing else is written."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import connection as database

from connections.models import Transformation
from events.housekeeping import keep_house
from events.models import Event
from events.models.backtests import Backtest
from events.preview.backtest import evaluate, history, progress
from events.preview.backtest.runner import Backtester
from events.tests.backtesting import DEDUPLICATE, HOUR, SECOND, answer, drain, found, plan
from events.tests.plane import add_source, change
from events.tests.seed import Project, make_event, make_request
from fasthook.lib.clock import utc_now
from teams.models import AuditEntry

CODE = """
if (request.body.kind === "boom") throw new Error("no such kind");
request.body.kind = request.body.kind.toUpperCase() + process.env.END;
return request;
"""
TRANSFORM = {"type": "transform", "transformation": {"name": "shout", "code": CODE, "env": {"END": "!"}}}
FILTER = {"type": "filter", "body": {"kind": "PAID!"}}


@pytest.fixture
def start(now: datetime) -> datetime:
    return (now - 2 * HOUR).replace(second=0, microsecond=0)


@pytest.fixture
def backtester(team: Project) -> Iterator[Backtester]:
    made = Backtester()
    yield made
    made.close()


@pytest.fixture
def past(team: Project, start: datetime) -> list[str]:
    """The ids of the requests, in order; ten seconds lie between them."""

    def add(at_s: int, body: str, **event: Any) -> str:
        request = make_request(team, start + at_s * SECOND, body=body.encode())
        if event:
            make_event(request, team, start + (at_s + 1) * SECOND, **event)
        return request.id

    ignored = {"status": "CANCELLED", "ignored_meta": {"failed_targets": ["body"]}}
    successful = {"status": "SUCCESSFUL", "successful_at": start, "attempts": 1}
    broken = {"status": "FAILED", "failure_message": "TRANSFORMATION_FAILED: x"}
    return [
        add(0, '{"id": 1, "kind": "paid"}', **successful),
        add(10, '{"id": 1, "kind": "paid"}', **successful),
        add(20, '{"id": 2, "kind": "void"}', **successful),
        add(30, '{"id": 3, "kind": "boom"}'),
        add(40, '{"id": 4, "kind": "paid"}', **ignored, ignored_cause="FILTERED"),
        add(70, '{"id": 1, "kind": "paid"}', **ignored, ignored_cause="DEDUPLICATED"),
        add(80, '{"id": 5, "kind": "paid"}', **broken),
        add(90, '{"id": 6, "kind": "paid"}', status="FAILED", attempts=3, failure_message="BAD_RESPONSE"),
    ]


def test_it_says_what_would_become_of_each_request_and_shows_those_that_differ(
    team: Project, start: datetime, past: list[str], backtester: Backtester
) -> None:
    row = plan(team, start, DEDUPLICATE, TRANSFORM, FILTER)
    assert (row.status, row.total_count) == ("PLANNED", 8)
    drain(backtester)
    events = dict(Event.objects.values_list("request_id", "id"))
    shown = answer(row)
    assert found(row) == {
        "status": "COMPLETED",
        "total_count": 8,
        "done_count": 8,
        "would_be": {"delivered": 5, "filtered": 1, "deduplicated": 1, "failed": 1},
        "was": {"delivered": 4, "filtered": 1, "deduplicated": 1, "failed": 1, "none": 1},
        "changes": {
            "delivered->deduplicated": 1,
            "delivered->filtered": 1,
            "none->failed": 1,
            "filtered->delivered": 1,
            "deduplicated->delivered": 1,
            "failed->delivered": 1,
        },
        "changed_count": 6,
        "samples": [
            {
                "request_id": past[1],
                "event_id": events[past[1]],
                "was": "delivered",
                "would_be": "deduplicated",
                "first_request_id": past[0],
            },
            {
                "request_id": past[2],
                "event_id": events[past[2]],
                "was": "delivered",
                "would_be": "filtered",
                "failed_targets": ["body"],
            },
            {
                "request_id": past[3],
                "event_id": None,
                "was": "none",
                "would_be": "failed",
                "error": "TRANSFORMATION_FAILED: Error: no such kind",
            },
            {"request_id": past[4], "event_id": events[past[4]], "was": "filtered", "would_be": "delivered"},
            {"request_id": past[5], "event_id": events[past[5]], "was": "deduplicated", "would_be": "delivered"},
            {"request_id": past[6], "event_id": events[past[6]], "was": "failed", "would_be": "delivered"},
        ],
    }
    assert (shown["progress"], shown["failure_message"]) == (1.0, None)
    assert shown["started_at"] <= shown["finished_at"]


def test_only_accepted_requests_of_the_source_in_the_range_are_replayed(
    team: Project, other_team: Project, start: datetime, backtester: Backtester
) -> None:
    inside = [make_request(team, at).id for at in (start, start + HOUR)]
    make_request(team, start - timedelta(milliseconds=1))
    make_request(team, start + HOUR + timedelta(milliseconds=1))
    make_request(team, start + SECOND, status="rejected", rejection_cause="SOURCE_AUTH_FAILED")
    make_request(team, start + SECOND, handshake=True)
    make_request(team, start + SECOND, source_id=add_source(team).id)
    make_request(other_team, start + SECOND)
    row = plan(team, start)
    assert row.total_count == 2
    drain(backtester)
    assert [sample["request_id"] for sample in found(row)["samples"]] == inside


def test_paused_and_disabled_do_not_count(team: Project, start: datetime, backtester: Backtester) -> None:
    make_request(team, start)
    change(team.connection, disabled_at=utc_now())
    change(team.destination, disabled_at=utc_now())
    row = plan(team, start, {"type": "delay", "delay": 1000})
    drain(backtester)
    assert found(row)["would_be"] == {"delivered": 1, "filtered": 0, "deduplicated": 0, "failed": 0}


def test_without_rules_the_saved_ones_are_replayed_as_they_were_when_it_started(
    team: Project, start: datetime, past: list[str], backtester: Backtester
) -> None:
    code = Transformation.objects.create(team=team.team, name="shout", code=CODE, env={"END": "!"})
    rules = [{"type": "transform", "transformation_id": code.id}, FILTER]
    change(team.connection, rules=rules)
    row = plan(team, start, saved=True)
    change(code, code="return null;", env={})
    change(team.connection, rules=[])
    drain(backtester)
    assert (answer(row)["rules"], answer(row)["would_be"]["delivered"]) == (rules, 6)


def test_an_inline_transformation_without_env_has_the_one_of_its_name_as_when_saved(
    team: Project, start: datetime, past: list[str], backtester: Backtester
) -> None:
    Transformation.objects.create(team=team.team, name="shout", code="return null;", env={"END": "!"})
    row = plan(team, start, {"type": "transform", "transformation": {"name": "shout", "code": CODE}}, FILTER)
    drain(backtester)
    assert found(row)["would_be"]["delivered"] == 6


def contents() -> dict[str, str]:
    """A fingerprint of every table but that of backtests."""
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace"
            " WHERE nspname = 'public' AND relkind IN ('r', 'p') AND NOT relispartition"
        )
        tables = [name for (name,) in cursor.fetchall() if name != "backtest"]
        found = {}
        for table in tables:
            cursor.execute(f"SELECT md5(coalesce(string_agg(t::text, '|' ORDER BY t::text), '')) FROM {table} AS t")
            found[table] = cursor.fetchone()[0]
    return found


def test_nothing_but_its_own_row_and_an_audit_entry_is_written(
    team: Project, start: datetime, past: list[str], backtester: Backtester
) -> None:
    before = contents()
    assert {
        "requests",
        "events",
        "event_payloads",
        "transformation_executions",
        "delivery_job",
        "deduplication_key",
    } <= (before.keys())
    row = plan(team, start, DEDUPLICATE, TRANSFORM, FILTER)
    drain(backtester)
    assert found(row)["status"] == "COMPLETED"
    after = contents()
    assert after | {"teams_auditentry": before["teams_auditentry"]} == before
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["rehearsal.started"]


def test_secrets_are_sealed_while_it_waits_masked_when_shown_and_gone_afterwards(
    team: Project, start: datetime, past: list[str], backtester: Backtester
) -> None:
    secret = {"name": "shout", "code": CODE, "env": {"END": "a secret value"}}
    row = plan(team, start, {"type": "transform", "transformation": secret})
    stored = "SELECT row::text, sealed FROM backtest AS row"
    with database.cursor() as cursor:
        cursor.execute(stored)
        assert "a secret value" not in cursor.fetchone()[0]
        drain(backtester)
        cursor.execute(stored)
        text, sealed = cursor.fetchone()
    assert ("a secret value" in text, sealed) == (False, None)
    assert answer(row)["rules"][0]["transformation"]["env"] == {"END": "****alue"}


def test_transformations_that_take_long_make_small_pages_and_the_same_counts(
    team: Project, start: datetime, backtester: Backtester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "TRANSFORM_BUDGET_S", 0.05)
    for number in range(8):
        make_request(team, start + number * SECOND, body=b'{"odd": %d}' % (number % 2))
    code = "let n = 0; for (let i = 0; i < 3e5; i++) n += i; request.body.odd += n - n; return request;"
    inline = {"type": "transform", "transformation": {"name": "slow", "code": code}}
    row = plan(team, start, inline, {"type": "filter", "body": {"odd": 1}})
    pages: list[int] = []
    real = progress.save_page

    def save(*args: Any, **kwargs: Any) -> bool:
        pages.append(kwargs["done_count"])
        return real(*args, **kwargs)

    monkeypatch.setattr(progress, "save_page", save)
    drain(backtester)
    assert found(row)["would_be"] == {"delivered": 4, "filtered": 4, "deduplicated": 0, "failed": 0}
    assert len(pages) > 1
    assert pages == sorted(set(pages))


def test_a_page_holds_no_more_bytes_than_it_has_room_for(
    team: Project, start: datetime, backtester: Backtester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(history, "PAGE_BYTES", 100)
    sizes = (60, 40, 1, 500, 99, 1)
    ids = [make_request(team, start + at * SECOND, body=b" " * size).id for at, size in enumerate(sizes)]
    where = history.Past(team.source.id, start, start + HOUR)
    pages, after = [], ""
    while page := history.read_page(where, after=after, with_payload=True):
        pages.append([ids.index(request.id) for request in page])
        after = page[-1].id
    assert pages == [[0, 1], [2], [3], [4, 5]]


def test_those_that_are_over_are_kept_for_a_week(team: Project, start: datetime, backtester: Backtester) -> None:
    old, young = plan(team, start), plan(team, start)
    drain(backtester)
    waiting = plan(team, start)
    for row, days in ((old, 8), (young, 6)):
        Backtest.objects.filter(pk=row.pk).update(finished_at=utc_now() - timedelta(days=days))
    keep_house(now=utc_now())
    assert set(Backtest.objects.values_list("id", flat=True)) == {young.id, waiting.id}
