"""Serializers of routes as files."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from connections.routes.differences import ACTIONS
from connections.routes.document.read import MAX_ENTRIES, DocumentInput
from connections.routes.matching import SECTION_OF
from connections.routes.planning import STARTS
from connections.transformations.serializers import AnyJSONField
from fasthook.api.fields import BooleanField, ChoiceField, InputSerializer, NameField, ObjectField, TextField
from sources.serializers import WarningOutput


class RenameInput(InputSerializer):
    resource = ChoiceField(choices=list(SECTION_OF))
    source = NameField(required=False, help_text="Of a connection, where its name alone does not tell.")  # type: ignore[assignment]
    to = NameField()

    def get_fields(self) -> dict[str, Any]:
        return {**super().get_fields(), "from": NameField()}


class RoutesInput(InputSerializer):
    """`document` is read in a second step, when its references are resolved."""

    document = ObjectField()
    variables = ObjectField(required=False, help_text="Values of the document's ${NAME} references.")
    prune = BooleanField(required=False, help_text="Delete what the document's sections lack.")
    renames = RenameInput(  # type: ignore[call-arg]
        many=True,
        required=False,
        max_length=MAX_ENTRIES,
        error_messages={"max_length": "must have at most {max_length} entries"},
    )
    new_connections = ChoiceField(choices=STARTS, required=False, help_text="The state of connections it creates.")
    expect = TextField(required=False, help_text="The digest of a plan: refused when the shape is another by now.")


class RoutesBody(RoutesInput):
    """As it is described."""

    document = DocumentInput()  # type: ignore[assignment]


class DocumentOutput(serializers.Serializer[Any]):
    version = serializers.IntegerField()
    sources = serializers.ListField(child=ObjectField())
    destinations = serializers.ListField(child=ObjectField())
    transformations = serializers.ListField(child=ObjectField())
    connections = serializers.ListField(child=ObjectField())


class FieldChangeOutput(serializers.Serializer[Any]):
    field = serializers.CharField()
    before = AnyJSONField()
    after = AnyJSONField()


class PlannedResourceOutput(serializers.Serializer[Any]):
    resource = serializers.ChoiceField(choices=list(SECTION_OF))
    name = serializers.CharField()
    source = serializers.CharField(allow_null=True, help_text="Of a connection, by name.")  # type: ignore[assignment]
    action = serializers.ChoiceField(choices=ACTIONS)
    id = serializers.CharField(allow_null=True, help_text="Null for what is only planned.")
    url = serializers.CharField(allow_null=True, help_text="Of a source.")
    renamed_from = serializers.CharField(allow_null=True)
    at = serializers.CharField(allow_null=True, help_text="Where the document says it; null when it does not.")
    fields_ = FieldChangeOutput(many=True)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        fields["fields"] = fields.pop("fields_")
        return fields


class SummaryOutput(serializers.Serializer[Any]):
    create = serializers.IntegerField()  # type: ignore[assignment]
    update = serializers.IntegerField()  # type: ignore[assignment]
    delete = serializers.IntegerField()
    unchanged = serializers.IntegerField()
    left = serializers.IntegerField()


class RoutesWarningOutput(WarningOutput):
    at = serializers.CharField()


class RoutesOutput(serializers.Serializer[Any]):
    applied = serializers.BooleanField()
    unchanged = serializers.BooleanField(help_text="The document asks for nothing that is not there.")
    digest = serializers.CharField(help_text="Of the team's shape as it is after this call.")
    summary = SummaryOutput()
    resources = PlannedResourceOutput(many=True)
    secrets_kept = serializers.ListField(child=serializers.CharField())
    warnings = RoutesWarningOutput(many=True)
