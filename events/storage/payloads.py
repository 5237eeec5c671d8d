"""Payloads: what a request brought, or a transformation made of it. Whole for one, cut for a page, since a hundred
bodies must not fill the memory.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import BinaryField, F, Func, IntegerField, QuerySet, Value

from events.models import Event, EventPayload, Request

# What the bodies of one page may weigh together; each gets an equal share and is cut there.
PAGE_BODY_BYTES = 8 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Payload:
    """What a request brought. `body` is its first part when shorter than `body_size`; None was never stored."""

    method: str
    path: str
    query: str
    headers: list[list[str]]
    body: bytes | None
    body_size: int

    @property
    def truncated(self) -> bool:
        return self.body is not None and len(self.body) < self.body_size


def read_payloads(request_ids: Collection[str], *, page_limit: int) -> dict[str, Payload]:
    """The payloads of a page's requests, by id; bodies are cut at an equal share of PAGE_BODY_BYTES."""
    return _read(Request.objects.filter(id__in=set(request_ids)), page_limit=page_limit) if request_ids else {}


def read_event_payloads(events: Sequence[Event], *, page_limit: int) -> dict[str, Payload]:
    """The payloads of a page's events, by event id: their own where they have one, else their request's."""
    own = [event.id for event in events if event.has_payload]
    payloads = _read(EventPayload.objects.filter(id__in=own), page_limit=page_limit) if own else {}
    brought = read_payloads([event.request_id for event in events if not event.has_payload], page_limit=page_limit)
    of_requests = {event.id: brought[event.request_id] for event in events if event.request_id in brought}
    return {**of_requests, **payloads}


def _read(rows: QuerySet[Any], *, page_limit: int) -> dict[str, Payload]:
    share = PAGE_BODY_BYTES // page_limit
    read = rows.annotate(
        head=Func(F("body"), Value(1), Value(share), function="substring", output_field=BinaryField()),
        size=Func(F("body"), function="octet_length", output_field=IntegerField()),
    ).values("id", "method", "path", "query", "headers", "head", "size")
    return {
        row["id"]: Payload(
            method=row["method"],
            path=row["path"],
            query=row["query"],
            headers=row["headers"],
            body=None if row["head"] is None else bytes(row["head"]),
            body_size=row["size"] or 0,
        )
        for row in read
    }


def payload_of(row: Request | EventPayload) -> Payload:
    """The whole payload, body and all."""
    body = None if row.body is None else bytes(row.body)
    return Payload(
        method=row.method,
        path=row.path,
        query=row.query,
        headers=row.headers,
        body=body,
        body_size=len(body or b""),
    )


def payload_of_event(event: Event) -> Payload | None:
    """The whole payload of an event; None when it is gone already."""
    row: Request | EventPayload | None
    if event.has_payload:
        row = EventPayload.objects.filter(pk=event.id).first()
    else:
        row = Request.objects.filter(pk=event.request_id, team_id=event.team_id).first()
    return payload_of(row) if row else None
