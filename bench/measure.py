"""What the product costs while it is loaded: CPU seconds and peak memory by role, and Postgres's own counters.

Processes are found below the supervisor's pid; a role is read from the command line. Nothing is measured by touching
the product, except that Postgres is asked for its statistics when a database URL is given.
"""

import asyncio
import contextlib
import re
import shlex
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import psycopg

from bench.cpu import CpuTime, processes_of, read_processes

SAMPLE_S = 1.0
# Work that a load leaves behind is over when all processes together take less than this share of one core, and none is
# kept from taking more.
CALM_SHARE = 0.15
CALM_LOOK_S = 0.25
CALM_PATIENCE_S = 15.0
MEGABYTE = 1_000_000
# Runs transformations; what it burns belongs to the process that started it.
SANDBOX = "connections.sandbox"
QUEUE_OPTION = re.compile(r"(?:-Q|--queues)[ =]?(\S+)")


@dataclass(frozen=True, slots=True)
class PostgresCounters:
    """Totals since the server's start; `statements` only where pg_stat_statements is installed."""

    commits: int
    rollbacks: int
    rows_inserted: int
    rows_updated: int
    rows_deleted: int
    wal_bytes: int
    statements: int | None

    def since(self, before: "PostgresCounters") -> "PostgresCounters":
        both = self.statements is not None and before.statements is not None
        return PostgresCounters(
            commits=self.commits - before.commits,
            rollbacks=self.rollbacks - before.rollbacks,
            rows_inserted=self.rows_inserted - before.rows_inserted,
            rows_updated=self.rows_updated - before.rows_updated,
            rows_deleted=self.rows_deleted - before.rows_deleted,
            wal_bytes=self.wal_bytes - before.wal_bytes,
            statements=(self.statements or 0) - (before.statements or 0) if both else None,
        )


@dataclass(slots=True)
class Usage:
    """Filled when the measured block ends. CPU in seconds, memory in bytes (private, plus the largest shared part),
    `memory` by role with the seconds since the start. `cpu` is of all processes, also of those that ended meanwhile;
    `cpu_s` shares it out by the roles of the living. `calm_s` is what waiting for calm took after `elapsed_s`.

    `machine_busy_s` is what all processes of the machine burnt: the part that is neither the product's nor the bench's
    is somebody else's load and makes the figures worth less.
    """

    elapsed_s: float = 0.0
    calm_s: float = 0.0
    cpu: CpuTime = field(default_factory=CpuTime)
    cpu_s: dict[str, float] = field(default_factory=dict)
    peak_bytes: dict[str, int] = field(default_factory=dict)
    memory: list[tuple[float, dict[str, int]]] = field(default_factory=list)
    machine_busy_s: float = 0.0
    bench_cpu_s: float = 0.0
    postgres: PostgresCounters | None = None

    @property
    def wall_s(self) -> float:
        """What the CPU was spent in."""
        return self.elapsed_s + self.calm_s

    @property
    def others_cpu_s(self) -> float:
        return max(0.0, self.machine_busy_s - self.bench_cpu_s - self.cpu.total_s)


def role_of(cmdline: list[str], name: str) -> str:
    """The role a process plays, from its command line: web, worker:<queues>, beat, postgres, cache, sandbox, other."""
    line = " ".join(cmdline) or name
    if SANDBOX in line:
        return "sandbox"
    if "celery" in line:
        if " beat" in line:
            return "beat"
        queues = QUEUE_OPTION.search(line)
        return f"worker:{queues.group(1)}" if queues else "worker"
    if "gunicorn" in line or "uvicorn" in line:
        return "web"
    if "postgres" in line:
        return "postgres"
    if "valkey" in line or "redis-server" in line:
        return "cache"
    return "other"


def product_pid(pid: int | None, data_dir: Path) -> int | None:
    """The supervisor's pid: the one given, else that in `<data_dir>/supervisor.lock`; None when nothing runs there."""
    if pid is None:
        try:
            pid = int((data_dir / "supervisor.lock").read_text().strip())
        except (OSError, ValueError):
            return None
    return pid if psutil.pid_exists(pid) else None


def read_database_url(data_dir: Path) -> str | None:
    """What the supervisor wrote down for tools beside it; None when nothing runs there."""
    try:
        words = shlex.split((data_dir / "env").read_text())
    except OSError:
        return None
    found = [word.partition("=")[2] for word in words if word.startswith("DATABASE_URL=")]
    return found[0] if found else None


class Meter:
    """Measures blocks of a run; without a pid or a database URL the parts that need them stay empty.

    With `until_calm` a block's CPU has the work in it that its load left behind, whatever a build puts off.
    """

    def __init__(self, *, pid: int | None, database_url: str | None, until_calm: bool = False) -> None:
        self._pid = pid
        self._database_url = database_url
        self._until_calm = until_calm
        self._roles: dict[int, str] = {}
        self._sandboxes: set[int] = set()

    def worker_count(self, role: str) -> int:
        """Processes of a role that do its work: those without a child of the same role; at least 1."""
        processes = self._processes()
        parents = set()
        workers = []
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                if self._role(process) == role and not self._is_sandbox(process):
                    workers.append(process.pid)
                    parents.add(process.ppid())
        return max(1, len(set(workers) - parents))

    @contextmanager
    def stopped(self, role: str) -> Iterator[None]:
        """A role's processes are held (SIGSTOP), so that work collects before them, and go on when the block ends."""
        held = [process for process in self._processes() if self._role(process) == role]
        try:
            for process in held:
                process.suspend()
            yield
        finally:
            for process in held:
                with contextlib.suppress(psutil.NoSuchProcess):
                    process.resume()

    def kill(self, role: str) -> None:
        """A role's processes end at once (SIGKILL); the product's supervisor starts others."""
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                if self._role(process) == role:
                    process.kill()

    @asynccontextmanager
    async def measuring(self) -> AsyncIterator[Usage]:
        usage = Usage()
        before = self._cpu_by_role()
        bench_before_s, busy_before_s = _bench_cpu_s(), _machine_busy_s()
        postgres_before = await self._postgres()
        started_s = time.perf_counter()
        sampler = asyncio.create_task(self._sample_memory(usage))
        try:
            yield usage
        finally:
            sampler.cancel()
            usage.elapsed_s = time.perf_counter() - started_s
            if self._until_calm:
                await self._wait_until_calm()
                usage.calm_s = time.perf_counter() - started_s - usage.elapsed_s
            after = self._cpu_by_role()
            usage.cpu = sum(after.values(), CpuTime()).since(sum(before.values(), CpuTime()))
            usage.cpu_s = {role: spent.since(before.get(role, CpuTime())).total_s for role, spent in after.items()}
            usage.bench_cpu_s = max(0.0, _bench_cpu_s() - bench_before_s)
            usage.machine_busy_s = max(0.0, _machine_busy_s() - busy_before_s)
            postgres_after = await self._postgres()
            if postgres_before is not None and postgres_after is not None:
                usage.postgres = postgres_after.since(postgres_before)

    def _processes(self) -> list[psutil.Process]:
        return [] if self._pid is None else processes_of(self._pid)

    def _role(self, process: psutil.Process) -> str:
        if process.pid not in self._roles:
            command = process.cmdline()
            role = role_of(command, process.name())
            if not command:
                return role  # in the middle of being started: it will have one
            parent = process.parent() if role == "sandbox" else None
            if parent is not None:
                self._sandboxes.add(process.pid)
                role = self._role(parent)
            self._roles[process.pid] = role
        return self._roles[process.pid]

    def _is_sandbox(self, process: psutil.Process) -> bool:
        return process.pid in self._sandboxes

    def total_cpu(self) -> CpuTime:
        """What all processes have spent since they began."""
        return sum(self._cpu_by_role().values(), CpuTime())

    def _cpu_by_role(self) -> dict[str, CpuTime]:
        """Children that have ended are in their parent's times, so a replaced worker still counts, as its parent."""
        spent: dict[str, CpuTime] = {}
        for process, its_own in read_processes(self._processes):
            try:
                role = self._role(process)
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                role = "other"
            spent[role] = spent.get(role, CpuTime()) + its_own
        return spent

    async def _wait_until_calm(self) -> None:
        deadline_s = time.perf_counter() + CALM_PATIENCE_S
        spent_s, is_busy = self.total_cpu().total_s, True
        while is_busy and time.perf_counter() < deadline_s:
            looked_s = time.perf_counter()
            await asyncio.sleep(CALM_LOOK_S)
            before_s, spent_s = spent_s, self.total_cpu().total_s
            share = (spent_s - before_s) / (time.perf_counter() - looked_s)
            is_busy = share > CALM_SHARE or self._wants_cpu()

    def _wants_cpu(self) -> bool:
        """True when a process runs or waits for a core, which a busy machine may not give it."""
        for process in self._processes():
            with contextlib.suppress(psutil.NoSuchProcess):
                if process.status() == psutil.STATUS_RUNNING:
                    return True
        return False

    async def _sample_memory(self, usage: Usage) -> None:
        started_s = time.perf_counter()
        while True:
            private: dict[str, int] = {}
            shared: dict[str, int] = {}
            for process in self._processes():
                with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                    memory = process.memory_info()
                    role = self._role(process)
                    private[role] = private.get(role, 0) + memory.rss - memory.shared
                    shared[role] = max(shared.get(role, 0), memory.shared)
            held = {role: private[role] + shared[role] for role in private}
            usage.memory.append((time.perf_counter() - started_s, held))
            for role, size in held.items():
                usage.peak_bytes[role] = max(usage.peak_bytes.get(role, 0), size)
            await asyncio.sleep(SAMPLE_S)

    async def _postgres(self) -> PostgresCounters | None:
        if self._database_url is None:
            return None
        return await asyncio.to_thread(read_postgres_counters, self._database_url)


def read_postgres_counters(database_url: str) -> PostgresCounters:
    """One look at pg_stat_database and the WAL position; psycopg.Error when the server does not let us."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        row = connection.execute(
            "SELECT xact_commit, xact_rollback, tup_inserted, tup_updated, tup_deleted,"
            " pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::bigint"
            " FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
        assert row is not None
        statements: int | None = None
        installed = connection.execute("SELECT to_regclass('pg_stat_statements') IS NOT NULL").fetchone()
        if installed is not None and installed[0]:
            counted = connection.execute("SELECT sum(calls)::bigint FROM pg_stat_statements").fetchone()
            statements = None if counted is None else counted[0]
    commits, rollbacks, inserted, updated, deleted, wal_bytes = row
    return PostgresCounters(commits, rollbacks, inserted, updated, deleted, wal_bytes, statements)


def _bench_cpu_s() -> float:
    """The generator, the receivers and the bare servers."""
    spent = 0.0
    own = psutil.Process()
    for process in [own, *own.children(recursive=True)]:
        with contextlib.suppress(psutil.NoSuchProcess):
            spent += sum(process.cpu_times()[:4])
    return spent


def _machine_busy_s() -> float:
    times = psutil.cpu_times()
    return float(sum(times) - times.idle - getattr(times, "iowait", 0.0) - getattr(times, "guest", 0.0))
