"""Jobs and outcomes of the sandbox: one run of a transformation over one request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from connections.rules.inline_transformation import MAX_CODE_BYTES


@dataclass(frozen=True, slots=True)
class Message:
    """A request as it is stored: `path` is "" or begins with a slash, `query` has no question mark, `headers` are pairs
    with lower-case names, repeats kept, `body` is empty when there was none."""

    method: str
    path: str
    query: str
    headers: Sequence[Sequence[str]]
    body: bytes


@dataclass(frozen=True, slots=True)
class Named:
    id: str | None
    name: str | None


NOBODY = Named(None, None)


@dataclass(frozen=True, slots=True)
class RunContext:
    """The context of a run, which a transformation gets as its second argument."""

    connection: Named = NOBODY
    source: Named = NOBODY
    destination: Named = NOBODY


@dataclass(frozen=True, slots=True)
class Limits:
    """Of one run. `body_bytes` bounds the body that it may return, `header_bytes` all headers together."""

    cpu_s: float = 1.0
    wall_s: float = 2.0
    memory_bytes: int = 64 * 1024 * 1024
    log_bytes: int = 1024 * 1024
    body_bytes: int = 10 * 1024 * 1024
    header_bytes: int = 64 * 1024
    code_bytes: int = MAX_CODE_BYTES

    @property
    def answer_bytes(self) -> int:
        """A body as JSON text is at most about twice as long, unless it is made of control characters."""
        return 2 * self.body_bytes + self.header_bytes * 8 + 1024


@dataclass(frozen=True, slots=True)
class Job:
    """`created_at` is shown to the transformation as it is. With `check_only` the code is read and not run."""

    code: str
    request: Message
    env: Mapping[str, str] = field(default_factory=dict)
    context: RunContext = RunContext()
    created_at: str = ""
    limits: Limits = Limits()
    check_only: bool = False


class RunStatus(StrEnum):
    SUCCESSFUL = "SUCCESSFUL"
    FAILED = "FAILED"
    NOT_RUN = "NOT_RUN"  # the batch's time was over before its turn came


class ErrorKind(StrEnum):
    SYNTAX = "SYNTAX"
    THREW = "THREW"
    RETURNED_NOTHING = "RETURNED_NOTHING"
    INVALID_RESULT = "INVALID_RESULT"
    NEVER_SETTLED = "NEVER_SETTLED"
    CPU_LIMIT = "CPU_LIMIT"
    WALL_LIMIT = "WALL_LIMIT"
    MEMORY_LIMIT = "MEMORY_LIMIT"
    OUTPUT_LIMIT = "OUTPUT_LIMIT"
    LOG_LIMIT = "LOG_LIMIT"
    CODE_LIMIT = "CODE_LIMIT"
    CRASHED = "CRASHED"


# A code that met one of these may meet it with every request, and each time cost its full limit.
EXPENSIVE = frozenset({ErrorKind.CPU_LIMIT, ErrorKind.WALL_LIMIT, ErrorKind.MEMORY_LIMIT, ErrorKind.CRASHED})


@dataclass(frozen=True, slots=True)
class LogLine:
    level: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended. `request` is what it made of its request, None when it changed nothing or failed.

    `error` is a sentence for the transformation's author; `line` and `column` (from 1) its place in the code, where
    there is one.
    """

    status: RunStatus
    request: Message | None = None
    error: str | None = None
    error_kind: ErrorKind | None = None
    line: int | None = None
    column: int | None = None
    logs: tuple[LogLine, ...] = ()
    duration_us: int = 0
    cpu_us: int = 0
