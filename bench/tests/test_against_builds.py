"""The other build is a checkout as it stands or a commit; a commit's worktree is kept, and is what was committed."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from bench.against.builds import BuildError, alone_in, copy_checkout, find_build

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
    assert build.folder == tmp_path / "builds" / git(repository, "rev-parse", "HEAD~1")
    assert ((build.folder / "script" / "up").read_text(), build.is_dirty) == ("first", False)
    made = (build.folder / "script" / "up").stat().st_mtime_ns
    assert find_build("HEAD~1", kept_in=tmp_path / "builds", repository=repository) == build
    assert (build.folder / "script" / "up").stat().st_mtime_ns == made
    assert git(repository, "status", "--porcelain") == ""


def test_a_kept_build_that_was_deleted_is_made_again(repository: Path, tmp_path: Path) -> None:
    build = find_build("HEAD", kept_in=tmp_path / "builds", repository=repository)
    shutil.rmtree(build.folder)
    assert find_build("HEAD", kept_in=tmp_path / "builds", repository=repository) == build
    assert (build.folder / "script" / "up").read_text() == "second"


def test_a_kept_build_that_was_changed_is_refused_with_the_command_that_removes_it(
    repository: Path, tmp_path: Path
) -> None:
    build = find_build("HEAD", kept_in=tmp_path / "builds", repository=repository)
    (build.folder / "script" / "up").write_text("tampered")
    with pytest.raises(BuildError, match="is not what was committed; remove it: git worktree remove --force"):
        find_build("HEAD", kept_in=tmp_path / "builds", repository=repository)


def test_a_checkout_is_copied_as_it_stands_and_left_alone(repository: Path, tmp_path: Path) -> None:
    (repository / "script" / "up").write_text("third")
    (repository / "new").write_text("not added yet")
    (repository / ".gitignore").write_text(".venv\n")
    (repository / ".venv").mkdir()
    (repository / ".venv" / "python").write_text("the developer's")
    build = find_build(str(repository), kept_in=tmp_path / "builds")
    assert (build.folder, build.commit) == (tmp_path / "builds" / "other", git(repository, "rev-parse", "HEAD"))
    assert build.words == f"{build.commit[:12]} with uncommitted changes ({repository})"
    assert {path.name for path in build.folder.iterdir()} == {"script", "new", ".gitignore"}
    assert (build.folder / "script" / "up").read_text() == "third"
    assert git(repository, "worktree", "list").count("\n") == 0


def test_a_copy_keeps_what_its_start_made_and_loses_what_the_checkout_lost(repository: Path, tmp_path: Path) -> None:
    folder = tmp_path / "builds" / "this"
    (repository / "script" / "up").chmod(0o755)
    (repository / "new").write_text("to be deleted")
    (folder / ".venv").mkdir(parents=True)
    copy_checkout(repository, folder)
    (repository / "new").unlink()
    (folder / "left").mkdir()
    build = copy_checkout(repository, folder)
    assert {path.name for path in folder.iterdir()} == {"script", ".venv"}
    assert os.access(folder / "script" / "up", os.X_OK)
    assert build.is_installed


def test_a_folder_without_git_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="is no git checkout with a commit"):
        copy_checkout(tmp_path, tmp_path / "builds" / "this")


def test_two_do_not_measure_from_one_folder(tmp_path: Path) -> None:
    refused = pytest.raises(BuildError, match="another bench measures builds from")
    with alone_in(tmp_path), refused, alone_in(tmp_path):
        pytest.fail("let in")
    with alone_in(tmp_path):
        pass


@pytest.mark.parametrize("named", ["no-such-branch", "--all", "/nowhere"])
def test_what_is_neither_is_refused(repository: Path, tmp_path: Path, named: str) -> None:
    with pytest.raises(BuildError, match=r"is neither a checkout \(a folder with script/up\) nor a commit"):
        find_build(named, kept_in=tmp_path / "builds", repository=repository)


def test_a_commit_that_cannot_be_started_is_refused(repository: Path, tmp_path: Path) -> None:
    with pytest.raises(BuildError, match="has no script/up"):
        find_build("HEAD~2", kept_in=tmp_path / "builds", repository=repository)
