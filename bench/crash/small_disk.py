"""A disk small enough to be filled: a tmpfs of its own for one installation's folder, by root or in a user namespace.

Where neither is permitted the caller gets the reason and leaves its scenario out.
"""

import asyncio
import contextlib
import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

SIZE_MB = 400
CHUNK = bytes(64 * 1024)
REFILL_S = 0.02
NAMESPACE = ("unshare", "--user", "--mount", "--map-current-user", "--keep-caps", "--propagation", "private")
# In the namespace: mount, then go on as the command, without the rights that the mount needed.
MOUNT_AND_GO = 'mount -t tmpfs -o size=$1m,mode=0711 tmpfs "$2" && shift 2 && exec setpriv --ambient-caps=-all "$@"'


class NoSmallDisk(RuntimeError):
    """This machine does not let us mount; the message says what it said."""


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """`folder` is the mount point. Commands that should see it are started with `prefix` before them."""

    folder: Path
    prefix: tuple[str, ...] = ()

    async def keep_full(self, pid: int, seconds: float) -> None:
        """Fill it to the last byte, again and again as others give room back, for `seconds`; then free it all.

        `pid` is a process that sees the disk: through its root we see it too.
        """
        filler = Path(f"/proc/{pid}/root{self.folder}") / "filler"
        over_s = asyncio.get_running_loop().time() + seconds
        descriptor = os.open(filler, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            while asyncio.get_running_loop().time() < over_s:
                _fill(descriptor)
                await asyncio.sleep(REFILL_S)
        finally:
            os.ftruncate(descriptor, 0)
            os.close(descriptor)
            filler.unlink()


def _fill(descriptor: int) -> None:
    chunk = CHUNK
    while chunk:
        try:
            os.write(descriptor, chunk)
        except OSError as fault:
            if fault.errno != errno.ENOSPC:
                raise
            chunk = chunk[: len(chunk) // 16]


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """`folder`, made here, with a file system of SIZE_MB on it. NoSmallDisk when that is not permitted."""
    folder.mkdir()
    if os.geteuid() == 0:
        _run("mount", "-t", "tmpfs", "-o", f"size={SIZE_MB}m,mode=0711", "tmpfs", str(folder))
        try:
            yield SmallDisk(folder)
        finally:
            with contextlib.suppress(NoSmallDisk):
                _run("umount", "--lazy", str(folder))
        return
    prefix = (*NAMESPACE, "sh", "-c", MOUNT_AND_GO, "sh", str(SIZE_MB), str(folder))
    _run(*prefix, "true")
    # The mount lives and dies with the namespace, which lives and dies with the installation.
    yield SmallDisk(folder, prefix)


def _run(*command: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as fault:
        raise NoSmallDisk(str(fault)) from fault
    if done.returncode != 0:
        raise NoSmallDisk(" ".join(done.stderr.split()) or f"{command[0]} ended with status {done.returncode}")
