"""The storage ceiling: bodies by COPY into a table of the same Postgres, each group committed before the next."""

import time

import psycopg

from bench.ceiling import Ceiling
from bench.payload import webhook_body

COPY = "COPY into the same Postgres"
# What ingress commits at once with 64 connections, half of which wait for the group under way.
GROUP_ROWS = 32
TABLE = "bench_copy_ceiling"


def copy_in_groups(database_url: str, *, seconds: float) -> Ceiling:
    """Rows a second over one connection; the table is dropped at the end."""
    body = webhook_body()
    rows = 0
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
        connection.execute(f"CREATE TABLE {TABLE} (id text PRIMARY KEY, body bytea NOT NULL)")
        try:
            cpu_started_s, started_s = time.process_time(), time.perf_counter()
            while time.perf_counter() < started_s + seconds:
                with connection.cursor().copy(f"COPY {TABLE} FROM STDIN (FORMAT binary)") as copy:
                    copy.set_types(["text", "bytea"])
                    for number in range(rows, rows + GROUP_ROWS):
                        copy.write_row((f"{number:032d}", body))
                rows += GROUP_ROWS
            elapsed_s, cpu_s = time.perf_counter() - started_s, time.process_time() - cpu_started_s
        finally:
            connection.execute(f"DROP TABLE IF EXISTS {TABLE}")
    return Ceiling(COPY, rows / elapsed_s, cpu_s / rows * 1e6)
