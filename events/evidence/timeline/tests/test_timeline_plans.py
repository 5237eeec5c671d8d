"""A trace answers from indexes and reads the days it can lie in, however long the history."""

from __future__ import annotations

from django.db import connection

from events.evidence.timeline.reading import read_evidence
from events.models import Event
from events.tests.explaining import explained, is_partition
from events.tests.seeded import History
from fasthook.lib.clock import utc_now
from fasthook.lib.ids import time_of
from teams.models import AuditEntry


def test_a_trace_reads_little_and_by_an_index(readable: History) -> None:
    AuditEntry.objects.bulk_create(
        AuditEntry(
            action="a.b", actor_type="system", resource_type="a", resource_id=f"conn_{number}", before={"rules": []}
        )
        for number in range(5000)
    )
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE teams_auditentry")
    with explained() as readings:
        evidence = read_evidence(readable.team_id, readable.names["request"], {}, now=utc_now())
    assert evidence.page.rows
    assert evidence.attempts
    for reading in readings:
        # Of configuration a few dozen rows fill one block: there is no index to prefer.
        long = {name for name in reading.sequential if is_partition(name) or name == AuditEntry._meta.db_table}
        assert long == set(), reading.statement
        assert reading.rows <= 60, reading.statement


def test_attempts_and_runs_are_read_in_the_days_of_their_events(readable: History) -> None:
    event = Event.objects.get(id=readable.names["event"])
    with explained() as readings:
        read_evidence(readable.team_id, event.request_id, {}, now=utc_now())
    read = {name for reading in readings for name in reading.partitions}
    assert event.last_attempt_at is not None
    days = {f"{moment:%Y%m%d}" for moment in (time_of(event.request_id), event.last_attempt_at, event.updated_at)}
    assert {name for name in read if name.startswith("attempts_")} <= {f"attempts_{day}" for day in days}
    assert {name for name in read if name.startswith("transformation_executions_")} <= {
        f"transformation_executions_{day}" for day in days
    }
