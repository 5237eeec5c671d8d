"""An embedded Postgres: its data folder, its settings, its start and stop.

Only the owner of its socket folder (mode 0700) can connect; it listens on no network address. The socket folder is
short and apart from the data, because a socket's path may not exceed 107 bytes.
"""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from local.embedded.account import Account, account_for
from local.embedded.binaries import POSTGRES_MAJOR, SYSTEM_STORE, find_binaries
from local.embedded.child import server_environment, spawn_server, stop_child
from local.embedded.errors import EmbeddedError, with_log_tail
from local.embedded.leftover_postgres import end_leftover
from local.embedded.scratch import make_scratch_folder

SUPERUSER = "postgres"
ROLE = DATABASE = "fasthook"
PORT = 5432
# Crash recovery replays the log before it answers; it is alive all that time.
START_PATIENCE_S = 120.0


class EmbeddedPostgres:
    """Postgres on `data_dir/postgres`. `url` is fixed when the object is made, `start` may follow much later."""

    def __init__(self, data_dir: Path, *, throwaway: bool) -> None:
        self.data_dir = data_dir
        self.cluster = data_dir / "postgres"
        self.log = data_dir / "log" / "postgres.log"
        self.throwaway = throwaway
        self.account: Account = account_for(self.cluster)
        self.socket_folder = _make_socket_folder(self.account)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"postgres://{ROLE}@{quote(str(self.socket_folder), safe='')}:{PORT}/{DATABASE}"

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Create the cluster when there is none, start the server and wait until it answers. Main thread only."""
        if not (self.cluster / "PG_VERSION").exists():
            self._create_cluster(find_binaries(self.account).initdb)
        self._check_cluster()
        deadline = time.monotonic() + START_PATIENCE_S
        process = self.launch()
        if not self._wait_until_it_answers(process, deadline):
            sentence = f"Postgres ended while starting (status {process.returncode})."
            raise EmbeddedError(with_log_tail(sentence, self.log))
        self._ensure_database()

    def launch(self) -> subprocess.Popen[bytes]:
        """Start the server on its existing cluster without waiting for it. Main thread only."""
        end_leftover(self.cluster)
        settings = settings_for(total_memory_mb=_total_memory_mb(), throwaway=self.throwaway)
        options = [f"--{name}={value}" for name, value in settings.items()]
        program = find_binaries(self.account).postgres
        command: list[str | Path] = [program, "-D", self.cluster.resolve(), "-k", self.socket_folder, *options]
        self.process = spawn_server(command, account=self.account, log=self.log, death_signal=signal.SIGINT)
        return self.process

    def stop(self, *, patience_s: float) -> None:
        """Fast shutdown; past `patience_s` an immediate one, which costs a recovery at the next start and no data."""
        if self.process is not None:
            stop_child(self.process, signals=[(signal.SIGINT, patience_s), (signal.SIGQUIT, 3.0)])
        shutil.rmtree(self.socket_folder, ignore_errors=True)

    def _create_cluster(self, initdb: Path) -> None:
        if self.cluster.is_dir() and any(self.cluster.iterdir()):
            raise EmbeddedError(
                f"{self.cluster} is neither empty nor a Postgres data folder. Move it away, start again."
            )
        self.data_dir.mkdir(parents=True, exist_ok=True)
        if self.account.switch:
            self.data_dir.chmod(0o711)
        home = self.data_dir if self.account.can_pass(self.data_dir) else _system_home(self.data_dir)
        unfinished = Path(tempfile.mkdtemp(prefix=".postgres-", dir=home))
        self.account.give(unfinished)
        command: list[str | Path] = [initdb, "-D", unfinished.resolve(), "-U", SUPERUSER]
        command += ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        command += ["--auth-local=trust", "--auth-host=reject", *(["--no-sync"] if self.throwaway else [])]
        done = subprocess.run(  # noqa: S603
            command,
            cwd="/",
            env=server_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            **self.account.popen_options(),
        )
        if done.returncode != 0:
            shutil.rmtree(unfinished, ignore_errors=True)
            raise EmbeddedError(f"Postgres could not create its data below {home}:\n{done.stdout}{done.stderr}")
        # A cluster appears under its name only when it is whole: an interrupted start leaves none that looks finished.
        if home == self.data_dir:
            unfinished.rename(self.cluster)
            return
        unfinished.rename(home / "postgres")
        if self.cluster.is_symlink():
            self.cluster.unlink()
        elif self.cluster.exists():
            self.cluster.rmdir()
        self.cluster.symlink_to(home / "postgres", target_is_directory=True)

    def _check_cluster(self) -> None:
        version = (self.cluster / "PG_VERSION").read_text().strip()
        if version != POSTGRES_MAJOR:
            raise EmbeddedError(
                f"{self.cluster} was made by Postgres {version}; this release brings {POSTGRES_MAJOR}. Dump it with "
                "the release that made it, move the folder away, start again and restore."
            )
        if not self.account.can_use_folder(self.cluster.resolve()):
            owner = self.cluster.stat().st_uid
            raise EmbeddedError(
                f"{self.cluster} belongs to the account with uid {owner} and cannot be used by uid {self.account.uid} "
                "from where it lies. Start FastHook as its owner, move the checkout, or remove it to begin anew."
            )

    def _wait_until_it_answers(self, process: subprocess.Popen[bytes], deadline: float) -> bool:
        """True when a connection succeeds, False when the server ended."""
        while process.poll() is None:
            try:
                self._connect("postgres").close()
            except psycopg.OperationalError:
                if time.monotonic() > deadline:
                    sentence = f"Postgres did not answer within {START_PATIENCE_S:.0f} s."
                    raise EmbeddedError(with_log_tail(sentence, self.log)) from None
                time.sleep(0.05)
            else:
                return True
        return False

    def _connect(self, database: str) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(
            host=str(self.socket_folder), port=PORT, user=SUPERUSER, dbname=database, autocommit=True, connect_timeout=5
        )

    def _ensure_database(self) -> None:
        with self._connect("postgres") as connection:
            if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [ROLE]).fetchone():
                # CREATEDB is for the test runner, which makes a database beside this one.
                connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(sql.Identifier(ROLE)))
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone():
                create = sql.SQL("CREATE DATABASE {} OWNER {}")
                connection.execute(create.format(sql.Identifier(DATABASE), sql.Identifier(ROLE)))


def settings_for(*, total_memory_mb: int, throwaway: bool) -> dict[str, str]:
    """Server settings for one small machine; durable unless the data is thrown away."""
    shared_buffers_mb = 64 if throwaway else min(512, max(64, total_memory_mb // 8))
    settings = {
        "listen_addresses": "",
        "port": str(PORT),
        "unix_socket_permissions": "0700",
        "max_connections": "200",
        "shared_buffers": f"{shared_buffers_mb}MB",
        "effective_cache_size": f"{max(128, total_memory_mb // 2)}MB",
        "work_mem": "8MB",
        "maintenance_work_mem": "64MB",
        "wal_buffers": "16MB",
        "min_wal_size": "256MB",
        "max_wal_size": "2GB",
        "checkpoint_timeout": "15min",
        "random_page_cost": "1.1",
        "jit": "off",
        # The job tables turn over completely every few seconds.
        "autovacuum_naptime": "10s",
        "log_min_duration_statement": "1s",
        "log_lock_waits": "on",
        # A slow statement is logged without its parameters: those are people's payloads.
        "log_parameter_max_length": "0",
        "timezone": "UTC",
        "log_timezone": "UTC",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
    }
    if throwaway:
        settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    return settings


def _total_memory_mb() -> int:
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // (1024 * 1024)


def _make_socket_folder(account: Account) -> Path:
    # /tmp first: the folder that TMPDIR names may be deeper than a socket's path can say.
    base = next(folder for folder in ("/tmp", tempfile.gettempdir()) if os.access(folder, os.W_OK | os.X_OK))  # noqa: S108
    folder = make_scratch_folder("pg", base=Path(base))
    account.give(folder)
    return folder


def _system_home(data_dir: Path) -> Path:
    """A folder of root's that the account can enter, for data whose own folder it cannot reach."""
    home = SYSTEM_STORE / f"data-{secrets.token_hex(4)}"
    try:
        SYSTEM_STORE.mkdir(mode=0o755, exist_ok=True)
        home.mkdir(mode=0o711)
        (home / "belongs-to").write_text(f"{data_dir.resolve()}\n")
    except OSError as fault:
        raise EmbeddedError(
            f"Postgres does not run as root, its account cannot enter {data_dir}, and {SYSTEM_STORE} cannot be made "
            f"({fault.strerror}). Run FastHook as an ordinary user, move the checkout, or set DATABASE_URL."
        ) from fault
    return home
