"""Closed and open loop against a server that does exactly what the test says."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from bench.http import Endpoint
from bench.load import run_closed_loop, run_open_loop
from bench.payload import RequestTemplate, request_template
from bench.recording import LoadResult, percentiles_ms

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
BUSY = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n"

Answer = Callable[[int], Awaitable[bytes | None]]


@asynccontextmanager
async def scripted_server(answer: Answer) -> AsyncIterator[RequestTemplate]:
    """Calls `answer` with the request's number from 0; None ends the connection without an answer."""
    number = 0

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal number
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await reader.readexactly(4)
                number += 1
                content = await answer(number - 1)
                if content is None:
                    break
                writer.write(content)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        yield request_template(Endpoint(port, f"127.0.0.1:{port}", "/"), "load", body=b"null")


async def always_ok(number: int) -> bytes:
    return OK


async def stall_once(number: int) -> bytes:
    """Request 20 takes 0.4 s: on one connection everything behind it waits too."""
    if number == 20:
        await asyncio.sleep(0.4)
    return OK


def test_a_closed_loop_stops_at_its_number_of_requests() -> None:
    async def load() -> LoadResult:
        async with scripted_server(always_ok) as template:
            return await run_closed_loop(template, connections=8, max_seconds=10, max_requests=500)

    result = asyncio.run(load())
    assert (result.sent, len(result.latencies_s), result.statuses) == (500, 500, {200: 500})
    assert sorted(result.accepted) == list(range(500))
    assert (result.refused, result.lost_connections, result.unanswered) == (0, 0, 0)
    assert result.elapsed_s < 10


def test_a_closed_loop_stops_at_its_time() -> None:
    async def load() -> LoadResult:
        async with scripted_server(always_ok) as template:
            return await run_closed_loop(template, connections=2, max_seconds=0.2)

    result = asyncio.run(load())
    assert 0.2 <= result.elapsed_s < 2
    assert result.sent == len(result.accepted) > 10


def test_a_refusal_is_counted_and_not_accepted() -> None:
    async def every_tenth_is_busy(number: int) -> bytes:
        return BUSY if number % 10 == 9 else OK

    async def load() -> LoadResult:
        async with scripted_server(every_tenth_is_busy) as template:
            return await run_closed_loop(template, connections=1, max_seconds=10, max_requests=100)

    result = asyncio.run(load())
    assert result.statuses == {200: 90, 503: 10}
    assert result.refused == 10
    assert sorted(set(range(100)) - set(result.accepted)) == list(range(9, 100, 10))


def test_a_connection_that_ends_is_replaced_and_its_request_is_lost() -> None:
    async def end_the_fifth(number: int) -> bytes | None:
        return None if number == 4 else OK

    async def load() -> LoadResult:
        async with scripted_server(end_the_fifth) as template:
            return await run_closed_loop(template, connections=1, max_seconds=10, max_requests=20)

    result = asyncio.run(load())
    assert (result.lost_connections, len(result.accepted), result.refused) == (1, 19, 1)


def test_a_server_that_never_answers_leaves_requests_unanswered() -> None:
    async def never(number: int) -> bytes:
        await asyncio.Event().wait()
        return OK

    async def load() -> LoadResult:
        async with scripted_server(never) as template:
            return await run_closed_loop(template, connections=3, max_seconds=0.1, grace_s=0.1)

    result = asyncio.run(load())
    assert (result.sent, result.unanswered, len(result.accepted)) == (3, 3, 0)


def test_an_open_loop_sends_its_planned_number_over_its_planned_time() -> None:
    async def load() -> LoadResult:
        async with scripted_server(always_ok) as template:
            return await run_open_loop(template, rate_per_s=200, seconds=0.5)

    result = asyncio.run(load())
    assert (result.planned, result.sent, sorted(result.accepted)) == (100, 100, list(range(100)))
    assert 0.495 <= result.elapsed_s < 2


def test_a_stall_shows_in_the_open_loop_on_every_request_planned_during_it() -> None:
    """100/s on one connection: 40 requests are planned in the 0.4 s, so about half of them wait more than 0.2 s."""

    async def load() -> LoadResult:
        async with scripted_server(stall_once) as template:
            return await run_open_loop(template, rate_per_s=100, seconds=1.0, max_connections=1)

    result = asyncio.run(load())
    assert len(result.accepted) == 100
    assert sum(latency_s > 0.2 for latency_s in result.latencies_s) >= 20
    assert percentiles_ms(result.latencies_s).p99_ms >= 380
    assert max(result.send_lag_s) >= 0.3


def test_the_same_stall_is_one_slow_answer_in_a_closed_loop() -> None:
    async def load() -> LoadResult:
        async with scripted_server(stall_once) as template:
            return await run_closed_loop(template, connections=1, max_seconds=10, max_requests=100)

    result = asyncio.run(load())
    assert sum(latency_s > 0.2 for latency_s in result.latencies_s) == 1


def test_an_open_loop_without_a_server_ends_with_nothing_sent() -> None:
    async def load() -> LoadResult:
        async with scripted_server(always_ok) as template:
            pass
        return await run_open_loop(template, rate_per_s=50, seconds=0.2, grace_s=0.2)

    result = asyncio.run(load())
    assert (result.planned, result.sent, result.refused) == (10, 0, 10)
