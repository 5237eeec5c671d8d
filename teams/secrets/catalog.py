"""A catalog of signing secrets in memory, for delivery workers. One team's lost key must not stop the others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db.models import F, QuerySet, TextField
from django.db.models.functions import Cast

from fasthook.lib.catalog import Catalog, Row
from fasthook.lib.crypto import UndecryptableSecret
from fasthook.lib.model_fields import unseal
from teams.models import ProjectSecrets

log = structlog.get_logger(__name__)

_SEALED = ("signing_secret", "previous_signing_secret")


@dataclass(frozen=True, slots=True)
class SigningSecrets:
    current: str
    previous: str | None
    previous_valid_until: datetime | None

    def at(self, now: datetime) -> tuple[str, ...]:
        """The secrets that sign now: during a rotation's grace period the old one too."""
        if self.previous and self.previous_valid_until and now < self.previous_valid_until:
            return (self.current, self.previous)
        return (self.current,)


def signing_secrets_catalog() -> Catalog[SigningSecrets]:
    """Entries by team id."""
    return Catalog(_load)


def _load(version: int) -> Iterator[Row[SigningSecrets]]:
    for row in _sealed(ProjectSecrets.objects.filter(version__gt=version).order_by("version")).iterator():
        yield Row(row.team_id, row.version, _unseal(row))


def read_signing_secrets(team_id: str) -> SigningSecrets | None:
    """One team's, as the catalog has them. None when the key is lost."""
    return _unseal(_sealed(ProjectSecrets.objects.all()).get(team_id=team_id))


def _sealed(rows: QuerySet[ProjectSecrets]) -> QuerySet[Any]:
    sealed = {f"sealed_{name}": Cast(name, TextField()) for name in _SEALED}
    return rows.only("team_id", "version").annotate(valid_until=F("previous_valid_until"), **sealed)


def _unseal(row: Any) -> SigningSecrets | None:
    """None when the key is lost: deliveries that are to be signed then fail, saying so."""
    try:
        current = unseal(row.sealed_signing_secret)
    except UndecryptableSecret as error:
        log.error("signing_secret.unusable", team_id=row.team_id, error=str(error))
        return None
    try:
        previous = unseal(row.sealed_previous_signing_secret)
    except UndecryptableSecret as error:
        log.error("signing_secret.previous_undecryptable", team_id=row.team_id, error=str(error))
        previous = None
    return SigningSecrets(current, previous, row.valid_until)
