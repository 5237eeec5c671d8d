"""A whole `./script/up` of any checkout in a folder of its own, thrown away afterwards.

It runs the supervisor and the embedded servers exactly as an operator's does. Nothing of it is shared with another
installation: its own port, data, Postgres and Valkey. Started by its script, since module names differ between builds.
"""

import asyncio
import contextlib
import ctypes
import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from bench.api import Api, read_credentials
from bench.http import UnreachableError, fetch
from bench.measure import role_of
from bench.receivers import REPOSITORY

READY_S = 120.0
STOP_S = 15.0
POLL_S = 0.05
PR_SET_PDEATHSIG = 1
# Kept from the caller's environment: the rest might name another installation's servers.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "TZ", "USER", "LOGNAME")
# Set here although most are empty, so that an `.env` beside the code does not set them.
EMPTY = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENCRYPTION_KEYS", "BASE_URL", "SENTRY_DSN", "ROUTE_WORKERS")

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class InstallationError(RuntimeError):
    """The installation cannot be used; the message ends with what it printed last."""


class Installation:
    """Started by `start`, ended by `stop`; both may be called again, the data is kept between."""

    def __init__(
        self,
        folder: Path,
        *,
        data_dir: Path,
        settings: Mapping[str, str],
        prefix: Sequence[str] = (),
        checkout: Path = REPOSITORY,
    ) -> None:
        """`settings` are added to the product's environment, `prefix` goes before its command."""
        self.log = folder / "up.log"
        self._checkout = checkout
        self._data_dir = data_dir
        self._settings = dict(settings)
        self._prefix = list(prefix)
        self._supervisor: subprocess.Popen[bytes] | None = None
        self._port = _free_port()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    @property
    def supervisor_pid(self) -> int:
        if self._supervisor is None:
            raise InstallationError("the installation does not run")
        return self._supervisor.pid

    @property
    def data_dir(self) -> Path:
        """As we see it: with a `prefix` the installation may have a file system to itself."""
        return Path(f"/proc/{self.supervisor_pid}/root{self._data_dir}") if self._prefix else self._data_dir

    @property
    def api(self) -> Api:
        return read_credentials(self.data_dir / "credentials.json", self.base_url)

    async def start(self, *, delivery_workers: int = 1, patience_s: float = READY_S) -> None:
        """Returns when it is ready. InstallationError when it ends before, or takes longer than `patience_s`."""
        self._supervisor = self._launch(delivery_workers)
        await self.wait_until_ready(patience_s)

    def _launch(self, delivery_workers: int) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as output:
            return subprocess.Popen(
                [*self._prefix, "./script/up"],
                cwd=self._checkout,
                env=self._environment(delivery_workers),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=_end_with_us,
            )

    async def wait_until_ready(self, patience_s: float = READY_S) -> None:
        deadline_s = time.perf_counter() + patience_s
        while not await self._is_ready():
            if self._supervisor is None or self._supervisor.poll() is not None:
                raise InstallationError(f"the installation ended by itself.\n{self._last_words()}")
            if time.perf_counter() > deadline_s:
                raise InstallationError(
                    f"the installation was not ready within {patience_s:.0f} s.\n{self._last_words()}"
                )
            await asyncio.sleep(POLL_S)

    async def stop(self) -> float:
        """SIGTERM to the supervisor, SIGKILL to everything after STOP_S; the seconds that it took."""
        supervisor, self._supervisor = self._supervisor, None
        if supervisor is None:
            return 0.0
        started_s = time.perf_counter()
        family = [process.pid for process in self._descendants(supervisor.pid)]
        # The group: while packages are installed, the script waits for a child of its own.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(supervisor.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            await asyncio.to_thread(supervisor.wait, STOP_S)
        took_s = time.perf_counter() - started_s
        if supervisor.poll() is None:
            for pid in [supervisor.pid, *family]:
                _signal(pid, signal.SIGKILL)
            supervisor.wait()
        return took_s

    def _environment(self, delivery_workers: int) -> dict[str, str]:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        return {
            **kept,
            **dict.fromkeys(EMPTY, ""),
            "PYTHONUNBUFFERED": "1",
            "HOST": "127.0.0.1",
            "PORT": str(self._port),
            "DATA_DIR": str(self._data_dir),
            "INGRESS_URL_TEMPLATE": "{base}/in/{slug}/",
            "DELIVERY_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
            "WEB_CONCURRENCY": "1",
            "DELIVER_WORKERS": str(delivery_workers),
            **self._settings,
        }

    async def _is_ready(self) -> bool:
        try:
            return (await fetch("GET", f"{self.base_url}/readyz", timeout_s=5.0)).status == 200
        except (UnreachableError, TimeoutError):
            return False

    def _last_words(self) -> str:
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-25:])

    # ---- Its processes

    def processes(self) -> dict[int, str]:
        """Role by pid of everything that runs below the supervisor, a server's own children left out."""
        found: dict[int, str] = {}
        supervisor = self._supervisor.pid if self._supervisor is not None else 0
        for process in self._descendants(supervisor):
            with contextlib.suppress(psutil.NoSuchProcess, psutil.AccessDenied):
                role = role_of(process.cmdline(), process.name())
                is_helper = role in ("postgres", "other") and process.ppid() != supervisor
                if not is_helper and process.status() != psutil.STATUS_ZOMBIE:
                    found[process.pid] = role
        return found

    def pids(self, role: str) -> list[int]:
        """The processes of a role; InstallationError when there is none, since then nothing could be broken."""
        found = [pid for pid, its_role in self.processes().items() if its_role == role]
        if not found:
            raise InstallationError(f"no process with the role {role} runs")
        return found

    def signal_role(self, role: str, number: signal.Signals) -> None:
        for pid in self.pids(role):
            _signal(pid, number)

    def connected_to(self, role: str, port: int) -> int:
        """The process of the role that holds a connection to that port of this machine."""
        for pid in self.pids(role):
            connections = psutil.Process(pid).net_connections(kind="tcp")
            if any(connection.raddr and connection.raddr.port == port for connection in connections):
                return pid
        raise InstallationError(f"no process with the role {role} is connected to port {port}")

    def _descendants(self, supervisor: int) -> list[psutil.Process]:
        try:
            return list(psutil.Process(supervisor).children(recursive=True)) if supervisor else []
        except psutil.NoSuchProcess:
            return []

    # ---- Its servers

    @property
    def cluster(self) -> Path:
        """The folder of Postgres's data."""
        return self.data_dir / "postgres"

    @property
    def postmaster_pid(self) -> int:
        return int((self.cluster / "postmaster.pid").read_text().split()[0])

    @property
    def database_url(self) -> str:
        return self._running_environment()["DATABASE_URL"]

    @property
    def redis_url(self) -> str:
        return self._running_environment()["REDIS_URL"]

    def _running_environment(self) -> dict[str, str]:
        """What the supervisor writes down for commands by hand: lines of `export NAME=value`."""
        words = shlex.split((self.data_dir / "env").read_text())
        return dict(word.split("=", 1) for word in words if "=" in word)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A new folder that Postgres's own account may pass through when root runs this; removed at the end."""
    folder = Path(tempfile.mkdtemp(prefix="fasthook-installation-"))
    folder.chmod(0o711)
    try:
        yield folder
    finally:
        # Where root's data had to lie elsewhere, `postgres` is a link there.
        for cluster in folder.glob("*/postgres"):
            if cluster.is_symlink():
                shutil.rmtree(cluster.resolve().parent, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _signal(pid: int, number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def _end_with_us() -> None:
    """In the supervisor before it begins: the kernel ends it when we die, however that happens."""
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, int(signal.SIGTERM), 0, 0, 0)
