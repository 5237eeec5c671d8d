"""Counting SQL statements where they run: in Postgres's own log, by the name of the process that asked.

Works on the embedded server, whose log is a file of this machine; another server has to be asked by other means.
"""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

SETTINGS = {"log_statement": "all", "log_line_prefix": "[%a] "}
# A prepared statement is logged as `execute <name>` each time it runs.
LINE = re.compile(rb"^\[([^\]]*)\] LOG:  (?:statement|execute [^:]*): ", re.MULTILINE)


@contextmanager
def counting_statements(database_url: str, log: Path) -> Iterator[Counter[str]]:
    """Statements by application name while the block runs, filled when it ends; BEGIN, COMMIT and SET count too.

    psycopg.Error when the server is not ours to set up.
    """
    counts: Counter[str] = Counter()
    with psycopg.connect(database_url, user="postgres", autocommit=True) as connection:
        for name, value in SETTINGS.items():
            connection.execute(f"ALTER SYSTEM SET {name} = '{value}'")
        connection.execute("SELECT pg_reload_conf()")
        start = log.stat().st_size
        try:
            yield counts
        finally:
            counts.update(count_in(_read_from(log, start)))
            for name in SETTINGS:
                connection.execute(f"ALTER SYSTEM RESET {name}")
            connection.execute("SELECT pg_reload_conf()")


def count_in(text: bytes) -> Counter[str]:
    return Counter(match[1].decode(errors="replace") for match in LINE.finditer(text))


def _read_from(log: Path, start: int) -> bytes:
    with log.open("rb") as file:
        file.seek(start)
        return file.read()
