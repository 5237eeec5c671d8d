"""Claims of due deliveries and their ends, against Postgres: fairness, ranks, queues, rates, leases."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest

from events.delivery import claims, leases
from events.delivery.claims import claim_due_jobs
from events.delivery.jobs import AttemptResult, Claim, ClaimedJob, ClaimRequest, Room
from events.delivery.results import finish_attempts
from events.models import Attempt, DeliveryJob, DestinationLease, Event, Request
from events.states import Rank, Trigger, rank_of
from events.tests.plane import add_destination, change, database_now
from events.tests.seed import Project, build_event, build_request
from events.tests.writing import write
from fasthook.lib.clock import utc_now
from fasthook.lib.ids import new_id
from fasthook.lib.sql import DataConnection

pytestmark = pytest.mark.usefixtures("transactional_db")
SECOND = timedelta(seconds=1)


def add_jobs(project: Project, count: int, *, destination_id: str | None = None, **values: Any) -> list[str]:
    """Events with requests and jobs that are due since a minute, in the order of their ids."""
    now = utc_now() - timedelta(minutes=1)
    destination_id = destination_id or project.destination.id
    requests = [build_request(project, now, id=new_id("req")) for _ in range(count)]
    events = [
        build_event(request, project, now, id=new_id("evt"), destination_id=destination_id) for request in requests
    ]
    fields = {"rank": 1, "due_at": now, "attempt_number": 1, "trigger": "INITIAL", "body_size": 9, **values}
    jobs = [
        DeliveryJob(
            event_id=event.id,
            team_id=event.team_id,
            request_id=event.request_id,
            source_id=event.source_id,
            connection_id=event.connection_id,
            destination_id=destination_id,
            **fields,
        )
        for event in events
    ]
    write(requests)
    write(events)
    DeliveryJob.objects.bulk_create(jobs)
    return [event.id for event in events]


def claim(door: DataConnection, **values: Any) -> Claim:
    return door.run(claim_due_jobs, requested(**values))


def requested(
    *,
    worker: UUID | None = None,
    limit: int = 250,
    bulk_limit: int | None = None,
    max_bytes: int = 10**9,
    room: int = 250,
    rooms: dict[str, Room] | None = None,
    after: str = "",
) -> ClaimRequest:
    return ClaimRequest(
        worker=worker or uuid4(),
        limit=limit,
        bulk_limit=limit if bulk_limit is None else bulk_limit,
        max_bytes=max_bytes,
        room=room,
        rooms=rooms or {},
        lease_s=15.0,
        scan_after=after,
    )


def ids(jobs: Sequence[ClaimedJob]) -> list[str]:
    return [job.event_id for job in jobs]


def result(job: ClaimedJob, **values: Any) -> AttemptResult:
    fields: dict[str, Any] = {
        "job": job,
        "attempt_id": new_id("att"),
        "status": "SUCCESSFUL",
        "response_status": 200,
        "error_code": None,
        "error_message": None,
        "requested_url": "https://example.com/",
        "http_method": "POST",
        "request_headers": {"a": "b"},
        "response_headers": {"c": "d"},
        "body": "ok",
        "latency_ms": 1500,
        "started_at": datetime(2026, 5, 29, 10, tzinfo=UTC),
        "next_attempt_at": None,
    }
    return AttemptResult(**{**fields, **values})


def test_a_claim_brings_the_job_with_its_request_and_leases_it(project: Project, door: DataConnection) -> None:
    (event_id,) = add_jobs(project, 1)
    before = database_now()
    (job,) = claim(door).jobs
    after = database_now()
    stored = Request.objects.get()
    assert (job.event_id, job.request_id, job.source_id, job.connection_id, job.destination_id) == (
        event_id,
        stored.id,
        project.source.id,
        project.connection.id,
        project.destination.id,
    )
    assert (job.method, job.path, job.query, job.body, job.headers) == (
        "POST",
        "",
        "",
        b'{"id": 1}',
        [["content-type", "application/json"]],
    )
    assert (job.attempt_number, job.retry_number, job.trigger, job.claim_count, job.wait_s) == (
        1,
        0,
        Trigger.INITIAL,
        1,
        0,
    )
    row = DeliveryJob.objects.get()
    assert (row.rank, row.lease_token, row.claim_count) == (0, job.lease_token, 1)
    assert before + 15 * SECOND <= row.due_at <= after + 15 * SECOND


def test_nothing_due_gives_no_jobs_and_the_version(project: Project, door: DataConnection) -> None:
    add_jobs(project, 1, due_at=utc_now() + timedelta(hours=1))
    project.connection.refresh_from_db()
    found = claim(door)
    assert (found.jobs, found.config_version, found.scanned_to) == ([], project.connection.version, "")


def test_a_lone_event_is_in_the_first_claim_beside_a_crowd_of_another_destination(
    project: Project, door: DataConnection
) -> None:
    add_jobs(project, 500)
    change(project.destination, max_concurrency=1000)
    other = add_destination(project)
    (lone,) = add_jobs(project, 1, destination_id=other.id)
    jobs = claim(door, limit=250).jobs
    assert len(jobs) == 250
    assert lone in ids(jobs)


def test_two_crowds_share_a_claim_evenly(project: Project, door: DataConnection) -> None:
    other = add_destination(project, max_concurrency=100)
    change(project.destination, max_concurrency=100)
    add_jobs(project, 60)
    add_jobs(project, 60, destination_id=other.id)
    jobs = claim(door, limit=40).jobs
    assert [len([job for job in jobs if job.destination_id == each.id]) for each in (project.destination, other)] == [
        20,
        20,
    ]


def test_ranks_go_before_times_and_times_before_ids(project: Project, door: DataConnection) -> None:
    now = utc_now()
    change(project.destination, max_concurrency=1)
    bulk = add_jobs(project, 1, rank=3, trigger="BULK_RETRY", due_at=now - 50 * SECOND)
    retry = add_jobs(project, 1, rank=2, trigger="AUTOMATIC", due_at=now - 40 * SECOND)
    late = add_jobs(project, 1, due_at=now - 10 * SECOND)
    early = add_jobs(project, 2, due_at=now - 20 * SECOND)
    dead = add_jobs(project, 1, rank=0, lease_token=uuid4(), due_at=now - 5 * SECOND)
    order = [ids(claim(door, worker=uuid4()).jobs) for _ in range(1)]
    worker = uuid4()
    DestinationLease.objects.update(owned_until=now - SECOND)
    order += [ids(claim(door, worker=worker).jobs) for _ in range(5)]
    assert order == [dead, early[:1], early[1:], late, retry, bulk]


def test_a_lane_gives_no_more_than_its_room_and_max_concurrency(project: Project, door: DataConnection) -> None:
    change(project.destination, max_concurrency=3)
    add_jobs(project, 20)
    worker = uuid4()
    assert len(claim(door, worker=worker).jobs) == 3
    assert len(claim(door, worker=worker, rooms={project.destination.id: Room(0, 0)}).jobs) == 0
    assert len(claim(door, worker=worker, rooms={project.destination.id: Room(5, 5)}).jobs) == 5
    assert len(claim(door, worker=worker, room=2).jobs) == 2


def test_bulk_work_has_room_of_its_own_and_comes_when_everything_else_is_chosen(
    project: Project, door: DataConnection
) -> None:
    other = add_destination(project, max_concurrency=100)
    change(project.destination, max_concurrency=100)
    bulk = add_jobs(project, 30, rank=3, trigger="BULK_RETRY")
    live = add_jobs(project, 5, destination_id=other.id, due_at=utc_now() - SECOND)
    worker = uuid4()
    first = claim(door, worker=worker, limit=10, rooms={project.destination.id: Room(jobs=20, bulk=8)}).jobs
    assert sorted(ids([job for job in first if not job.is_bulk])) == sorted(live)
    assert len(first) == 10
    second = claim(door, worker=worker, bulk_limit=4).jobs
    assert ([job.is_bulk for job in second], set(ids(second)) <= set(bulk)) == ([True] * 4, True)
    assert len(claim(door, worker=worker, rooms={project.destination.id: Room(jobs=20, bulk=8)}).jobs) == 8
    add_jobs(project, 3)
    third = claim(door, worker=worker, rooms={project.destination.id: Room(jobs=2, bulk=0)}).jobs
    assert [job.is_bulk for job in third] == [False, False]
    assert claim(door, worker=worker, bulk_limit=0, limit=1).jobs[0].is_bulk is False
    assert claim(door, worker=worker, bulk_limit=0).jobs == []


def test_the_last_slots_of_a_rates_second_are_kept_from_bulk_work(project: Project, door: DataConnection) -> None:
    change(project.destination, rate_limit=10, rate_limit_period="second")
    add_jobs(project, 20, rank=3, trigger="BULK_RETRY")
    worker = uuid4()

    def claim_at_once(connection: psycopg.Connection[Any]) -> list[list[ClaimedJob]]:
        """One transaction, and so one `now()`."""
        with connection.transaction():
            bulk, more = (claim_due_jobs(connection, requested(worker=worker)).jobs for _ in range(2))
            add_jobs(project, 20)
            return [bulk, more, claim_due_jobs(connection, requested(worker=worker)).jobs]

    bulk, more, live = door.run(claim_at_once)
    assert [job.wait_s for job in bulk] == pytest.approx([number * 0.101 for number in range(8)], abs=0.001)
    assert more == []
    assert [(job.is_bulk, job.wait_s) for job in live] == [
        (False, pytest.approx(at, abs=0.001)) for at in (0.808, 0.909)
    ]


def test_a_lane_has_one_owner_at_a_time(project: Project, door: DataConnection) -> None:
    change(project.destination, max_concurrency=1)
    add_jobs(project, 3)
    first, second = uuid4(), uuid4()
    assert len(claim(door, worker=first).jobs) == 1
    assert claim(door, worker=second).jobs == []
    assert len(claim(door, worker=first).jobs) == 1
    assert claim(door, worker=second).jobs == []


def test_two_workers_that_claim_at_once_split_the_lanes(project: Project) -> None:
    destinations = [project.destination, *(add_destination(project) for _ in range(7))]
    for destination in destinations:
        add_jobs(project, 20, destination_id=destination.id)
    doors = [DataConnection("one"), DataConnection("two")]
    try:
        with ThreadPoolExecutor(2) as threads:
            claims = list(threads.map(lambda door: claim(door, room=1).jobs, doors * 1))
    finally:
        for door in doors:
            door.close()
    owners = [{job.destination_id for job in jobs} for jobs in claims]
    assert owners[0] | owners[1] == {destination.id for destination in destinations}
    assert not owners[0] & owners[1]
    assert sum(map(len, claims)) == 8


def test_an_abandoned_lane_is_taken_over_when_its_time_is_up(project: Project, door: DataConnection) -> None:
    change(project.destination, max_concurrency=1)
    add_jobs(project, 2)
    claim(door, worker=uuid4())
    DestinationLease.objects.update(owned_until=database_now() - timedelta(milliseconds=1))
    other = uuid4()
    assert len(claim(door, worker=other).jobs) == 1
    assert list(DestinationLease.objects.values_list("owner", flat=True)) == [other]


def test_a_renewed_lane_stays(project: Project, door: DataConnection) -> None:
    change(project.destination, max_concurrency=1)
    add_jobs(project, 2)
    owner = uuid4()
    claim(door, worker=owner)
    before = database_now()
    DestinationLease.objects.update(owned_until=before)
    door.run(leases.renew_destination_leases, owner, [project.destination.id])
    (until,) = DestinationLease.objects.values_list("owned_until", flat=True)
    assert until >= before + leases.DESTINATION_LEASE_S * SECOND
    assert claim(door, worker=uuid4()).jobs == []


def test_released_lanes_are_anybodys_but_for_those_kept(project: Project, door: DataConnection) -> None:
    other = add_destination(project, max_concurrency=1)
    change(project.destination, max_concurrency=1)
    add_jobs(project, 2)
    add_jobs(project, 2, destination_id=other.id)
    owner = uuid4()
    assert len(claim(door, worker=owner).jobs) == 2
    door.run(leases.release_destination_leases, uuid4())
    assert claim(door, worker=uuid4()).jobs == []
    door.run(leases.release_destination_leases, owner, kept=[other.id])
    assert [job.destination_id for job in claim(door, worker=uuid4()).jobs] == [project.destination.id]


@pytest.mark.parametrize(
    ("limit", "period", "slots_s"),
    [
        (4, "second", [0, 0.2525, 0.505, 0.7575]),
        (120, "minute", [0, 0.505]),
        (1800, "hour", [0]),
        (1, "hour", [0]),
    ],
)
def test_a_rates_slots_are_even_a_hundredth_wide_of_it_and_reach_a_second_ahead(
    project: Project, door: DataConnection, limit: int, period: str, slots_s: list[float]
) -> None:
    change(project.destination, rate_limit=limit, rate_limit_period=period)
    add_jobs(project, 10)
    worker = uuid4()
    assert [job.wait_s for job in claim(door, worker=worker).jobs] == pytest.approx(slots_s, abs=0.001)
    assert DeliveryJob.objects.filter(rank=1).count() == 10 - len(slots_s)


def test_slots_go_on_where_the_last_claim_ended_whoever_claims(project: Project, door: DataConnection) -> None:
    change(project.destination, rate_limit=10)
    add_jobs(project, 20)
    first = uuid4()
    assert len(claim(door, worker=first, limit=4).jobs) == 4
    door.run(leases.release_destination_leases, first)
    waits = [job.wait_s for job in claim(door, worker=uuid4(), limit=4).jobs]
    assert waits[0] > 0.2
    assert [after - before for before, after in itertools.pairwise(waits)] == pytest.approx([0.101] * 3)


def test_an_unused_rate_is_not_saved_up(project: Project, door: DataConnection) -> None:
    change(project.destination, rate_limit=2)
    add_jobs(project, 10)
    worker = uuid4()
    claim(door, worker=worker)
    DestinationLease.objects.update(last_slot_at=database_now() - timedelta(hours=1))
    assert [job.wait_s for job in claim(door, worker=worker).jobs] == pytest.approx([0, 0.505], abs=0.001)


def test_a_changed_rate_holds_at_once(project: Project, door: DataConnection) -> None:
    change(project.destination, rate_limit=1, rate_limit_period="hour")
    add_jobs(project, 5)
    worker = uuid4()
    assert len(claim(door, worker=worker).jobs) == 1
    assert claim(door, worker=worker).jobs == []
    change(project.destination, rate_limit=4, rate_limit_period="second")
    waits = [job.wait_s for job in claim(door, worker=worker).jobs]
    assert len(waits) >= 3
    assert 0.0 <= waits[0] <= 0.25


def test_an_expired_lease_is_claimed_again_and_counted(project: Project, door: DataConnection) -> None:
    add_jobs(project, 1)
    worker = uuid4()
    (first,) = claim(door, worker=worker).jobs
    assert claim(door, worker=worker).jobs == []
    DeliveryJob.objects.update(due_at=database_now() - timedelta(milliseconds=1))
    (second,) = claim(door, worker=worker).jobs
    assert (first.claim_count, second.claim_count) == (1, 2)
    assert first.lease_token != second.lease_token


def test_a_renewed_lease_runs_on_and_only_for_its_holder(project: Project, door: DataConnection) -> None:
    add_jobs(project, 1)
    (job,) = claim(door).jobs
    almost_over = database_now() + SECOND
    before = database_now()
    DeliveryJob.objects.update(due_at=almost_over)
    stranger = ClaimedJob(uuid4(), *(getattr(job, name) for name in ClaimedJob.__slots__[1:]))  # type: ignore[attr-defined]
    door.run(leases.renew_job_leases, [stranger], lease_s=15.0)
    assert DeliveryJob.objects.get().due_at == almost_over
    door.run(leases.renew_job_leases, [job], lease_s=15.0)
    assert DeliveryJob.objects.get().due_at >= before + 15 * SECOND


def test_more_destinations_than_a_claim_scans_are_reached_over_several(
    project: Project, door: DataConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claims, "DESTINATIONS_PER_CLAIM", 3)
    wanted = set(add_jobs(project, 1))
    for _ in range(6):
        wanted |= set(add_jobs(project, 1, destination_id=add_destination(project).id))
    worker, after, found, pages = uuid4(), "", set(), []
    for _ in range(3):
        page = claim(door, worker=worker, after=after)
        pages.append(len(page.jobs))
        found |= set(ids(page.jobs))
        after = page.scanned_to
    assert pages == [3, 3, 1]
    assert found == wanted
    assert after == ""


def test_a_claim_is_bounded_in_bytes_but_never_empty(project: Project, door: DataConnection) -> None:
    add_jobs(project, 5, body_size=100)
    worker = uuid4()
    assert len(claim(door, worker=worker, max_bytes=250).jobs) == 3
    assert len(claim(door, worker=worker, max_bytes=1).jobs) == 1


@pytest.mark.parametrize("state", ["paused_at", "disabled_at", "deleted_at"])
def test_jobs_of_a_connection_that_is_not_running_are_passed_over(
    project: Project, door: DataConnection, state: str
) -> None:
    add_jobs(project, 3)
    change(project.connection, **{state: utc_now()})
    assert claim(door).jobs == []
    assert set(DeliveryJob.objects.values_list("rank", "claim_count")) == {(1, 0)}


@pytest.mark.parametrize("state", ["disabled_at", "deleted_at"])
def test_jobs_of_an_ended_destination_are_passed_over(project: Project, door: DataConnection, state: str) -> None:
    add_jobs(project, 3)
    change(project.destination, **{state: utc_now()})
    assert claim(door).jobs == []


def test_a_job_whose_request_is_gone_comes_without_one(project: Project, door: DataConnection) -> None:
    add_jobs(project, 1)
    Request.objects.all().delete()
    (job,) = claim(door).jobs
    assert (job.method, job.body, job.headers) == (None, None, None)


def test_a_mixed_batch_is_finished_in_one_go(project: Project, door: DataConnection) -> None:
    add_jobs(project, 3)
    done, again, over = claim(door).jobs
    later = datetime(2026, 5, 29, 11, tzinfo=UTC)
    failed = {"status": "FAILED", "response_status": 500, "error_code": "BAD_RESPONSE", "error_message": "answered 500"}
    own = door.run(
        finish_attempts,
        [
            result(done),
            result(again, **failed, next_attempt_at=later),
            result(over, status="FAILED", response_status=None, error_code="TIMEOUT", response_headers=None, body=None),
        ],
    )
    assert own == {done.event_id, again.event_id, over.event_id}
    columns = ("status", "attempts", "response_status", "error_code", "failure_message", "next_attempt_at")
    assert {row[0]: row[1:] for row in Event.objects.values_list("id", *columns)} == {
        done.event_id: ("SUCCESSFUL", 1, 200, None, None, None),
        again.event_id: ("FAILED", 1, 500, "BAD_RESPONSE", "answered 500", later),
        over.event_id: ("FAILED", 1, None, "TIMEOUT", None, None),
    }
    assert Event.objects.filter(successful_at__isnull=False).get().id == done.event_id
    job = DeliveryJob.objects.get()
    assert (job.event_id, job.rank, job.due_at, job.attempt_number, job.retry_number, job.trigger, job.claim_count) == (
        again.event_id,
        Rank.RETRY,
        later,
        2,
        1,
        "AUTOMATIC",
        0,
    )
    attempts = {row.event_id: row for row in Attempt.objects.all()}
    assert attempts[done.event_id].delivered_at == datetime(2026, 5, 29, 10, 0, 1, 500_000, tzinfo=UTC)
    assert attempts[done.event_id].request_headers == {"a": "b"}
    assert (attempts[over.event_id].response_headers, attempts[over.event_id].body) == (None, None)
    assert attempts[again.event_id].delivered_at is None


def test_who_lost_the_lease_writes_nothing(project: Project, door: DataConnection) -> None:
    add_jobs(project, 1)
    worker = uuid4()
    (lost,) = claim(door, worker=worker).jobs
    DeliveryJob.objects.update(due_at=database_now() - SECOND)
    (kept,) = claim(door, worker=worker).jobs
    assert door.run(finish_attempts, [result(lost, status="FAILED")]) == set()
    assert (Event.objects.get().status, Attempt.objects.count()) == ("QUEUED", 0)
    assert door.run(finish_attempts, [result(kept)]) == {kept.event_id}
    assert door.run(finish_attempts, [result(kept)]) == set()
    assert Attempt.objects.count() == 1


@pytest.mark.parametrize("trigger", list(Trigger))
def test_released_jobs_go_back_to_the_rank_of_their_trigger_uncounted(
    project: Project, door: DataConnection, trigger: Trigger
) -> None:
    add_jobs(project, 1, trigger=trigger, rank=rank_of(trigger))
    (job,) = claim(door).jobs
    door.run(claims.release_jobs, [job])
    row = DeliveryJob.objects.get()
    assert (row.rank, row.claim_count, row.lease_token) == (rank_of(trigger), 0, None)
    assert row.due_at <= database_now()
    door.run(claims.release_jobs, [job])
    assert DeliveryJob.objects.get().claim_count == 0
