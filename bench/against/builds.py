"""The builds that are measured: a checkout as it stands, or a commit, each in a folder of its own kept between runs.

Neither is started where it lies: some packages import those for tests and types that a developer's `.venv` also has,
so a build started from there is not the one that `./script/up` installs. In its folder each has just that.
"""

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from bench.receivers import REPOSITORY

START_SCRIPT = Path("script") / "up"
# What a start makes in a folder; the rest is replaced by each run.
KEPT = frozenset({".venv", ".data"})


class BuildError(ValueError):
    """The argument names no build that could be started, or it cannot be now; the message says why."""


@dataclass(frozen=True, slots=True)
class Build:
    """`source` is the checkout or the name that was asked for; `is_dirty` when it has changes that are in no commit.
    `folder` is where it is started."""

    source: str
    folder: Path
    commit: str
    is_dirty: bool

    @property
    def words(self) -> str:
        return f"{self.commit[:12]}{' with uncommitted changes' if self.is_dirty else ''} ({self.source})"

    @property
    def is_installed(self) -> bool:
        """True when its packages were installed by an earlier run."""
        return (self.folder / ".venv").exists()


@contextmanager
def alone_in(kept_in: Path) -> Iterator[None]:
    """Nobody else measures from this folder until the block ends: builds are replaced, and two would disturb each
    other. BuildError when somebody does."""
    kept_in.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(kept_in / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as fault:
        raise BuildError(f"another bench measures builds from {kept_in}") from fault
    finally:
        os.close(descriptor)


def find_build(named: str, *, kept_in: Path, repository: Path = REPOSITORY) -> Build:
    """The checkout at the path `named`, or that commit of `repository`."""
    if (Path(named) / START_SCRIPT).is_file():
        return copy_checkout(Path(named).resolve(), kept_in / "other")
    commit = _git(repository, "rev-parse", "--verify", "--quiet", f"{named}^{{commit}}")
    if not commit:
        raise BuildError(f"{named} is neither a checkout (a folder with {START_SCRIPT}) nor a commit of {repository}")
    folder = kept_in / commit
    if not folder.exists():
        _add_worktree(repository, folder, commit)
    if _git(folder, "rev-parse", "HEAD") != commit or _git(folder, "status", "--porcelain"):
        raise BuildError(f"{folder} is not what was committed; remove it: git worktree remove --force {folder}")
    if not (folder / START_SCRIPT).is_file():
        raise BuildError(f"{commit[:12]} has no {START_SCRIPT}")
    return Build(named, folder, commit, is_dirty=False)


def copy_checkout(checkout: Path, folder: Path) -> Build:
    """The checkout as it stands, changes and new files included, what git ignores left out."""
    commit = _git(checkout, "rev-parse", "HEAD")
    listed = _git(checkout, "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    if not commit or listed is None:
        raise BuildError(f"{checkout} is no git checkout with a commit")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.iterdir():
        if old.name not in KEPT:
            shutil.rmtree(old) if old.is_dir() and not old.is_symlink() else old.unlink()
    for name in filter(None, listed.split("\0")):
        if (checkout / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, folder / name)
    return Build(str(checkout), folder, commit, is_dirty=bool(_git(checkout, "status", "--porcelain")))


def _add_worktree(repository: Path, folder: Path, commit: str) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    # --force: git remembers a worktree whose folder was deleted, and would refuse to make it again.
    command = ["git", "-C", str(repository), "worktree", "add", "--detach", "--force", str(folder), commit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise BuildError(f"git made no worktree of {commit[:12]}: {done.stderr.strip()}")


def _git(folder: Path, *arguments: str) -> str | None:
    """What git printed; None when it refused."""
    done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else None
