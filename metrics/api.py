"""Metrics over HTTP: series of requests, events, attempts and the queue, and summaries of the last 24 hours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request as Call
from rest_framework.response import Response

from fasthook.api.viewset import ApiViewSet
from fasthook.lib.clock import iso, utc_now
from metrics import serializers
from metrics.parameters import Asked, read_asked, read_ids
from metrics.queue import peaks, waiting_now
from metrics.reading.answering import answer, too_many_points
from metrics.reading.question import Question
from metrics.spec.measures import ATTEMPTS, EVENTS, QUEUE, REQUESTS, Resource
from metrics.spec.series import MAX_POINTS, make_series, totals_of
from metrics.spec.tallies import Tallies
from metrics.summaries import KINDS, summarise
from teams.auth.permissions import TeamRequest

Method = TypeVar("Method", bound=Callable[..., Response])


def _series_of(resource: Resource, text: str) -> Callable[[Method], Method]:
    described: Callable[[Method], Method] = extend_schema(
        operation_id=f"get_{resource.name}_metrics",
        tags=["metrics"],
        description=text,
        parameters=serializers.parameters_of(resource),
        responses={200: serializers.answer_shape(resource), **serializers.REFUSALS},
    )
    return described


def _summaries_of(kind: str) -> Callable[[Method], Method]:
    described: Callable[[Method], Method] = extend_schema(
        operation_id=f"get_{kind}_summaries",
        tags=["metrics"],
        description=f"The last 24 hours of each of some {kind}. Ids that the team does not have are left out.",
        parameters=[serializers.IDS],
        responses={200: serializers.summary_shape(kind), **serializers.REFUSALS},
    )
    return described


class MetricsViewSet(ApiViewSet):
    @_series_of(REQUESTS, "What sources took and turned away.")
    def requests(self, request: Call) -> Response:
        return _counted(request, REQUESTS)

    @_series_of(EVENTS, "What became of the events made in each bucket, as it is now.")
    def events(self, request: Call) -> Response:
        return _counted(request, EVENTS)

    @_series_of(ATTEMPTS, "Deliveries that were tried, and how long they took in milliseconds.")
    def attempts(self, request: Call) -> Response:
        return _counted(request, ATTEMPTS)

    @_series_of(QUEUE, "The highest sample of each bucket, one a minute; `now` is what waits at this moment.")
    def queue(self, request: Call) -> Response:
        now = utc_now()
        asked = read_asked(QUEUE, request.query_params, now=now)
        question = _question(request, QUEUE, asked)
        waiting = waiting_now(question, now=now)
        points = make_series(waiting, starts=[now], dimensions=asked.dimensions, measures=asked.measures)
        tallies = peaks(question)
        together = peaks(_question(request, QUEUE, asked, ())) if asked.dimensions else tallies
        shown = [{name: value for name, value in point.items() if name != "timestamp"} for point in points]
        return _answer(asked, tallies, totals=totals_of(together, asked.measures), more={"now": shown})

    @_summaries_of("sources")
    def sources(self, request: Call) -> Response:
        return _summaries(request, "sources")

    @_summaries_of("connections")
    def connections(self, request: Call) -> Response:
        return _summaries(request, "connections")

    @_summaries_of("destinations")
    def destinations(self, request: Call) -> Response:
        return _summaries(request, "destinations")


def _counted(call: Call, resource: Resource) -> Response:
    asked = read_asked(resource, call.query_params, now=utc_now())
    tallies = answer(_question(call, resource, asked))
    return _answer(asked, tallies, totals=totals_of(tallies, asked.measures))


def _question(call: Call, resource: Resource, asked: Asked, dimensions: tuple[str, ...] | None = None) -> Question:
    return Question(
        resource=resource,
        team_id=cast(TeamRequest, call).team.id,
        start=asked.start,
        end=asked.end,
        starts=asked.starts,
        measures=asked.measures,
        dimensions=asked.dimensions if dimensions is None else dimensions,
        filters=asked.filters,
    )


def _answer(asked: Asked, tallies: Tallies, *, totals: dict[str, Any], more: dict[str, Any] | None = None) -> Response:
    groups = len({group for _, group in tallies.keys}) or 1
    if groups * len(asked.starts) > MAX_POINTS:
        raise too_many_points()
    series = make_series(tallies, starts=asked.starts, dimensions=asked.dimensions, measures=asked.measures)
    return Response(
        {
            "date_range": {"start": iso(asked.start), "end": iso(asked.end)},
            "granularity": asked.granularity,
            "series": series,
            "totals": totals,
            **(more or {}),
        }
    )


def _summaries(call: Call, kind: str) -> Response:
    ids = read_ids(call.query_params)
    return Response(summarise(cast(TeamRequest, call).team, KINDS[kind], ids, now=utc_now()))
