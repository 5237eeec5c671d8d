"""What a request brought: whole for one, cut for a page of them, since a hundred bodies must not fill the memory."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from django.db.models import BinaryField, F, Func, IntegerField, Value

from events.models import Event, Request

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
    if not request_ids:
        return {}
    share = PAGE_BODY_BYTES // page_limit
    rows = (
        Request.objects.filter(id__in=set(request_ids))
        .annotate(
            head=Func(F("body"), Value(1), Value(share), function="substring", output_field=BinaryField()),
            size=Func(F("body"), function="octet_length", output_field=IntegerField()),
        )
        .values("id", "method", "path", "query", "headers", "head", "size")
    )
    return {
        row["id"]: Payload(
            method=row["method"],
            path=row["path"],
            query=row["query"],
            headers=row["headers"],
            body=None if row["head"] is None else bytes(row["head"]),
            body_size=row["size"] or 0,
        )
        for row in rows
    }


def payload_of(request: Request) -> Payload:
    """The whole payload, body and all."""
    body = None if request.body is None else bytes(request.body)
    return Payload(
        method=request.method,
        path=request.path,
        query=request.query,
        headers=request.headers,
        body=body,
        body_size=len(body or b""),
    )


def payload_of_event(event: Event) -> Payload | None:
    """The whole payload of an event; None when the request's evidence is gone already."""
    request = Request.objects.filter(pk=event.request_id, team_id=event.team_id).first()
    return payload_of(request) if request else None
