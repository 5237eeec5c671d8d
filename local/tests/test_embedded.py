"""The embedded servers, started for real on throw-away folders."""

from __future__ import annotations

import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg
import pytest
import redis

from fasthook.testing import ROOT
from local.embedded import EmbeddedError, EmbeddedServices, make_throwaway_folder, start_services
from local.embedded import postgres as postgres_module
from local.embedded.account import Account, account_for
from local.embedded.leftover_postgres import postgres_processes


@pytest.fixture
def data_dir() -> Iterator[Path]:
    folder = make_throwaway_folder()
    yield folder
    EmbeddedServices(folder, postgres=False, valkey=False).discard()


def wait_for(condition: Callable[[], bool], *, seconds: float = 15.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)


def postgres_on(data_dir: Path) -> EmbeddedServices:
    return EmbeddedServices(data_dir, valkey=False, throwaway=True)


def run_sql(url: str | None, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url or "", autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def socket_folder(services: EmbeddedServices) -> Path:
    return Path(unquote(urlsplit(services.database_url or "").hostname or ""))


def test_both_servers_answer_at_their_urls_and_data_outlives_a_restart(data_dir: Path) -> None:
    with start_services(data_dir, throwaway=True) as services:
        run_sql(services.database_url, "CREATE TABLE kept AS SELECT 42 AS answer")
        with redis.Redis.from_url(services.redis_url or "") as client:
            assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}
    with start_services(data_dir, throwaway=True) as services:
        assert run_sql(services.database_url, "SELECT answer FROM kept") == [(42,)]


def test_the_application_role_is_no_superuser_and_may_create_a_test_database(data_dir: Path) -> None:
    with postgres_on(data_dir) as services:
        found = run_sql(
            services.database_url, "SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = current_user"
        )
    assert found == [(False, True)]


def test_nobody_gets_in_without_being_the_owner_or_knowing_the_password(data_dir: Path) -> None:
    with start_services(data_dir, throwaway=True) as services:
        assert stat.S_IMODE(socket_folder(services).stat().st_mode) == 0o700
        assert run_sql(services.database_url, "SHOW listen_addresses") == [("",)]
        with socket.create_connection(
            ("127.0.0.1", urlsplit(services.redis_url or "").port or 0), timeout=5
        ) as stranger:
            stranger.sendall(b"PING\r\n")
            assert stranger.recv(100) == b"-NOAUTH Authentication required.\r\n"


def test_the_socket_folder_is_gone_after_a_stop(data_dir: Path) -> None:
    with postgres_on(data_dir) as services:
        folder = socket_folder(services)
        assert folder.exists()
    assert not folder.exists()


@pytest.mark.parametrize("below", ["with a space and 'quotes'", "deep/" + "/".join(["d" * 60] * 4)])
def test_it_runs_below_awkward_paths(data_dir: Path, below: str) -> None:
    folder = data_dir / below
    folder.mkdir(parents=True)
    with start_services(folder, throwaway=True) as services:
        assert run_sql(services.database_url, "SELECT 1") == [(1,)]


def test_a_second_start_in_the_same_folder_is_refused_with_the_pid(data_dir: Path) -> None:
    second = postgres_on(data_dir)
    with postgres_on(data_dir) as services:
        with pytest.raises(EmbeddedError, match=f"already in use by process {os.getpid()}"):
            second.start()
        assert run_sql(services.database_url, "SELECT 1") == [(1,)]
    second.stop()


def test_killed_servers_are_revived_at_the_same_addresses_with_all_that_was_committed(data_dir: Path) -> None:
    with start_services(data_dir) as services:
        run_sql(services.database_url, "CREATE TABLE kept AS SELECT 1")
        for pid in (int((data_dir / "postgres" / "postmaster.pid").read_text().split()[0]), _valkey_pid(services)):
            os.kill(pid, signal.SIGKILL)
        wait_for(lambda: len(services.revive()) == 0 and _answers(services))
        assert run_sql(services.database_url, "SELECT * FROM kept") == [(1,)]


def start_and_be_killed(data_dir: Path, *, before: str = "") -> None:
    program = (
        "import os, pathlib, sys\nfrom local.embedded import child, start_services\n"
        f"{before}\nstart_services(pathlib.Path(sys.argv[1]), valkey=False, throwaway=True)\nos.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", program, str(data_dir)], cwd=ROOT, check=False)
    assert done.returncode == -signal.SIGKILL


def test_servers_end_when_their_starter_is_killed(data_dir: Path) -> None:
    start_and_be_killed(data_dir)
    wait_for(lambda: postgres_processes(data_dir / "postgres") == [])


def test_a_server_that_outlived_its_starter_is_ended_by_the_next_start(data_dir: Path) -> None:
    start_and_be_killed(data_dir, before="child._libc = None")
    left = postgres_processes(data_dir / "postgres")
    assert left
    with postgres_on(data_dir) as services:
        assert run_sql(services.database_url, "SELECT 1") == [(1,)]
        assert not set(left) & set(postgres_processes(data_dir / "postgres"))


def test_a_pid_file_that_names_an_unrelated_live_process_does_not_stop_the_start(data_dir: Path) -> None:
    with postgres_on(data_dir):
        pid_file = data_dir / "postgres" / "postmaster.pid"
        lines = pid_file.read_text().splitlines()
    # As after a power cut: the file is there, its pid belongs to another process of the same account by now.
    account = account_for(data_dir / "postgres")
    with subprocess.Popen(["/bin/sleep", "60"], cwd="/", **account.popen_options()) as stranger:
        pid_file.write_text("\n".join([str(stranger.pid), *lines[1:]]) + "\n")
        with postgres_on(data_dir) as services:
            assert run_sql(services.database_url, "SELECT 1") == [(1,)]
        assert stranger.poll() is None
        stranger.kill()


def test_a_start_that_fails_says_so_with_the_end_of_the_log(data_dir: Path) -> None:
    with postgres_on(data_dir):
        pass
    (data_dir / "postgres" / "postgresql.auto.conf").write_text("no_such_setting = 1\n")
    with pytest.raises(EmbeddedError, match=r"Postgres ended while starting(.|\n)*no_such_setting"):
        postgres_on(data_dir).start()


def test_data_of_another_major_version_is_refused_and_left_alone(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "PG_VERSION").write_text("17\n")
    with pytest.raises(EmbeddedError, match="made by Postgres 17; this release brings 18"):
        postgres_on(data_dir).start()
    assert [path.name for path in (data_dir / "postgres").iterdir()] == ["PG_VERSION"]


def test_a_folder_of_something_else_is_not_overwritten(data_dir: Path) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres" / "letters.txt").write_text("mine")
    with pytest.raises(EmbeddedError, match="neither empty nor a Postgres data folder"):
        postgres_on(data_dir).start()
    assert (data_dir / "postgres" / "letters.txt").read_text() == "mine"


def test_data_its_account_cannot_reach_is_kept_elsewhere_and_linked(
    data_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = data_dir / "store"
    store.mkdir(mode=0o755)
    monkeypatch.setattr(postgres_module, "SYSTEM_STORE", store)
    monkeypatch.setattr(Account, "can_pass", lambda account, folder: False)
    with postgres_on(data_dir / "closed") as services:
        assert run_sql(services.database_url, "SELECT 1") == [(1,)]
        home = (data_dir / "closed" / "postgres").resolve()
        assert home.parent.parent == store.resolve()
        assert (home.parent / "belongs-to").read_text() == f"{data_dir / 'closed'}\n"
    services.discard()
    assert not home.exists()


def test_a_durable_database_keeps_every_guard_and_only_a_throwaway_gives_them_up() -> None:
    durable = postgres_module.settings_for(total_memory_mb=4096, throwaway=False)
    guards = ("fsync", "synchronous_commit", "full_page_writes")
    assert [durable[name] for name in guards] == ["on", "on", "on"]
    assert (durable["shared_buffers"], durable["effective_cache_size"]) == ("512MB", "2048MB")
    throwaway = postgres_module.settings_for(total_memory_mb=4096, throwaway=True)
    assert [throwaway[name] for name in guards] == ["off", "off", "off"]


def _answers(services: EmbeddedServices) -> bool:
    try:
        with redis.Redis.from_url(services.redis_url or "") as client:
            return run_sql(services.database_url, "SELECT 1") == [(1,)] and bool(client.ping())
    except (psycopg.OperationalError, redis.RedisError):
        return False


def _valkey_pid(services: EmbeddedServices) -> int:
    with redis.Redis.from_url(services.redis_url or "") as client:
        return int(client.info("server")["process_id"])
