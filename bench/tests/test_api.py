"""Calls carry the credentials, refusals are told in the product's words, counts are exact."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import pytest
from aiohttp import web

from bench.api import Api, ApiError


@asynccontextmanager
async def api_served_by(handle: Callable[[web.Request], Awaitable[web.Response]]) -> AsyncIterator[Api]:
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield Api(f"http://127.0.0.1:{runner.addresses[0][1]}", "tm_1", "fhp_1")
    finally:
        await runner.cleanup()


@asynccontextmanager
async def api_answering(answers: dict[str, object], status: int = 200) -> AsyncIterator[tuple[Api, list[web.Request]]]:
    """Answers by path; the requests seen are kept."""
    seen: list[web.Request] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request)
        return web.json_response(answers[request.path], status=status)

    async with api_served_by(handle) as api:
        yield api, seen


def test_a_call_carries_key_team_and_query() -> None:
    async def headers() -> tuple[str, str, str]:
        async with api_answering({"/v1/sources": {"models": []}}) as (api, seen):
            await api.call("GET", "/sources", query={"name": "a b"})
            return seen[0].headers["authorization"], seen[0].headers["x-team-id"], seen[0].query["name"]

    assert asyncio.run(headers()) == ("Bearer fhp_1", "tm_1", "a b")


def test_a_refusal_is_told_with_status_and_words() -> None:
    async def refused() -> None:
        async with api_answering({"/v1/sources": {"error": "name is taken"}}, status=409) as (api, _):
            await api.call("POST", "/sources", {"name": "a"})

    with pytest.raises(ApiError, match=r'POST /sources: 409 .*"name is taken"'):
        asyncio.run(refused())


def test_an_exact_count_is_taken_as_it_is() -> None:
    async def count() -> int:
        async with api_answering({"/v1/requests/count": {"count": 123, "count_exact": True}}) as (api, _):
            return await api.count("requests", source_id="src_1")

    assert asyncio.run(count()) == 123


def test_a_count_beyond_the_bound_is_counted_in_halves_that_miss_nothing_and_share_nothing() -> None:
    bound = 100
    now = datetime.now(UTC)
    rows = [now - timedelta(seconds=number / 3) for number in range(1000)]

    async def answer(request: web.Request) -> web.Response:
        start, end = (datetime.fromisoformat(request.query[name]) for name in ("from", "to"))
        count = sum(start <= row.replace(microsecond=row.microsecond // 1000 * 1000) <= end for row in rows)
        return web.json_response({"count": min(count, bound), "count_exact": count <= bound})

    async def count() -> int:
        async with api_served_by(answer) as api:
            return await api.count("requests", source_id="src_1")

    assert asyncio.run(count()) == 1000
