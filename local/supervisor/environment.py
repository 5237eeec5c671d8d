"""The environment of a local installation: given variables win, then `.env`, then defaults for a laptop.

Secrets are made once and kept in `<data folder>/secrets.env`; losing that file makes stored credentials unreadable.
"""

from __future__ import annotations

import base64
import os
import secrets
import shlex
import tempfile
from collections.abc import Mapping
from pathlib import Path

import environ

from local.supervisor.specs import bracketed

LOCAL_NETWORKS = "127.0.0.0/8,::1/128"
SECRETS_FILE = "secrets.env"
ENVIRONMENT_FILE = "env"
ANY_ADDRESS = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104


def load_environment(root: Path) -> dict[str, str]:
    """What was given and what `.env` adds to it, plus the defaults of a local installation. No secrets, no services."""
    if (root / ".env").exists():
        environ.Env.read_env(str(root / ".env"), overwrite=False)
    environment = {name: value for name, value in os.environ.items() if value or name not in _NEVER_EMPTY}
    environment = {**_DEFAULTS, **environment}
    environment["DATA_DIR"] = str((root / environment["DATA_DIR"]).absolute())
    environment.setdefault("BASE_URL", address(environment))
    return environment


_DEFAULTS = {
    "HOST": "127.0.0.1",
    "PORT": "8000",
    "DATA_DIR": ".data",
    "DELIVERY_ALLOWED_NETWORKS": LOCAL_NETWORKS,
    "PYTHONUNBUFFERED": "1",
}

# An empty list of networks is a choice, an empty port is not.
_NEVER_EMPTY = ("HOST", "PORT", "DATA_DIR", "BASE_URL", "DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENCRYPTION_KEYS")

_RUNNING = (
    *("DATABASE_URL", "REDIS_URL", "SECRET_KEY", "ENCRYPTION_KEYS"),
    *("BASE_URL", "HOST", "PORT", "DATA_DIR", "DELIVERY_ALLOWED_NETWORKS"),
)


def address(environment: Mapping[str, str]) -> str:
    """The URL at which this machine itself reaches the web process."""
    host = environment["HOST"]
    return f"http://{bracketed(ANY_ADDRESS.get(host, host))}:{environment['PORT']}"


def local_secrets(data_dir: Path) -> dict[str, str]:
    """SECRET_KEY and ENCRYPTION_KEYS of this installation, made at the first call (a Fernet key)."""
    path = data_dir / SECRETS_FILE
    if not path.exists():
        made = {
            "SECRET_KEY": secrets.token_urlsafe(50),
            "ENCRYPTION_KEYS": base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
        }
        write_private(path, "".join(f"{name}={value}\n" for name, value in made.items()))
    lines = [line.partition("=") for line in path.read_text().splitlines() if "=" in line]
    return {name: value for name, _, value in lines}


def write_running_environment(data_dir: Path, environment: Mapping[str, str]) -> Path:
    """For management commands by hand while it runs: `. .data/env; .venv/bin/python manage.py shell`."""
    path = data_dir / ENVIRONMENT_FILE
    write_private(path, "".join(f"export {name}={shlex.quote(environment[name])}\n" for name in _RUNNING))
    return path


def write_private(path: Path, text: str) -> None:
    """Put `text` at `path` in one step, readable by its owner only."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
    with os.fdopen(descriptor, "w") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    Path(unfinished).replace(path)
