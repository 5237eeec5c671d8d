"""Statements are told from everything else in a Postgres log, and go to the process that asked."""

from bench.statements import count_in

LOG = b"""[fasthook route] LOG:  statement: BEGIN
[fasthook route] LOG:  execute _pg3_0: SELECT
        name FROM x
[fasthook capture] LOG:  statement: COPY requests (id) FROM STDIN (FORMAT BINARY)
[fasthook route] LOG:  duration: 1200.000 ms
[] LOG:  checkpoint starting: time
2026-01-01 LOG:  statement: SELECT 1
[fasthook route] ERROR:  duplicate key
[fasthook route] STATEMENT:  SELECT 2
"""


def test_each_run_of_a_statement_counts_once_for_its_process() -> None:
    assert count_in(LOG) == {"fasthook route": 2, "fasthook capture": 1}
