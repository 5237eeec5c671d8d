"""The system account of the embedded servers, and what that account can reach.

Postgres refuses to run as root. Started by root, both servers run as another account and everything they touch must be
reachable for it; started by anybody else they run as that user and nothing here applies.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from local.embedded.errors import EmbeddedError

OWN_ACCOUNT = "fasthook"
KNOWN_ACCOUNTS = (OWN_ACCOUNT, "postgres")


@dataclass(frozen=True, slots=True)
class Account:
    """The account a server runs under. `switch` is False when it is the account we already are."""

    uid: int
    gid: int
    switch: bool

    def can_use_folder(self, folder: Path) -> bool:
        """Whether the account can enter and write `folder`, asked of the kernel rather than worked out from modes."""
        return self._passes('test -w "$1" && test -x "$1"', folder)

    def can_pass(self, folder: Path) -> bool:
        """Whether the account can reach what lies in `folder`."""
        return self._passes('test -x "$1"', folder)

    def can_run(self, program: Path) -> bool:
        return self._passes('"$1" --version >/dev/null 2>&1', program)

    def give(self, path: Path) -> None:
        """Make the account the owner of `path`, not of what is in it."""
        if self.switch:
            os.chown(path, self.uid, self.gid)

    def _passes(self, test: str, path: Path) -> bool:
        command = ["/bin/sh", "-c", test, "sh", str(path)]
        options = self.popen_options()
        done = subprocess.run(command, cwd="/", check=False, stderr=subprocess.DEVNULL, **options)  # noqa: S603
        return done.returncode == 0

    def popen_options(self) -> dict[str, Any]:
        """The keyword arguments that make subprocess run a program as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.switch else {}


def account_for(existing_data: Path) -> Account:
    """Ourselves, unless we are root: then the owner of the data that is there, or an account that can own new data."""
    if os.geteuid() != 0:
        return Account(uid=os.geteuid(), gid=os.getegid(), switch=False)
    if existing_data.exists():
        owner = existing_data.stat()
        if owner.st_uid != 0:
            return Account(uid=owner.st_uid, gid=owner.st_gid, switch=True)
    for name in KNOWN_ACCOUNTS:
        found = _lookup(name)
        if found:
            return found
    return _create_own_account()


def _lookup(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(uid=entry.pw_uid, gid=entry.pw_gid, switch=True)


def _create_own_account() -> Account:
    useradd = shutil.which("useradd", path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if useradd:
        subprocess.run(  # noqa: S603
            [useradd, "--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", OWN_ACCOUNT],
            check=False,
            capture_output=True,
        )
    account = _lookup(OWN_ACCOUNT) or _lookup("nobody")
    if account is None:
        raise EmbeddedError(
            "Postgres does not run as root, and this machine has no other account for it: create one named "
            f"'{OWN_ACCOUNT}', run FastHook as an ordinary user, or set DATABASE_URL to a Postgres of your own."
        )
    return account
