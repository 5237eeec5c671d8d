"""The past of a backtest: requests that a source accepted in a range, and their branches at a connection."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import connection, transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce, Length

from connections.sandbox.jobs import Message
from events.evidence.selectors import CLOCK_SKEW
from events.models import Event, Request, RequestStatus
from events.preview.backtest.verdicts import PastBranch
from events.routing.decide import RoutableRequest, rule_input
from fasthook.lib.ids import first_id_at, time_of

PAGE_REQUESTS: Final = 250
PAGE_BYTES: Final = 16 * 1024 * 1024
_MS = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Past:
    """What a source accepted from `first` to `last`, both inside, to the millisecond; handshakes aside."""

    source_id: str
    first: datetime
    last: datetime

    def requests(self) -> QuerySet[Request]:
        """In the order of acceptance."""
        return Request.objects.filter(
            source_id=self.source_id,
            status=RequestStatus.ACCEPTED,
            handshake=False,
            id__gte=first_id_at("req", self.first),
            id__lt=first_id_at("req", self.last + _MS),
        ).order_by("id")


def read_page(past: Past, *, after: str, until: str | None = None, with_payload: bool) -> list[RoutableRequest]:
    """The next requests after the one with that id, up to and with `until`; empty when there are none.

    As many as a page has room for, by number and by bytes. Their payloads are read only when rules look at them.
    """
    rows = past.requests().filter(id__gt=after) if after else past.requests()
    if until is not None:
        rows = rows.filter(id__lte=until)
    with _read():
        sizes = list(rows.values_list("id", Coalesce(Length("body"), 0))[:PAGE_REQUESTS])
        page = _fitting(sizes) if with_payload else sizes
        messages = _read_messages([identifier for identifier, _ in page]) if with_payload else {}
    return [_routable(past, identifier, size, message=messages.get(identifier)) for identifier, size in page]


def read_past_branches(connection_id: str, request_ids: Sequence[str]) -> dict[str, PastBranch]:
    """By request id. Asked for by the requests alone: by the connection it might be read from its beginning."""
    with _read():
        rows = Event.objects.filter(
            request_id__in=request_ids, id__gte=first_id_at("evt", time_of(request_ids[0]) - CLOCK_SKEW)
        ).only("request_id", "connection_id", "status", "attempts", "failure_message", "ignored_cause", "ignored_meta")
        return {
            row.request_id: PastBranch(
                event_id=row.id,
                status=row.status,
                attempts=row.attempts,
                failure_message=row.failure_message,
                ignored_cause=row.ignored_cause,
                is_ignored=row.ignored_meta is not None,
            )
            for row in rows
            if row.connection_id == connection_id
        }


def _fitting(sizes: Sequence[tuple[str, int]]) -> Sequence[tuple[str, int]]:
    """One at least."""
    total = 0
    for number, (_, size) in enumerate(sizes):
        total += size
        if total > PAGE_BYTES and number:
            return sizes[:number]
    return sizes


def _read_messages(request_ids: Sequence[str]) -> dict[str, Message]:
    rows = Request.objects.filter(id__in=request_ids).values_list("id", "method", "path", "query", "headers", "body")
    return {
        identifier: Message(method, path, query, headers, bytes(body or b""))
        for identifier, method, path, query, headers, body in rows
    }


def _routable(past: Past, identifier: str, size: int, *, message: Message | None) -> RoutableRequest:
    return RoutableRequest(
        id=identifier,
        source_id=past.source_id,
        created_at=time_of(identifier),
        body_size=size,
        claim_count=0,
        message=message,
        payload=None if message is None else rule_input(message),
    )


@contextmanager
def _read() -> Iterator[None]:
    """A page's few hundred ids are looked up by index, also in partitions without statistics yet."""
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off; SET LOCAL jit = off")
        yield
