"""The sandbox: transformations run in a child process, batches in, one outcome per run.

Limits hold from outside: the kernel ends a run that uses up its CPU time, this side one that takes too long or says too
much. A child that has had a fault of that kind is replaced; the rest of the batch goes on in the next one.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import orjson
import structlog

from connections.rules.payload import parse_query
from connections.sandbox import frames
from connections.sandbox.answer import Faulty, read_answer
from connections.sandbox.child_process import Child, ChildGone, FrameTooLong, name_of
from connections.sandbox.jobs import EXPENSIVE, ErrorKind, Job, Limits, LogLine, Message, Outcome, RunStatus
from fasthook.lib.headers import merge_headers

log = structlog.get_logger(__name__)

# So much is written ahead of the child, so that it never waits for the next job and memory stays bounded.
AHEAD_BYTES: Final = 256 * 1024
# A child that ended for no reason of its own (the machine ran out of memory, say) gets one more chance with the job.
MAX_TRIES: Final = 2
EMPTY: Final = Message(method="POST", path="", query="", headers=(), body=b"")


class Sandbox:
    """One child at a time, started when first needed. Safe for several threads: they take turns."""

    def __init__(self, limits: Limits | None = None) -> None:
        """`limits` are those that the child is made for; no job may ask for more memory or a longer answer."""
        self._limits = limits or Limits()
        self._lock = threading.Lock()
        self._child: Child | None = None
        self._owner = os.getpid()

    @property
    def child_pid(self) -> int | None:
        return self._child.pid if self._child else None

    def run_batch(self, jobs: Sequence[Job], *, budget_s: float | None = None) -> list[Outcome]:
        """An outcome for each job, in their order.

        Jobs whose turn has not come after `budget_s` are NOT_RUN. After an expensive fault the other jobs with the same
        code come last, so that they do not keep the rest waiting. Raises SandboxUnavailable when no child can be
        started; nothing has been decided then.
        """
        with self._lock:
            return _Batch(self, jobs, budget_s).run()

    def run(self, job: Job) -> Outcome:
        return self.run_batch([job])[0]

    def check(self, code: str, *, limits: Limits | None = None) -> Outcome:
        """Whether `code` can be read as JavaScript; it is not run."""
        return self.run(Job(code=code, request=EMPTY, check_only=True, limits=limits or self._limits))

    def close(self) -> None:
        with self._lock:
            self.drop_child()

    def child(self) -> Child:
        """The living child; a new one when there is none or it is worn."""
        if self._owner != os.getpid():
            # After a fork the child belongs to the other process.
            self._child, self._owner = None, os.getpid()
        if self._child is not None and (self._child.is_worn or not self._child.is_alive):
            self.drop_child()
        if self._child is None:
            self._child = Child(self._limits)
        return self._child

    def drop_child(self) -> None:
        if self._child is not None:
            self._child.kill()
            self._child = None


class _Batch:
    """One call of `run_batch`: the jobs that still wait, and what has been seen of the one that runs."""

    def __init__(self, sandbox: Sandbox, jobs: Sequence[Job], budget_s: float | None) -> None:
        self._sandbox = sandbox
        self._jobs = jobs
        self._outcomes: list[Outcome] = [Outcome(RunStatus.NOT_RUN)] * len(jobs)
        self._waiting = list(range(len(jobs)))
        # How the runs were given their requests, until they have answered.
        self._shown: dict[int, dict[str, Any]] = {}
        self._over_at = float("inf") if budget_s is None else time.monotonic() + budget_s
        self._logs: list[LogLine] = []
        self._tries = 0

    def run(self) -> list[Outcome]:
        for number, job in enumerate(self._jobs):
            size = len(job.code.encode())
            if size > job.limits.code_bytes:
                fault = f"the code is {size} bytes long, more than {job.limits.code_bytes}"
                self._outcomes[number] = _failed(ErrorKind.CODE_LIMIT, fault)
                self._waiting.remove(number)
        while self._waiting and time.monotonic() < self._over_at:
            try:
                self._serve(self._sandbox.child())
            except BaseException:
                # Whatever happened here, the child may be in the middle of something.
                self._sandbox.drop_child()
                raise
        return self._outcomes

    def _serve(self, child: Child) -> None:
        """Until all is done, the child has to be replaced, or the time is over."""
        unsent = list(self._waiting)
        deadline = 0.0
        while self._waiting:
            while unsent and child.backlog_bytes < AHEAD_BYTES:
                number = unsent.pop(0)
                self._shown[number] = _shown(self._jobs[number])
                child.send(_encode(self._jobs[number], self._shown[number], child))
            job = self._jobs[self._waiting[0]]
            deadline = deadline or time.monotonic() + job.limits.wall_s
            try:
                frame = child.receive(until=deadline, longest=self._longest(job))
            except ChildGone as gone:
                return self._blame(gone.signal_number)
            except FrameTooLong:
                return self._give_up(ErrorKind.OUTPUT_LIMIT, f"returned more than {job.limits.answer_bytes} bytes")
            if frame is None:
                return self._give_up(ErrorKind.WALL_LIMIT, f"took longer than {job.limits.wall_s:g} s")
            if frame.kind == frames.LINE:
                self._note(frame.payload)
            elif frame.kind == frames.ENDED:
                deadline = 0.0
                if self._end(frame.payload, child):
                    return self._sandbox.drop_child()
                if time.monotonic() >= self._over_at and self._waiting:
                    return self._sandbox.drop_child()
        return None

    def _longest(self, job: Job) -> int:
        return max(job.limits.answer_bytes, job.limits.log_bytes) + frames.ENDED_HEAD.size

    def _note(self, payload: bytes) -> None:
        level = frames.LEVELS[payload[0]] if payload[0] < len(frames.LEVELS) else "log"
        # Postgres keeps no NUL in text.
        self._logs.append(LogLine(level, payload[1:].decode("utf-8", "replace").replace("\x00", "\ufffd")))

    def _end(self, payload: bytes, child: Child) -> bool:
        """Notes how the running job ended; True when the child ends itself with it."""
        wall_us, cpu_us, for_good = frames.ENDED_HEAD.unpack_from(payload)
        child.cpu_us += cpu_us
        number = self._waiting[0]
        job = self._jobs[number]
        answer = payload[frames.ENDED_HEAD.size :]
        try:
            changed = read_answer(answer, job.request, job.limits, shown=self._shown[number])
        except Faulty as fault:
            outcome = _failed(fault.kind, fault.message, line=fault.line, column=fault.column)
            self._finish(replace(outcome, duration_us=wall_us, cpu_us=cpu_us))
        else:
            self._finish(Outcome(RunStatus.SUCCESSFUL, request=changed, duration_us=wall_us, cpu_us=cpu_us))
        return bool(for_good)

    def _blame(self, signal_number: int | None) -> None:
        """The child ended in the middle of a run."""
        self._sandbox.drop_child()
        limits = self._jobs[self._waiting[0]].limits
        if signal_number == signal.SIGPROF:
            spent_us = round(limits.cpu_s * 1_000_000)
            outcome = _failed(ErrorKind.CPU_LIMIT, f"used more than {limits.cpu_s:g} s of CPU time")
            return self._finish(replace(outcome, duration_us=spent_us, cpu_us=spent_us))
        if signal_number == signal.SIGALRM:
            return self._give_up(ErrorKind.WALL_LIMIT, f"took longer than {limits.wall_s:g} s")
        self._tries += 1
        self._logs = []
        log.warning("sandbox.child_ended", signal=name_of(signal_number), tries=self._tries)
        if self._tries < MAX_TRIES:
            return None
        return self._give_up(ErrorKind.CRASHED, f"ended its process ({name_of(signal_number)})")

    def _give_up(self, kind: ErrorKind, message: str) -> None:
        self._sandbox.drop_child()
        limits = self._jobs[self._waiting[0]].limits
        spent_us = round(limits.wall_s * 1_000_000) if kind is ErrorKind.WALL_LIMIT else 0
        self._finish(replace(_failed(kind, message), duration_us=spent_us))

    def _finish(self, outcome: Outcome) -> None:
        number = self._waiting.pop(0)
        del self._shown[number]
        if self._logs:
            outcome = replace(outcome, logs=tuple(self._logs))
            self._logs = []
        self._outcomes[number] = outcome
        self._tries = 0
        if outcome.error_kind in EXPENSIVE:
            code = self._jobs[number].code
            self._waiting.sort(key=lambda each: self._jobs[each].code == code)


def _failed(kind: ErrorKind, message: str, *, line: int | None = None, column: int | None = None) -> Outcome:
    return Outcome(RunStatus.FAILED, error=message, error_kind=kind, line=line, column=column)


def _encode(job: Job, shown: Mapping[str, Any], child: Child) -> bytes:
    number = child.number_of(job.code)
    limits = job.limits
    meta = b"" if job.check_only else orjson.dumps({"request": shown, "context": job.context, "env": dict(job.env)})
    head = frames.JOB_HEAD.pack(
        number,
        round(limits.cpu_s * 1_000_000),
        round(limits.wall_s * 1_000_000),
        limits.memory_bytes,
        limits.answer_bytes,
        limits.log_bytes,
        len(meta),
    )
    return frames.frame(frames.JOB, head, meta, job.request.body)


def _shown(job: Job) -> dict[str, Any]:
    """The request as the run gets it; the body goes apart. Keys in the order in which people read a request."""
    request = job.request
    return {
        "headers": merge_headers(request.headers),
        "body": None,
        "query": request.query,
        "parsed_query": parse_query(request.query),
        "path": request.path or "/",
        "method": request.method,
        "created_at": job.created_at,
    }
