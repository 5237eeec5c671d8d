"""An embedded Valkey: a password, a port on loopback, no persistence (its content may vanish at any moment).

TCP rather than a socket: Celery and redis-py spell socket URLs differently, and this way one REDIS_URL serves both.
"""

from __future__ import annotations

import secrets
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from local.embedded.account import Account, account_for
from local.embedded.binaries import find_binaries
from local.embedded.child import spawn_server, stop_child
from local.embedded.errors import EmbeddedError, with_log_tail

START_PATIENCE_S = 15.0


class EmbeddedValkey:
    """Valkey for one run. `url` is fixed when the object is made; a restart keeps it, so that clients find it again."""

    def __init__(self, data_dir: Path) -> None:
        self.log = data_dir / "log" / "valkey.log"
        self.account: Account = account_for(data_dir / "postgres")
        self.port = _free_loopback_port()
        self.password = secrets.token_hex(24)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"

    def is_alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it answers with its password. Main thread only."""
        self.launch()
        self._wait_until_it_answers()

    def launch(self) -> None:
        """Start the server without waiting for it. Main thread only."""
        program = find_binaries(self.account).valkey_server
        # The configuration goes through stdin: the password is neither on disk nor in the list of processes.
        self.process = spawn_server(
            [program, "-"], account=self.account, log=self.log, death_signal=signal.SIGTERM, stdin=subprocess.PIPE
        )
        stdin = self.process.stdin
        if stdin is None:
            raise EmbeddedError("Valkey was started without a way to configure it.")
        with suppress(BrokenPipeError), stdin:
            stdin.write(self._configuration().encode())

    def stop(self, *, patience_s: float) -> None:
        if self.process is not None:
            stop_child(self.process, signals=[(signal.SIGTERM, patience_s)])

    def _configuration(self) -> str:
        settings = {
            "bind": "127.0.0.1",
            "port": str(self.port),
            "requirepass": self.password,
            "save": '""',
            "appendonly": "no",
            "maxmemory-policy": "noeviction",
            "dir": "/",
            "daemonize": "no",
        }
        return "".join(f"{name} {value}\n" for name, value in settings.items())

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_PATIENCE_S
        no_retry = Retry(NoBackoff(), 0)
        client = redis.Redis.from_url(self.url, socket_connect_timeout=1.0, socket_timeout=1.0, retry=no_retry)
        try:
            while self.is_alive() and time.monotonic() < deadline:
                try:
                    client.ping()
                except redis.RedisError:
                    time.sleep(0.02)
                else:
                    return
        finally:
            client.close()
        self.stop(patience_s=1.0)
        raise EmbeddedError(with_log_tail(f"Valkey did not start on 127.0.0.1:{self.port}.", self.log))


def _free_loopback_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
