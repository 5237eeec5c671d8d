"""How fast lists, counts and details answer over the history that the installation has; `seed_history` makes some.

Every first page with each filter, common values and rare ones, over the default range; pages in the middle; details.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.api import Api
from bench.context import Bench
from bench.reads import Read, Reader
from bench.recording import percentiles_ms
from bench.report import Figure, ScenarioResult

READS = 20
LIMIT_MS = 50.0
DAYS = 30
# Windows a day by which the size of the history is estimated; a whole count would take longer than the lists.
WINDOWS = 8
WINDOW = timedelta(minutes=3)

REQUESTS = {
    "status": ("accepted", "rejected"),
    "verified": ("true", "false"),
    "rejection_cause": ("SOURCE_AUTH_FAILED", "PAYLOAD_TOO_LARGE", "PAYLOAD_TOO_LARGE,SOURCE_DISABLED"),
    "is_retry": ("true", "false"),
    "batch_operation_id": ("bch_none",),
}
EVENTS = {
    "status": (
        *("SUCCESSFUL", "FAILED", "CANCELLED", "HOLD", "QUEUED", "SCHEDULED"),
        *("FAILED,CANCELLED", "QUEUED,SCHEDULED,HOLD"),
    ),
    "error_code": ("BAD_RESPONSE", "TIMEOUT", "TLS_CERT_EXPIRED", "OAUTH2_FAILED", "TIMEOUT,TLS_ERROR"),
    "response_status": ("200", "202", "500", "599", "404,418"),
    "ignored_cause": ("FILTERED", "DEDUPLICATED", "CONNECTION_DELETED"),
    "include": ("data", "ignored"),
    "batch_operation_id": ("bch_none",),
}
ATTEMPTS = {
    "status": ("SUCCESSFUL", "FAILED"),
    "error_code": ("BAD_RESPONSE", "TIMEOUT", "TLS_CERT_EXPIRED", "OAUTH2_FAILED", "TIMEOUT,TLS_ERROR"),
    "response_status": ("200", "202", "500", "599"),
    "trigger": ("INITIAL", "AUTOMATIC", "MANUAL", "BULK_RETRY"),
}
# What is asked of one connection or destination besides: the pairs that people use.
PAIRS = {
    "events": ({"status": "FAILED"}, {"status": "HOLD"}, {"status": "QUEUED"}, {"error_code": "TIMEOUT"}),
    "attempts": ({"status": "FAILED"}, {"error_code": "TIMEOUT"}),
}


@dataclass(slots=True)
class Timed:
    """One read's times over the run, and what went wrong with it."""

    read: Read
    seconds: array[float] = field(default_factory=lambda: array("d"))
    faults: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        return self.read.target

    @property
    def p95_ms(self) -> float:
        return percentiles_ms(self.seconds).p95_ms


async def run(bench: Bench) -> ScenarioResult:
    reader = Reader(bench.api)
    try:
        size = await estimate_events(reader, now=datetime.now(UTC))
        bench.say(f"history: about {size:,} events in {DAYS} days")
        reads = await plan_reads(bench.api, reader)
        bench.say(f"history: {len(reads)} reads, {READS} times each")
        timed = [Timed(read) for read in reads]
        # Round by round, so that a busy moment of the machine does not fall on one read alone.
        for _ in range(READS):
            for each in timed:
                await _take(reader, each)
            if bench.left_s <= 0:
                break
    finally:
        reader.close()
    worst = max(timed, key=lambda each: each.p95_ms)
    bench.say(f"history: worst p95 {worst.p95_ms:.1f} ms, {worst.name}")
    slow = [each for each in timed if each.p95_ms > LIMIT_MS]
    return ScenarioResult(
        name="history",
        figures=(
            *_kind_figures(timed),
            Figure(f"worst p95: {worst.name[:60]}", worst.p95_ms, "ms"),
            Figure(f"reads with a p95 over {LIMIT_MS:.0f} ms", len(slow), f"of {len(timed)}"),
        ),
        lost=0,
        broken=tuple(f"{each.name}: {fault}" for each in timed for fault in each.faults[:1]),
        details={
            "events_about": size,
            "reads": [{"read": each.name, **asdict(percentiles_ms(each.seconds))} for each in timed],
        },
    )


async def _take(reader: Reader, each: Timed) -> None:
    status, seconds, answer = await reader.time(each.read)
    if status == 200:
        each.seconds.append(seconds)
    else:
        each.faults.append(f"{status} {answer.get('code', '')}".strip())


def _kind_figures(timed: Sequence[Timed]) -> list[Figure]:
    figures = []
    for kind in dict.fromkeys(each.read.kind for each in timed):
        seconds = [spent for each in timed if each.read.kind == kind for spent in each.seconds]
        found = percentiles_ms(seconds)
        for name, value in (("p50", found.p50_ms), ("p95", found.p95_ms), ("max", found.max_ms)):
            figures.append(Figure(f"{kind}, {name}", value, "ms"))
    return figures


async def estimate_events(reader: Reader, *, now: datetime) -> int:
    """About how many events the last DAYS days have, from some minutes of each day."""
    found = 0
    step = timedelta(days=1) / WINDOWS
    for number in range(DAYS * WINDOWS):
        start = now - (number + 1) * step
        bounds = {name: moment.isoformat(timespec="milliseconds") for name, moment in _window(start)}
        _, _, answer = await reader.time(Read("", "/events/count", bounds))
        found += answer.get("count", 0)
    return round(found * (step / WINDOW))


def _window(start: datetime) -> list[tuple[str, datetime]]:
    return [("from", start), ("to", start + WINDOW)]


async def plan_reads(api: Api, reader: Reader) -> list[Read]:
    """All that is asked: by what the installation has most and least of."""
    sources, connections, destinations = [
        await _most_and_least(api, reader, resource, key)
        for resource, key in (
            ("sources", "source_id"),
            ("connections", "connection_id"),
            ("destinations", "destination_id"),
        )
    ]
    reads = [
        *_lists("requests", REQUESTS, {"source_id": sources}),
        *_lists("events", EVENTS, {"source_id": sources, "connection_id": connections, "destination_id": destinations}),
        *_lists("attempts", ATTEMPTS, {"connection_id": connections, "destination_id": destinations}),
        *[Read("counts", f"/{resource}/count") for resource in ("requests", "events")],
        *[Read("counts", "/events/count", {"status": status}) for status in ("FAILED", "HOLD", "QUEUED")],
    ]
    for resource in ("requests", "events", "attempts"):
        reads += await _of_rows(reader, resource)
    return [*reads, *[Read("details", f"/connections/{each}/latest-input") for each in connections]]


async def _most_and_least(api: Api, reader: Reader, resource: str, key: str) -> list[str]:
    """Ids of those with the most and the fewest requests or events, if any; two at most."""
    rows = (await api.call("GET", f"/{resource}", query={"limit": "100"}))["models"]
    counted_by = "requests" if key == "source_id" else "events"
    found: list[tuple[int, str]] = []
    for row in rows:
        _, _, answer = await reader.time(Read("", f"/{counted_by}/count", {key: row["id"]}))
        if answer.get("count"):
            found.append((answer["count"], row["id"]))
    found.sort()
    return list(dict.fromkeys([found[-1][1], found[0][1]])) if found else []


def _lists(resource: str, filters: dict[str, tuple[str, ...]], owners: dict[str, list[str]]) -> list[Read]:
    kind, path = f"{resource} list", f"/{resource}"
    alone = [{}, {"dir": "asc"}, *[{name: value} for name, values in filters.items() for value in values]]
    of_owners: list[dict[str, str]] = []
    for key, ids in owners.items():
        for each in ids:
            of_owners += [{key: each}, *[{key: each, **pair} for pair in PAIRS.get(resource, ())]]
        if len(ids) > 1:
            of_owners.append({key: ",".join(ids)})
    return [Read(kind, path, query) for query in (*alone, *of_owners)]


async def _of_rows(reader: Reader, resource: str) -> list[Read]:
    """A page in the middle, the detail of a row from there, and what belongs to it."""
    middle = {"to": f"now-{DAYS // 2}d"}
    _, _, page = await reader.time(Read("", f"/{resource}", middle))
    reads = [Read(f"{resource} list", f"/{resource}", middle)]
    cursor = (page.get("pagination") or {}).get("next")
    if cursor:
        reads.append(Read(f"{resource} list", f"/{resource}", {**middle, "next": cursor}))
    models: list[dict[str, Any]] = page.get("models") or []
    if models:
        row = models[-1]["id"]
        reads.append(Read("details", f"/{resource}/{row}"))
        if resource == "requests":
            reads += [Read("details", f"/requests/{row}/events"), Read("details", f"/requests/{row}/ignored_events")]
        if resource == "events":
            reads.append(Read("details", "/attempts", {"event_id": row}))
    return reads
