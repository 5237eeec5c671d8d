"""Sources in memory, with their verifiers compiled: what ingress looks a request's source up in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import structlog
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast

from fasthook.lib.catalog import Catalog, Row
from fasthook.lib.crypto import UndecryptableSecret
from fasthook.lib.errors import FastHookError
from fasthook.lib.model_fields import unseal
from sources.methods import DEFAULT_METHODS
from sources.models import Source
from sources.verification.answer import Answer
from sources.verification.compile import compile_auth, handshake_methods
from sources.verification.custom_response.response import CustomResponse, compile_custom_response
from sources.verification.providers import PROVIDERS
from sources.verification.verdict import Verifier

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class SourceEntry:
    id: str
    team_id: str
    name: str
    slug: str
    enabled: bool
    methods: frozenset[str]
    # Passed on to the verifier too, which says whether the call is a handshake.
    handshake_methods: frozenset[str]
    verifier: Verifier | None
    # The answer to what is accepted: a CustomResponse of the operator's, an Answer of the provider's wish, or ours.
    response: CustomResponse | Answer | None
    # Why the row cannot be served (a secret under a lost key); the source then answers 503, never unverified.
    fault: str | None = None


class SourceCatalog(Catalog[SourceEntry]):
    """Entries by id, and by the slug in the source's URL."""

    def __init__(self) -> None:
        super().__init__(_load)
        self.by_slug: dict[str, SourceEntry] = {}

    def changed(self, previous: SourceEntry | None, current: SourceEntry | None) -> None:
        # The new one first: ingress looks here from another thread, and must not find a gap.
        if current is not None:
            self.by_slug[current.slug] = current
        if previous is not None and self.by_slug.get(previous.slug) is previous:
            del self.by_slug[previous.slug]


def _load(version: int) -> Iterator[Row[SourceEntry]]:
    rows = Source.objects.filter(version__gt=version).order_by("version")
    if version < 0:
        rows = rows.filter(deleted_at=None)
    for row in _sealed(rows).iterator():
        yield Row(row.id, row.version, None if row.deleted_at else _compile(row))


def read_source(identifier: str) -> SourceEntry:
    """One row, compiled as the catalog has it. Raises Source.DoesNotExist."""
    return _compile(_sealed(Source.objects.filter(deleted_at=None)).get(pk=identifier))


def _sealed(rows: QuerySet[Source]) -> QuerySet[Any]:
    return rows.defer("auth").annotate(sealed_auth=Cast("auth", TextField()))


def _compile(row: Any) -> SourceEntry:
    verifier = fault = None
    response: CustomResponse | Answer | None = None
    try:
        auth = unseal(row.sealed_auth)
        verifier = compile_auth(row.type, row.auth_type, auth)
        response = compile_custom_response(row.custom_response) if row.custom_response else _accepted_answer(row, auth)
    except (UndecryptableSecret, FastHookError) as error:
        fault = str(error)
        log.error("source.unusable", source_id=row.id, error=fault)
    except Exception as error:  # whatever another release saved: one row must not stop the others
        fault = f"its configuration cannot be read ({type(error).__name__}: {error})"
        log.exception("source.unusable", source_id=row.id)
    return SourceEntry(
        id=row.id,
        team_id=row.team_id,
        name=row.name,
        slug=row.slug,
        enabled=row.disabled_at is None,
        methods=frozenset(row.allowed_http_methods or DEFAULT_METHODS),
        handshake_methods=handshake_methods(verifier),
        verifier=verifier,
        response=response,
        fault=fault,
    )


def _accepted_answer(row: Any, auth: Any) -> Answer | None:
    provider = PROVIDERS.get((auth or {}).get("provider", row.type))
    return provider.accepted if provider is not None else None
