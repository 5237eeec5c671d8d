"""A question to one resource: its team, its buckets, its splits and filters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from metrics.spec.measures import Measure, Resource


@dataclass(frozen=True, slots=True)
class Question:
    """Over [start, end), to the millisecond. `starts` are where the buckets begin; `filters` map names to values, any
    of which may match."""

    resource: Resource
    team_id: str
    start: datetime
    end: datetime
    starts: list[datetime]
    measures: tuple[Measure, ...]
    dimensions: tuple[str, ...] = ()
    filters: Mapping[str, list[Any]] = field(default_factory=dict)

    @property
    def sums(self) -> list[str]:
        return list(dict.fromkeys(name for measure in self.measures for name in measure.sums))

    @property
    def wants_latencies(self) -> bool:
        return any(measure.share is not None for measure in self.measures)
