"""Calls carry the credentials, refusals are told in the product's words, counts are exact."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from bench.api import Api, ApiError


@asynccontextmanager
async def api_answering(answers: dict[str, object], status: int = 200) -> AsyncIterator[tuple[Api, list[web.Request]]]:
    """Answers by path; the requests seen are kept."""
    seen: list[web.Request] = []

    async def handle(request: web.Request) -> web.Response:
        seen.append(request)
        return web.json_response(answers[request.path], status=status)

    application = web.Application()
    application.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        yield Api(f"http://127.0.0.1:{runner.addresses[0][1]}", "tm_1", "fhp_1"), seen
    finally:
        await runner.cleanup()


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
        async with api_answering({"/v1/requests/count": {"count": 123}}) as (api, _):
            return await api.count("requests", source_id="src_1")

    assert asyncio.run(count()) == 123


def test_metrics_count_where_the_count_is_no_longer_exact() -> None:
    answers: dict[str, object] = {
        "/v1/requests/count": {"count": 10_000, "total_exact": False},
        "/v1/metrics/requests": {"series": [], "totals": {"count": 41_234}},
    }

    async def count() -> tuple[int, str]:
        async with api_answering(answers) as (api, seen):
            return await api.count("requests", source_id="src_1"), seen[1].query["source_id"]

    assert asyncio.run(count()) == (41_234, "src_1")
