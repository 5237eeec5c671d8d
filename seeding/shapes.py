"""Shapes of seeded history: its sources with their shares, and the routes that its rows belong to. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from seeding.outcomes import Kind


@dataclass(frozen=True, slots=True)
class SourceShape:
    """`weight` is the source's share of requests. A retired one has sent nothing in the newer two thirds."""

    name: str
    weight: float
    kinds: tuple[Kind, ...]
    signed: bool = False
    retired: bool = False


SHAPES: Sequence[SourceShape] = (
    SourceShape("orders", 30, (Kind.HEALTHY, Kind.FILTERED), signed=True),
    SourceShape("payments", 20, (Kind.HEALTHY, Kind.FLAKY, Kind.HEALTHY)),
    SourceShape("inventory", 14, (Kind.HEALTHY,)),
    SourceShape("crm", 10, (Kind.FLAKY, Kind.HEALTHY)),
    SourceShape("shipping", 8, (Kind.DEDUPLICATED, Kind.HEALTHY)),
    SourceShape("support", 6, (Kind.FAILING,)),
    SourceShape("builds", 4, (Kind.HEALTHY, Kind.FILTERED), signed=True),
    SourceShape("billing", 3, (Kind.FLAKY,)),
    SourceShape("mail", 2, (Kind.HEALTHY, Kind.HEALTHY, Kind.FAILING)),
    SourceShape("forms", 1.5, (Kind.PAUSED,)),
    SourceShape("audit", 1, (Kind.HEALTHY,)),
    SourceShape("legacy", 6, (Kind.HEALTHY,), retired=True),
    SourceShape("rare", 0.01, (Kind.HEALTHY,)),
)


@dataclass(frozen=True, slots=True)
class SeedConnection:
    id: str
    name: str
    destination_id: str
    url: str
    kind: Kind


@dataclass(frozen=True, slots=True)
class SeedSource:
    id: str
    name: str
    shape: SourceShape
    connections: tuple[SeedConnection, ...]


@dataclass(frozen=True, slots=True)
class SeedRoutes:
    """`held_since` is when the paused connection was paused."""

    team_id: str
    held_since: datetime
    sources: tuple[SeedSource, ...]
