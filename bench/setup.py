"""Makes the sources, destinations and connections a scenario needs, under unique names, and removes them afterwards."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from bench.api import Api, ApiError
from bench.http import Endpoint, UnreachableError, loopback_endpoint

Rule = dict[str, object]
CALLS_AT_ONCE = 8
Item = TypeVar("Item")
Made = TypeVar("Made")


@dataclass(frozen=True, slots=True)
class Route:
    """`tag` is unique to this route and marks its load; the connection's fields are empty on a bare source.
    With `retries` a FAILED event has another attempt to come."""

    api: Api
    tag: str
    source_id: str
    endpoint: Endpoint
    destination_id: str = ""
    connection_id: str = ""
    retries: bool = False

    async def pause(self) -> None:
        await self.api.call("PUT", f"/connections/{self.connection_id}/pause")

    async def unpause(self) -> None:
        await self.api.call("PUT", f"/connections/{self.connection_id}/unpause")

    async def waiting_count(self) -> int:
        """What the product still means to deliver: stored requests without an event yet, and events not at an end."""
        statuses = "QUEUED,SCHEDULED,HOLD" + (",FAILED" if self.retries else "")
        requests = await self.api.count("requests", source_id=self.source_id)
        events = await self.api.count("events", connection_id=self.connection_id)
        unfinished = await self.api.count("events", connection_id=self.connection_id, status=statuses)
        return max(0, requests - events) + unfinished

    async def held_count(self) -> int:
        return await self.api.count("events", connection_id=self.connection_id, status="HOLD")


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """`urls`: one destination and connection for each, the n-th fed by source n modulo `sources`. `config` is added to
    the destinations' own; `max_concurrency` None leaves the product's."""

    urls: Sequence[str]
    sources: int = 1
    max_concurrency: int | None = None
    rules: Sequence[Rule] = ()
    config: Mapping[str, object] = field(default_factory=dict)


@asynccontextmanager
async def bare_source(api: Api, scenario: str) -> AsyncIterator[Route]:
    """A source without a connection: its requests are accepted and stored, nothing more."""
    tag = _unique(scenario)
    async with _removing_what_was_made(api) as made:
        created = await _create_source(api, tag, made)
        yield Route(api, tag, source_id=created["id"], endpoint=loopback_endpoint(created["url"]))


@asynccontextmanager
async def route_to(
    api: Api, scenario: str, *, destination_url: str, max_concurrency: int | None, rules: Sequence[Rule] = ()
) -> AsyncIterator[Route]:
    """Source, connection and signed HTTP destination at `destination_url`; None leaves the product's concurrency."""
    plan = RoutePlan([destination_url], max_concurrency=max_concurrency, rules=rules)
    async with routes_to(api, scenario, plan) as routes:
        yield routes[0]


@asynccontextmanager
async def transform_by(api: Api, scenario: str, code: str) -> AsyncIterator[Rule]:
    """A rule that names a transformation with `code`."""
    async with _removing_what_was_made(api) as made:
        created = await api.call("POST", "/transformations", {"name": _unique(scenario), "code": code})
        made.append(f"/transformations/{created['id']}")
        yield {"type": "transform", "transformation_id": created["id"]}


@asynccontextmanager
async def routes_to(api: Api, scenario: str, plan: RoutePlan) -> AsyncIterator[list[Route]]:
    """The plan's routes in the order of its URLs, all under one tag."""
    tag = _unique(scenario)
    async with _removing_what_was_made(api) as made:
        sources = await _several(
            range(plan.sources), lambda number: _create_source(api, _numbered(tag, number, plan.sources), made)
        )

        async def connect(number: int) -> Route:
            name = _numbered(tag, number, len(plan.urls))
            destination = await _create_destination(api, name, plan.urls[number], plan, made)
            source = sources[number % plan.sources]
            body = {
                "name": name,
                "source_id": source["id"],
                "destination_id": destination["id"],
                "rules": list(plan.rules),
            }
            connection = await api.call("POST", "/connections", body)
            made.append(f"/connections/{connection['id']}")
            return Route(
                api,
                tag,
                source_id=source["id"],
                endpoint=loopback_endpoint(source["url"]),
                destination_id=destination["id"],
                connection_id=connection["id"],
                retries=any(rule["type"] == "retry" for rule in plan.rules),
            )

        yield await _several(range(len(plan.urls)), connect)


def _unique(scenario: str) -> str:
    return f"bench-{scenario}-{uuid.uuid4().hex[:8]}"


def _numbered(tag: str, number: int, of: int) -> str:
    return tag if of == 1 else f"{tag}-{number}"


async def _create_source(api: Api, name: str, made: list[str]) -> dict[str, str]:
    config = {"allowed_http_methods": ["POST"]}
    created = await api.call("POST", "/sources", {"name": name, "type": "WEBHOOK", "config": config})
    made.append(f"/sources/{created['id']}")
    return created


async def _create_destination(api: Api, name: str, url: str, plan: RoutePlan, made: list[str]) -> dict[str, str]:
    config: dict[str, object] = {
        "url": url,
        "http_method": "POST",
        "path_forwarding_disabled": True,
        "auth_type": "FASTHOOK_SIGNATURE",
        "auth": {},
        **plan.config,
    }
    if plan.max_concurrency is not None:
        config["max_concurrency"] = plan.max_concurrency
    created = await api.call("POST", "/destinations", {"name": name, "type": "HTTP", "config": config})
    made.append(f"/destinations/{created['id']}")
    return created


async def _several(items: Iterable[Item], make: Callable[[Item], Awaitable[Made]]) -> list[Made]:
    """In order, a few at a time."""
    turn = asyncio.Semaphore(CALLS_AT_ONCE)

    async def one(item: Item) -> Made:
        async with turn:
            return await make(item)

    return await asyncio.gather(*(one(item) for item in items))


@asynccontextmanager
async def _removing_what_was_made(api: Api) -> AsyncIterator[list[str]]:
    """Paths below /v1; connections go first, since what they join cannot go before them."""
    made: list[str] = []
    try:
        yield made
    finally:
        for kind in ("/connections/", "/destinations/", "/sources/", "/transformations/"):
            await _several([path for path in made if path.startswith(kind)], lambda path: _remove(api, path))


async def _remove(api: Api, path: str) -> None:
    try:
        await api.call("DELETE", path)
    except (ApiError, UnreachableError, TimeoutError) as fault:
        print(f"bench: could not remove {path}: {fault}", flush=True)
