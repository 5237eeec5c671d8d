"""The product as it runs: its real processes, with a Postgres and a Valkey of their own that are thrown away.

Own servers, because tests flush, kill and log here what no other test may notice. The processes are those of the
supervisor's table, so these tests and `./script/up` agree on what runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psycopg
import redis
import requests

from local.embedded import EmbeddedServices, make_throwaway_folder
from local.embedded.child import end_with_parent
from local.supervisor.environment import LOCAL_NETWORKS, local_secrets
from local.supervisor.readiness import ask_ready
from local.supervisor.specs import process_specs
from tests.account import Account
from tests.waiting import wait_until

ROOT = Path(__file__).resolve().parent.parent
READY_S = 60.0
STOP_S = 10.0
TEAMS = 240
# Short, so that what a killed worker had in its hands falls due again within a test.
LEASES = {"ROUTE_LEASE_S": "3", "DELIVER_LEASE_S": "6"}
OF_OTHER_RUNS = ("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENCRYPTION_KEYS", "BASE_URL", "INGRESS_URL_TEMPLATE")


class Product:
    """`start` makes it ready to use, `stop` ends all of it whatever state it is in."""

    def __init__(self) -> None:
        self.data_dir = make_throwaway_folder()
        self._services = EmbeddedServices(self.data_dir / "services", throwaway=True)
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._teams: list[dict[str, Any]] = []
        self.base_url = f"http://127.0.0.1:{_free_port()}"
        self.environment = self._environment()
        specs = process_specs(self.environment, data_dir=self.data_dir)
        second_workers = process_specs({**self.environment, "DELIVER_WORKERS": "2"}, data_dir=self.data_dir)
        self.names = [spec.name for spec in specs]
        self._specs = {spec.name: spec for spec in (*specs, *second_workers)}
        self.expired_token = ""

    def _environment(self) -> dict[str, str]:
        inherited = {name: value for name, value in os.environ.items() if name not in OF_OTHER_RUNS}
        return {
            **inherited,
            **local_secrets(self.data_dir),
            **LEASES,
            "ALERTS_EVERY_S": "1",
            "HOST": "127.0.0.1",
            "PORT": self.base_url.rpartition(":")[2],
            "BASE_URL": self.base_url,
            "DATA_DIR": str(self.data_dir),
            "DATABASE_URL": self._services.database_url or "",
            "REDIS_URL": self._services.redis_url or "",
            "DELIVERY_ALLOWED_NETWORKS": LOCAL_NETWORKS,
            "PYTHONUNBUFFERED": "1",
        }

    # ---- From start to stop

    def start(self) -> None:
        self._services.start()
        seeded = json.loads(self._run(sys.executable, "-m", "tests.seeding", str(TEAMS)))
        self._teams, self.expired_token = seeded["teams"], seeded["expired_token"]
        for name in self.names:
            self.launch(name)
        self.wait_until_ready()

    def stop(self) -> None:
        try:
            for process in self._running.values():
                process.terminate()
            for process in self._running.values():
                try:
                    process.wait(STOP_S)
                except subprocess.TimeoutExpired:
                    continue
        finally:
            for process in self._running.values():
                _kill_session(process)
            self._services.stop()
            self._services.discard()

    def _run(self, *command: str) -> str:
        done = subprocess.run(command, cwd=ROOT, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def wait_until_ready(self) -> None:
        wait_until(
            lambda: ask_ready(self.base_url).is_ready,
            READY_S,
            lambda: f"{ask_ready(self.base_url)}\n{self.output_since({})[-4000:]}",
        )

    # ---- Its processes

    def launch(self, name: str) -> None:
        spec = self._specs[name]
        with self._log(name).open("ab") as output:
            self._running[name] = subprocess.Popen(
                spec.command,
                cwd=ROOT,
                env={**self.environment, "DATABASE_APPLICATION_NAME": f"fasthook {name}"},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=end_with_parent(signal.SIGTERM),
            )

    def kill(self, name: str) -> None:
        """SIGKILL, to it and to its children."""
        process = self._running.pop(name)
        _kill_session(process)

    def terminate(self, name: str) -> int:
        """SIGTERM; its exit status."""
        process = self._running.pop(name)
        process.terminate()
        try:
            return process.wait(STOP_S)
        finally:
            _kill_session(process)

    def terminate_all(self) -> dict[str, int | None]:
        """SIGTERM to every process at once; their exit statuses, None for those that did not end within STOP_S."""
        running, self._running = self._running, {}
        for process in running.values():
            process.terminate()
        deadline = time.monotonic() + STOP_S
        try:
            return {name: _status_by(process, deadline) for name, process in running.items()}
        finally:
            for process in running.values():
                _kill_session(process)

    def pids(self) -> dict[str, int]:
        """Of the processes that run, by name."""
        return {name: process.pid for name, process in self._running.items() if process.poll() is None}

    def signal(self, name: str, number: signal.Signals) -> None:
        self._running[name].send_signal(number)

    def restore(self) -> None:
        """Every server and process of the table runs, and none besides: whatever a test did."""
        self._services.revive()
        for name in [name for name in self._running if name not in self.names]:
            self.terminate(name)
        for name, process in self._running.items():
            process.send_signal(signal.SIGCONT)
            if process.poll() is not None:
                self.launch(name)
        for name in self.names:
            if name not in self._running:
                self.launch(name)
        self.wait_until_ready()

    # ---- Its servers

    def stop_database(self) -> None:
        """A fast shutdown. It stays away until `start_servers`."""
        os.kill(int((self.data_dir / "services/postgres/postmaster.pid").read_text().split()[0]), signal.SIGINT)
        wait_until(lambda: not self._answers("postgres"), READY_S, "Postgres has ended")

    def stop_redis(self) -> None:
        """What it held is gone. It stays away until `start_servers`."""
        with self._redis() as client:
            client.shutdown(nosave=True, now=True, force=True)
        wait_until(lambda: not self._answers("valkey"), READY_S, "Valkey has ended")

    def start_servers(self) -> None:
        """Starts what was stopped, at the same address; does not wait until it answers. Main thread only."""
        wait_until(self._services.revive, READY_S, "the server that was stopped starts again")

    def _answers(self, name: str) -> bool:
        try:
            if name == "valkey":
                with self._redis() as client:
                    client.ping()
            else:
                self.database().close()
        except (psycopg.OperationalError, redis.ConnectionError):
            return False
        return True

    # ---- Its output

    def _log(self, name: str) -> Path:
        return self.data_dir / f"{name}.log"

    def mark_output(self) -> dict[str, int]:
        """A place in the output, for `output_since`."""
        return {name: self._log(name).stat().st_size for name in self._specs if self._log(name).exists()}

    def talkers_since(self, mark: dict[str, int]) -> set[str]:
        """The processes that have written a line since."""
        return {line.partition("|")[0].strip() for line in self.output_since(mark).splitlines()}

    def output_since(self, mark: dict[str, int]) -> str:
        lines = []
        for name in self._specs:
            if self._log(name).exists():
                text = self._log(name).read_bytes()[mark.get(name, 0) :].decode(errors="replace")
                lines += [f"{name:<12}| {line}" for line in text.splitlines()]
        return "\n".join(lines)

    def metric(self, series: str) -> float:
        """One series of /metrics, as it is written there: `name{label="value"}`."""
        text = requests.get(f"{self.base_url}/metrics", timeout=10).text
        return next(float(line.rpartition(" ")[2]) for line in text.splitlines() if line.startswith(f"{series} "))

    # ---- What tests work with

    def new_account(self) -> Account:
        """A team that no other test knows, and what its owner holds."""
        team = self._teams.pop()
        return Account(self.base_url, team["id"], api_key=team["api_key"], signing_secret=team["signing_secret"])

    def credentials(self) -> dict[str, Any]:
        """What `bootstrap` wrote for whoever started the product."""
        written: dict[str, Any] = json.loads((self.data_dir / "credentials.json").read_text())
        return written

    def database(self) -> psycopg.Connection[Any]:
        """A connection beside the product's, to look and to lock; `with` closes it."""
        return psycopg.connect(self.environment["DATABASE_URL"], autocommit=True)

    def administer_database(self) -> psycopg.Connection[Any]:
        """The same as the superuser."""
        return psycopg.connect(self.environment["DATABASE_URL"], user="postgres", autocommit=True)

    def database_log(self) -> Path:
        return self.data_dir / "services" / "log" / "postgres.log"

    def flush_redis(self) -> None:
        with self._redis() as client:
            client.flushall()

    def listeners(self) -> list[bytes]:
        """The channels on which a worker at work listens for nudges."""
        with self._redis() as client:
            channels: list[bytes] = client.pubsub_channels("fasthook:*:nudges:*")
            return channels

    def wait_until_announced(self, name: str) -> None:
        with self._redis() as client:
            wait_until(lambda: client.keys(f"fasthook:worker:*:{name}@*"), READY_S, f"{name} has announced itself")

    def _redis(self) -> redis.Redis:
        return redis.Redis.from_url(self.environment["REDIS_URL"])


def _status_by(process: subprocess.Popen[bytes], deadline: float) -> int | None:
    try:
        return process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        return None


def _kill_session(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
