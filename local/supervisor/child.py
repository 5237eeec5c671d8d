"""A child process of the supervisor: in its own session, its output on one pipe, told to end when we die."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from local.embedded.child import end_with_parent


@dataclass(frozen=True, slots=True)
class Child:
    process: asyncio.subprocess.Process
    output: asyncio.StreamReader

    @property
    def is_running(self) -> bool:
        return self.process.returncode is None

    def terminate(self) -> None:
        if self.is_running:
            self.process.terminate()

    def kill_session(self) -> None:
        """End whatever is left of the child's session, its own children included."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):
            return


async def launch(command: Sequence[str], *, environment: Mapping[str, str], folder: Path) -> Child:
    """Start a child. From the main thread's event loop only: Linux ties it to the thread that starts it.

    The pipe is ours and not asyncio's: with asyncio's, waiting for a process waits for its orphans too, because they
    hold the other end, and nobody would be left to end them.
    """
    read_end, write_end = os.pipe()
    output = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(output), os.fdopen(read_end, "rb", buffering=0)
    )
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=folder,
            env=dict(environment),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=write_end,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=end_with_parent(signal.SIGTERM),
        )
    finally:
        os.close(write_end)
    return Child(process, output)


def describe_status(status: int | None) -> str:
    """An exit status in words: `exit status 3`, `killed by SIGKILL`."""
    if status is None:
        return "not started"
    if status >= 0:
        return f"exit status {status}"
    try:
        return f"killed by {signal.Signals(-status).name}"
    except ValueError:
        return f"killed by signal {-status}"
