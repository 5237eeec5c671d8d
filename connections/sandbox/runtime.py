"""The child: reads jobs from standard input, runs each in a fresh JavaScript context, answers on standard output.

Started with an empty environment and nothing but its descriptors, never forked from a worker: there is nothing in it to
steal. Imports neither Django nor anything else of the product. It is not trusted either: the parent bounds what it
reads, and ends it when it takes too long.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import os
import resource
import signal
import sys
import time
from pathlib import Path
from typing import BinaryIO, Final

from connections.sandbox import frames
from connections.sandbox.confine import confine
from connections.sandbox.engine import Engine, EngineUnfit, Exhausted, NotAFunction
from connections.sandbox.frames import JobHead

PARTS: Final = ("console", "url", "url_parse", "url_host", "text", "clone", "crypto", "errors")
# A body that ends in `return request;` is a function's body. One that awaits is an async function's.
OPENING: Final = "__main=(function(request,context){"
ASYNC_OPENING: Final = "__main=(async function(request,context){"
CLOSING: Final = "\n});0"
DIGESTS: Final = ("md5", "sha1", "sha256", "sha384", "sha512")
MAX_RANDOM_BYTES: Final = 65_536
# The parent ends a run that takes too long. This is for a run whose parent is gone.
ORPHAN_S: Final = 2.0
LINE_OVERHEAD_BYTES: Final = 16
MIN_MEMORY_BYTES: Final = 8 * 1024 * 1024
NEVER_SETTLED: Final = "returned a promise that never settles: there is nothing left for it to wait for"
OUT_OF_MEMORY: Final = 'E{"kind":"MEMORY_LIMIT"'
THREW_NULL: Final = 'E{"kind":"THREW","message":"threw null"'
_META: Final = '{"request":{},"context":{},"env":{}}'


class Code:
    """A transformation's source as a script that makes the function `__main`, and its bytecode once it has been run."""

    __slots__ = ("before", "bytecode", "source")

    def __init__(self, source: str) -> None:
        opening = ASYNC_OPENING if "await" in source else OPENING
        self.source = f"{opening}{source}{CLOSING}"
        self.before = len(opening)
        self.bytecode: bytes | None = None


class Runtime:
    """One run at a time; what a run leaves behind dies with its context."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        folder = Path(__file__).parent / "js"
        self._parts = {name: (folder / f"{name}.js").read_text() for name in PARTS}
        context = engine.context(MIN_MEMORY_BYTES, self._host)
        prelude = engine.compile(context, (folder / "prelude.js").read_text(), "prelude.js", keeps_source=False)
        if prelude is None:
            raise EngineUnfit("the JavaScript engine does not take the prelude")
        self._prelude = prelude
        self._codes: dict[int, Code] = {}
        self._line_limit = self._room_for_lines = 0
        self._started = (0, 0)
        self._idle_rss = 0

    def warm_up(self) -> None:
        """Whatever is loaded from disk when first used: afterwards there are no files."""
        for name in DIGESTS:
            hashlib.new(name, usedforsecurity=False).hexdigest()
            hmac.new(b"", b"", name).hexdigest()
        "".encode("latin-1")
        base64.b64encode(b"")
        for source in ("return request;", "return;"):
            self._evaluate(JobHead(0, 0, 0, MIN_MEMORY_BYTES, 1 << 20, 1 << 20, 0), Code(source), _META, "", "none")
        self._idle_rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def serve(self, inward: BinaryIO) -> None:
        """Until the parent closes the pipe."""
        while len(head := inward.read(frames.HEAD.size)) == frames.HEAD.size:
            kind, length = frames.HEAD.unpack(head)
            payload = inward.read(length)
            if len(payload) < length:
                return
            if kind == frames.JOB:
                self._run(payload)
            elif kind == frames.CODE:
                (number,) = frames.CODE_HEAD.unpack_from(payload)
                self._codes[number] = Code(payload[frames.CODE_HEAD.size :].decode())
            elif kind == frames.FORGET:
                self._codes.clear()

    def _run(self, payload: bytes) -> None:
        job = JobHead(*frames.JOB_HEAD.unpack_from(payload))
        start = frames.JOB_HEAD.size
        end = start + job.meta_length
        self._started = (time.monotonic_ns(), time.process_time_ns())
        self._line_limit = self._room_for_lines = job.log_limit_bytes
        # The default action of both signals ends the process: no code of ours and none of the engine's is asked.
        signal.setitimer(signal.ITIMER_REAL, job.wall_limit_us / 1e6 + ORPHAN_S)
        signal.setitimer(signal.ITIMER_PROF, job.cpu_limit_us / 1e6)
        body, encoding = _as_text(payload[end:])
        meta = payload[start:end].decode()
        answer = self._evaluate(job, self._codes[job.code_number], meta, body, encoding)
        if len(answer) > job.output_limit_bytes:
            answer = _fault("OUTPUT_LIMIT", f"returned more than {job.output_limit_bytes} bytes")
        self._end(answer, for_good=answer.startswith(OUT_OF_MEMORY.encode()))

    def _evaluate(self, job: JobHead, code: Code, meta: str, body: str, encoding: str) -> bytes:
        engine = self._engine
        try:
            context = engine.context(job.memory_limit_bytes, self._host)
            if code.bytecode is None:
                code.bytecode = engine.compile(context, code.source, "transformation.js")
            engine.run(context, self._prelude)
            transform = context.get("__transform")
            if code.bytecode is not None:
                engine.run(context, code.bytecode)
            source = "" if code.bytecode else code.source
            answer = transform(source, code.before, meta, body, encoding)
            if not isinstance(answer, str):
                while context.execute_pending_job():
                    pass
                answer = answer()
                if not answer:
                    return _fault("NEVER_SETTLED", NEVER_SETTLED)
        except NotAFunction:
            return _fault("SYNTAX", "SyntaxError: a brace is closed that was not opened")
        except engine.StackOverflow:
            return _fault("THREW", "RangeError: Maximum call stack size exceeded")
        except (Exhausted, MemoryError, SystemError):
            return _out_of_memory(job)
        except engine.Failure as error:
            text = str(error).strip()
            return _out_of_memory(job) if text == "null" or "out of memory" in text else _fault("THREW", text)
        if answer.startswith(OUT_OF_MEMORY) or (answer.startswith(THREW_NULL) and self._was_near(job)):
            return _out_of_memory(job)
        encoded: bytes = answer.encode()
        return encoded

    def _was_near(self, job: JobHead) -> bool:
        """Out of memory to the last byte, the engine cannot even make the error, and throws null."""
        used = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - self._idle_rss
        return used * 1024 > job.memory_limit_bytes * 3 // 4

    def _host(self, operation: str, argument: str) -> str | None:
        """What the prelude may ask for. The engine has no way to pass an exception on: None says that it failed."""
        try:
            if operation in frames.LEVELS:
                self._write_line(operation, argument)
                return None
            if operation == "part":
                return self._parts[argument]
            if operation == "random":
                count = int(argument)
                return os.urandom(count).hex() if count <= MAX_RANDOM_BYTES else None
            return _digest(*json.loads(argument)) if operation == "digest" else None
        except Exception:
            return None

    def _write_line(self, level: str, argument: str) -> None:
        """At once, so that the lines of a run that is ended are kept."""
        line = json.loads(argument).encode("utf-8", "replace")
        self._room_for_lines -= len(line) + LINE_OVERHEAD_BYTES
        if self._room_for_lines < 0:
            message = f"wrote more than {self._line_limit} bytes to the console"
            self._end(_fault("LOG_LIMIT", message), for_good=True)
        _send(frames.LINE, bytes([frames.LEVELS.index(level)]), line)

    def _end(self, answer: bytes, *, for_good: bool) -> None:
        # First the timers: a parent that is slow to read must not count as this run's time.
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        wall_us = (time.monotonic_ns() - self._started[0]) // 1000
        cpu_us = (time.process_time_ns() - self._started[1]) // 1000
        _send(frames.ENDED, frames.ENDED_HEAD.pack(wall_us, cpu_us, for_good), answer)
        if for_good:
            os._exit(0)


def _as_text(body: bytes) -> tuple[str, str]:
    if not body:
        return "", "none"
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return base64.b64encode(body).decode(), "base64"
    return text, "text"


def _digest(algorithm: str, key: list[str] | None, parts: list[list[str]]) -> str:
    data = b"".join(text.encode("latin-1" if encoding == "latin1" else "utf-8") for encoding, text in parts)
    if algorithm not in DIGESTS:
        raise ValueError(algorithm)
    if key is None:
        return hashlib.new(algorithm, data, usedforsecurity=False).hexdigest()
    encoding, text = key
    return hmac.new(text.encode("latin-1" if encoding == "latin1" else "utf-8"), data, algorithm).hexdigest()


def _out_of_memory(job: JobHead) -> bytes:
    return _fault("MEMORY_LIMIT", f"used more than {job.memory_limit_bytes >> 20} MiB of memory")


def _fault(kind: str, message: str) -> bytes:
    return b"E" + json.dumps({"kind": kind, "message": message}, separators=(",", ":")).encode()


def _send(kind: bytes, *parts: bytes) -> None:
    rest = memoryview(frames.frame(kind, *parts))
    while rest:
        rest = rest[os.write(1, rest) :]


def main() -> None:
    """Arguments: the repository (dropped from the path again), the engine's file, memory in bytes, CPU seconds."""
    try:
        _, _, engine_path, memory_bytes, cpu_s = sys.argv
        runtime = Runtime(Engine(engine_path))
        runtime.warm_up()
        sys.path.clear()
        confine(memory_bytes=int(memory_bytes), cpu_s=int(cpu_s))
    except Exception as error:
        _send(frames.UNFIT, f"{type(error).__name__}: {error}".encode())
        return
    _send(frames.READY)
    runtime.serve(sys.stdin.buffer)
