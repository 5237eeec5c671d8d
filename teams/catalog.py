"""Signing secrets in memory, for the delivery workers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from fasthook.lib.catalog import Catalog, Row
from teams.models import ProjectSecrets


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
    for row in ProjectSecrets.objects.filter(version__gt=version).order_by("version").iterator():
        entry = SigningSecrets(row.signing_secret, row.previous_signing_secret, row.previous_valid_until)
        yield Row(row.team_id, row.version, entry)
