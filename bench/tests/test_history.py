"""The history scenario against an API whose slow and failing reads are known."""

import asyncio
from dataclasses import dataclass, field

import pytest
from aiohttp import web

from bench.api import Api
from bench.ceilings import Ceilings
from bench.context import Bench, Options
from bench.measure import Meter
from bench.report import Progress, ScenarioResult
from bench.scenarios import DEFAULT, history

PER_WINDOW = 7


@dataclass(slots=True)
class FakeHistory:
    """Answers every list with one row; `slow` and `broken` name parts of what is asked."""

    slow: str = ""
    broken: str = ""
    asked: list[str] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.Response:
        target = request.path_qs.removeprefix("/v1")
        self.asked.append(target)
        if self.slow and self.slow in target:
            await asyncio.sleep(0.08)
        if self.broken and self.broken in target:
            return web.json_response({"code": "RANGE_TOO_WIDE"}, status=422)
        resource = request.path.split("/")[2]
        if request.path.endswith("/count"):
            return web.json_response({"count": PER_WINDOW, "count_exact": True})
        return web.json_response({"models": [{"id": f"{resource}_1"}], "pagination": {"next": "more"}})


async def measure(fake: FakeHistory) -> ScenarioResult:
    application = web.Application()
    application.router.add_get("/{path:.*}", fake.answer)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        api = Api(f"http://127.0.0.1:{runner.addresses[0][1]}", "tm_1", "fhp_1")
        bench = Bench(
            api=api,
            receivers=None,  # type: ignore[arg-type]
            ceilings=Ceilings(None, print, connections=1, seconds=1, web_workers=1, delivery_workers=1),  # type: ignore[arg-type]
            meter=Meter(pid=None, database_url=None),
            options=Options(),
            say=Progress(),
        )
        return await history.run(bench)
    finally:
        await runner.cleanup()


@pytest.fixture(autouse=True)
def few_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "READS", 2)


def test_every_filter_of_every_list_is_read_and_the_size_estimated() -> None:
    fake = FakeHistory()
    result = asyncio.run(measure(fake))
    assert result.is_sound
    # Seven in three minutes, all day and all month.
    assert result.details["events_about"] == PER_WINDOW * 20 * 24 * 30
    for resource, filters in (
        ("requests", history.REQUESTS),
        ("events", history.EVENTS),
        ("attempts", history.ATTEMPTS),
    ):
        for name in filters:
            assert sum(target.startswith(f"/{resource}?{name}=") for target in fake.asked) >= 2 * len(filters[name])
    assert "/attempts?event_id=events_1" in fake.asked
    assert "/connections/connections_1/latest-input" in fake.asked
    assert len([figure for figure in result.figures if figure.name.startswith("events list, ")]) == 3


def test_the_worst_list_is_named_and_what_is_slow_is_counted() -> None:
    result = asyncio.run(measure(FakeHistory(slow="status=HOLD")))
    *_, worst, slow = result.figures
    assert "status=HOLD" in worst.name
    assert worst.value > 75
    assert slow.value >= 1


def test_a_refused_list_breaks_the_promise() -> None:
    result = asyncio.run(measure(FakeHistory(broken="trigger=MANUAL")))
    assert result.broken == ("/attempts?trigger=MANUAL: 422 RANGE_TOO_WIDE",)
    assert not result.is_sound


def test_it_is_asked_for_by_name() -> None:
    """Without seeded history it says nothing."""
    assert "history" not in DEFAULT
