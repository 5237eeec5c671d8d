"""Creates the source, destination and connection a scenario needs, under unique names, and removes them afterwards."""

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from bench.api import Api, ApiError
from bench.http import Endpoint, UnreachableError, loopback_endpoint

Rule = dict[str, object]


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


@asynccontextmanager
async def bare_source(api: Api, scenario: str) -> AsyncIterator[Route]:
    """A source without a connection: its requests are accepted and stored, nothing more."""
    tag = f"bench-{scenario}-{uuid.uuid4().hex[:8]}"
    created = await _create_source(api, tag)
    try:
        yield Route(api, tag, source_id=created["id"], endpoint=loopback_endpoint(created["url"]))
    finally:
        await _remove(api, f"/sources/{created['id']}")


@asynccontextmanager
async def route_to(
    api: Api, scenario: str, *, destination_url: str, max_concurrency: int | None, rules: Sequence[Rule] = ()
) -> AsyncIterator[Route]:
    """Source, connection and signed HTTP destination at `destination_url`; None leaves the product's concurrency."""
    tag = f"bench-{scenario}-{uuid.uuid4().hex[:8]}"
    made: list[str] = []
    try:
        source = await _create_source(api, tag)
        made.append(f"/sources/{source['id']}")
        config: dict[str, object] = {
            "url": destination_url,
            "http_method": "POST",
            "path_forwarding_disabled": True,
            "auth_type": "FASTHOOK_SIGNATURE",
            "auth": {},
        }
        if max_concurrency is not None:
            config["max_concurrency"] = max_concurrency
        destination = await api.call("POST", "/destinations", {"name": tag, "type": "HTTP", "config": config})
        made.append(f"/destinations/{destination['id']}")
        body = {
            "name": tag,
            "source_id": source["id"],
            "destination_id": destination["id"],
            "rules": list(rules),
        }
        connection = await api.call("POST", "/connections", body)
        made.append(f"/connections/{connection['id']}")
        yield Route(
            api,
            tag,
            source_id=source["id"],
            endpoint=loopback_endpoint(source["url"]),
            destination_id=destination["id"],
            connection_id=connection["id"],
            retries=any(rule["type"] == "retry" for rule in rules),
        )
    finally:
        for path in reversed(made):
            await _remove(api, path)


async def _create_source(api: Api, name: str) -> dict[str, str]:
    config = {"allowed_http_methods": ["POST"]}
    return await api.call("POST", "/sources", {"name": name, "type": "WEBHOOK", "config": config})


async def _remove(api: Api, path: str) -> None:
    try:
        await api.call("DELETE", path)
    except (ApiError, UnreachableError, TimeoutError) as fault:
        print(f"bench: could not remove {path}: {fault}", flush=True)
