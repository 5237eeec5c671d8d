"""Whether what a team's evidence says of itself is true, asked of Postgres: of each event, its job and its attempts."""

from dataclasses import dataclass

import psycopg

# Waiting for a worker is having a job, and the other way round; what was cancelled in flight has one that ends it.
_ILLEGAL = """
SELECT event.id, event.status, job.event_id
FROM events AS event LEFT JOIN delivery_job AS job ON job.event_id = event.id AND NOT job.cancelled
WHERE event.team_id = %(team)s AND (job.event_id IS NOT NULL) <> (
    event.status IN ('QUEUED', 'SCHEDULED') OR (event.status = 'FAILED' AND event.next_attempt_at IS NOT NULL)
)
"""
# An event's last number is the number of its attempts, and where one ended it, its status is that one's.
_UNTRUE = """
SELECT event.id, event.status, event.attempts, told.count, told.last
FROM events AS event
CROSS JOIN LATERAL (
    SELECT count(*), count(DISTINCT attempt_number) AS numbers, coalesce(max(attempt_number), 0) AS last_number,
        (array_agg(status ORDER BY attempt_number DESC))[1] AS last
    FROM attempts WHERE event_id = event.id
) AS told
WHERE event.team_id = %(team)s AND (
    event.attempts <> told.count OR told.numbers <> told.count OR told.last_number <> told.count
    OR (event.status IN ('SUCCESSFUL', 'FAILED') AND told.last IS DISTINCT FROM event.status)
)
"""
_TWICE = """
SELECT request_id, connection_id, count(*) FROM events WHERE team_id = %(team)s GROUP BY 1, 2 HAVING count(*) > 1
"""
_WAITING = """
SELECT (SELECT count(*) FROM route_job WHERE source_id IN (SELECT id FROM sources_source WHERE team_id = %(team)s))
    + (SELECT count(*) FROM delivery_job WHERE team_id = %(team)s)
    + (SELECT count(*) FROM events WHERE team_id = %(team)s AND status = 'HOLD')
"""
_ATTEMPTS = "SELECT count(*) FROM attempts WHERE team_id = %(team)s"
_DEADLOCKS = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"


@dataclass(frozen=True, slots=True)
class Evidence:
    database_url: str
    team_id: str

    def faults(self) -> list[str]:
        """Events that are illegal, untrue, or there twice; the first of each kind in words."""
        found = []
        for kind, statement in (("illegal", _ILLEGAL), ("untrue", _UNTRUE), ("twice", _TWICE)):
            rows = self._read(statement)
            if rows:
                found.append(f"{len(rows)} {kind}, such as {rows[0]}")
        return found

    def waiting_count(self) -> int:
        return self._count(_WAITING)

    def attempts_count(self) -> int:
        return self._count(_ATTEMPTS)

    def deadlocks(self) -> int:
        """Of the whole database, since its statistics were reset."""
        return self._count(_DEADLOCKS)

    def _count(self, statement: str) -> int:
        [(count,)] = self._read(statement)
        return int(str(count))

    def _read(self, statement: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.database_url, autocommit=True) as database:
            return database.execute(statement.encode(), {"team": self.team_id}).fetchall()
