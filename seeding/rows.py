"""A day of seeded history as text for COPY: requests, their events, and their attempts.

Pure. Rows come in the order of their ids. Everything that belongs to a request lies in its own day, since a day is
loaded as a whole: retries that would fall after its end are made to come sooner.
"""

from __future__ import annotations

import heapq
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from seeding.outcomes import FIRST_REQUEST, HELD, Kind, Outcome, Try, outcome_table
from seeding.shapes import SeedConnection, SeedRoutes, SeedSource
from seeding.texts import NULL, IdText, TimeText, hex_texts, make_bodies, request_headers, response_headers

COLUMNS = {
    "requests": (
        "id, team_id, source_id, status, rejection_cause, verified, handshake, method, path, query, headers, body,"
        " client_ip, retry_parent_request_id, batch_operation_id, created_at, ingested_at"
    ),
    "events": (
        "id, team_id, request_id, source_id, connection_id, destination_id, status, attempts, response_status,"
        " error_code, failure_message, ignored_cause, ignored_meta, next_attempt_at, last_attempt_at, successful_at,"
        " batch_operation_id, created_at, updated_at"
    ),
    "attempts": (
        "id, team_id, event_id, connection_id, destination_id, attempt_number, trigger, status, response_status,"
        " error_code, error_message, requested_url, http_method, request_headers, response_headers, body, latency,"
        " created_at, delivered_at"
    ),
}
# Each COPY into a new table leaves the end of its last stretch of pages empty, so few and large ones.
CHUNK_EVENTS = 30_000
# What follows from a request comes within this, or is made to.
TAIL_MS = 60_000
_MARGIN_MS = 10
# Of how many requests one is what: rejected by cause, answered as a handshake, replayed.
_REJECTED = 0.03
_REJECTION_CAUSES = {
    "SOURCE_AUTH_FAILED": 800,
    "SOURCE_METHOD_NOT_ALLOWED": 180,
    "SOURCE_DISABLED": 15,
    "PAYLOAD_TOO_LARGE": 5,
}
_HANDSHAKES = 0.0005
_REPLAYS = 0.0005
# Traffic by the hour of the day, UTC.
_HOURS = (3, 2, 2, 2, 2, 3, 4, 6, 8, 9, 10, 10, 9, 10, 10, 10, 9, 8, 7, 6, 5, 5, 4, 4)


@dataclass(frozen=True, slots=True)
class Stretch:
    """A day, or the part of it that is over: its bounds in milliseconds since 1970 and about how many events."""

    day: datetime
    first_ms: int
    last_ms: int
    events: int
    with_retired: bool


@dataclass(slots=True)
class Chunk:
    """Rows of each table, in COPY's text form, one string a row."""

    requests: list[str] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    attempts: list[str] = field(default_factory=list)

    def rows_of(self, table: str) -> list[str]:
        rows: list[str] = getattr(self, table)
        return rows


@dataclass(slots=True)
class _Branch:
    """What is the same for all events of one connection."""

    connection: SeedConnection
    outcomes: list[Outcome]
    event_end: str
    attempt_end: str
    headers_start: str


@dataclass(slots=True)
class _Origin:
    """What is the same for all requests of one source. `last` is its newest accepted request."""

    source: SeedSource
    headers: list[str]
    branches: list[_Branch]
    last: str = ""


class DayRows:
    """The rows of one stretch: the same for the same `seed`, at any time."""

    def __init__(self, routes: SeedRoutes, stretch: Stretch, *, seed: str) -> None:
        self._rng = random.Random(f"{seed}/{stretch.day:%Y%m%d}")
        self._team_id = routes.team_id
        self._stretch = stretch
        self._held_since_ms = int(routes.held_since.timestamp() * 1000)
        self._ids = IdText(self._rng)
        self._times = TimeText()
        self._bodies = make_bodies(self._rng)
        self._hex = hex_texts(self._rng, digits=16, count=1 << 16)
        self._response_headers = response_headers(self._rng)
        sources = [source for source in routes.sources if stretch.with_retired or not source.shape.retired]
        self._origins = [self._origin(source) for source in sources]
        self._draw = self._rng.choices(
            self._origins, [origin.source.shape.weight for origin in self._origins], k=1 << 16
        )
        # Attempts that lie ahead of the rows being made.
        self._later: list[tuple[int, str]] = []
        self._chunk = Chunk()

    def chunks(self) -> Iterator[Chunk]:
        """Some thousand events at a time, with every row that belongs to them or is due by then."""
        for at_ms in self._moments():
            self._add_request(at_ms)
            if len(self._chunk.events) >= CHUNK_EVENTS:
                yield self._take(at_ms)
        yield self._take(self._stretch.last_ms)

    def _take(self, until_ms: int) -> Chunk:
        due = []
        while self._later and self._later[0][0] <= until_ms:
            due.append(heapq.heappop(self._later)[1])
        chunk, self._chunk = self._chunk, Chunk()
        chunk.attempts = due
        return chunk

    def _moments(self) -> Iterator[int]:
        """When requests come: by the hour's share of the day, with some jitter."""
        stretch = self._stretch
        last_ms = max(stretch.first_ms, stretch.last_ms - TAIL_MS)
        per_request = sum(origin.source.shape.weight * len(origin.branches) for origin in self._origins)
        per_request *= (1 - _REJECTED) / sum(origin.source.shape.weight for origin in self._origins)
        requests = stretch.events / per_request
        shares = _hour_shares(stretch.first_ms, last_ms)
        for first_ms, until_ms, share in shares:
            count = max(1, round(requests * share))
            step_ms = (until_ms - first_ms) / count
            for number in range(count):
                yield int(first_ms + (number + self._rng.random()) * step_ms)

    def _origin(self, source: SeedSource) -> _Origin:
        headers = request_headers(self._rng, signed=source.shape.signed)
        return _Origin(source, headers, [self._branch(source, connection) for connection in source.connections])

    def _branch(self, source: SeedSource, connection: SeedConnection) -> _Branch:
        ends = f"{connection.id}\t{connection.destination_id}\t"
        return _Branch(
            connection,
            outcome_table(connection.kind),
            event_end=f"\t{source.id}\t{ends}",
            attempt_end=f"\t{ends}",
            headers_start=(
                '{"accept": "*/*", "user-agent": "ExampleHooks/2.1", "content-type": "application/json", '
                f'"x-fasthook-source": "{source.name}", "x-fasthook-connection": "{connection.name}", '
            ),
        )

    def _add_request(self, at_ms: int) -> None:
        rng = self._rng
        origin = self._draw[rng.getrandbits(16)]
        request_id = "req_" + self._ids.at(at_ms)
        body = self._bodies[int(len(self._bodies) * rng.random())]
        draw = rng.random()
        parent, status, cause, handshake = NULL, "accepted", NULL, "f"
        verified = "t" if origin.source.shape.signed else "f"
        content = f"{body.before}{self._hex[rng.getrandbits(16)]}{body.after}"
        if draw < _REJECTED:
            status, verified, cause = "rejected", "f", self._rejection_cause(signed=origin.source.shape.signed)
            content = NULL if cause == "PAYLOAD_TOO_LARGE" else content
        elif draw < _REJECTED + _HANDSHAKES:
            handshake = "t"
        elif draw < _REJECTED + _HANDSHAKES + _REPLAYS and origin.last:
            parent = origin.last
        at = self._times.at(at_ms)
        self._chunk.requests.append(
            f"{request_id}\t{self._team_id}\t{origin.source.id}\t{status}\t{cause}\t{verified}\t{handshake}\tPOST\t\t\t"
            f"{origin.headers[rng.getrandbits(6)]}\t{content}\t203.0.113.{rng.getrandbits(8)}\t{parent}\t{NULL}\t{at}\t{at}\n"
        )
        if status == "accepted" and handshake == "f":
            for branch in origin.branches:
                self._add_event(branch, origin, request_id=request_id, at_ms=at_ms)
            origin.last = request_id

    def _rejection_cause(self, *, signed: bool) -> str:
        cause = self._rng.choices(list(_REJECTION_CAUSES), list(_REJECTION_CAUSES.values()))[0]
        return cause if signed or cause != "SOURCE_AUTH_FAILED" else "SOURCE_METHOD_NOT_ALLOWED"

    def _add_event(self, branch: _Branch, origin: _Origin, *, request_id: str, at_ms: int) -> None:
        outcome = branch.outcomes[self._rng.getrandbits(16)]
        if branch.connection.kind is Kind.PAUSED and at_ms >= self._held_since_ms:
            outcome = HELD
        if outcome.meta is FIRST_REQUEST and not origin.last:
            outcome = branch.outcomes[0]
        made_ms = at_ms + _MARGIN_MS
        event_id = "evt_" + self._ids.at(made_ms)
        made = self._times.at(made_ms)
        meta = outcome.meta or NULL
        if meta is FIRST_REQUEST:
            meta = f'{{"first_request_id": "{origin.last}"}}'
        end = f"{outcome.ignored_cause or NULL}\t{meta}\t{NULL}"
        if outcome.tries:
            state, updated = self._add_attempts(
                branch, outcome, request_id=request_id, event_id=event_id, at_ms=made_ms
            )
        else:
            message = "INTERNAL_ERROR: a rule could not be evaluated" if outcome.status == "FAILED" else NULL
            state, updated = (f"0\t{NULL}\t{NULL}\t{message}", f"{NULL}\t{NULL}\t{NULL}\t{made}\t{made}")
        self._chunk.events.append(
            f"{event_id}\t{self._team_id}\t{request_id}{branch.event_end}{outcome.status}\t{state}\t{end}\t{updated}\n"
        )

    def _add_attempts(
        self, branch: _Branch, outcome: Outcome, *, request_id: str, event_id: str, at_ms: int
    ) -> tuple[str, str]:
        """Plans the attempts; the event's columns that tell of the last one, and its times."""
        began_ms = ended_ms = at_ms
        for number, each in enumerate(outcome.tries, start=1):
            began_ms = min(ended_ms + each.wait_ms, self._room_ms(began_ms, outcome.tries[number - 1 :]))
            ended_ms = min(began_ms + each.latency_ms, self._stretch.last_ms)
            line = self._attempt(
                branch, each, number, request_id=request_id, event_id=event_id, span=(began_ms, ended_ms)
            )
            heapq.heappush(self._later, (began_ms, line))
        last, began, ended = outcome.tries[-1], self._times.at(began_ms), self._times.at(ended_ms)
        fault = f"{last.error_code or NULL}\t{last.error_message or NULL}"
        state = f"{len(outcome.tries)}\t{_or_null(last.response_status)}\t{fault}"
        done = ended if last.succeeded else NULL
        return state, f"{began}\t{done}\t{NULL}\t{self._times.at(at_ms)}\t{ended}"

    def _room_ms(self, after_ms: int, left: Sequence[Try]) -> int:
        """The latest beginning of the first of `left` that leaves the others some of the day."""
        return after_ms + (self._stretch.last_ms - after_ms) // (len(left) + 1)

    def _attempt(
        self, branch: _Branch, each: Try, number: int, *, request_id: str, event_id: str, span: tuple[int, int]
    ) -> str:
        began, ended = self._times.at(span[0]), self._times.at(span[1])
        sent = (
            f'{branch.headers_start}"idempotency-key": "{event_id}", "x-fasthook-event-id": "{event_id}", '
            f'"x-fasthook-request-id": "{request_id}", "x-fasthook-attempt-number": "{number}", '
            f'"x-fasthook-attempt-trigger": "{each.trigger}"}}'
        )
        answered = each.response_status is not None
        received = self._response_headers[self._rng.getrandbits(8)] if answered else NULL
        body = ('{"ok": true}' if each.succeeded else "upstream error") if answered else NULL
        status, delivered = ("SUCCESSFUL", ended) if each.succeeded else ("FAILED", NULL)
        return (
            f"att_{self._ids.at(span[0])}\t{self._team_id}\t{event_id}{branch.attempt_end}{number}\t{each.trigger}\t{status}\t"
            f"{_or_null(each.response_status)}\t{each.error_code or NULL}\t{each.error_message or NULL}\t"
            f"{branch.connection.url}\tPOST\t{sent}\t{received}\t{body}\t{span[1] - span[0]}\t{began}\t{delivered}\n"
        )


def _or_null(number: int | None) -> str:
    return NULL if number is None else str(number)


def _hour_shares(first_ms: int, last_ms: int) -> list[tuple[int, int, float]]:
    """The hours of a stretch with their shares of its requests."""
    hour_ms = 3_600_000
    parts = []
    at_ms = first_ms
    while at_ms < last_ms:
        until_ms = min(last_ms, (at_ms // hour_ms + 1) * hour_ms)
        parts.append((at_ms, until_ms, _HOURS[at_ms // hour_ms % 24] * (until_ms - at_ms)))
        at_ms = until_ms
    whole = sum(weight for _, _, weight in parts)
    return [(begin, end, weight / whole) for begin, end, weight in parts]
