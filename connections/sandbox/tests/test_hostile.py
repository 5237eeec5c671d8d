"""Transformations that mean harm, each with a sound one after it in the same batch."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from connections.sandbox.child_process import Child
from connections.sandbox.jobs import ErrorKind, Limits, Outcome, RunStatus
from connections.sandbox.sandbox import Sandbox
from connections.sandbox.tests.sandboxes import FAST, job, made

# What ends for another reason than its CPU time must have enough of it, on a slow machine too.
PATIENT = replace(FAST, cpu_s=5.0)
SOUND = "request.body = {sound: true, leaks: Object.keys(globalThis), polluted: ({}).polluted}; return request;"


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox(FAST)
    yield sandbox
    sandbox.close()


def fault_of(sandbox: Sandbox, code: str, limits: Limits = FAST, **values: object) -> Outcome:
    """The outcome of `code`, after making sure that those before and after it in its batch are untouched."""
    before, outcome, after = sandbox.run_batch([job(SOUND), job(code, limits=limits, **values), job(SOUND)])
    assert made(before) == made(after) == {"sound": True, "leaks": ["performance", "addHandler", "process"]}
    assert after.logs == ()
    assert outcome.request is None
    return outcome


# Each with a part of the reason that its event will carry.
HOSTILE = [
    ("while (true) {}", ErrorKind.CPU_LIMIT, "used more than 0.2 s of CPU time"),
    ("for (;;) { try { for (;;) {} } catch {} finally { continue } }", ErrorKind.CPU_LIMIT, "CPU time"),
    ("/(a+)+$/.test('a'.repeat(40) + 'b'); return request;", ErrorKind.CPU_LIMIT, "CPU time"),
    ("const again = () => Promise.resolve().then(again); return again();", ErrorKind.CPU_LIMIT, "CPU time"),
    ("return { get body() { for (;;); } };", ErrorKind.CPU_LIMIT, "CPU time"),
    ("const kept = []; for (;;) kept.push('x'.repeat(1e6) + kept.length);", ErrorKind.MEMORY_LIMIT, "64 MiB of memory"),
    ("request.body = 'x'.repeat(1024 ** 3 / 4) + 'y'; return request;", ErrorKind.MEMORY_LIMIT, "64 MiB of memory"),
    ("const kept = []; for (;;) kept.push({});", ErrorKind.MEMORY_LIMIT, "64 MiB of memory"),
    ("new Uint8Array(1e9); return request;", ErrorKind.MEMORY_LIMIT, "64 MiB of memory"),
    ("let text = 'x'; for (;;) text += text;", ErrorKind.THREW, "string too long"),
    ("const dive = () => dive() + 1; return dive();", ErrorKind.THREW, "Maximum call stack size exceeded"),
    (
        "let deep = []; for (let i = 0; i < 1e5; i++) deep = [deep]; return {body: deep};",
        ErrorKind.INVALID_RESULT,
        "500",
    ),
    ("JSON.parse('['.repeat(1e6));", ErrorKind.THREW, "Maximum call stack size exceeded"),
    ("eval('('.repeat(1e6));", ErrorKind.THREW, "Maximum call stack size exceeded"),
    (
        "const line = 'x'.repeat(1e6); for (let i = 0; i < 100; i++) console.log(line);",
        ErrorKind.LOG_LIMIT,
        "1048576 bytes",
    ),
    ("}); nowhere(); (function () {", ErrorKind.SYNTAX, "a brace is closed that was not opened"),
    ("return new Promise(() => {});", ErrorKind.NEVER_SETTLED, "never settles"),
    ("await new Promise(() => {}); return request;", ErrorKind.NEVER_SETTLED, "never settles"),
    ("return {then() {}};", ErrorKind.NEVER_SETTLED, "never settles"),
    ("throw null;", ErrorKind.THREW, "threw null"),
    ("throw undefined;", ErrorKind.THREW, "threw undefined"),
    ("throw {reason: 'mine'};", ErrorKind.THREW, 'threw {"reason":"mine"}'),
    ("throw new Proxy({}, {get() { throw 1 }, getPrototypeOf() { throw 2 }});", ErrorKind.THREW, "threw"),
    (
        "const e = new Error('x'); Object.defineProperty(e, 'message', {get() { throw e }}); throw e;",
        ErrorKind.THREW,
        "",
    ),
    ("return undefined;", ErrorKind.RETURNED_NOTHING, "returned nothing: end with `return request;`"),
    ("request.body = {};", ErrorKind.RETURNED_NOTHING, "returned nothing"),
    ("return null;", ErrorKind.RETURNED_NOTHING, "returned nothing"),
    (
        "request.body.self = {all: [request.body]}; return request;",
        ErrorKind.INVALID_RESULT,
        "body.self.all[0] contains",
    ),
    ("request.body.id = 10n; return request;", ErrorKind.INVALID_RESULT, "body.id is a BigInt"),
    ("process.exit(1); return request;", ErrorKind.THREW, "not a function"),
    ("return fetch('http://169.254.169.254/');", ErrorKind.THREW, "no network"),
    ("return require('fs').readFileSync('/etc/passwd');", ErrorKind.THREW, "no network, files"),
    ("const fs = await import('fs'); return request;", ErrorKind.THREW, "could not load module"),
    ("setTimeout(() => {}, 1); return request;", ErrorKind.THREW, "timers"),
    ("Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);", ErrorKind.THREW, "cannot block"),
    ("let broken = ;", ErrorKind.SYNTAX, "SyntaxError"),
    ("}); while (true) {} (function () {", ErrorKind.CPU_LIMIT, "CPU time"),
]


@pytest.mark.parametrize(("code", "kind", "reason"), HOSTILE, ids=[code[:50] for code, _, _ in HOSTILE])
def test_a_hostile_run_fails_alone_and_says_why(sandbox: Sandbox, code: str, kind: ErrorKind, reason: str) -> None:
    outcome = fault_of(sandbox, code, FAST if kind is ErrorKind.CPU_LIMIT else PATIENT)
    assert (outcome.status, outcome.error_kind) == (RunStatus.FAILED, kind), outcome
    assert outcome.error is not None
    assert reason in outcome.error


TAMPERING = """
  for (const thing of [Object, Array, String, RegExp, Promise, Error, Function, Map]) {
    for (const name of Object.getOwnPropertyNames(thing.prototype)) {
      try { thing.prototype[name] = () => { throw 'tampered' } } catch {}
    }
  }
  Object.prototype.polluted = true;
  for (const name of ['JSON', 'Promise', 'console', 'URL', 'eval', 'Object', 'Array', 'String', 'addHandler']) {
    globalThis[name] = undefined;
  }
  globalThis.left = 'behind';
  return request;
"""


def test_tampering_reaches_neither_the_reading_of_its_own_result_nor_the_next_run(sandbox: Sandbox) -> None:
    outcome, after = sandbox.run_batch([job(TAMPERING), job(SOUND)])
    assert outcome.status in (RunStatus.SUCCESSFUL, RunStatus.FAILED)
    assert outcome.request is None
    assert made(after) == {"sound": True, "leaks": ["performance", "addHandler", "process"]}


def test_what_one_run_defines_keeps_or_learns_no_other_run_sees(sandbox: Sandbox) -> None:
    write = "globalThis.secret = process.env.KEY; process.env.NEW = '1'; Math.secret = 1; return request;"
    read = "request.body = [typeof secret, process.env.KEY ?? null, process.env.NEW ?? null, Math.secret ?? null];"
    outcomes = sandbox.run_batch([job(write, env={"KEY": "of another team"}), job(f"{read} return request;")] * 3)
    assert [made(outcome) for outcome in outcomes[1::2]] == [["undefined", None, None, None]] * 3


def test_the_lines_of_a_run_that_is_ended_are_kept(sandbox: Sandbox) -> None:
    outcome = fault_of(sandbox, "console.log('here'); console.warn('and', {here: 1}); for (;;);")
    assert [(line.level, line.message) for line in outcome.logs] == [("log", "here"), ("warn", 'and {"here":1}')]


def test_lines_up_to_the_limit_are_kept_and_no_more(sandbox: Sandbox) -> None:
    outcome = fault_of(sandbox, "for (let i = 0; ; i++) console.log('x'.repeat(1000));", PATIENT)
    assert 1000 < len(outcome.logs) < 1048
    assert sum(len(line.message) for line in outcome.logs) < 1024 * 1024


def test_a_longer_answer_than_is_allowed_fails_that_run(sandbox: Sandbox) -> None:
    limits = replace(PATIENT, body_bytes=1000)
    for code, kind in (
        ("return {body: 'x'.repeat(1001)};", ErrorKind.OUTPUT_LIMIT),
        ("return {body: 'x'.repeat(1e7)};", ErrorKind.OUTPUT_LIMIT),
        ("return {headers: {a: 'x'.repeat(70000)}};", ErrorKind.OUTPUT_LIMIT),
    ):
        assert fault_of(sandbox, code, limits).error_kind is kind
    exact = sandbox.run(job("return {body: 'x'.repeat(1000)};", limits=limits))
    assert exact.request is not None
    assert exact.request.body == b"x" * 1000


def test_code_that_is_too_long_is_not_run(sandbox: Sandbox) -> None:
    outcome = fault_of(sandbox, "return request;", replace(FAST, code_bytes=14))
    assert (outcome.error_kind, outcome.error) == (ErrorKind.CODE_LIMIT, "the code is 15 bytes long, more than 14")


def test_five_megabytes_of_code_run(sandbox: Sandbox) -> None:
    code = f"const table = '{'x' * 4_999_000}'; request.body = table.length; return request;"
    assert made(sandbox.run(job(code, limits=replace(FAST, cpu_s=2.0)))) == 4_999_000


def test_a_run_that_waits_without_using_cpu_is_ended_by_the_clock(sandbox: Sandbox) -> None:
    """Nothing in JavaScript can wait, so the child is stopped from outside."""
    sandbox.run(job(SOUND))
    limits = replace(FAST, cpu_s=30.0, wall_s=0.3)
    started = time.monotonic()
    timer = threading.Timer(0.05, _signal, [sandbox.child_pid, signal.SIGSTOP])
    timer.start()
    outcomes = sandbox.run_batch([job("for (;;);", limits=limits), job(SOUND)])
    timer.join()
    assert time.monotonic() - started < 5
    assert (outcomes[0].error_kind, outcomes[0].error) == (ErrorKind.WALL_LIMIT, "took longer than 0.3 s")
    assert made(outcomes[1])["sound"]


def test_a_child_that_dies_of_its_job_every_time_costs_that_event_only(
    sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As the kernel's memory killer would do it: SIGKILL in the middle of the run, whichever child has it."""
    sandbox.run(job(SOUND))
    pids = []

    def note(child: Child, data: bytes) -> None:
        pids.append(child.pid)
        send(child, data)

    send = Child.send
    monkeypatch.setattr(Child, "send", note)
    stopping = threading.Event()

    def kill() -> None:
        killed: set[int] = set()
        while not stopping.wait(0.02):
            if len(killed) < 2 and pids and pids[-1] not in killed:
                time.sleep(0.05)
                killed.add(pids[-1])
                _signal(pids[-1], signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    outcomes = sandbox.run_batch([job("for (;;);", limits=replace(FAST, cpu_s=30.0, wall_s=20.0)), job(SOUND)])
    stopping.set()
    killer.join()
    assert (outcomes[0].error_kind, outcomes[0].error) == (ErrorKind.CRASHED, "ended its process (SIGKILL)")
    assert made(outcomes[1])["sound"]


def test_a_child_that_was_ended_by_somebody_else_blames_nobody(sandbox: Sandbox) -> None:
    sandbox.run(job(SOUND))
    first = sandbox.child_pid
    _signal(first, signal.SIGKILL)
    outcomes = sandbox.run_batch([job(SOUND), job(SOUND)])
    assert [outcome.status for outcome in outcomes] == [RunStatus.SUCCESSFUL] * 2
    assert sandbox.child_pid != first


def test_a_child_is_replaced_after_a_fault_and_kept_after_an_error(sandbox: Sandbox) -> None:
    sandbox.run(job(SOUND))
    first = sandbox.child_pid
    sandbox.run(job("throw 1"))
    assert sandbox.child_pid == first
    sandbox.run(job("const kept = []; for (;;) kept.push({});"))
    sandbox.run(job(SOUND))
    assert sandbox.child_pid != first


def test_after_an_expensive_fault_the_same_code_comes_last(sandbox: Sandbox) -> None:
    loop = "console.log(Date.now()); for (;;);"
    timed = "request.body = Date.now(); return request;"
    outcomes = sandbox.run_batch([job(loop), job(loop), job(timed), job(loop), job(timed)])
    sound = [made(outcomes[2]), made(outcomes[4])]
    loops = [int(outcomes[at].logs[0].message) for at in (0, 1, 3)]
    assert loops[0] <= sound[0] <= sound[1] <= loops[1] <= loops[2]
    assert {outcomes[at].error_kind for at in (0, 1, 3)} == {ErrorKind.CPU_LIMIT}


def test_what_a_batchs_time_does_not_suffice_for_is_not_run(sandbox: Sandbox) -> None:
    sandbox.run(job(SOUND))
    loop = job("for (;;);", limits=replace(FAST, cpu_s=2.0))
    outcomes = sandbox.run_batch([job(SOUND), loop, job(SOUND)], budget_s=1.5)
    assert [outcome.status for outcome in outcomes] == [RunStatus.SUCCESSFUL, RunStatus.FAILED, RunStatus.NOT_RUN]
    assert outcomes[2].request is None
    assert [outcome.status for outcome in sandbox.run_batch([job(SOUND)] * 2, budget_s=0.0)] == [RunStatus.NOT_RUN] * 2


def test_a_large_batch_of_large_bodies_does_not_block(sandbox: Sandbox) -> None:
    body = b'{"filler": "' + b"x" * 400_000 + b'"}'
    code = "request.body.seen = request.body.filler.length; return request;"
    outcomes = sandbox.run_batch([job(code, body=body) for _ in range(20)])
    assert [made(outcome)["seen"] for outcome in outcomes] == [400_000] * 20


def test_many_runs_leave_no_memory_behind(sandbox: Sandbox) -> None:
    code = "const a = {}; const b = {a}; a.b = b; globalThis.kept = new Array(1e4).fill(a); return request;"
    sandbox.run_batch([job(code)] * 50)
    before = _resident_kib(sandbox)
    sandbox.run_batch([job(code)] * 300)
    assert _resident_kib(sandbox) < before + 4096


def _resident_kib(sandbox: Sandbox) -> int:
    with open(f"/proc/{sandbox.child_pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))


def _signal(pid: int | None, number: signal.Signals) -> None:
    assert pid is not None
    os.kill(pid, number)
