"""The other build is a checkout as it stands or a commit; a commit's worktree is kept, and is what was committed."""

import shutil
import subprocess
from pathlib import Path

import pytest

from bench.against.builds import BuildError, find_build, read_build

AUTHOR = ("-c", "user.name=Bench", "-c", "user.email=bench@example.com", "-c", "commit.gpgsign=false")


def git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", "-C", str(folder), *AUTHOR, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Three commits: without a start script, with one, and with another one."""
    folder = tmp_path / "repository"
    (folder / "script").mkdir(parents=True)
    git(tmp_path, "init", "--quiet", str(folder))
    for script in (None, "first", "second"):
        if script:
            (folder / "script" / "up").write_text(script)
            git(folder, "add", ".")
        git(folder, "commit", "--quiet", "--allow-empty", "--message", str(script))
    return folder


def test_a_commit_is_checked_out_once_and_kept(repository: Path, tmp_path: Path) -> None:
    build = find_build("HEAD~1", kept_in=tmp_path / "builds", repository=repository)
    assert build.checkout == tmp_path / "builds" / git(repository, "rev-parse", "HEAD~1")
    assert ((build.checkout / "script" / "up").read_text(), build.is_dirty) == ("first", False)
    made = (build.checkout / "script" / "up").stat().st_mtime_ns
    assert find_build("HEAD~1", kept_in=tmp_path / "builds", repository=repository) == build
    assert (build.checkout / "script" / "up").stat().st_mtime_ns == made
    assert git(repository, "status", "--porcelain") == ""


def test_a_kept_build_that_was_deleted_is_made_again(repository: Path, tmp_path: Path) -> None:
    build = find_build("HEAD", kept_in=tmp_path / "builds", repository=repository)
    shutil.rmtree(build.checkout)
    assert find_build("HEAD", kept_in=tmp_path / "builds", repository=repository) == build
    assert (build.checkout / "script" / "up").read_text() == "second"


def test_a_kept_build_that_was_changed_is_refused_with_the_command_that_removes_it(
    repository: Path, tmp_path: Path
) -> None:
    build = find_build("HEAD", kept_in=tmp_path / "builds", repository=repository)
    (build.checkout / "script" / "up").write_text("tampered")
    with pytest.raises(BuildError, match="is not what was committed; remove it: git worktree remove --force"):
        find_build("HEAD", kept_in=tmp_path / "builds", repository=repository)


def test_a_checkout_is_taken_as_it_stands(repository: Path, tmp_path: Path) -> None:
    (repository / "script" / "up").write_text("third")
    build = find_build(str(repository), kept_in=tmp_path / "builds")
    assert (build.checkout, build.commit) == (repository, git(repository, "rev-parse", "HEAD"))
    assert build.is_dirty
    assert f"{build.commit[:12]} with uncommitted changes in {repository}" == build.words
    assert not (tmp_path / "builds").exists()


def test_a_folder_without_git_has_no_commit(tmp_path: Path) -> None:
    assert read_build(tmp_path).words == f"no commit in {tmp_path}"


@pytest.mark.parametrize("named", ["no-such-branch", "--all", "/nowhere"])
def test_what_is_neither_is_refused(repository: Path, tmp_path: Path, named: str) -> None:
    with pytest.raises(BuildError, match=r"is neither a checkout \(a folder with script/up\) nor a commit"):
        find_build(named, kept_in=tmp_path / "builds", repository=repository)


def test_a_commit_that_cannot_be_started_is_refused(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="has no script/up"):
        find_build("HEAD~2", kept_in=tmp_path / "builds", repository=repository)
