"""The data plane's own door to Postgres: named statements from .sql files, and a connection that mends itself.

Ingress, routing and delivery work in batches on a few long-lived connections each; Django's serve everything else.
A statement is found by the name that its file gives it, so that it can be read and EXPLAINed where it stands.
"""

from __future__ import annotations

import contextlib
import re
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec, TypeVar

import orjson
import psycopg
from django.db import connections
from psycopg import Connection, conninfo
from psycopg.types.json import set_json_loads

from fasthook.metrics import registry

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

_NAMED = re.compile(r"^-- :name (?P<name>\w+)\n(?P<sql>.*?)(?=^-- :name |\Z)", re.MULTILINE | re.DOTALL)

# Plans are kept however their tables grow. One that was made while a queue was empty joins a long one row by row, in a
# second; so a connection that waited this long has plans made anew.
_STALE_S = 0.25

# Claims join a few hundred jobs to evidence by primary key; on a day's fresh partition, without statistics yet, the
# planner would rather read it whole.
# What is wanted is found by an index, in its order, and cut off by a LIMIT: a bitmap would gather and sort all of it.
_OPTIONS = (
    "-c enable_seqscan=off -c enable_bitmapscan=off -c enable_mergejoin=off -c jit=off -c statement_timeout=30000"
)


def load_statements(path: Path) -> dict[str, str]:
    """The statements of a file, by the name in the `-- :name` line above each."""
    return {match["name"]: match["sql"].strip() for match in _NAMED.finditer(path.read_text())}


def is_unwell(error: psycopg.OperationalError) -> bool:
    """Whether Postgres is away, ending or out of room, whatever it was asked; otherwise the statement is at fault.

    By the classes of https://www.postgresql.org/docs/current/errcodes-appendix.html: no code or 08 is a lost
    connection, 53 insufficient resources, 57P a server that stops or starts, 58 the system below it.
    """
    return error.sqlstate is None or error.sqlstate.startswith(("08", "53", "57P", "58"))


class DataConnection:
    """One connection of one owner, opened when first used and again after it broke.

    `run(work, *args)` calls `work(connection, *args)`. When the connection turns out to have died while idle, the work
    is done once more on a fresh one; the work must therefore be safe to repeat until it has committed.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._connection: Connection[Any] | None = None
        self._lock = threading.Lock()

    def run(
        self,
        work: Callable[Concatenate[Connection[Any], Arguments], Result],
        *args: Arguments.args,
        **kwargs: Arguments.kwargs,
    ) -> Result:
        """psycopg.OperationalError when Postgres cannot be reached, also at the second try."""
        with self._lock:
            began = time.perf_counter()
            try:
                return self._run(lambda connection: work(connection, *args, **kwargs))
            except psycopg.OperationalError:
                registry.database_failures.add(1, self._name)
                raise
            finally:
                elapsed_s = time.perf_counter() - began
                registry.database_seconds.observe(elapsed_s, self._name)
                if elapsed_s > _STALE_S:
                    self._forget_plans()

    def _run(self, work: Callable[[Connection[Any]], Result]) -> Result:
        was_open = self._connection is not None
        try:
            return work(self._open())
        except psycopg.OperationalError:
            broken = self._connection is None or self._connection.closed or self._connection.broken
            if not (was_open and broken):
                raise
            self._close()
        return work(self._open())

    def _forget_plans(self) -> None:
        with contextlib.suppress(psycopg.Error):
            if self._connection is not None and not self._connection.closed:
                self._connection.execute("DISCARD PLANS")

    def close(self) -> None:
        with self._lock:
            self._close()

    def _open(self) -> Connection[Any]:
        if self._connection is None or self._connection.closed:
            self._connection = psycopg.connect(_conninfo(self._name), autocommit=True, prepare_threshold=2)
            set_json_loads(orjson.loads, self._connection)
        return self._connection

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _conninfo(name: str) -> str:
    wanted = {"dbname", "user", "password", "host", "port", "sslmode", "sslrootcert", "sslcert", "sslkey"}
    params = {key: value for key, value in connections["default"].get_connection_params().items() if key in wanted}
    return conninfo.make_conninfo(
        **params, application_name=f"fasthook {name}", options=_OPTIONS, connect_timeout=5, keepalives_idle=30
    )
