"""The supervisor's voice: one line per line of a process, and a short memory of each process's last lines.

At a terminal a line is prefixed with the process's name; as JSON it is an object, and the name is its `process`.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections import deque
from datetime import UTC, datetime
from typing import TextIO

import orjson

REMEMBERED_LINES = 30
CHUNK_BYTES = 65_536
_COLOURS = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)


class Console:
    """Writes to the terminal; a reader that goes away silences it and stops nothing."""

    def __init__(self, stream: TextIO = sys.stdout, *, as_json: bool = False) -> None:
        self._stream = stream
        self.as_json = as_json
        self._coloured = stream.isatty() and "NO_COLOR" not in os.environ
        self._width = len("fasthook")
        self._colours: dict[str, int] = {}

    def expect(self, names: list[str]) -> None:
        """Widen the column of prefixes for these names."""
        self._width = max([self._width, *map(len, names)])

    def line(self, name: str, text: str) -> None:
        if self.as_json:
            return self.write(_json_line(name, text))
        label = f"{name:<{self._width}} |"
        if self._coloured:
            colour = self._colours.setdefault(name, _COLOURS[len(self._colours) % len(_COLOURS)])
            label = f"\x1b[{colour}m{label}\x1b[0m"
        return self.write(f"{label} {text}")

    def say(self, text: str) -> None:
        """The supervisor's own words; each line of them prefixed."""
        for line in text.splitlines() or [""]:
            self.line("fasthook", line)

    def write(self, text: str) -> None:
        try:
            self._stream.write(f"{text}\n")
            self._stream.flush()
        except (BrokenPipeError, OSError):
            self._stream = open(os.devnull, "w")  # noqa: SIM115


def _json_line(name: str, text: str) -> str:
    if text.startswith('{"') and text.endswith("}"):
        # A line of our own logging. Not parsed: there is one for every attempt.
        return f'{{"process":"{name}",{text[1:]}'
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return orjson.dumps({"process": name, "event": text, "level": "info", "timestamp": now}).decode()


class Pipe:
    """Copies one process's output to the console line by line and remembers its end."""

    def __init__(self, name: str, console: Console) -> None:
        self.recent: deque[str] = deque(maxlen=REMEMBERED_LINES)
        self._name = name
        self._console = console

    async def copy(self, stream: asyncio.StreamReader) -> None:
        """Until the end of `stream`; a line longer than the chunk comes out in pieces instead of filling memory."""
        rest = b""
        while chunk := await stream.read(CHUNK_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            if len(rest) > CHUNK_BYTES:
                lines.append(rest)
                rest = b""
            for line in lines:
                self._emit(line)
        if rest:
            self._emit(rest)

    def _emit(self, line: bytes) -> None:
        text = line.decode(errors="replace").rstrip("\r")
        self.recent.append(text)
        self._console.line(self._name, text)
