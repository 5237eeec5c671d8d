"""The parent's hold on one child process: starting it, frames to and from it within a deadline, and its end.

Nothing of the parent goes along: no environment, no descriptors but three pipes' ends, no memory (it is a new program,
not a fork).
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
import select
import signal
import subprocess
import sys
import time
from collections import deque
from pathlib import Path
from typing import Final, NamedTuple

from connections.sandbox import frames
from connections.sandbox.jobs import Limits

ROOT: Final = Path(__file__).resolve().parent.parent.parent
# The program's only knowledge of where things are; it forgets the path again before it sees any code.
BOOT: Final = "import sys; sys.path.insert(0, sys.argv[1]); from connections.sandbox.runtime import main; main()"
START_S: Final = 10.0
# A child is replaced after this much CPU time, well before its own limit ends it in the middle of a run.
LIFETIME_CPU_S: Final = 600
_READ_BYTES: Final = 256 * 1024
MAX_CODES: Final = 1000
MAX_CODE_BYTES_KEPT: Final = 32 * 1024 * 1024


class SandboxUnavailable(Exception):
    """No child can be started: the machine's fault, not a transformation's."""


class ChildGone(Exception):
    """The child has ended; `signal_number` is None when no signal ended it."""

    def __init__(self, signal_number: int | None) -> None:
        super().__init__(f"the child ended (signal {signal_number})")
        self.signal_number = signal_number


class FrameTooLong(Exception):
    """The child sent more than a run may answer."""


class Frame(NamedTuple):
    kind: bytes
    payload: bytes


class Child:
    """Started on creation. Not safe for use by several threads at once.

    It is to be started by a thread that lives as long as it is wanted: it ends together with that thread.
    """

    def __init__(self, limits: Limits) -> None:
        """Raises SandboxUnavailable."""
        self.cpu_us = 0
        self._codes: dict[str, int] = {}
        self._code_bytes = 0
        self._outgoing: deque[memoryview] = deque()
        self._incoming = bytearray()
        self._process = _start(limits)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._stdin = self._process.stdin.fileno()
        self._stdout = self._process.stdout.fileno()
        os.set_blocking(self._stdin, False)
        os.set_blocking(self._stdout, False)
        self.backlog_bytes = 0
        self._readable = select.poll()
        self._readable.register(self._stdout, select.POLLIN)
        self._either = select.poll()
        self._either.register(self._stdout, select.POLLIN)
        self._either.register(self._stdin, select.POLLOUT)
        self._await_readiness()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    @property
    def is_worn(self) -> bool:
        return self.cpu_us > LIFETIME_CPU_S * 1_000_000

    def number_of(self, code: str) -> int:
        """The number under which the child knows `code`; the code is sent first when it does not."""
        number = self._codes.get(code)
        if number is not None:
            return number
        if len(self._codes) >= MAX_CODES or self._code_bytes > MAX_CODE_BYTES_KEPT:
            self.send(frames.frame(frames.FORGET))
            self._codes.clear()
            self._code_bytes = 0
        number = self._codes[code] = len(self._codes)
        source = code.encode()
        self._code_bytes += len(source)
        self.send(frames.frame(frames.CODE, frames.CODE_HEAD.pack(number), source))
        return number

    def send(self, data: bytes) -> None:
        """Queued; goes out while frames are received."""
        self._outgoing.append(memoryview(data))
        self.backlog_bytes += len(data)

    def receive(self, *, until: float, longest: int) -> Frame | None:
        """The next frame, or None when there is none by `until` (time.monotonic). Raises ChildGone, FrameTooLong."""
        while True:
            frame = self._take_frame(longest)
            if frame is not None:
                return frame
            left = until - time.monotonic()
            # Also when it is too late already: a parent that was held up must not blame the child for it.
            if not self._exchange(max(0.0, left)) and left <= 0:
                return None

    def kill(self) -> int | None:
        """Ends it whatever it does; returns the number of the signal that ended it."""
        self._process.kill()
        code = self._process.wait()
        self._close()
        return -code if code < 0 else None

    def _take_frame(self, longest: int) -> Frame | None:
        if len(self._incoming) < frames.HEAD.size:
            return None
        kind, length = frames.HEAD.unpack_from(self._incoming)
        if length > longest:
            raise FrameTooLong
        end = frames.HEAD.size + length
        if len(self._incoming) < end:
            return None
        payload = bytes(memoryview(self._incoming)[frames.HEAD.size : end])
        del self._incoming[:end]
        return Frame(kind, payload)

    def _exchange(self, timeout_s: float) -> bool:
        """Waits until something can be read or written, and does it; False when nothing could within the time."""
        poll = self._either if self._outgoing else self._readable
        ready = {descriptor for descriptor, _ in poll.poll(timeout_s * 1000)}
        if self._stdin in ready:
            self._write()
        if self._stdout in ready:
            self._read()
        return bool(ready)

    def _write(self) -> None:
        # A child that has ended is noticed by reading: it may have answered before.
        with contextlib.suppress(BrokenPipeError):
            while self._outgoing:
                try:
                    written = os.write(self._stdin, self._outgoing[0])
                except BlockingIOError:
                    return
                self.backlog_bytes -= written
                if written == len(self._outgoing[0]):
                    self._outgoing.popleft()
                else:
                    self._outgoing[0] = self._outgoing[0][written:]
            return
        self._outgoing.clear()
        self.backlog_bytes = 0

    def _read(self) -> None:
        try:
            data = os.read(self._stdout, _READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            code = self._process.wait()
            self._close()
            raise ChildGone(-code if code < 0 else None)
        self._incoming += data

    def _close(self) -> None:
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()

    def _await_readiness(self) -> None:
        try:
            frame = self.receive(until=time.monotonic() + START_S, longest=1 << 20)
        except (ChildGone, FrameTooLong) as fault:
            self.kill()
            raise SandboxUnavailable(f"the sandbox's child did not start: {fault}") from None
        if frame is None or frame.kind != frames.READY:
            self.kill()
            reason = frame.payload.decode("utf-8", "replace") if frame else f"no answer within {START_S:g} s"
            raise SandboxUnavailable(f"the sandbox's child did not start: {reason}")


def _start(limits: Limits) -> subprocess.Popen[bytes]:
    spec = importlib.util.find_spec("_quickjs")
    if spec is None or spec.origin is None:
        raise SandboxUnavailable("quickjs-ng is not installed")
    # Besides the engine's own memory: the request and the answer, as bytes and as text, and the sources.
    memory_bytes = limits.memory_bytes + 6 * limits.answer_bytes + 2 * MAX_CODE_BYTES_KEPT
    cpu_s = LIFETIME_CPU_S + 60
    arguments = [str(ROOT), spec.origin, str(memory_bytes), str(cpu_s)]
    try:
        return subprocess.Popen(  # noqa: S603 - our own interpreter, our own arguments
            [sys.executable, "-I", "-S", "-B", "-c", BOOT, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={},
            cwd="/",
            close_fds=True,
            # Ctrl-C in a terminal is for the workers, who then end it in their own time.
            start_new_session=True,
            restore_signals=True,
        )
    except OSError as error:
        raise SandboxUnavailable(f"the sandbox's child cannot be started: {error}") from None


def name_of(signal_number: int | None) -> str:
    return signal.Signals(signal_number).name if signal_number else "without a signal"
