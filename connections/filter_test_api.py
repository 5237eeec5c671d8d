"""Filter tests over HTTP: a filter tried on one input before it is saved. Nothing is stored, so every role may."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from connections.rules.filter.rule import TARGETS, FilterResult, compile_filter
from connections.rules.payload import RuleInput, parse_body, parse_query
from fasthook.api.fields import ChoiceField, InputSerializer, ObjectField, TextField, read_input
from fasthook.api.filters import refuse_unknown
from fasthook.api.viewset import ApiViewSet
from fasthook.lib.errors import invalid
from teams.auth.permissions import TeamPermission, TeamRequest


class AnyRolePermission(TeamPermission):
    """For calls that only compute: a viewer may POST as well."""

    def allows_viewer(self, request: Request) -> bool:
        return True


class HeadersField(ObjectField):
    def to_internal_value(self, data: Any) -> dict[str, str]:
        headers = super().to_internal_value(data)
        for name, value in headers.items():
            if not isinstance(value, str):
                raise ValidationError({name: ["must be a string"]})
        return {name.lower(): value for name, value in headers.items()}


@extend_schema_field({"oneOf": [{"type": "string"}, {"type": "object"}]})
class QueryField(serializers.Field[Any, Any, Any, Any]):
    """As evidence has it: the text behind the question mark. Or parsed, as filters see it."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        if isinstance(data, str):
            return parse_query(data)
        if not isinstance(data, dict):
            raise ValidationError("must be a string or an object")
        for name, value in data.items():
            texts = value if isinstance(value, list) else [value]
            if not all(isinstance(text, str) for text in texts):
                raise ValidationError({name: ["must be a string or a list of strings"]})
        return data


@extend_schema_field({"description": "Any JSON value; text for a body that is not JSON."})
class BodyField(serializers.Field[Any, Any, Any, Any]):
    def to_internal_value(self, data: Any) -> Any:
        return data


class RuleInputInput(InputSerializer):
    """One request as `latest-input` shows it; what is left out is empty."""

    echoed = frozenset({"parsed_query"})

    method = TextField(required=False, max_length=20)
    path = TextField(required=False, allow_blank=True)
    headers = HeadersField(required=False, allow_null=True)
    query = QueryField(required=False, allow_null=True)
    body = BodyField(required=False, allow_null=True)
    body_encoding = ChoiceField(choices=["json", "text", "base64"], required=False, allow_null=True)


class FilterTestInput(InputSerializer):
    filter = ObjectField()
    input = RuleInputInput()


class FilterTestOutput(serializers.Serializer[Any]):
    matched = serializers.BooleanField()
    failed_targets = serializers.ListField(child=serializers.ChoiceField(choices=TARGETS))


class FilterViewSet(ApiViewSet):
    permission_classes = [AnyRolePermission]

    @extend_schema(
        operation_id="test_filter", tags=["filters"], request=FilterTestInput, responses={200: FilterTestOutput}
    )
    def test(self, request: TeamRequest) -> Response:
        """What a filter makes of one input. Nothing is stored."""
        refuse_unknown(request.query_params, ["team_id"])
        given = read_input(FilterTestInput, request.data)
        result: FilterResult = compile_filter(given["filter"], at="filter").evaluate(_rule_input(given["input"]))
        return Response({"matched": result.matched, "failed_targets": list(result.failed_targets)})


def _rule_input(given: Mapping[str, Any]) -> RuleInput:
    return RuleInput(
        method=given.get("method", "POST"),
        path=given.get("path", ""),
        query=given.get("query") or {},
        headers=given.get("headers") or {},
        body=_body(given.get("body"), encoding=given.get("body_encoding")),
    )


def _body(body: Any, *, encoding: str | None) -> Any:
    """Evidence shows bytes that are no text as base64; filters see their text, undecodable bytes replaced."""
    if encoding != "base64":
        return body
    try:
        return parse_body(base64.b64decode(body, validate=True))
    except (binascii.Error, TypeError, ValueError):
        raise invalid("input.body", "must be base64, as body_encoding says") from None
