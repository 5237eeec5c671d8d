"""The queue of deliveries: sampled every minute by destination, and as it is now.

Depth counts what is due or in flight; a retry or delay that is not due yet does not wait. Age is that of the oldest due
job that nobody has taken.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection

from metrics.reading.question import Question
from metrics.spec.spans import MINUTE, floor_to
from metrics.spec.tallies import Tallies, tallies_of

_WAITING = """
    SELECT team_id, destination_id, count(*) AS depth,
        coalesce(extract(epoch FROM %(now)s - min(due_at) FILTER (WHERE rank > 0)), 0)::bigint AS oldest_age_s
    FROM delivery_job
    WHERE (rank = 0 OR due_at <= %(now)s){where}
    GROUP BY team_id, destination_id"""
_SAMPLE = f"""
    INSERT INTO metrics_queue AS earlier (at, team_id, destination_id, depth, oldest_age_s)
    SELECT %(at)s, team_id, destination_id, depth, oldest_age_s FROM ({_WAITING.format(where="")}) AS waiting
    ORDER BY team_id, destination_id
    ON CONFLICT (team_id, at, destination_id) DO UPDATE
    SET depth = greatest(earlier.depth, excluded.depth),
        oldest_age_s = greatest(earlier.oldest_age_s, excluded.oldest_age_s)"""
# The highest sample of each bucket; a sample is what the chosen destinations had together at its minute.
_PEAKS = """
    SELECT width_bucket(at, (SELECT %(starts)s::timestamptz[])) AS bucket, {dimensions}max(depth), max(oldest_age_s)
    FROM (
        SELECT at, {dimensions}sum(depth)::bigint AS depth, max(oldest_age_s) AS oldest_age_s
        FROM metrics_queue
        WHERE team_id = %(team_id)s AND at >= %(start)s AND at < %(end)s{where}
        GROUP BY at{also}
    ) AS sampled
    GROUP BY bucket{also}"""
# All of it as the first bucket.
_NOW = """
    SELECT 1, {dimensions}coalesce(sum(depth), 0)::bigint, coalesce(max(oldest_age_s), 0)::bigint
    FROM ({waiting}) AS waiting{grouped}"""
_SUMS = ("depth_max", "oldest_age_max")
# By the team's destinations, since those are what the index of jobs begins with.
_OF_TEAM = (
    " AND destination_id = ANY(ARRAY(SELECT id FROM destinations_destination WHERE team_id = %(team_id)s))"
    " AND team_id = %(team_id)s"
)
_CHOSEN = " AND destination_id = ANY(%(destination_ids)s)"


def sample_queue(*, now: datetime) -> int:
    """Notes what waits at this minute; two samples of one minute are one, the higher. Returns how many destinations."""
    with connection.cursor() as cursor:
        cursor.execute(_SAMPLE, {"now": now, "at": floor_to(now, MINUTE)})
        return int(cursor.rowcount)


def peaks(question: Question) -> Tallies:
    by_destination = "destination_id" in question.dimensions
    params: dict[str, Any] = {
        "starts": question.starts,
        "team_id": question.team_id,
        "start": question.start,
        "end": question.end,
        "destination_ids": question.filters.get("destination_id"),
    }
    statement = _PEAKS.format(
        dimensions="destination_id, " if by_destination else "",
        also=", destination_id" if by_destination else "",
        where=_CHOSEN if params["destination_ids"] else "",
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return tallies_of(cursor.fetchall(), _SUMS, dimensions=len(question.dimensions))


def waiting_now(question: Question, *, now: datetime) -> Tallies:
    """What waits at this moment, as one bucket, by destination if that is a dimension."""
    ids = question.filters.get("destination_id")
    where = f"{_OF_TEAM}{_CHOSEN if ids else ''}"
    params: dict[str, Any] = {"now": now, "team_id": question.team_id, "destination_ids": ids}
    statement = _NOW.format(
        dimensions="destination_id, " if question.dimensions else "",
        grouped=" GROUP BY destination_id" if question.dimensions else "",
        waiting=_WAITING.format(where=where),
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return tallies_of(cursor.fetchall(), _SUMS, dimensions=len(question.dimensions))
