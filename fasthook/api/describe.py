"""OpenAPI descriptions of a resource's routes, from its serializers and its filters."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from typing import Any, TypeVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, inline_serializer
from rest_framework import serializers

from fasthook.api.fields import MomentField
from fasthook.api.filters import ListFilter
from fasthook.api.pagination import DEFAULT_LIMIT, MAX_LIMIT

View = TypeVar("View", bound=type)
Output = type[serializers.Serializer[Any]]


class CountOutput(serializers.Serializer[Any]):
    count = serializers.IntegerField()


class AppliedRangeOutput(serializers.Serializer[Any]):
    """Of a list of what happened: the range of time that it covers."""

    to = MomentField()

    def get_fields(self) -> dict[str, Any]:
        return {"from": MomentField(), **super().get_fields()}


class PaginationOutput(serializers.Serializer[Any]):
    order_by = serializers.CharField()
    dir = serializers.ChoiceField(choices=["asc", "desc"])
    limit = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    prev = serializers.CharField(allow_null=True)

    class Meta:
        ref_name = "Pagination"


def refusals(*statuses: int) -> dict[int, Any]:
    """The answers of a route that are errors, beside those that every route has. Their shape: fasthook/openapi."""
    return dict.fromkeys(statuses, OpenApiTypes.OBJECT)


def list_answer(
    name: str, output: Output, *, facts: Mapping[str, serializers.Field[Any, Any, Any, Any]] | None = None
) -> serializers.Serializer[Any]:
    """The shape of a list of `output`; `facts` are what the list says besides its page."""
    return inline_serializer(
        name=f"{name}List",
        fields={
            "pagination": PaginationOutput(),
            "count": serializers.IntegerField(help_text="Models on this page."),
            "total": serializers.IntegerField(),
            "total_exact": serializers.BooleanField(),
            **(facts or {}),
            "models": output(many=True),
        },
    )


_CAPITAL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_HELP = {
    "from": "An ISO 8601 time, or now, now-15m, now-24h, now-7d. Without it 30 days ago.",
    "to": "The same. Without it now.",
    "include": "data adds payloads.",
}


def page_parameters(*, orders: Sequence[str], max_limit: int) -> list[OpenApiParameter]:
    cursor = "A cursor: what pagination.{} was, with the same filters and order."
    return [
        OpenApiParameter("limit", {"type": "integer", "minimum": 1, "maximum": max_limit, "default": DEFAULT_LIMIT}),
        OpenApiParameter("order_by", str, enum=orders),
        OpenApiParameter("dir", str, enum=["asc", "desc"]),
        OpenApiParameter("next", str, description=cursor.format("next")),
        OpenApiParameter("prev", str, description=cursor.format("prev")),
        OpenApiParameter("cursor", str, description=cursor.format("next or pagination.prev")),
    ]


def filter_parameters(filters: type[ListFilter], *, paged: bool) -> list[OpenApiParameter]:
    """Lists over a range of time are in the order of time alone, and shorter."""
    own = [
        OpenApiParameter(name, str, description=each.extra.get("help_text") or "")
        for name, each in filters.base_filters.items()
    ]
    own += [OpenApiParameter(name, str, description=_HELP.get(name, "")) for name in filters.extra]
    if not paged:
        return own
    if "from" in filters.extra:
        return [*own, *page_parameters(orders=["created_at"], max_limit=100)]
    return [*own, *page_parameters(orders=["created_at", "updated_at", "name"], max_limit=MAX_LIMIT)]


def describe_resource(
    name: str,
    *,
    reads: type[serializers.Serializer[Any]],
    shows: Output,
    filters: type[ListFilter],
    actions: tuple[str, ...],
    destroy_parameters: tuple[OpenApiParameter, ...] = (),
    tag: str | None = None,
) -> Callable[[View], View]:
    """Describes list, count, create, upsert, retrieve, update, replace, destroy and the `actions` of a viewset.

    `name` is written like AlertRule, in operations alert_rule. `tag` is the group, if it is not one of its own.
    """
    words = _CAPITAL.sub(" ", name).lower()
    singular = words.replace(" ", "_")

    def described(verb: str, many: bool = False, **kwargs: Any) -> Any:
        identifier = f"{verb}_{singular}s" if many else f"{verb}_{singular}"
        return extend_schema(operation_id=identifier, tags=[tag or f"{words}s"], **kwargs)

    told = {
        "list": f"The team's {words}s, a page at a time.",
        "count": f"How many {words}s the filters let through.",
        "create": "409 when the name is taken.",
        "upsert": "Updates the one with that id, else the one with that name, else creates it.",
        "update": "Changes what is given and keeps the rest.",
        "replace": "Changes what is given; what is given is replaced as a whole.",
        "destroy": "What it has done stays as evidence.",
    }
    verbs = {
        "list": described(
            "list", many=True, responses=list_answer(name, shows), parameters=filter_parameters(filters, paged=True)
        ),
        "count": described(
            "count", many=True, responses=CountOutput, parameters=filter_parameters(filters, paged=False)
        ),
        "create": described("create", request=reads, responses={201: shows}),
        "upsert": described("upsert", request=reads(partial=True), responses={200: shows, 201: shows}),
        "retrieve": described("get", responses=shows),
        "update": described("update", request=reads(partial=True), responses=shows),
        "replace": described("replace", request=reads(partial=True), responses=shows),
        "destroy": described("delete", request=None, responses={204: None}, parameters=list(destroy_parameters)),
        **{action: described(action, request=None, responses=shows) for action in actions},
    }

    def describe(view: View) -> View:
        for verb, schema in verbs.items():
            method = _own(getattr(view, verb))
            method.__doc__ = method.__doc__ or told.get(verb)
            setattr(view, verb, schema(method))
        return view

    return describe


def _own(method: Callable[..., Any]) -> Callable[..., Any]:
    """A function for this view alone: several views inherit one, each with a description of its own."""

    @wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        return method(*args, **kwargs)

    return call
