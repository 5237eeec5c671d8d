"""The delivery ceiling: aiohttp on uvloop posting one body to one URL at a fixed concurrency, nothing else.

Runs as `python -m bench.bare_client URL CONCURRENCY SECONDS BYTES` and prints one line of JSON.
"""

import asyncio
import json
import sys
import time

import aiohttp
import uvloop

from bench.payload import webhook_body


async def post_for(url: str, concurrency: int, *, seconds: float, body_bytes: int) -> dict[str, float]:
    """Requests answered 200, seconds passed and CPU seconds of this process."""
    body = webhook_body(body_bytes)
    headers = {"content-type": "application/json", "x-fasthook-event-id": "evt_bare"}
    done = 0
    timeout = aiohttp.ClientTimeout(total=30)
    connector = aiohttp.TCPConnector(limit=concurrency)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        started_s, cpu_started_s = time.perf_counter(), time.process_time()
        deadline_s = started_s + seconds

        async def lane() -> None:
            nonlocal done
            while time.perf_counter() < deadline_s:
                async with session.post(url, data=body, headers=headers) as response:
                    await response.read()
                    if response.status == 200:
                        done += 1

        await asyncio.gather(*(lane() for _ in range(concurrency)))
        return {
            "requests": done,
            "elapsed_s": time.perf_counter() - started_s,
            "cpu_s": time.process_time() - cpu_started_s,
        }


def main() -> None:
    url, concurrency, seconds, body_bytes = sys.argv[1], int(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        print(json.dumps(runner.run(post_for(url, concurrency, seconds=seconds, body_bytes=body_bytes))))


if __name__ == "__main__":
    main()
