"""Seeded history: consistent rows, loaded by whole days, taken away again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection as database

from connections.models import Connection
from events.models import Attempt, DeliveryJob, Event, Request
from events.storage.partitions import PREFIXES
from events.tests.seed import Project, make_attempt, make_event, make_project, make_request
from fasthook.lib.clock import utc_now
from fasthook.lib.errors import Conflict, InvalidInput, Unavailable
from fasthook.lib.ids import is_id, new_id, time_of
from fasthook.lib.sql import DataConnection
from fasthook.testing import ApiCaller
from seeding import plan
from seeding.crew import Crew
from seeding.dropping import drop_history
from seeding.loading import load_stretch
from seeding.outcomes import TABLE_SIZE, Kind, outcome_table
from seeding.plan import plan_stretches, refuse_what_cannot_be, stretches_to_load
from seeding.routes import ensure_routes
from seeding.rows import COLUMNS, DayRows, Stretch
from seeding.shapes import SHAPES, SeedConnection, SeedRoutes, SeedSource
from teams.models import Team

NOW = datetime(2026, 5, 20, 15, tzinfo=UTC)
DAY = timedelta(days=1)


def routes() -> SeedRoutes:
    sources = []
    for shape in SHAPES:
        connections = [
            SeedConnection(new_id("conn"), f"{shape.name}-{number}", new_id("des"), "https://example.com/hooks", kind)
            for number, kind in enumerate(shape.kinds)
        ]
        sources.append(SeedSource(new_id("src"), shape.name, shape, tuple(connections)))
    return SeedRoutes("tm_1", NOW, tuple(sources))


def stretch_of(day: datetime, *, events: int, with_retired: bool = True) -> Stretch:
    first_ms = int(day.timestamp() * 1000)
    return Stretch(day, first_ms, first_ms + 86_400_000 - 1, events, with_retired)


def rows_of(seed: str, made_for: SeedRoutes) -> dict[str, list[dict[str, str]]]:
    tables: dict[str, list[dict[str, str]]] = {table: [] for table in COLUMNS}
    for chunk in DayRows(made_for, stretch_of(NOW.replace(hour=0), events=3000), seed=seed).chunks():
        for table, columns in COLUMNS.items():
            names = [name.strip() for name in columns.split(",")]
            lines = [line.removesuffix("\n").split("\t") for line in chunk.rows_of(table)]
            tables[table] += [dict(zip(names, line, strict=True)) for line in lines]
    return tables


def test_rows_are_in_the_order_of_their_ids_and_made_when_these_say() -> None:
    made = rows_of("1", routes())
    for table in COLUMNS:
        ids = [row["id"] for row in made[table]]
        assert all(is_id(PREFIXES[table], identifier) for identifier in ids)
        assert len(set(ids)) == len(ids)
        times = [time_of(identifier) for identifier in ids]
        assert times == sorted(times)
        assert {time.date() for time in times} == {NOW.date()}
        assert [datetime.fromisoformat(row["created_at"]) for row in made[table]] == times


def test_an_event_agrees_with_its_request_and_its_attempts() -> None:
    made = rows_of("1", routes())
    requests = {row["id"]: row for row in made["requests"]}
    attempts: dict[str, list[dict[str, str]]] = {}
    for attempt in made["attempts"]:
        attempts.setdefault(attempt["event_id"], []).append(attempt)
    branches = Counter(event["request_id"] for event in made["events"])
    assert sum(len(each) for each in attempts.values()) == sum(int(event["attempts"]) for event in made["events"])
    for event in made["events"]:
        request, own = requests[event["request_id"]], attempts.get(event["id"], [])
        assert (request["status"], request["handshake"], request["source_id"]) == ("accepted", "f", event["source_id"])
        assert [attempt["attempt_number"] for attempt in own] == [str(n + 1) for n in range(int(event["attempts"]))]
        if own:
            assert event["response_status"] == own[-1]["response_status"]
            assert event["error_code"] == own[-1]["error_code"]
            assert event["failure_message"] == own[-1]["error_message"]
            assert event["last_attempt_at"] == own[-1]["created_at"]
            assert event["successful_at"] == own[-1]["delivered_at"]
        assert (event["status"] == "SUCCESSFUL") == (bool(own) and own[-1]["status"] == "SUCCESSFUL")
        assert event["status"] not in ("QUEUED", "SCHEDULED")
        assert event["next_attempt_at"] == r"\N"
    fan_out = {source.id: len(source.connections) for source in routes().sources}
    assert set(branches.values()) == set(fan_out.values()) == {1, 2, 3}


def test_the_same_seed_makes_the_same_rows_and_another_one_others() -> None:
    made_for = routes()
    assert rows_of("1", made_for) == rows_of("1", made_for)
    assert rows_of("1", made_for)["events"][0]["id"] != rows_of("2", made_for)["events"][0]["id"]


def test_rare_outcomes_are_rare_and_there() -> None:
    statuses = Counter(outcome.status for outcome in outcome_table(Kind.FLAKY))
    assert sum(statuses.values()) == TABLE_SIZE
    assert set(statuses) == {"SUCCESSFUL", "FAILED", "CANCELLED"}
    assert 0 < statuses["CANCELLED"] < TABLE_SIZE // 500 < statuses["FAILED"] < TABLE_SIZE // 30


def test_events_are_spread_over_the_days_before_now_fewer_at_weekends() -> None:
    planned = plan_stretches(events=10_000, days=14, now=NOW)
    assert [stretch.day for stretch in planned] == [NOW.replace(hour=0) - age * DAY for age in range(14)]
    assert abs(sum(stretch.events for stretch in planned) - 10_000) < 14
    by_day = {stretch.day.weekday(): stretch.events for stretch in planned[1:]}
    assert by_day[6] == pytest.approx(0.6 * by_day[1], abs=1)
    assert planned[0].events == pytest.approx(by_day[1] * 15 / 24, abs=1)
    assert planned[0].last_ms < NOW.timestamp() * 1000


@pytest.mark.parametrize(("events", "days", "named"), [(0, 1, "--events"), (1, 0, "--days"), (1, 31, "--days")])
def test_sizes_out_of_bounds_are_refused(settings: Any, events: int, days: int, named: str) -> None:
    settings.RETENTION_DAYS_BY_TABLE = {"requests": 90, "events": 60, "attempts": 30}
    with pytest.raises(InvalidInput) as refused:
        refuse_what_cannot_be(events=events, days=days)
    assert list(refused.value.fields) == [named]


def test_more_than_the_disk_holds_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "_free_bytes", lambda: 5 * 10**9)
    refuse_what_cannot_be(events=100_000, days=1)
    with pytest.raises(Unavailable, match="33 GB of disk, 5 GB are free"):
        refuse_what_cannot_be(events=10_000_000, days=1)


@pytest.fixture
def loader(transactional_db: None) -> Iterator[DataConnection]:
    connection = DataConnection("test")
    yield connection
    connection.close()
    with database.cursor() as cursor:
        for table in COLUMNS:
            cursor.execute(f"DROP TABLE IF EXISTS {table}_20200510")


@pytest.fixture
def project(transactional_db: None) -> Project:
    return make_project("seeded", now=utc_now())


OLD = datetime(2020, 5, 10, tzinfo=UTC)


def load(loader: DataConnection, team: Team, stretch: Stretch) -> int:
    made_for = ensure_routes(team, base_url="http://127.0.0.1:1", now=utc_now())
    return loader.run(load_stretch, made_for, stretch, seed="1", loaded=lambda _: None)


def indexes(table: str) -> set[tuple[str, bool]]:
    with database.cursor() as cursor:
        cursor.execute(
            "SELECT regexp_replace(pg_get_indexdef(indexrelid), '^.* USING ', ''), indisprimary FROM pg_index"
            " WHERE indrelid = %s::regclass AND indisvalid",
            [table],
        )
        return set(cursor.fetchall())


def test_a_loaded_day_is_a_partition_like_any_other(loader: DataConnection, project: Project) -> None:
    events = load(loader, project.team, stretch_of(OLD, events=500))
    assert events == Event.objects.filter(team_id=project.team.id).count() > 450
    assert Attempt.objects.count() > 400
    for table in COLUMNS:
        assert indexes(f"{table}_20200510") == indexes(table)
        with database.cursor() as cursor:
            cursor.execute(
                "SELECT inhparent::regclass::text FROM pg_inherits WHERE inhrelid = %s::regclass", [f"{table}_20200510"]
            )
            assert cursor.fetchone() == (table,)
            cursor.execute("SELECT count(*) FROM pg_constraint WHERE conname = 'seeded_bounds'")
            assert cursor.fetchone() == (0,)
    assert not DeliveryJob.objects.exists()


def test_the_api_shows_what_was_seeded(loader: DataConnection, project: Project) -> None:
    yesterday = utc_now().replace(hour=0, minute=0, second=0, microsecond=0) - DAY
    load(loader, project.team, stretch_of(yesterday, events=200, with_retired=False))
    api = ApiCaller(project.api_key)
    event = api.get("events?status=SUCCESSFUL&limit=1&from=now-2d").json()["models"][0]
    shown = api.get(f"events/{event['id']}").json()
    assert shown["data"]["body"]["type"]
    assert api.get(f"requests/{event['request_id']}").json()["events_count"] >= 1
    attempts = api.get(f"attempts?event_id={event['id']}&from=now-2d").json()["models"]
    assert len(attempts) == event["attempts"] == shown["attempts"]
    assert api.get(f"connections/{event['connection_id']}").json()["name"].startswith("history-")


def test_a_day_that_fails_leaves_nothing(loader: DataConnection, project: Project) -> None:
    made_for = ensure_routes(project.team, base_url="http://127.0.0.1:1", now=utc_now())

    def stop(_: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        loader.run(load_stretch, made_for, stretch_of(OLD, events=100), seed="1", loaded=stop)
    with database.cursor() as cursor:
        cursor.execute("SELECT to_regclass('events_20200510'), to_regclass('requests_20200510')")
        assert cursor.fetchone() == (None, None)


def test_a_second_run_goes_on_with_the_days_that_are_left(loader: DataConnection, project: Project) -> None:
    stretches = [stretch_of(OLD, events=50), stretch_of(OLD + DAY, events=50)]
    load(loader, project.team, stretches[0])
    assert stretches_to_load(stretches, project.team.id, even_beside=False) == stretches[1:]


def test_a_team_with_evidence_of_its_own_must_be_asked_for(loader: DataConnection, project: Project) -> None:
    now = utc_now()
    make_event(make_request(project, now), project, now)
    today = [stretch_of(now.replace(hour=0, minute=0, second=0, microsecond=0), events=10)]
    with pytest.raises(Conflict, match="--yes"):
        stretches_to_load(today, project.team.id, even_beside=False)
    assert stretches_to_load(today, project.team.id, even_beside=True) == today


def test_dropping_takes_the_seed_and_its_routes_and_nothing_else(loader: DataConnection, project: Project) -> None:
    now = utc_now()
    today = stretch_of(now.replace(hour=0, minute=0, second=0, microsecond=0), events=50)
    own = make_event(make_request(project, now), project, now)
    attempt = make_attempt(own, now)
    load(loader, project.team, stretch_of(OLD, events=50))
    load(loader, project.team, today)
    assert drop_history(project.team, now=now, report=lambda _: None) == len(COLUMNS)
    assert list(Event.objects.values_list("id", flat=True)) == [own.id]
    assert list(Request.objects.values_list("id", flat=True)) == [own.request_id]
    assert list(Attempt.objects.values_list("id", flat=True)) == [attempt.id]
    assert list(Connection.objects.filter(deleted_at=None).values_list("id", flat=True)) == [project.connection.id]
    assert stretches_to_load([today], project.team.id, even_beside=True) == [today]


def test_a_process_that_fails_stops_the_run(transactional_db: None) -> None:
    """The processes of a test run look for a database that has no tables."""
    crew = Crew(routes(), [stretch_of(OLD, events=10)], seed="1", processes=1)
    try:
        with pytest.raises(Unavailable, match="left nothing behind"):
            crew.is_working(60)
    finally:
        crew.end()
    assert crew.events == 0


def test_the_command_says_what_is_wrong(transactional_db: None) -> None:
    with pytest.raises(CommandError, match="there is no team tm_nobody"):
        call_command("seed_history", "--team", "tm_nobody")
