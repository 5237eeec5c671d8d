"""The cost of a transformation: CPU of the worker and its child per event, in batches as routing makes them.

    python -m connections.sandbox.measure [events]

prints one JSON object. A 4 KB transformation that rewrites a request of about 1.5 KB; needs no database.
"""

from __future__ import annotations

import os
import resource
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import orjson

from connections.sandbox.jobs import Job, Message, Named, RunContext, RunStatus
from connections.sandbox.sandbox import Sandbox

BATCH: Final = 250
EVENTS: Final = 5000


@dataclass(frozen=True, slots=True)
class Measured:
    """CPU and wall time for each event; `first_ms` is the first run of all, with the start of the child."""

    events: int
    code_bytes: int
    body_bytes: int
    worker_cpu_us: float
    child_cpu_us: float
    cpu_us: float
    wall_us: float
    first_ms: float


def measure(events: int = EVENTS) -> Measured:
    """Whole batches, at least one; the start of the child is not part of the figures for each event."""
    code = (Path(__file__).parent / "js" / "measured.js").read_text()
    jobs = [_job(code, number) for number in range(BATCH)]
    batches = max(1, events // BATCH)
    sandbox = Sandbox()
    try:
        start = time.perf_counter()
        sandbox.run(jobs[0])
        first_ms = (time.perf_counter() - start) * 1000
        sandbox.run_batch(jobs)
        begun = (time.perf_counter(), _own_cpu_s(), _cpu_s(sandbox.child_pid))
        for _ in range(batches):
            if any(outcome.status is not RunStatus.SUCCESSFUL for outcome in sandbox.run_batch(jobs)):
                raise RuntimeError("the measured transformation failed")
        ended = (time.perf_counter(), _own_cpu_s(), _cpu_s(sandbox.child_pid))
    finally:
        sandbox.close()
    wall, worker, child = ((last - first) * 1e6 / (batches * BATCH) for first, last in zip(begun, ended, strict=True))
    return Measured(
        events=batches * BATCH,
        code_bytes=len(code.encode()),
        body_bytes=len(jobs[0].request.body),
        worker_cpu_us=round(worker, 1),
        child_cpu_us=round(child, 1),
        cpu_us=round(worker + child, 1),
        wall_us=round(wall, 1),
        first_ms=round(first_ms, 1),
    )


def _job(code: str, number: int) -> Job:
    lines = [{"description": f"line {each}", "amount": 600, "period": {"start": 1, "end": 2}} for each in range(4)]
    invoice = {
        "id": f"in_{number}",
        "object": "invoice",
        "status": "paid",
        "livemode": True,
        "customer": "cus_1",
        "amount_paid": 1200,
        "currency": "usd",
        "customer_email": "Somebody@Example.com",
        "customer_details": {"address": {"line1": "1 Street", "city": "Town", "country": "DE"}},
        "metadata": {"order": "1", "shop": "two"},
        "lines": {"data": lines},
        "footer": "x" * 600,
    }
    headers = [(f"x-header-{each}", "v" * 20) for each in range(12)]
    request = Message(
        method="POST",
        path="/stripe",
        query="tenant=one",
        headers=[*headers, ("content-type", "application/json")],
        body=orjson.dumps({"id": f"evt_{number}", "type": "invoice.paid", "data": {"object": invoice}}),
    )
    return Job(
        code=code,
        request=request,
        env={"API_VERSION": "2"},
        context=RunContext(Named("conn_1", "to-ingest"), Named("src_1", "stripe"), Named("des_1", "ingest")),
        created_at="2026-05-29T10:00:00.000Z",
    )


def _own_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _cpu_s(pid: int | None) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    wanted = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    sys.stdout.write(orjson.dumps(asdict(measure(wanted))).decode() + "\n")
