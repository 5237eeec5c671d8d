"""CPU time counts those that have ended, and is not rounded to the kernel's ticks."""

import psutil

from bench.cpu import CpuTime, processes_of, read_process, read_processes
from bench.tests.processes import BURN, line_of, python

WAIT = "import sys; sys.stdin.read()"


def test_a_child_that_has_ended_counts_once_with_its_parent() -> None:
    parent = (
        f"import subprocess, sys; subprocess.run([sys.executable, '-c', {BURN!r}]); print(flush=True); sys.stdin.read()"
    )
    with python(parent) as process:
        line_of(process)
        (alone, spent), *others = read_processes(lambda: processes_of(process.pid))
        assert (alone.pid, others) == (process.pid, [])
        assert spent.total_s >= 0.29


def test_the_sum_is_finer_than_ticks() -> None:
    """What the process itself saw just before it waited is in the sum in full; ticks would cut it down to 10 ms."""
    says = f"{BURN}print(time.process_time_ns(), flush=True); sys.stdin.read()"
    with python(says) as process:
        seen_s = int(line_of(process)) / 1e9
        spent = read_process(psutil.Process(process.pid))
        assert spent.total_s >= seen_s


def test_one_that_ends_while_the_others_are_read_is_not_read_apart() -> None:
    with python(WAIT) as first, python(WAIT) as second:
        staying, ending = psutil.Process(first.pid), psutil.Process(second.pid)
        looks = iter([[staying, ending], [staying], [staying]])
        assert [process.pid for process, _ in read_processes(lambda: next(looks))] == [first.pid]


def test_a_process_that_is_gone_has_spent_nothing_more() -> None:
    with python("") as process:
        gone = psutil.Process(process.pid)
        process.wait()
    assert read_process(gone) == CpuTime()
    assert processes_of(process.pid) == []


def test_times_add_up_and_are_never_negative() -> None:
    assert CpuTime(1.0, 2.0) + CpuTime(0.5, 0.25) == CpuTime(1.5, 2.25)
    assert CpuTime(1.0, 2.0).since(CpuTime(3.0, 0.5)) == CpuTime(0.0, 1.5)
    assert CpuTime(1.0, 2.0).total_s == 3.0
