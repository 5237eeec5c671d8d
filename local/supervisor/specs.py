"""The table of processes: what runs, under which name, and in which order it is stopped. Procfile and compose.yaml say
the same for other supervisors; local/tests/test_supervisor_specs.py keeps them equal.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

# Stopped first to last: nothing new comes in, then what came in is finished, then the clock.
WEB_RANK, WORKER_RANK, BEAT_RANK = 0, 1, 2
MAX_WORKERS = 64


@dataclass(frozen=True, slots=True)
class ProcessSpec:
    """One long-running process: a unique `name` and its command line. A lower `stop_rank` is told to stop earlier."""

    name: str
    command: tuple[str, ...]
    stop_rank: int = WORKER_RANK


class SpecError(Exception):
    """A setting that makes no process table; the message names it."""


def process_specs(environment: Mapping[str, str], *, data_dir: Path) -> list[ProcessSpec]:
    """The processes of a local installation. Reads HOST, PORT, ROUTE_WORKERS and DELIVER_WORKERS."""
    bind = f"{bracketed(environment['HOST'])}:{environment['PORT']}"
    web = _module("gunicorn", "fasthook.asgi:application", "-c", "python:fasthook.gunicorn", "--bind", bind)
    schedule = str(data_dir / "celerybeat-schedule")
    return [
        ProcessSpec("web", web, WEB_RANK),
        *_workers("route", count=_count(environment, "ROUTE_WORKERS")),
        *_workers("deliver", count=_count(environment, "DELIVER_WORKERS")),
        *_workers("bulk", count=1),
        *_workers("maintenance", count=1, pool=("threads", "-c", "4")),
        ProcessSpec("beat", _module(*_CELERY, "beat", "-s", schedule, "--pidfile=", "--loglevel", "info"), BEAT_RANK),
    ]


def bracketed(host: str) -> str:
    """An IPv6 address as URLs and gunicorn spell it."""
    return f"[{host}]" if ":" in host else host


_CELERY = ("celery", "-q", "-A", "fasthook")


def _module(*arguments: str) -> tuple[str, ...]:
    # By module: the launchers in .venv/bin carry an absolute path that a moved checkout breaks.
    return (sys.executable, "-m", *arguments)


def _workers(queue: str, *, count: int, pool: tuple[str, ...] = ("solo",)) -> list[ProcessSpec]:
    names = [queue] if count == 1 else [f"{queue}{number}" for number in range(1, count + 1)]
    return [ProcessSpec(name, _worker(name, queue=queue, pool=pool)) for name in names]


def _worker(name: str, *, queue: str, pool: tuple[str, ...]) -> tuple[str, ...]:
    quiet = ("--without-gossip", "--without-mingle", "--loglevel", "info")
    return _module(*_CELERY, "worker", "-Q", queue, "-P", *pool, "-n", f"{name}@%h", *quiet)


def _count(environment: Mapping[str, str], name: str) -> int:
    value = environment.get(name) or "1"
    if not value.isdecimal() or not 1 <= int(value) <= MAX_WORKERS:
        raise SpecError(f"{name} must be a number from 1 to {MAX_WORKERS}, not {value!r}.")
    return int(value)
