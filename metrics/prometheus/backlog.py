"""The backlog, sampled from Postgres at a scrape: one bounded statement, kept for a few seconds.

While Postgres is away there is no sample, and the scrape says so and goes on: that is when counters matter most.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from psycopg import Connection

from fasthook.lib.single_flight import SingleFlight
from fasthook.lib.sql import DataConnection, load_statements

SQL = load_statements(Path(__file__).parent / "sql" / "backlog.sql")

COUNTED_ROWS = 100_000
VISITED_QUEUES = 1_000
LATE_S = 60
FRESH_S = 3.0
# Less than Prometheus's own ten seconds, so that a scrape is answered whatever Postgres does.
PATIENCE_S = 4.0


@dataclass(frozen=True, slots=True)
class Stage:
    name: str
    jobs: int
    oldest_due_s: float


@dataclass(frozen=True, slots=True)
class Sample:
    stages: tuple[Stage, ...]
    destinations: int
    late_destinations: int


def sample_backlog() -> Sample:
    """psycopg.Error when Postgres is away or too slow. A connection of its own: scrapes are rare."""
    database = DataConnection("metrics")
    try:
        return database.run(_sample)
    finally:
        database.close()


def _sample(connection: Connection[Any]) -> Sample:
    with connection.transaction():
        connection.execute("SELECT set_config('statement_timeout', '3s', true)")
        params = {"rows": COUNTED_ROWS, "queues": VISITED_QUEUES, "late_s": LATE_S}
        rows = connection.execute(SQL["sample_backlog"], params).fetchall()
    stages = tuple(Stage(name, jobs, oldest_due_s) for name, jobs, oldest_due_s, _, _ in rows)
    return Sample(stages, destinations=rows[0][3], late_destinations=rows[0][4])


class Backlog(Collector):
    """The queues, whether Postgres answered, and the room on the data folder's disk."""

    def __init__(self, data_dir: Path) -> None:
        self._sample = SingleFlight(sample_backlog, patience_s=PATIENCE_S, fresh_s=FRESH_S)
        self._data_dir = data_dir

    def collect(self) -> Iterator[Metric]:
        try:
            sample = self._sample()
        except (psycopg.Error, TimeoutError):
            sample = None
        up = "1 when Postgres answered this scrape. Without an answer the queue's series are missing."
        yield GaugeMetricFamily("fasthook_database_up", up, value=0 if sample is None else 1)
        if sample is not None:
            yield from _queue(sample)
        yield from self._disk()

    def _disk(self) -> Iterator[Metric]:
        try:
            free = shutil.disk_usage(self._data_dir).free
        except OSError:
            return
        text = "Free bytes where the data folder lies: of an embedded Postgres, its disk."
        yield GaugeMetricFamily("fasthook_data_disk_free_bytes", text, value=free)


def _queue(sample: Sample) -> Iterator[Metric]:
    jobs = GaugeMetricFamily(
        "fasthook_queue_jobs",
        f"Rows that wait or are worked on, retries and delays of later included; held events have none."
        f" Exact to {COUNTED_ROWS}, beyond that the planner's estimate.",
        labels=["stage"],
    )
    oldest = GaugeMetricFamily(
        "fasthook_queue_oldest_due_seconds",
        "How long the oldest row has been due, 0 when nothing is."
        f" deliver: over the first {VISITED_QUEUES} destinations; one that is over its rate counts too.",
        labels=["stage"],
    )
    for stage in sample.stages:
        jobs.add_metric([stage.name], stage.jobs)
        oldest.add_metric([stage.name], stage.oldest_due_s)
    yield from (jobs, oldest)
    text = f"Destinations that have delivery jobs, counted to {VISITED_QUEUES}."
    yield GaugeMetricFamily("fasthook_destinations_waiting", text, value=sample.destinations)
    text = f"Of those, destinations whose oldest job has been due for more than {LATE_S} s."
    yield GaugeMetricFamily("fasthook_destinations_late", text, value=sample.late_destinations)
