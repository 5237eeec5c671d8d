"""Small processes to look at from outside."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

# Takes 0.3 s of CPU, those of its start included.
BURN = "import sys, time\nuntil_s = time.process_time() + 0.3\nwhile time.process_time() < until_s: pass\n"


@contextmanager
def python(code: str, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """Runs until the block ends: the code should wait for the end of its input."""
    command = [sys.executable, "-c", code, *arguments]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield process


def tell(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    process.stdin.write(b"\n")
    process.stdin.flush()


def line_of(process: subprocess.Popen[bytes]) -> bytes:
    assert process.stdout is not None
    return process.stdout.readline()
