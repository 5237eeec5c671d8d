"""What each condition sees in the rows of ingress, routing and delivery."""

from __future__ import annotations

from datetime import datetime, timedelta
from uuid import uuid4

import pytest

from alerts.evaluation.conditions import backlog, disabled, failed_operations, failure_rate, rejected
from alerts.evaluation.conditions.observation import Observation
from alerts.models import AlertNotification
from alerts.rules.types import RuleType
from alerts.tests.seed import make_attempts, make_echo, make_jobs, make_rule
from connections.models import Connection
from destinations.models import Destination
from events.models import DeliveryJob, DiscardedRequests
from events.models.bulk import BulkOperation
from events.tests.seed import Project, make_event, make_request
from fasthook.lib.ids import new_id

MINUTE = timedelta(minutes=1)


def make_notification(project: Project, now: datetime, **values: object) -> AlertNotification:
    fields: dict[str, object] = {"kind": "OPENED", "status": "SENT", "channel_type": "WEBHOOK", "message": {}}
    return AlertNotification.objects.create(
        id=new_id("anf"),
        team_id=project.team.id,
        channel_id="ach_1",
        due_at=now,
        created_at=now,
        **{**fields, **values},
    )


# ---- Failure rate


@pytest.mark.usefixtures("shifted_clock")
def test_the_rate_is_of_the_attempts_begun_in_the_window(project: Project, now: datetime) -> None:
    rule = make_rule(project, RuleType.FAILURE_RATE, config={"threshold": 50, "window_s": 300})
    make_attempts(project, now - MINUTE, failed=15, successful=5)
    make_attempts(project, now - 6 * MINUTE, successful=100)
    assert failure_rate.observe(now=now) == [Observation(rule.id, project.connection.id, "connection", 75.0, out_of=20)]


@pytest.mark.parametrize(("failed", "successful", "seen"), [(40, 60, True), (39, 61, False), (8, 12, True)])
def test_a_rate_below_eight_tenths_of_the_threshold_is_not_looked_at(
    project: Project, now: datetime, failed: int, successful: int, seen: bool
) -> None:
    make_rule(project, RuleType.FAILURE_RATE, config={"threshold": 50})
    make_attempts(project, now - MINUTE, failed=failed, successful=successful)
    assert bool(failure_rate.observe(now=now)) is seen


def test_events_whose_transformation_failed_count_as_failures(project: Project, now: datetime) -> None:
    make_rule(project, RuleType.FAILURE_RATE)
    make_attempts(project, now - MINUTE, failed=1, successful=1)
    for _ in range(3):
        make_event(make_request(project, now - MINUTE), project, now - MINUTE, status="FAILED", attempts=0)
    [seen] = failure_rate.observe(now=now)
    assert (seen.value, seen.out_of) == (80.0, 5)


def test_each_rule_has_its_own_window_and_scope(project: Project, now: datetime) -> None:
    second = Connection.objects.create(
        team=project.team, name="second", source=project.source, destination=project.destination
    )
    short = make_rule(project, RuleType.FAILURE_RATE, config={"window_s": 120}, scope=[second.id])
    long = make_rule(project, RuleType.FAILURE_RATE, config={"window_s": 3600})
    make_attempts(project, now - MINUTE, failed=2)
    make_attempts(project, now - 10 * MINUTE, failed=1, successful=1, connection_id=second.id)
    assert {(each.rule_id, each.object_id, each.value) for each in failure_rate.observe(now=now)} == {
        (long.id, project.connection.id, 100.0),
        (long.id, second.id, 50.0),
    }
    make_attempts(project, now - MINUTE, failed=1, connection_id=second.id)
    assert (short.id, second.id) in {(each.rule_id, each.object_id) for each in failure_rate.observe(now=now)}


def test_beyond_the_newest_failures_of_a_team_nothing_is_read(
    project: Project, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(failure_rate, "MOST", 10)
    make_rule(project, RuleType.FAILURE_RATE)
    make_attempts(project, now - 4 * MINUTE, successful=30)
    make_attempts(project, now - 2 * MINUTE, failed=20)
    [seen] = failure_rate.observe(now=now)
    assert (seen.value, seen.out_of) == (100.0, 10)


def test_other_teams_deleted_connections_and_rules_that_are_off_are_left_out(
    project: Project, other_project: Project, now: datetime
) -> None:
    make_rule(project, RuleType.FAILURE_RATE, disabled_at=now)
    make_rule(project, RuleType.FAILURE_RATE, deleted_at=now)
    make_attempts(project, now - MINUTE, failed=30)
    assert failure_rate.observe(now=now) == []
    make_rule(other_project, RuleType.FAILURE_RATE)
    assert failure_rate.observe(now=now) == []
    make_rule(project, RuleType.FAILURE_RATE)
    assert len(failure_rate.observe(now=now)) == 1
    Connection.objects.filter(id=project.connection.id).update(deleted_at=now)
    assert failure_rate.observe(now=now) == []


def test_notifications_that_fail_are_not_failures(project: Project, now: datetime) -> None:
    make_rule(project, RuleType.FAILURE_RATE, config={"threshold": 10, "min_count": 1})
    notification = make_notification(project, now)
    make_echo(project, now - MINUTE, notification.id)
    assert failure_rate.observe(now=now) == []
    make_attempts(project, now - MINUTE, failed=1, successful=1)
    [seen] = failure_rate.observe(now=now)
    assert (seen.value, seen.out_of) == (50.0, 2)


def test_the_mark_of_a_notification_that_was_never_sent_hides_nothing(project: Project, now: datetime) -> None:
    make_rule(project, RuleType.FAILURE_RATE)
    make_notification(project, now)
    make_echo(project, now - MINUTE, new_id("anf"))
    [seen] = failure_rate.observe(now=now)
    assert (seen.value, seen.out_of) == (100.0, 1)


# ---- Backlog


def test_a_backlog_counts_what_is_due_or_in_flight(project: Project, now: datetime) -> None:
    rule = make_rule(project, RuleType.BACKLOG, config={"threshold": 5})
    make_jobs(project, 4, now - MINUTE)
    make_jobs(project, 3, now + MINUTE)
    assert backlog.observe(now=now) == [Observation(rule.id, project.destination.id, "destination", 4.0)]
    make_jobs(project, 1, now)
    assert [each.value for each in backlog.observe(now=now)] == [5.0]


def test_counting_stops_beyond_the_threshold(project: Project, now: datetime, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backlog, "BEYOND", 2)
    make_rule(project, RuleType.BACKLOG, config={"threshold": 5})
    make_jobs(project, 20, now - MINUTE)
    [seen] = backlog.observe(now=now)
    assert (seen.value, seen.exact) == (7.0, False)


def test_the_age_is_that_of_the_oldest_that_is_due(project: Project, now: datetime) -> None:
    rule = make_rule(project, RuleType.BACKLOG_AGE, config={"threshold": 100})
    make_jobs(project, 1, now - timedelta(seconds=79))
    assert backlog.observe(now=now) == []
    make_jobs(project, 1, now - timedelta(seconds=80))
    assert backlog.observe(now=now) == [Observation(rule.id, project.destination.id, "destination", 80.0)]


def test_what_a_dead_worker_had_in_flight_is_due_since_its_lease_ran_out(project: Project, now: datetime) -> None:
    rule = make_rule(project, RuleType.BACKLOG_AGE, config={"threshold": 100})
    make_jobs(project, 2, now - timedelta(seconds=120))
    first, second = DeliveryJob.objects.all()
    DeliveryJob.objects.update(rank=0, lease_token=uuid4())
    DeliveryJob.objects.filter(event_id=first.event_id).update(due_at=now + timedelta(seconds=10))
    for notified in (False, True):
        if notified:
            make_notification(project, now)
        assert backlog.observe(now=now) == [Observation(rule.id, project.destination.id, "destination", 120.0)]
    DeliveryJob.objects.filter(event_id=second.event_id).update(cancelled=True)
    assert backlog.observe(now=now) == []


def test_only_destinations_in_scope_are_watched(project: Project, now: datetime) -> None:
    other = Destination.objects.create(team=project.team, name="other", url="https://example.com/")
    make_rule(project, RuleType.BACKLOG, config={"threshold": 1}, scope=[other.id])
    make_jobs(project, 2, now)
    assert backlog.observe(now=now) == []
    make_jobs(project, 2, now, destination=other)
    assert [each.object_id for each in backlog.observe(now=now)] == [other.id]


def test_notifications_that_wait_are_no_backlog(project: Project, now: datetime) -> None:
    make_rule(project, RuleType.BACKLOG, config={"threshold": 1})
    make_rule(project, RuleType.BACKLOG_AGE, config={"threshold": 10})
    notification = make_notification(project, now)
    make_jobs(project, 1, now - MINUTE)
    assert sorted(each.value for each in backlog.observe(now=now)) == [1.0, 60.0]
    from events.models import DeliveryJob, Request

    waiting = DeliveryJob.objects.get()
    Request.objects.filter(id=waiting.request_id).update(headers=[["x-fasthook-alert", notification.id]])
    assert backlog.observe(now=now) == []


# ---- Rejected requests


def test_rejected_requests_are_counted_by_source_with_those_that_were_not_stored(
    project: Project, now: datetime
) -> None:
    rule = make_rule(project, RuleType.REJECTED_REQUESTS, config={"threshold": 10, "window_s": 600})
    for cause in ("SOURCE_AUTH_FAILED", "SOURCE_METHOD_NOT_ALLOWED"):
        for _ in range(2):
            make_request(project, now - MINUTE, status="rejected", rejection_cause=cause)
    make_request(project, now - 11 * MINUTE, status="rejected", rejection_cause="SOURCE_DISABLED")
    assert rejected.observe(now=now) == []
    for minute, cause, count in (
        (now - 2 * MINUTE, "SOURCE_AUTH_FAILED", 5),
        (now - 20 * MINUTE, "SOURCE_AUTH_FAILED", 100),
        (now - 2 * MINUTE, "HANDSHAKE", 100),
    ):
        DiscardedRequests.objects.create(
            team_id=project.team.id,
            source_id=project.source.id,
            minute=minute,
            rejection_cause=cause,
            count=count,
        )
    assert rejected.observe(now=now) == [Observation(rule.id, project.source.id, "source", 9)]


def test_notifications_that_are_rejected_are_not_counted(project: Project, now: datetime) -> None:
    make_rule(project, RuleType.REJECTED_REQUESTS, config={"threshold": 1})
    notification = make_notification(project, now)
    rejection = {"status": "rejected", "rejection_cause": "SOURCE_AUTH_FAILED"}
    make_request(project, now - MINUTE, headers=[["x-fasthook-alert", notification.id]], **rejection)
    assert rejected.observe(now=now) == []
    make_request(project, now - MINUTE, **rejection)
    assert [each.value for each in rejected.observe(now=now)] == [1]


# ---- Failed bulk operations


def test_an_operation_that_broke_off_is_seen_while_its_window_lasts(
    project: Project, other_project: Project, now: datetime
) -> None:
    rule = make_rule(project, RuleType.BULK_OPERATION_FAILED, config={"window_s": 600})

    def make_operation(status: str, finished_at: datetime | None, owner: Project = project) -> BulkOperation:
        return BulkOperation.objects.create(
            team_id=owner.team.id,
            type="event_bulk_retry",
            status=status,
            digest=new_id("bch").encode()[-32:],
            filter={},
            range_from=now,
            range_to=now,
            total_count=1,
            total_exact=True,
            requested_by="somebody",
            created_at=now,
            finished_at=finished_at,
        )

    failed = make_operation("FAILED", now - 5 * MINUTE)
    make_operation("FAILED", now - 11 * MINUTE)
    make_operation("COMPLETED", now - MINUTE)
    make_operation("RUNNING", None)
    make_operation("FAILED", now - MINUTE, other_project)
    assert failed_operations.observe(now=now) == [Observation(rule.id, failed.id, "event_bulk_retry", 1.0)]
    assert failed_operations.observe(now=now + 6 * MINUTE) == []


# ---- Disabled


def test_what_is_disabled_is_seen_by_rules_for_its_kind(project: Project, now: datetime) -> None:
    rules = {
        kind: make_rule(project, kind)
        for kind in (RuleType.SOURCE_DISABLED, RuleType.DESTINATION_DISABLED, RuleType.CONNECTION_DISABLED)
    }
    assert disabled.observe(now=now) == []
    for row in (project.source, project.destination, project.connection):
        type(row).objects.filter(id=row.id).update(disabled_at=now)
    assert {(each.rule_id, each.object_id, each.object_name) for each in disabled.observe(now=now)} == {
        (rules[RuleType.SOURCE_DISABLED].id, project.source.id, "source"),
        (rules[RuleType.DESTINATION_DISABLED].id, project.destination.id, "destination"),
        (rules[RuleType.CONNECTION_DISABLED].id, project.connection.id, "connection"),
    }
    Destination.objects.filter(id=project.destination.id).update(deleted_at=now)
    assert len(disabled.observe(now=now)) == 2
