"""The shapes of the metrics answers and their parameters, for the API's description. Made from what can be measured."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiExample, OpenApiParameter, inline_serializer
from rest_framework import serializers

from fasthook.api.describe import refusals
from metrics.parameters import LEGAL_VALUES, MAX_IDS, filter_names
from metrics.spec.measures import ALIASES, RESOURCES, Measure, Resource
from metrics.summaries import KINDS

Field = serializers.Field[Any, Any, Any, Any]

_RATES = ("error_rate", "avg_attempts", "latency_avg")
_NUMBERS = ("response_status",)
_FLAGS = ("verified", "is_retry")
_OPTIONAL = ("error_code", "ignored_cause", "rejection_cause")


REFUSALS = refusals(401, 403, 422)


class DateRangeOutput(serializers.Serializer[Any]):
    start = serializers.DateTimeField()
    end = serializers.DateTimeField(help_text="Not inside.")

    class Meta:
        ref_name = "MetricsDateRange"


def answer_shape(resource: Resource) -> serializers.Serializer[Any]:
    title = resource.name.capitalize()
    measures = {measure.name: _measure_field(measure) for measure in resource.measures.values()}
    dimensions = {name: _dimension_field(name) for name in resource.dimensions}
    point = inline_serializer(
        f"{title}MetricsPoint", fields={"timestamp": serializers.DateTimeField(), **dimensions, **measures}, many=True
    )
    shapes: dict[str, Any] = {
        "date_range": DateRangeOutput(),
        "granularity": serializers.CharField(),
        "series": point,
        "totals": inline_serializer(f"{title}MetricsTotals", fields=_again(resource)),
    }
    if resource.name == "queue":
        now = {"destination_id": _dimension_field("destination_id"), **_again(resource)}
        shapes["now"] = inline_serializer("QueueMetricsNow", fields=now, many=True)
    return inline_serializer(f"{title}Metrics", fields=shapes)


def summary_shape(kind: str) -> serializers.Serializer[Any]:
    title = kind.capitalize()
    fields: dict[str, Any] = {"id": serializers.CharField()}
    for name, measures in KINDS[kind].measures.items():
        shown = {measure: _measure_field(RESOURCES[name].measures[measure]) for measure in measures}
        fields[name] = inline_serializer(f"{title}{name.capitalize()}Summary", fields=shown)
    fields[KINDS[kind].newest[2]] = serializers.DateTimeField(allow_null=True)
    return inline_serializer(
        f"{title}Summaries",
        fields={
            "date_range": DateRangeOutput(),
            "models": inline_serializer(f"{title}Summary", fields=fields, many=True),
        },
    )


def parameters_of(resource: Resource) -> list[OpenApiParameter]:
    times = [
        OpenApiParameter(
            "date_range[start]",
            str,
            required=True,
            description="Inside. ISO 8601, or now-24h; `from` is the same.",
            examples=[OpenApiExample("A day ago", value="now-24h")],
        ),
        OpenApiParameter(
            "date_range[end]",
            str,
            required=True,
            description="Not inside. `to` is the same.",
            examples=[OpenApiExample("Now", value="now")],
        ),
        OpenApiParameter(
            "granularity",
            str,
            description="1s to 1d, a divisor of a day; at most 5,000 buckets. Left out, it is chosen by the range.",
        ),
        OpenApiParameter("timezone", str, description="An IANA name, UTC unless given: where days and hours begin."),
        _list_parameter("measures[]", list(resource.measures), "All of them unless given."),
        _list_parameter("dimensions[]", list(resource.dimensions), "Splits the series; up to 3."),
    ]
    return [*times, *(_filter_parameter(resource, name) for name in filter_names(resource))]


IDS = OpenApiParameter("ids", str, required=True, description=f"Up to {MAX_IDS} ids, separated by commas.")


def _list_parameter(name: str, legal: list[str], description: str) -> OpenApiParameter:
    return OpenApiParameter(
        name, {"type": "array", "items": {"type": "string", "enum": legal}}, description=description
    )


def _filter_parameter(resource: Resource, name: str) -> OpenApiParameter:
    legal = LEGAL_VALUES.get(resource.name, {}).get(ALIASES.get(name, name))
    text = f"One or several of: {', '.join(legal)}." if legal else ""
    return OpenApiParameter(name, bool if name in _FLAGS else str, description=text)


def _again(resource: Resource) -> dict[str, Field]:
    return {measure.name: _measure_field(measure) for measure in resource.measures.values()}


def _measure_field(measure: Measure) -> Field:
    # Which measures an answer has is asked for, so none is certain to be there.
    if measure.name in _RATES:
        return serializers.FloatField(required=False, allow_null=measure.name != "error_rate")
    is_count = measure.name.endswith("count") or measure.name in ("depth", "oldest_age")
    return serializers.IntegerField(required=False, allow_null=not is_count)


def _dimension_field(name: str) -> Field:
    if name in _NUMBERS:
        return serializers.IntegerField(required=False, allow_null=True)
    if name in _FLAGS:
        return serializers.BooleanField(required=False)
    return serializers.CharField(required=False, allow_null=name in _OPTIONAL)
