"""The one error of the embedded servers: a sentence for the person at the terminal."""

from __future__ import annotations

from pathlib import Path

TAIL_LINES = 15


class EmbeddedError(Exception):
    """An embedded server cannot run. The message says which, why, and what to do; it may end with a log's tail."""


def with_log_tail(sentence: str, log: Path) -> str:
    """`sentence` followed by the last lines of `log`, indented."""
    lines = tail(log)
    if not lines:
        return f"{sentence} Its log {log} is empty."
    return "\n".join([f"{sentence} The end of {log}:", *(f"    {line}" for line in lines)])


def tail(log: Path, *, lines: int = TAIL_LINES) -> list[str]:
    """The last `lines` lines of `log`; nothing when there is no log."""
    try:
        with log.open("rb") as stream:
            stream.seek(0, 2)
            stream.seek(max(0, stream.tell() - 16_384))
            return stream.read().decode(errors="replace").splitlines()[-lines:]
    except FileNotFoundError:
        return []
