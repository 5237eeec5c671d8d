"""A gateway small enough to be right by reading: accepts, forwards, and misbehaves exactly as told."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import aiohttp
from aiohttp import web

FORWARDED = ("x-bench-id", "x-bench-planned-us")
RETRY_S = 0.05


@dataclass(slots=True)
class Faults:
    """Each `*_every` counts accepted requests from 1; 0 means never. `stall_at` holds ingress for `stall_s` once."""

    drop_every: int = 0
    stick_every: int = 0
    repeat_every: int = 0
    fork_every: int = 0
    refuse_every: int = 0
    forget_every: int = 0
    stall_at: int = 0
    stall_s: float = 0.0


@dataclass(slots=True)
class FakeEvent:
    id: str
    connection_id: str
    url: str
    headers: dict[str, str]
    body: bytes
    status: str


@dataclass(slots=True)
class FakeGateway:
    faults: Faults
    session: aiohttp.ClientSession
    base_url: str = ""
    sources: dict[str, str] = field(default_factory=dict)
    destinations: dict[str, str] = field(default_factory=dict)
    connections: dict[str, dict[str, str]] = field(default_factory=dict)
    transformations: dict[str, str] = field(default_factory=dict)
    paused: set[str] = field(default_factory=set)
    requests: list[str] = field(default_factory=list)
    events: list[FakeEvent] = field(default_factory=list)
    # Ids are never used again.
    numbers: Iterator[int] = field(default_factory=itertools.count)
    calls: list[str] = field(default_factory=list)
    posts: int = 0
    stalled: asyncio.Lock = field(default_factory=asyncio.Lock)
    deliveries: set[asyncio.Task[None]] = field(default_factory=set)

    def application(self) -> web.Application:
        application = web.Application()
        application.router.add_post("/v1/sources", self.create_source)
        application.router.add_post("/v1/destinations", self.create_destination)
        application.router.add_post("/v1/connections", self.create_connection)
        application.router.add_post("/v1/transformations", self.create_transformation)
        application.router.add_put("/v1/connections/{id}/{action:pause|unpause}", self.pause_or_unpause)
        application.router.add_delete("/v1/{resource}/{id}", self.delete)
        application.router.add_get("/v1/requests/count", self.count_requests)
        application.router.add_get("/v1/events/count", self.count_events)
        application.router.add_post("/in/{source}/", self.ingest)
        return application

    async def create_source(self, request: web.Request) -> web.Response:
        source_id = f"src_{next(self.numbers)}"
        self.sources[source_id] = (await request.json())["name"]
        return web.json_response({"id": source_id, "url": f"{self.base_url}/in/{source_id}/"}, status=201)

    async def create_destination(self, request: web.Request) -> web.Response:
        destination_id = f"des_{next(self.numbers)}"
        self.destinations[destination_id] = (await request.json())["config"]["url"]
        return web.json_response({"id": destination_id}, status=201)

    async def create_connection(self, request: web.Request) -> web.Response:
        connection_id = f"conn_{next(self.numbers)}"
        self.connections[connection_id] = await request.json()
        return web.json_response({"id": connection_id}, status=201)

    async def create_transformation(self, request: web.Request) -> web.Response:
        transformation_id = f"trs_{next(self.numbers)}"
        self.transformations[transformation_id] = (await request.json())["code"]
        return web.json_response({"id": transformation_id}, status=201)

    async def pause_or_unpause(self, request: web.Request) -> web.Response:
        connection_id = request.match_info["id"]
        if request.match_info["action"] == "pause":
            self.paused.add(connection_id)
            return web.json_response({})
        self.paused.discard(connection_id)
        for event in self.events:
            if event.connection_id == connection_id and event.status == "HOLD":
                self.start_delivery(event)
        return web.json_response({})

    async def delete(self, request: web.Request) -> web.Response:
        getattr(self, request.match_info["resource"]).pop(request.match_info["id"])
        self.calls.append(request.path)
        return web.Response(status=204)

    async def count_requests(self, request: web.Request) -> web.Response:
        return web.json_response({"count": self.requests.count(request.query["source_id"]), "count_exact": True})

    async def count_events(self, request: web.Request) -> web.Response:
        statuses = request.query["status"].split(",") if "status" in request.query else None
        mine = [event for event in self.events if event.connection_id == request.query["connection_id"]]
        count = sum(statuses is None or event.status in statuses for event in mine)
        return web.json_response({"count": count, "count_exact": True})

    async def ingest(self, request: web.Request) -> web.Response:
        body = await request.read()
        self.posts += 1
        number = self.posts
        async with self.stalled:
            if number == self.faults.stall_at:
                await asyncio.sleep(self.faults.stall_s)
        if _falls_on(number, self.faults.refuse_every):
            return web.json_response({"error": "storage is down"}, status=503)
        if not _falls_on(number, self.faults.forget_every):
            self.requests.append(request.match_info["source"])
        headers = {name: request.headers[name] for name in FORWARDED}
        self.route(number, request.match_info["source"], headers=headers, body=body)
        return web.json_response({"ok": True, "queued": True, "transport": "queue", "request_id": f"req_{number}"})

    def route(self, number: int, source_id: str, *, headers: dict[str, str], body: bytes) -> None:
        for connection_id, connection in self.connections.items():
            if connection["source_id"] != source_id:
                continue
            url = self.destinations[connection["destination_id"]]
            for copy in range(2 if _falls_on(number, self.faults.fork_every) else 1):
                event = FakeEvent(f"evt_{number}_{copy}", connection_id, url, headers, body, "QUEUED")
                self.events.append(event)
                if _falls_on(number, self.faults.drop_every):
                    event.status = "SUCCESSFUL"
                elif connection_id in self.paused:
                    event.status = "HOLD"
                elif not _falls_on(number, self.faults.stick_every):
                    self.start_delivery(event, times=2 if _falls_on(number, self.faults.repeat_every) else 1)

    def start_delivery(self, event: FakeEvent, *, times: int = 1) -> None:
        task = asyncio.get_running_loop().create_task(self.deliver(event, times))
        self.deliveries.add(task)
        task.add_done_callback(self.deliveries.discard)

    async def deliver(self, event: FakeEvent, times: int) -> None:
        event.status = "QUEUED"
        for _ in range(times):
            headers = {**event.headers, "X-FastHook-Event-Id": event.id}
            while await self.post(event.url, body=event.body, headers=headers) >= 300:
                event.status = "FAILED"
                if not self.connections[event.connection_id]["rules"]:
                    return
                await asyncio.sleep(RETRY_S)
        event.status = "SUCCESSFUL"

    async def post(self, url: str, *, body: bytes, headers: dict[str, str]) -> int:
        async with self.session.post(url, data=body, headers=headers) as response:
            await response.read()
            return response.status


def _falls_on(number: int, every: int) -> bool:
    return every > 0 and number % every == 0


@asynccontextmanager
async def fake_gateway(faults: Faults | None = None) -> AsyncIterator[FakeGateway]:
    """Listening on a free port until the block ends."""
    async with aiohttp.ClientSession() as session:
        gateway = FakeGateway(faults or Faults(), session)
        runner = web.AppRunner(gateway.application(), access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        gateway.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        try:
            yield gateway
        finally:
            for task in gateway.deliveries:
                task.cancel()
            await runner.cleanup()
