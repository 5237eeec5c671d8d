"""Frames on the sandbox's pipes: length-prefixed, the same for parent and child.

Shared with the child, so it knows the standard library only. A frame is its kind (one byte), the length of its payload
(four bytes), and the payload.
"""

from __future__ import annotations

import struct
from typing import Final, NamedTuple

HEAD: Final = struct.Struct("!cI")

# To the child: source text under a number, to be named by jobs; forget all source texts; one run.
CODE: Final = b"C"
FORGET: Final = b"F"
JOB: Final = b"J"
# From the child: it is ready; it could not start (text); one line of the console; how the current run ended.
READY: Final = b"R"
UNFIT: Final = b"X"
LINE: Final = b"L"
ENDED: Final = b"O"

CODE_HEAD: Final = struct.Struct("!I")
# Number of the code, CPU and wall limit (us), memory, output and log limit (bytes), length of the JSON that follows;
# the request's body takes the rest.
JOB_HEAD: Final = struct.Struct("!IIIQIII")
# Wall and CPU time (us), and whether the child ends itself now; the answer takes the rest.
ENDED_HEAD: Final = struct.Struct("!II?")

LEVELS: Final = ("log", "info", "warn", "error", "debug")


class JobHead(NamedTuple):
    code_number: int
    cpu_limit_us: int
    wall_limit_us: int
    memory_limit_bytes: int
    output_limit_bytes: int
    log_limit_bytes: int
    meta_length: int


def frame(kind: bytes, *parts: bytes) -> bytes:
    return b"".join((HEAD.pack(kind, sum(map(len, parts))), *parts))
