"""Metric values of a process as doubles in one array: in its memory at first, later in a file that others read.

A file has one living owner (flock) and is taken over by the next process of the same name, which counts on in it. So a
count never falls when a process dies, and there are never more files than there were processes at one time.
"""

from __future__ import annotations

import fcntl
import itertools
import mmap
import os
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

VALUE_BYTES = 8
# Of the owner, before all other values. Its pid means something only to those who share its pid namespace.
PID, PID_NAMESPACE = 0, 1
HEADER_VALUES = 4
_FOLDER_LOCK = "lock"


class MetricValues:
    """`view[place] += amount` under `lock`: several threads count, and one of them must not lose another's."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.view: memoryview[float] = _private(HEADER_VALUES)
        self._map: mmap.mmap | None = None
        os.register_at_fork(after_in_child=self._forget)

    @property
    def is_published(self) -> bool:
        return self._map is not None

    def extend(self, count: int) -> int:
        """The place of the first of `count` more values. Not once published."""
        assert self._map is None, "what is published has a fixed layout"
        place = len(self.view)
        self.view = _private(place + count)
        return place

    def publish(self, folder: Path, name: str, *, layout: str, kept: Sequence[bool]) -> None:
        """Goes on in a file of this name and adds what was counted so far. OSError when the folder cannot be used.

        `layout` stands for the meaning of the values; files of another layout that nobody owns are removed. Of what the
        last owner left, values that are not `kept` begin at zero.
        """
        with self.lock:
            assert self._map is None, "published already"
            file = _take_over(folder, name, layout=layout, size=len(self.view) * VALUE_BYTES)
            view = memoryview(file).cast("d")
            for place, own in enumerate(self.view):
                view[place] = view[place] + own if kept[place] else own
            view[PID], view[PID_NAMESPACE] = os.getpid(), pid_namespace()
            self.view, self._map = view, file

    def withdraw(self) -> None:
        """Gives the file up for the next process of its name and counts on privately, from zero."""
        with self.lock:
            self._leave()

    def _forget(self) -> None:
        """A forked child has the parent's file but not its lock: two would count in one cell."""
        self.lock = threading.Lock()
        self._leave()

    def _leave(self) -> None:
        shared, self.view = self.view, _private(len(self.view))
        if self._map is not None:
            shared.release()
            self._map.close()
            self._map = None


@dataclass(frozen=True, slots=True)
class Published:
    """What a file holds: `number` tells files of one `name` apart; `is_alive` when its owner is."""

    name: str
    number: int
    is_alive: bool
    values: Sequence[float]


def read_published(folder: Path, *, layout: str, count: int) -> list[Published]:
    """Every file of this layout, of the living and of the dead. OSError when the folder cannot be read."""
    found: list[Published] = []
    with _folder_locked(folder):
        for path in sorted(folder.glob(f"{layout}.*")):
            _, name, number = path.name.split(".")
            with path.open("r+b", buffering=0) as file:
                content = file.read(count * VALUE_BYTES)
                if len(content) == count * VALUE_BYTES:
                    values = memoryview(content).cast("d")
                    found.append(Published(name, int(number), not _lock_at_once(file.fileno()), values))
    return found


def pid_namespace() -> int:
    """Tells containers apart that share a folder; 0 where there are none."""
    try:
        return os.stat("/proc/self/ns/pid").st_ino
    except OSError:
        return 0


def _private(count: int) -> memoryview[float]:
    return memoryview(bytearray(count * VALUE_BYTES)).cast("d")


def _take_over(folder: Path, name: str, *, layout: str, size: int) -> mmap.mmap:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _folder_locked(folder):
        _remove_outdated(folder, layout)
        for number in itertools.count():
            file = os.open(folder / f"{layout}.{name}.{number}", os.O_RDWR | os.O_CREAT, 0o600)
            try:
                if _lock_at_once(file):
                    os.ftruncate(file, size)
                    # Holds a descriptor of its own, and with it the lock, until this process ends however it ends.
                    return mmap.mmap(file, size)
            finally:
                os.close(file)
    raise AssertionError("there is always one more number")


def _remove_outdated(folder: Path, layout: str) -> None:
    for path in folder.iterdir():
        if path.name == _FOLDER_LOCK or path.name.startswith(f"{layout}."):
            continue
        file = os.open(path, os.O_RDWR)
        try:
            if _lock_at_once(file):
                path.unlink()
        finally:
            os.close(file)


@contextmanager
def _folder_locked(folder: Path) -> Iterator[None]:
    """Held for a moment to take a file or to see which owners live: to see is to try a lock, which takes the file."""
    file = os.open(folder / _FOLDER_LOCK, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def _lock_at_once(file: int) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
