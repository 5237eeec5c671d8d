"""One team as its operator works with it: the API, called with its key, and the source URLs, called as providers do."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import requests

from tests.waiting import wait_until

# A change of configuration is effective everywhere within a second.
EFFECTIVE_S = 5.0
SENDERS = 32
SENDING_PAUSE_S = 0.01
Json = dict[str, Any]


class Account:
    """Calls /v1 for one team. Answers are parsed JSON; another status than expected fails the test with the answer."""

    def __init__(self, base_url: str, team_id: str, *, api_key: str, signing_secret: str) -> None:
        self.base_url = base_url
        self.team_id = team_id
        self.api_key = api_key
        self.signing_secret = signing_secret

    def call(self, method: str, path: str, *, token: str | None = None, **options: Any) -> requests.Response:
        """Any call; `options` are those of `requests`."""
        credential = self.api_key if token is None else token
        headers = {"Authorization": f"Bearer {credential}", "x-team-id": self.team_id, **options.pop("headers", {})}
        return requests.request(method, f"{self.base_url}/v1/{path}", headers=headers, timeout=30, **options)

    def get(self, path: str, **params: Any) -> Json:
        return _ok(self.call("GET", path, params=params))

    def put(self, path: str, body: Any = None, **options: Any) -> Json:
        return _ok(self.call("PUT", path, json=body, **options))

    def post(self, path: str, body: Any = None, **options: Any) -> Json:
        return _ok(self.call("POST", path, json=body, **options))

    def patch(self, path: str, body: Any) -> Json:
        return _ok(self.call("PATCH", path, json=body))

    def delete(self, path: str) -> None:
        answer = self.call("DELETE", path)
        assert answer.status_code == 204, answer.text

    # ---- Routes

    def source(self, name: str = "source", **config: Any) -> Json:
        return self.put("sources", {"name": name, "config": config})

    def destination(self, url: str, name: str = "destination", **config: Any) -> Json:
        return self.put("destinations", {"name": name, "type": "HTTP", "config": {"url": url, **config}})

    def connection(self, source: Json, destination: Json, rules: Iterable[Json] = (), name: str = "route") -> Json:
        body = {"source_id": source["id"], "destination_id": destination["id"], "name": name, "rules": list(rules)}
        return self.put("connections", body)

    def route(self, url: str, rules: Iterable[Json] = (), **config: Any) -> tuple[Json, Json, Json]:
        """A source, a destination and the connection between them."""
        source, destination = self.source(), self.destination(url, **config)
        return source, destination, self.connection(source, destination, rules)

    # ---- What providers do

    def send(self, source: Json, body: bytes = b"{}", *, path: str = "", **options: Any) -> requests.Response:
        """One call at the source's URL, as soon as the source is known there."""
        method = options.pop("method", "POST")

        def call() -> list[requests.Response]:
            answer = requests.request(method, source["url"] + path, data=body, timeout=30, **options)
            return [] if answer.status_code == 404 else [answer]

        return wait_until(call, EFFECTIVE_S, f"the source {source['id']} is known at its URL")[0]

    def post_once(self, source: Json) -> requests.Response:
        """One call, whatever comes of it."""
        return requests.post(source["url"], data=b"{}", timeout=30)

    def wait_until_answered(self, source: Json, status: int, *, timeout_s: float, **options: Any) -> None:
        """Until a call at the source's URL is answered with that status."""
        wait_until(
            lambda: requests.post(source["url"], data=b"{}", timeout=30, **options).status_code == status,
            timeout_s,
            f"{source['id']} answers {status}",
        )

    def accept(self, source: Json, body: bytes = b"{}", **options: Any) -> str:
        """One call that must be accepted; the request's id."""
        answer = self.send(source, body, **options)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["request_id"])

    def accept_many(self, source: Json, bodies: list[bytes]) -> list[str]:
        """Many calls at once, all of which must be accepted; the requests' ids in the order of `bodies`."""
        return [self.accept(source, bodies[0]), *asyncio.run(_accept_many(source["url"], bodies[1:]))]

    def accept_until_refused(self, source: Json, *, after: int, then: Callable[[], None]) -> list[str]:
        """Sends from several threads until calls fail, and does `then` once `after` were accepted; their ids."""
        self.accept(source)
        accepted: list[str] = []

        def keep_sending() -> None:
            with requests.Session() as http, contextlib.suppress(requests.RequestException):
                while True:
                    accepted.append(http.post(source["url"], data=b"{}", timeout=10).json()["request_id"])

        threads = [threading.Thread(target=keep_sending) for _ in range(4)]
        for thread in threads:
            thread.start()
        wait_until(lambda: len(accepted) >= after, 30, f"{after} were accepted")
        then()
        for thread in threads:
            thread.join()
        return accepted

    @contextlib.contextmanager
    def sending(self, source: Json) -> Iterator[Load]:
        """Calls from several threads while the block runs, whatever comes of them."""
        self.accept(source)
        load, over = Load(), threading.Event()

        def keep_sending() -> None:
            with requests.Session() as http:
                while not over.wait(SENDING_PAUSE_S):
                    load.note(http, source["url"])

        threads = [threading.Thread(target=keep_sending) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            yield load
        finally:
            over.set()
            for thread in threads:
                thread.join()

    # ---- What operators look at

    def events(self, **filters: Any) -> list[Json]:
        """Every event that the filters let through, oldest first."""
        found: list[Json] = []
        page = self.get("events", limit=100, dir="asc", **filters)
        while True:
            found += page["models"]
            following = page["pagination"]["next"]
            if not following:
                return found
            page = self.get("events", limit=100, dir="asc", next=following, **filters)

    def count_events(self, **filters: Any) -> int:
        return int(self.get("events/count", **filters)["count"])

    def attempts(self, event: Json) -> list[Json]:
        attempts: list[Json] = self.get("attempts", event_id=event["id"], dir="asc")["models"]
        return attempts

    def ignored(self, request_id: str) -> list[Json]:
        models: list[Json] = self.get(f"requests/{request_id}/ignored_events")["models"]
        return models

    def raw_body(self, request_id: str) -> bytes:
        answer = self.call("GET", f"requests/{request_id}/raw_body")
        assert answer.status_code == 200, answer.text
        return answer.content

    # ---- Waiting

    def wait_until_delivered(self, request_ids: Iterable[str], *, timeout_s: float = 45.0) -> None:
        """Until every one of the requests has its successful event."""
        wanted = set(request_ids)

        def is_delivered() -> bool:
            return wanted <= {event["request_id"] for event in self.events(status="SUCCESSFUL")}

        wait_until(
            lambda: self.count_events(status="SUCCESSFUL") >= len(wanted) and is_delivered(),
            timeout_s,
            lambda: f"{len(wanted)} are delivered, there are {self.count_events(status='SUCCESSFUL')}",
        )

    def wait_for_event(self, request_id: str, *statuses: str, timeout_s: float = 15.0, **filters: Any) -> Json:
        """The request's one event (or the one that the filters name) once it has one of the statuses."""

        def find() -> Json | None:
            models = self.get(f"requests/{request_id}/events", **filters)["models"]
            return next((model for model in models if model["status"] in statuses), None)

        return wait_until(find, timeout_s, f"the event of {request_id} is {' or '.join(statuses)}")

    def wait_for_last_attempt(self, request_id: str, number: int, *, timeout_s: float = 15.0) -> Json:
        """The request's one event once its attempt of that number is recorded."""

        def find() -> Json | None:
            models = self.get(f"requests/{request_id}/events")["models"]
            return next((model for model in models if model["attempts"] == number), None)

        return wait_until(find, timeout_s, f"the event of {request_id} had {number} attempts")

    def wait_for_ignored(self, request_id: str, *, timeout_s: float = 15.0) -> Json:
        return wait_until(lambda: self.ignored(request_id), timeout_s, f"{request_id} has an ignored branch")[0]

    def wait_for_count(self, count: int, *, timeout_s: float = 30.0, **filters: Any) -> None:
        wait_until(
            lambda: self.count_events(**filters) == count,
            timeout_s,
            lambda: f"{count} events with {filters}, there are {self.count_events(**filters)} of {self.count_events()}",
        )


@dataclass(slots=True)
class Load:
    """What came of the calls: the ids of those accepted, and how often each status was seen (0: no answer)."""

    accepted: list[str] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)

    def note(self, http: requests.Session, url: str) -> None:
        try:
            answer = http.post(url, data=b"{}", timeout=10)
        except requests.RequestException:
            self.statuses[0] += 1
            return
        self.statuses[answer.status_code] += 1
        if answer.ok:
            self.accepted.append(answer.json()["request_id"])

    def wait_for_more(self, count: int, *, timeout_s: float = 30.0) -> None:
        """Until so many more than now were accepted."""
        enough = len(self.accepted) + count
        wait_until(lambda: len(self.accepted) >= enough, timeout_s, lambda: f"{enough} accepted, {self.statuses}")

    def wait_for_status(self, status: int, *, timeout_s: float = 30.0) -> None:
        """Until such an answer comes again."""
        before = self.statuses[status]
        wait_until(lambda: self.statuses[status] > before, timeout_s, lambda: f"a {status}, {self.statuses}")


async def _accept_many(url: str, bodies: list[bytes]) -> list[str]:
    turn = asyncio.Semaphore(SENDERS)

    async def accept(http: aiohttp.ClientSession, body: bytes) -> str:
        async with turn, http.post(url, data=body) as answer:
            assert answer.status == 200, await answer.text()
            return str((await answer.json())["request_id"])

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=SENDERS)) as http:
        return list(await asyncio.gather(*(accept(http, body) for body in bodies)))


def _ok(answer: requests.Response) -> Json:
    assert answer.ok, f"{answer.status_code} {answer.text}"
    body: Json = answer.json()
    return body
