"""The embedded servers of one data folder, started and stopped together.

    with EmbeddedServices(Path(".data")) as services:
        services.database_url, services.redis_url

The URLs are known before the start, so a process can be configured first and the servers started when they are needed.
"""

from __future__ import annotations

import shutil
import tempfile
import time
from pathlib import Path
from types import TracebackType

from local.embedded.errors import EmbeddedError
from local.embedded.folder_lock import FolderLock, FolderTakenError
from local.embedded.postgres import EmbeddedPostgres
from local.embedded.scratch import make_scratch_folder
from local.embedded.valkey import EmbeddedValkey

STOP_PATIENCE_S = 10.0


class EmbeddedServices:
    """Postgres and Valkey below `data_dir`; either may be left out. `throwaway` gives up durability for speed."""

    def __init__(self, data_dir: Path, *, postgres: bool = True, valkey: bool = True, throwaway: bool = False) -> None:
        self.data_dir = data_dir.absolute()
        self._lock = FolderLock(self.data_dir / "services.lock")
        self._postgres = EmbeddedPostgres(self.data_dir, throwaway=throwaway) if postgres else None
        self._valkey = EmbeddedValkey(self.data_dir) if valkey else None

    @property
    def database_url(self) -> str | None:
        return self._postgres.url if self._postgres else None

    @property
    def redis_url(self) -> str | None:
        return self._valkey.url if self._valkey else None

    def start(self) -> None:
        """Start what was asked for and wait until it answers. Raises EmbeddedError. Main thread only."""
        try:
            self._lock.acquire()
        except FolderTakenError as taken:
            raise EmbeddedError(f"{self.data_dir} is already in use by process {taken.pid}.") from taken
        try:
            for server in self._servers().values():
                server.start()
        except BaseException:
            self.stop()
            raise

    def revive(self) -> list[str]:
        """Launch again whichever server died, at the same address, without waiting; their names. Main thread only."""
        dead = {name: server for name, server in self._servers().items() if not server.is_alive()}
        for server in dead.values():
            server.launch()
        return list(dead)

    def stop(self, *, patience_s: float = STOP_PATIENCE_S) -> None:
        deadline = time.monotonic() + patience_s
        for server in self._servers().values():
            server.stop(patience_s=max(1.0, deadline - time.monotonic()))
        self._lock.release()

    def discard(self) -> None:
        """Remove everything below `data_dir`, wherever the data itself had to be kept. Only after `stop`."""
        shutil.rmtree((self.data_dir / "postgres").resolve(), ignore_errors=True)
        shutil.rmtree(self.data_dir, ignore_errors=True)

    def _servers(self) -> dict[str, EmbeddedPostgres | EmbeddedValkey]:
        servers = {"postgres": self._postgres, "valkey": self._valkey}
        return {name: server for name, server in servers.items() if server is not None}

    def __enter__(self) -> EmbeddedServices:
        if not self._lock.is_held:
            self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_services(
    data_dir: Path, *, postgres: bool = True, valkey: bool = True, throwaway: bool = False
) -> EmbeddedServices:
    """Started services on `data_dir`; call `stop()` when done."""
    services = EmbeddedServices(data_dir, postgres=postgres, valkey=valkey, throwaway=throwaway)
    services.start()
    return services


def make_throwaway_folder() -> Path:
    """A new folder for the data of one test run, which the servers' account can enter when root runs the tests."""
    folder = make_scratch_folder("test", base=Path(tempfile.gettempdir()))
    folder.chmod(0o711)
    return folder
