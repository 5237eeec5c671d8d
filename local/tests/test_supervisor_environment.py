"""What a local installation's environment is made of."""

from __future__ import annotations

import shlex
import stat
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from local.supervisor.environment import address, load_environment, local_secrets, write_running_environment

OURS = ("HOST", "PORT", "DATA_DIR", "BASE_URL", "DELIVERY_ALLOWED_NETWORKS", "ROUTE_WORKERS")


@pytest.fixture(autouse=True)
def _no_given_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in OURS:
        # Set before it is deleted, so that whatever a test makes of it is undone.
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)


def test_the_defaults_of_a_laptop(tmp_path: Path) -> None:
    environment = load_environment(tmp_path)
    assert {name: environment.get(name) for name in OURS} == {
        "HOST": "127.0.0.1",
        "PORT": "8000",
        "DATA_DIR": str(tmp_path / ".data"),
        "BASE_URL": "http://127.0.0.1:8000",
        "DELIVERY_ALLOWED_NETWORKS": "127.0.0.0/8,::1/128",
        "ROUTE_WORKERS": None,
    }


def test_what_is_given_wins_over_the_file_and_the_file_over_the_defaults(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("PORT=9000\nROUTE_WORKERS=3\nDELIVERY_ALLOWED_NETWORKS=\n")
    monkeypatch.setenv("ROUTE_WORKERS", "2")
    environment = load_environment(tmp_path)
    assert (environment["PORT"], environment["ROUTE_WORKERS"]) == ("9000", "2")
    assert environment["BASE_URL"] == "http://127.0.0.1:9000"
    assert environment["DELIVERY_ALLOWED_NETWORKS"] == ""


def test_an_empty_port_means_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "")
    assert load_environment(tmp_path)["PORT"] == "8000"


@pytest.mark.parametrize(
    ("host", "url"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),
        ("::", "http://[::1]:80"),
        ("::1", "http://[::1]:80"),
    ],
)
def test_the_address_is_one_this_machine_can_call(host: str, url: str) -> None:
    assert address({"HOST": host, "PORT": "80"}) == url


def test_secrets_are_made_once_and_for_their_owner_only(tmp_path: Path) -> None:
    made = local_secrets(tmp_path)
    assert set(made) == {"SECRET_KEY", "ENCRYPTION_KEYS"}
    assert len(made["SECRET_KEY"]) >= 50
    assert Fernet(made["ENCRYPTION_KEYS"]).encrypt(b"x")
    assert local_secrets(tmp_path) == made
    assert stat.S_IMODE((tmp_path / "secrets.env").stat().st_mode) == 0o600
    assert local_secrets(tmp_path / "another") != made


def test_the_running_environment_can_be_read_by_a_shell(tmp_path: Path) -> None:
    environment = {**load_environment(tmp_path), **local_secrets(tmp_path), "REDIS_URL": "redis://:a b'c@h/0"}
    path = write_running_environment(tmp_path, {**environment, "DATABASE_URL": "postgres://u@h/d"})
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert ["export", "REDIS_URL=redis://:a b'c@h/0"] in [shlex.split(line) for line in path.read_text().splitlines()]
