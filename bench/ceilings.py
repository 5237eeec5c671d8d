"""What the same machine does in the same minutes without the product: the figures the product's are divided by.

Each ceiling is taken once, when the first scenario asks for it.
"""

import asyncio
import json
import os
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from bench.ceiling import Ceiling
from bench.deliveries import account
from bench.http import Endpoint, UnreachableError, fetch, loopback_endpoint
from bench.load import run_closed_loop, run_open_loop
from bench.payload import BODY_BYTES, request_template, webhook_body
from bench.receivers import REPOSITORY, ReceiverProcess
from bench.recording import Percentiles, percentiles_ms
from bench.storage import COPY, copy_in_groups

WARM_UP_REQUESTS = 500
START_TIMEOUT_S = 20.0
CLIENT_CONCURRENCY = 100
DIRECT_S = 2.0


class Ceilings:
    def __init__(
        self,
        receivers: ReceiverProcess,
        say: Callable[[str], None],
        *,
        connections: int,
        seconds: float,
        web_workers: int,
        delivery_workers: int,
        database_url: str | None = None,
    ) -> None:
        self._receivers = receivers
        self._say = say
        self._connections = connections
        self._seconds = seconds
        self._web_workers = web_workers
        self._delivery_workers = delivery_workers
        self._database_url = database_url
        self._taken: dict[str, Ceiling] = {}
        self._direct: dict[float, Percentiles] = {}

    def taken(self) -> list[Ceiling]:
        return list(self._taken.values())

    async def generator(self) -> Ceiling:
        """The load generator against a receiver that only records: above this nothing can be measured."""
        if "generator" not in self._taken:
            self._say("ceiling: the load generator itself")
            endpoint = loopback_endpoint(self._receivers.url("ceiling"))
            self._keep(await self._drive("generator", endpoint))
            await self._receivers.reset("ceiling")
        return self._taken["generator"]

    async def bare_asgi(self, body_bytes: int = BODY_BYTES) -> Ceiling:
        """A trivial ASGI application in gunicorn and uvicorn, driven by the same generator."""
        name = _sized("bare ASGI server", body_bytes)
        if name not in self._taken:
            self._say(f"ceiling: {name}, {self._web_workers} worker(s)")
            async with bare_asgi_server(self._web_workers) as endpoint:
                self._keep(await self._drive(name, endpoint, body_bytes))
        return self._taken[name]

    async def bare_client(self, body_bytes: int = BODY_BYTES) -> Ceiling:
        """aiohttp posting the same body to the same receiver, as many processes as the product has delivery workers."""
        name = _sized("bare HTTP client", body_bytes)
        if name not in self._taken:
            self._say(f"ceiling: {name}, {self._delivery_workers} process(es)")
            runs = await asyncio.gather(*(self._run_bare_client(body_bytes) for _ in range(self._delivery_workers)))
            per_s = sum(run["requests"] / run["elapsed_s"] for run in runs)
            requests = max(1.0, sum(run["requests"] for run in runs))
            self._keep(Ceiling(name, per_s, sum(run["cpu_s"] for run in runs) / requests * 1e6))
            await self._receivers.reset("ceiling")
        return self._taken[name]

    async def copy(self) -> Ceiling | None:
        """The same bodies by COPY into the same Postgres, committed in groups; None without a database URL."""
        if self._database_url is None:
            return None
        if COPY not in self._taken:
            self._say(f"ceiling: {COPY}")
            self._keep(await asyncio.to_thread(copy_in_groups, self._database_url, seconds=self._seconds))
        return self._taken[COPY]

    async def direct_latency(self, rate_per_s: float) -> Percentiles:
        """Planned send to receiver without a product between: what the generator's own timers and sockets add."""
        if rate_per_s not in self._direct:
            self._direct[rate_per_s] = await self._measure_direct_latency(rate_per_s)
        return self._direct[rate_per_s]

    async def _measure_direct_latency(self, rate_per_s: float) -> Percentiles:
        tag = "direct"
        endpoint = loopback_endpoint(self._receivers.url("ceiling"))
        load = await run_open_loop(
            request_template(endpoint, tag), rate_per_s=rate_per_s, seconds=min(self._seconds, DIRECT_S)
        )
        arrived = await self._receivers.dump("ceiling", tag)
        await self._receivers.reset("ceiling")
        # Every one of these has the same (empty) event id, so only the times are of use.
        return percentiles_ms(account(load.accepted, arrived).latencies_s)

    async def _drive(self, name: str, endpoint: Endpoint, body_bytes: int = BODY_BYTES) -> Ceiling:
        template = request_template(endpoint, "ceiling", body=webhook_body(body_bytes))
        await run_closed_loop(
            template, connections=self._connections, max_seconds=self._seconds, max_requests=WARM_UP_REQUESTS
        )
        load = await run_closed_loop(template, connections=self._connections, max_seconds=self._seconds)
        return Ceiling(name, load.accepted_per_s, load.cpu_s / max(1, load.sent) * 1e6)

    async def _run_bare_client(self, body_bytes: int) -> dict[str, float]:
        concurrency = max(1, CLIENT_CONCURRENCY // self._delivery_workers)
        url = self._receivers.url("ceiling")
        return await _run_bare_client(url, concurrency, seconds=self._seconds, body_bytes=body_bytes)

    def _keep(self, ceiling: Ceiling) -> None:
        self._taken[ceiling.name] = ceiling
        self._say(f"ceiling: {ceiling.name} {ceiling.per_s:,.0f}/s ({ceiling.cpu_us:.0f} us of CPU each)")


def _sized(name: str, body_bytes: int) -> str:
    return name if body_bytes == BODY_BYTES else f"{name}, {body_bytes // 1024} KB"


@asynccontextmanager
async def bare_asgi_server(workers: int) -> AsyncIterator[Endpoint]:
    """The bare application under gunicorn with uvicorn workers on a free port, stopped when the block ends."""
    with socket.create_server(("127.0.0.1", 0), backlog=2048) as listener:
        port = listener.getsockname()[1]
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "gunicorn",
            "bench.bare_app:application",
            f"--bind=fd://{listener.fileno()}",
            f"--workers={workers}",
            "--worker-class=uvicorn_worker.UvicornWorker",
            "--log-level=error",
            pass_fds=(listener.fileno(),),
            cwd=REPOSITORY,
            env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
        )
    try:
        url = f"http://127.0.0.1:{port}/in/bare/"
        await _wait_until_it_answers(url)
        yield loopback_endpoint(url)
    finally:
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), 10.0)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _wait_until_it_answers(url: str) -> None:
    async with asyncio.timeout(START_TIMEOUT_S):
        while True:
            try:
                await fetch("POST", url, body=b"{}", timeout_s=2.0)
            except (UnreachableError, TimeoutError):
                await asyncio.sleep(0.1)
            else:
                return


async def _run_bare_client(url: str, concurrency: int, *, seconds: float, body_bytes: int) -> dict[str, float]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.bare_client",
        url,
        str(concurrency),
        str(seconds),
        str(body_bytes),
        stdout=asyncio.subprocess.PIPE,
        cwd=REPOSITORY,
        env={**os.environ, "PYTHONPATH": str(REPOSITORY)},
    )
    output, _ = await asyncio.wait_for(process.communicate(), seconds + START_TIMEOUT_S)
    if process.returncode != 0:
        raise RuntimeError("the bare HTTP client failed")
    result: dict[str, float] = json.loads(output)
    return result
