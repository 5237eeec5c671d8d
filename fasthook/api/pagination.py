"""Keyset lists: which page was asked for, its rows, and the cursors to the pages beside it.

Ties are broken by id, so no row is skipped or repeated while others are written. Which rows a list holds, who may read
it and how a row looks is decided elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db import models
from django.db.models import Q, QuerySet

from fasthook.api.cursor import Cursor, decode_cursor, encode_cursor, list_signature
from fasthook.lib.errors import InvalidInput, invalid

CURSOR_PARAMETERS = ("cursor", "next", "prev")
PARAMETERS = ("limit", "order_by", "dir", *CURSOR_PARAMETERS)
DEFAULT_LIMIT = 100
MAX_LIMIT = 255
COUNT_UP_TO = 10_000

M = TypeVar("M", bound=models.Model)


@dataclass(frozen=True, slots=True)
class Page(Generic[M]):
    """One page. `total` counts the whole list, up to COUNT_UP_TO; beyond that `total_exact` is False."""

    rows: list[M]
    order_by: str
    direction: str
    limit: int
    next: str | None
    prev: str | None
    total: int
    total_exact: bool

    def answer(self, rendered: list[dict[str, Any]], *, facts: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The list as the API answers it; `rendered` are this page's rows in order, `facts` what it says besides."""
        return {
            "pagination": {
                "order_by": self.order_by,
                "dir": self.direction,
                "limit": self.limit,
                "next": self.next,
                "prev": self.prev,
            },
            "count": len(rendered),
            "total": self.total,
            "total_exact": self.total_exact,
            **(facts or {}),
            "models": rendered,
        }


@dataclass(frozen=True, slots=True)
class _Order:
    name: str
    field: str
    descending: bool

    @property
    def direction(self) -> str:
        return "desc" if self.descending else "asc"


def paginate(
    *parts: QuerySet[M],
    counted: Sequence[QuerySet[M]] = (),
    params: Mapping[str, str],
    resource: str,
    orders: Mapping[str, str],
    signature: Sequence[object] = (),
    max_limit: int = MAX_LIMIT,
    default_limit: int = DEFAULT_LIMIT,
    count: Callable[..., int | None] | None = None,
) -> Page[M]:
    """The page of a list that `limit`, `order_by`, `dir` and one of `next`, `prev`, `cursor` in `params` ask for.

    The list is one queryset, or several without a row in common, each with an index of its own; those are read one by
    one and merged, which needs an order that Python knows as well: `id`. `counted` are the same rows in parts that suit
    counting better, where there are such; `count` counts them in place of `count_rows`, and may give up with None.
    `orders` maps public names to columns that are never null; the first is the default, newest or last first. Mapping a
    name to `id` orders by the id alone, which is time order. Columns compare in their own collation, so an index on
    (..., column, id) answers. `signature` holds the list's filters: a cursor from another filter is refused.
    Raises InvalidInput naming the parameter.
    """
    order = _read_order(params, orders)
    limit = read_limit(params, max_limit=max_limit, default_limit=default_limit)
    tied_to = list_signature(resource, order.name, order.direction, *signature)
    cursor = _read_cursor(params, tied_to)

    found = _read(parts, order=order, cursor=cursor, count=limit + 1)
    rows, more = found[:limit], len(found) > limit
    backward = cursor is not None and cursor.backward
    if backward:
        rows.reverse()
    # A first page that is not full is the whole list: a filter that finds little is not read through twice.
    whole = cursor is None and not more
    counted_total = len(rows) if whole else (count or count_rows)(*(counted or parts))
    total = len(rows) if counted_total is None else counted_total
    has_next = more or backward
    has_prev = more if backward else cursor is not None
    return Page(
        rows=rows,
        order_by=order.name,
        direction=order.direction,
        limit=limit,
        next=encode_cursor(tied_to, _key(rows[-1], order.field), backward=False) if rows and has_next else None,
        prev=encode_cursor(tied_to, _key(rows[0], order.field), backward=True) if rows and has_prev else None,
        total=min(total, COUNT_UP_TO),
        total_exact=counted_total is not None and total <= COUNT_UP_TO,
    )


def count_rows(*parts: QuerySet[M]) -> int:
    """How many rows the parts have together; counting stops soon after COUNT_UP_TO."""
    total = 0
    for part in parts:
        total += part.order_by().values("pk")[: COUNT_UP_TO + 1 - total].count()
        if total > COUNT_UP_TO:
            break
    return total


def read_limit(params: Mapping[str, str], *, max_limit: int, default_limit: int) -> int:
    text = params.get("limit")
    if text is None:
        return default_limit
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= max_limit):
        raise invalid("limit", f"must be a whole number from 1 to {max_limit}")
    return int(text)


def _read_order(params: Mapping[str, str], orders: Mapping[str, str]) -> _Order:
    name = params.get("order_by", next(iter(orders)))
    if name not in orders:
        raise invalid("order_by", f"must be one of: {', '.join(orders)}")
    direction = params.get("dir", "desc").lower()
    if direction not in ("asc", "desc"):
        raise invalid("dir", "must be asc or desc")
    return _Order(name=name, field=orders[name], descending=direction == "desc")


def _read_cursor(params: Mapping[str, str], tied_to: str) -> Cursor | None:
    given = [name for name in CURSOR_PARAMETERS if params.get(name)]
    if len(given) > 1:
        fault = "give one cursor, not several"
        raise InvalidInput(f"{' and '.join(given)}: {fault}", fields={name: [fault] for name in given})
    return decode_cursor(params[given[0]], tied_to, at=given[0]) if given else None


def _read(parts: Sequence[QuerySet[M]], *, order: _Order, cursor: Cursor | None, count: int) -> list[M]:
    descending = order.descending != (cursor is not None and cursor.backward)
    columns = ["id"] if order.field == "id" else [order.field, "id"]
    found: list[M] = []
    for part in parts:
        if cursor is not None:
            part = part.filter(_beyond(part.model, order.field, cursor=cursor, descending=descending))
        found += part.order_by(*[f"-{column}" if descending else column for column in columns])[:count]
    if len(parts) > 1:
        found.sort(key=lambda row: str(row.pk), reverse=descending)
    return found[:count]


def _beyond(model: type[models.Model], field: str, *, cursor: Cursor, descending: bool) -> Q:
    values = _values(model, field, cursor.key)
    beyond = "lt" if descending else "gt"
    if field == "id":
        return Q(**{f"id__{beyond}": values[0]})
    # The first condition bounds the index scan; alone it would repeat the rows that tie.
    bound = Q(**{f"{field}__{beyond}e": values[0]})
    return bound & (Q(**{f"{field}__{beyond}": values[0]}) | Q(**{f"id__{beyond}": values[1]}))


def _key(row: models.Model, field: str) -> list[str]:
    value = getattr(row, field)
    identifier = str(row.pk)
    if field == "id":
        return [identifier]
    return [value.isoformat() if isinstance(value, datetime) else str(value), identifier]


def _values(model: type[models.Model], field: str, key: tuple[str, ...]) -> list[Any]:
    """The cursor's key as column values. A cursor is not signed, so whatever it holds must be refused, not trusted."""
    fault = invalid("cursor", "is not a cursor; use the value of pagination.next or pagination.prev as it came")
    if len(key) != (1 if field == "id" else 2):
        raise fault
    try:
        for part in key:
            part.encode()
        if not isinstance(model._meta.get_field(field), models.DateTimeField):
            return list(key)
        moment = datetime.fromisoformat(key[0])
    except ValueError:
        raise fault from None
    if moment.tzinfo is None:
        raise fault
    return [moment, key[1]]
