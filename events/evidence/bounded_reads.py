"""Bounded reads of evidence: a filter that finds too little in too much is refused, with advice on narrowing it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet

from fasthook.api.pagination import count_rows
from fasthook.lib.errors import InvalidInput

MAX_READ_S = 10.0
# How long the total of a search may take to count, after its page was found.
MAX_SEARCH_COUNT_S = 2.0


@contextmanager
def bounded_read(*, seconds: float | None = None) -> Iterator[None]:
    """InvalidInput RANGE_TOO_WIDE when a statement inside takes longer than `seconds`, by default MAX_READ_S."""
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(f"SET LOCAL statement_timeout = {int((seconds or MAX_READ_S) * 1000)}")
            yield
    except OperationalError as error:
        if not isinstance(error.__cause__, psycopg.errors.QueryCanceled):
            raise
        raise InvalidInput(
            "this filter finds too little in too much: narrow from and to, or add a connection, destination or source",
            code="RANGE_TOO_WIDE",
            fields={"from": ["the range is too wide for this filter"]},
        ) from None


def count_found(*parts: QuerySet[Any]) -> int | None:
    """As `count_rows`, for a search. None when it takes too long: its page was found, and the rest matters less."""
    try:
        with bounded_read(seconds=MAX_SEARCH_COUNT_S):
            return count_rows(*parts)
    except InvalidInput:
        return None
