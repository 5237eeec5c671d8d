"""The build that this one is measured against: a checkout as it stands, or a commit in a worktree kept between runs."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

from bench.receivers import REPOSITORY

START_SCRIPT = Path("script") / "up"


class BuildError(ValueError):
    """The argument names no build that could be started; the message says why."""


@dataclass(frozen=True, slots=True)
class Build:
    """`commit` is empty where the checkout is no git repository; `is_dirty` when it has changes of its own."""

    checkout: Path
    commit: str
    is_dirty: bool

    @property
    def words(self) -> str:
        commit = self.commit[:12] or "no commit"
        return f"{commit}{' with uncommitted changes' if self.is_dirty else ''} in {self.checkout}"

    @property
    def is_installed(self) -> bool:
        """True when its packages have been installed before; only the first start takes minutes."""
        return (self.checkout / ".venv").exists()


def read_build(checkout: Path) -> Build:
    """A checkout as it stands."""
    commit = _git(checkout, "rev-parse", "HEAD")
    changes = _git(checkout, "status", "--porcelain") if commit else ""
    return Build(checkout, commit=commit or "", is_dirty=bool(changes))


def find_build(named: str, *, kept_in: Path, repository: Path = REPOSITORY) -> Build:
    """The checkout at the path `named`, or the commit of `repository` in a worktree below `kept_in`, made at need."""
    if (Path(named) / START_SCRIPT).is_file():
        return read_build(Path(named).resolve())
    commit = _git(repository, "rev-parse", "--verify", "--quiet", f"{named}^{{commit}}")
    if not commit:
        raise BuildError(f"{named} is neither a checkout (a folder with {START_SCRIPT}) nor a commit of {repository}")
    folder = kept_in / commit
    if not folder.exists():
        _add_worktree(repository, folder, commit)
    build = read_build(folder)
    if build.commit != commit or build.is_dirty:
        raise BuildError(f"{folder} is not what was committed; remove it: git worktree remove --force {folder}")
    if not (folder / START_SCRIPT).is_file():
        raise BuildError(f"{commit[:12]} has no {START_SCRIPT}")
    return build


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
