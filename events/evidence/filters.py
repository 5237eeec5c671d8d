"""List filters of evidence. Which index answers a filter is said beside the indexes (events/migrations/sql/)."""

from __future__ import annotations

from typing import Any

from django import forms
from django.db.models import QuerySet
from django_filters import Filter
from drf_spectacular.utils import extend_schema_field

from connections.models import Connection
from events.codes import ERROR_CODES, REJECTION_CAUSES
from events.evidence.search import MAX_CHARACTERS
from events.models import AttemptStatus, ExecutionStatus, RequestStatus
from events.states import IgnoredCause, Status, Trigger
from fasthook.api import timerange
from fasthook.api.filters import AnyInteger, AnyOf, IsSet, ListFilter, OneOf, YesNo


class RejectedFor(OneOf):
    def filter(self, qs: QuerySet[Any], value: list[str] | None) -> QuerySet[Any]:
        # Says what follows from a cause, so that the index over what was rejected answers.
        return super().filter(qs.filter(status=RequestStatus.REJECTED), value) if value else qs


class OfDelivery(AnyOf):
    """By what only attempts leave. Says what follows, that no ignored branch is meant, since the index does."""

    def filter(self, qs: QuerySet[Any], value: list[Any] | None) -> QuerySet[Any]:
        return super().filter(qs.filter(ignored_meta__isnull=True), value) if value else qs


class EventErrorCode(OfDelivery, OneOf):
    pass


class EventResponseStatus(OfDelivery, AnyInteger):
    pass


class FailedWith(OneOf):
    """By the error code of an attempt; only failed ones have one, and those are what the index is over."""

    def filter(self, qs: QuerySet[Any], value: list[str] | None) -> QuerySet[Any]:
        return super().filter(qs.filter(status=AttemptStatus.FAILED), value) if value else qs


class OfStatus(OneOf):
    """Left to events/evidence/status_parts.py, which makes several lists of it."""

    def filter(self, qs: QuerySet[Any], value: list[str] | None) -> QuerySet[Any]:
        return qs


class OfSource(AnyOf):
    """Events of a source, by its connections: those are what the index is over."""

    _connections: list[str] | None = None

    def filter(self, qs: QuerySet[Any], value: list[str] | None) -> QuerySet[Any]:
        if not value:
            return qs
        connections = self._of(value)
        if not connections:
            return qs.none()
        by_connection = AnyOf(field_name="connection_id").filter(qs, connections)
        return super().filter(by_connection, value)

    def split(self, qs: QuerySet[Any], value: list[str]) -> list[QuerySet[Any]]:
        of_source = super().filter(qs, value)
        return [of_source.filter(connection_id=connection) for connection in self._of(value)]

    def _of(self, value: list[str]) -> list[str]:
        if self._connections is None:
            rows = Connection.objects.filter(source_id__in=value).order_by("id")
            self._connections = list(rows.values_list("id", flat=True))
        return self._connections


class OfRequestStatus(OneOf):
    """What was rejected is read cause by cause: the index over it begins with the cause."""

    def split(self, qs: QuerySet[Any], value: list[str]) -> list[QuerySet[Any]]:
        if value != [RequestStatus.REJECTED]:
            return [self.filter(qs, value)]
        return [self.filter(qs, value).filter(rejection_cause=cause) for cause in REJECTION_CAUSES]


class _TermField(forms.Field):
    def to_python(self, value: Any) -> str:
        text = str(value or "").strip()
        if "\0" in text:
            raise forms.ValidationError("must not hold a null character")
        if len(text) > MAX_CHARACTERS:
            raise forms.ValidationError(f"must not be longer than {MAX_CHARACTERS} characters")
        return text


@extend_schema_field({"type": "string", "maxLength": MAX_CHARACTERS})
class Search(Filter):
    """Left to events/evidence/search.py, which needs the range as well."""

    field_class = _TermField

    def __init__(self) -> None:
        super().__init__(help_text="An id, or text that the evidence holds, in either case.")

    def filter(self, qs: QuerySet[Any], value: str) -> QuerySet[Any]:
        return qs


class RequestFilter(ListFilter):
    extra = ("include", *timerange.PARAMETERS)
    splits = ("source_id", "rejection_cause", "status")

    id = AnyOf()
    source_id = AnyOf()
    status = OfRequestStatus(RequestStatus.values)
    verified = YesNo()
    rejection_cause = RejectedFor(REJECTION_CAUSES)
    is_retry = IsSet(field_name="retry_parent_request_id")
    batch_operation_id = AnyOf()
    q = Search()


class EventFilter(ListFilter):
    extra = ("include", *timerange.PARAMETERS)
    splits = (
        "error_code",
        "response_status",
        "ignored_cause",
        "connection_id",
        "webhook_id",
        "destination_id",
        "source_id",
    )

    id = AnyOf()
    source_id = OfSource()
    connection_id = AnyOf()
    webhook_id = AnyOf(field_name="connection_id")
    destination_id = AnyOf()
    request_id = AnyOf()
    status = OfStatus(Status)
    error_code = EventErrorCode(ERROR_CODES)
    response_status = EventResponseStatus()
    ignored_cause = OneOf(IgnoredCause)
    batch_operation_id = AnyOf()
    q = Search()


class ExecutionFilter(ListFilter):
    """Of one transformation, which the path names."""

    extra = timerange.PARAMETERS

    id = AnyOf()
    status = OneOf(ExecutionStatus.values)
    connection_id = AnyOf()
    request_id = AnyOf()
    event_id = AnyOf()


class AttemptFilter(ListFilter):
    extra = ("include", *timerange.PARAMETERS)
    splits = ("error_code", "response_status", "trigger", "connection_id", "webhook_id", "destination_id")

    id = AnyOf()
    event_id = AnyOf()
    connection_id = AnyOf()
    webhook_id = AnyOf(field_name="connection_id")
    destination_id = AnyOf()
    status = OneOf(AttemptStatus.values)
    error_code = FailedWith(ERROR_CODES)
    response_status = AnyInteger()
    trigger = OneOf(Trigger)
    batch_operation_id = AnyOf()
