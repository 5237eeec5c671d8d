"""Random evidence of two teams over some hours, random changes of it, and random questions about it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from random import Random
from typing import Any

from django.db import connection

from events.models import Event
from events.tests.seed import Project, build_attempt, build_event, build_request
from events.tests.writing import write
from fasthook.lib.ids import new_id
from metrics.reading.answering import answer
from metrics.reading.question import Question
from metrics.spec.measures import ATTEMPTS, EVENTS, REQUESTS, Measure
from metrics.spec.series import totals_of, values_by_key, values_of_nothing
from metrics.tests.naive import Point, count_rows

MS = timedelta(milliseconds=1)
STATUSES = ("QUEUED", "SCHEDULED", "HOLD", "SUCCESSFUL", "FAILED", "CANCELLED")
LATENCIES = (0, 3, 31, 32, 40, 95, 250, 700, 30_000)
OWNERS = 3


class Evidence:
    """`begin` to `end` is where rows lie; owners are ids without configuration, as evidence may outlive it."""

    def __init__(self, random: Random, projects: list[Project], begin: datetime, end: datetime) -> None:
        self.random = random
        self.projects = projects
        self.begin, self.end = begin, end
        self.owners = {
            prefix: [f"{prefix}_{number}" for number in range(OWNERS)] for prefix in ("src", "conn", "des", "bch")
        }

    def moment(self, begin: datetime | None = None) -> datetime:
        first = begin or self.begin
        moment = first + self.random.randrange((self.end - first) // MS) * MS
        # Many of them exactly where minutes and hours begin.
        cut = self.random.choice([None, None, {"second": 0}, {"second": 0, "minute": 0}])
        return max(first, moment.replace(microsecond=0, **cut)) if cut else moment

    def add(self, count: int, *, begin: datetime | None = None) -> None:
        requests, events, attempts = [], [], []
        for _ in range(count):
            project, moment = self.random.choice(self.projects), self.moment(begin)
            requests.append(build_request(project, moment, **self._request()))
            event = build_event(requests[-1], project, self.moment(begin), **self._event())
            events.append(event)
            attempts += [build_attempt(event, self.moment(begin), **self._attempt()) for _ in range(event.attempts)]
        for rows in (requests, events, attempts):
            write(rows)

    def change(self, count: int) -> None:
        """Of each kind of late change: another status, another number of attempts, gone."""
        ids = list(Event.objects.order_by("id").values_list("id", flat=True))
        for identifier in self.random.sample(ids, min(count, len(ids))):
            if self.random.random() < 0.1:
                Event.objects.filter(id=identifier).delete()
            else:
                Event.objects.filter(id=identifier).update(**self._event(owned=False))
        chosen = self.random.sample(ids, min(3, len(ids)))
        Event.objects.filter(id__in=chosen).update(**self._event(owned=False))
        # A retry, as it is recorded: many rows in one statement.
        with connection.cursor() as cursor:
            cursor.execute("UPDATE events SET attempts = attempts + 1, updated_at = now() WHERE id = ANY(%s)", [chosen])

    def question(self) -> Question:
        random = self.random
        resource = random.choice([REQUESTS, EVENTS, ATTEMPTS])
        first, after = sorted([self.moment(), self.moment()])
        if random.random() < 0.3:
            first, after = self.begin, self.end
        after = max(after, first + MS)
        dimensions = tuple(random.sample(resource.dimensions, random.choice([0, 0, 1, 2])))
        names = random.sample(sorted(resource.measures), random.randint(1, len(resource.measures)))
        measures: tuple[Measure, ...] = tuple(resource.measures[name] for name in names)
        filters = {name: self._filter(name) for name in resource.dimensions if random.random() < 0.15}
        if "batch_operation_id" in resource.filters and random.random() < 0.2:
            filters["batch_operation_id"] = self._filter("batch_operation_id")
        return Question(
            resource,
            random.choice(self.projects).team.id,
            first,
            after,
            self._starts(first, after),
            measures,
            dimensions,
            filters,
        )

    def _starts(self, first: datetime, after: datetime) -> list[datetime]:
        """Hours, minutes, or anything: clocks that change make buckets of any length."""
        step = self.random.choice([timedelta(hours=1), timedelta(minutes=5), timedelta(minutes=1), None])
        if step is None:
            inside = [first + self.random.randrange((after - first) // MS) * MS for _ in range(5)]
            return sorted({first, *inside})
        begin = first - (first - self.begin) % step
        return [begin + number * step for number in range(-(-(after - begin) // step))]

    def _request(self) -> dict[str, Any]:
        rejected = self.random.random() < 0.3
        return {
            "source_id": self._owner("src"),
            "batch_operation_id": self._owner("bch"),
            "status": "rejected" if rejected else "accepted",
            "rejection_cause": self.random.choice(["SOURCE_DISABLED", "SOURCE_AUTH_FAILED"]) if rejected else None,
            "verified": self.random.random() < 0.5,
            "retry_parent_request_id": new_id("req") if self.random.random() < 0.2 else None,
        }

    def _event(self, *, owned: bool = True) -> dict[str, Any]:
        status = self.random.choice(STATUSES)
        ignored = status == "CANCELLED" and self.random.random() < 0.5
        fields: dict[str, Any] = {
            "status": status,
            "attempts": self.random.randint(0, 3),
            "successful_at": self.begin if status == "SUCCESSFUL" else None,
            "error_code": self.random.choice(["TIMEOUT", "BAD_RESPONSE"]) if status == "FAILED" else None,
            "response_status": self.random.choice([None, 200, 503]),
            "ignored_cause": self.random.choice([None, "FILTERED"]) if status == "CANCELLED" else None,
            "ignored_meta": {"failed_targets": []} if ignored else None,
        }
        owners = {"connection_id": "conn", "source_id": "src", "destination_id": "des", "batch_operation_id": "bch"}
        return {**fields, **({name: self._owner(prefix) for name, prefix in owners.items()} if owned else {})}

    def _attempt(self) -> dict[str, Any]:
        failed = self.random.random() < 0.4
        return {
            "connection_id": self._owner("conn"),
            "destination_id": self._owner("des"),
            "status": "FAILED" if failed else "SUCCESSFUL",
            "error_code": "TIMEOUT" if failed else None,
            "response_status": None if failed else 200,
            "trigger": self.random.choice(["INITIAL", "AUTOMATIC"]),
            "latency": self.random.choice(LATENCIES),
        }

    def _owner(self, prefix: str) -> str:
        return self.random.choice(self.owners[prefix])

    def _filter(self, name: str) -> list[Any]:
        legal: dict[str, list[Any]] = {
            "source_id": self.owners["src"],
            "connection_id": self.owners["conn"],
            "destination_id": self.owners["des"],
            "batch_operation_id": self.owners["bch"],
            "status": [*STATUSES, "accepted", "rejected"],
            "rejection_cause": ["SOURCE_DISABLED", "SOURCE_AUTH_FAILED"],
            "verified": [True, False],
            "is_retry": [True, False],
            "error_code": ["TIMEOUT", "BAD_RESPONSE"],
            "response_status": [200, 503],
            "ignored_cause": ["FILTERED"],
            "trigger": ["INITIAL", "AUTOMATIC"],
        }
        return self.random.sample(legal[name], self.random.randint(1, len(legal[name])))


def answered(question: Question) -> dict[tuple[int, tuple[Any, ...]], Point]:
    names = [measure.name for measure in question.measures]
    found = values_by_key(answer(question), question.measures)
    return {key: dict(zip(names, values, strict=True)) for key, values in found.items()}


def assert_equal_to_naive(question: Question) -> None:
    found, wanted = answered(question), count_rows(question)
    # What a bulk of changes leaves may be a tally of nothing, which a zero-filled series does not tell apart.
    empty = {key for key in found.keys() - wanted.keys() if not any(found[key].values())}
    keys = (found.keys() | wanted.keys()) - empty
    wrong = {key: (found.get(key), wanted.get(key)) for key in keys if found.get(key) != wanted.get(key)}
    assert not wrong, f"{_described(question)}: answered and counted {wrong}"
    _assert_totals_equal_to_naive(question)


def _assert_totals_equal_to_naive(question: Question) -> None:
    found = totals_of(answer(question), question.measures)
    whole = count_rows(replace(question, starts=[question.start], dimensions=()))
    nothing = dict(zip(found, values_of_nothing(question.measures), strict=True))
    wanted = whole.get((1, ()), nothing)
    assert found == wanted, f"totals of {_described(question)}: answered {found} and counted {wanted}"


def _described(question: Question) -> str:
    return (
        f"{question.resource.name} from {question.start} to {question.end} by {question.dimensions}"
        f" where {question.filters}; buckets {question.starts}"
    )


def table_counts() -> dict[str, int]:
    """Rows of the rollups, and of what has not been folded into them."""
    counts = {}
    with connection.cursor() as cursor:
        for kind in ("minute", "hour", "late"):
            names = [f"metrics_{name}_{kind}" for name in ("requests", "events", "attempts")]
            cursor.execute(" UNION ALL ".join(f"SELECT count(*) FROM {name}" for name in names))
            counts[kind] = sum(row[0] for row in cursor.fetchall())
    return counts
