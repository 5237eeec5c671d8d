"""Confinement of the child before it sees any code: no files, processes or network, and bounded memory.

Runs in the child only, standard library only. The system call filter is an extra wall (a fault in the JavaScript engine
must not become a way out); where the kernel does not offer it, the other limits stand. Elsewhere than on Linux, which
is for development only, the engine's own memory limit and the parent's deadline are what is left.
"""

from __future__ import annotations

import ctypes
import os
import platform
import resource
import signal
import struct
from pathlib import Path
from typing import Final

_PR_SET_PDEATHSIG: Final = 1
_PR_SET_DUMPABLE: Final = 4
_PR_SET_SECCOMP: Final = 22
_PR_SET_NO_NEW_PRIVS: Final = 38
_SECCOMP_MODE_FILTER: Final = 2

# What an idle interpreter with one thread still needs: memory, its pipes, clocks, timers, randomness, its end.
# By audit architecture (linux/audit.h) and number (asm/unistd_64.h, asm-generic/unistd.h).
_ALLOWED: Final = {
    "x86_64": (
        0xC000003E,
        (
            *(0, 1, 3, 9, 10, 11, 12),  # read write close mmap mprotect munmap brk
            *(13, 14, 15, 25, 28, 38),  # rt_sigaction rt_sigprocmask rt_sigreturn mremap madvise setitimer
            *(39, 60, 98, 186, 202),  # getpid exit getrusage gettid futex
            *(228, 229, 231, 234, 318),  # clock_gettime clock_getres exit_group tgkill getrandom
        ),
    ),
    "aarch64": (
        0xC00000B7,
        (
            *(57, 63, 64, 93, 94, 98),  # close read write exit exit_group futex
            *(103, 113, 114, 131, 134),  # setitimer clock_gettime clock_getres tgkill rt_sigaction
            *(135, 139, 165, 172, 178),  # rt_sigprocmask rt_sigreturn getrusage getpid gettid
            *(214, 215, 216, 222, 226, 233, 278),  # brk munmap mremap mmap mprotect madvise getrandom
        ),
    ),
}
_EPERM: Final = 1


def confine(*, memory_bytes: int, cpu_s: int) -> None:
    """Takes effect at once and cannot be undone. `memory_bytes` is what may be mapped beyond what already is,
    `cpu_s` the CPU time of the whole process."""
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CPU, cpu_s)
    if platform.system() != "Linux":
        return
    page_count = int(Path("/proc/self/statm").read_text().split()[0])
    mapped = page_count * os.sysconf("SC_PAGE_SIZE")
    _limit(resource.RLIMIT_NPROC, 0)
    _limit(resource.RLIMIT_NOFILE, 3)
    _limit(resource.RLIMIT_DATA, mapped + memory_bytes)
    _limit(resource.RLIMIT_AS, mapped + memory_bytes)
    prctl = _prctl()
    prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    # Other processes of the same user cannot read its memory or trace it.
    prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
    if prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
        _filter_system_calls(prctl)


def _limit(kind: int, value: int) -> None:
    _, hard = resource.getrlimit(kind)
    if hard != resource.RLIM_INFINITY:
        value = min(value, hard)
    resource.setrlimit(kind, (value, value))


def _prctl() -> ctypes._NamedFuncPointer:
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    prctl.argtypes = [ctypes.c_int, *[ctypes.c_ulong] * 4]
    return prctl


def _filter_system_calls(prctl: ctypes._NamedFuncPointer) -> None:
    """Every call that is not listed answers EPERM: a missing entry is a fault that can be seen, not a dead child."""
    found = _ALLOWED.get(platform.machine())
    if found is None:
        return
    program = _program(*found)
    instructions = ctypes.create_string_buffer(program)
    # struct sock_fprog {unsigned short len; struct sock_filter *filter}
    header = ctypes.create_string_buffer(
        struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(instructions)), struct.calcsize("HxxxxxxP")
    )
    prctl(_PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.addressof(header), 0, 0)


def _program(architecture: int, numbers: tuple[int, ...]) -> bytes:
    """Classic BPF (linux/filter.h): the right architecture, then one comparison for each number."""
    load, equal, answer = 0x20, 0x15, 0x06
    denied, allowed = 0x00050000 | _EPERM, 0x7FFF0000
    count = len(numbers)
    steps = [
        (load, 0, 0, 4),
        (equal, 0, count + 1, architecture),
        (load, 0, 0, 0),
        *[(equal, count - at, 0, number) for at, number in enumerate(numbers)],
        (answer, 0, 0, denied),
        (answer, 0, 0, allowed),
    ]
    return b"".join(struct.pack("HBBI", *step) for step in steps)
