"""The tally of a backtest: counts of both sides, of each kind of change, and samples spread over the kinds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from events.preview.backtest.verdicts import Comparison, Verdict

MAX_SAMPLES: Final = 50
WOULD_BE: Final = (Verdict.DELIVERED, Verdict.FILTERED, Verdict.DEDUPLICATED, Verdict.FAILED)


@dataclass(slots=True)
class Tally:
    """Counts by verdict and by kind of change (`filtered->delivered`). `samples` are in the order of their requests."""

    would_be: Counter[str] = field(default_factory=Counter)
    was: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    samples: list[dict[str, Any]] = field(default_factory=list)

    @property
    def changed_count(self) -> int:
        return self.changes.total()

    def add(self, comparisons: Iterable[Comparison]) -> None:
        """In the order of the requests."""
        for each in comparisons:
            self.would_be[each.would_be.value] += 1
            self.was[each.was.value] += 1
            if each.is_change:
                self.changes[each.kind] += 1
                self._sample(each)

    def _sample(self, comparison: Comparison) -> None:
        """A kind that has few samples takes the place of the last one of the kind that has most."""
        if len(self.samples) >= MAX_SAMPLES:
            kept = Counter(map(_kind_of, self.samples))
            largest, most = kept.most_common(1)[0]
            if kept[comparison.kind] + 1 >= most:
                return
            last = max(at for at, sample in enumerate(self.samples) if _kind_of(sample) == largest)
            del self.samples[last]
        self.samples.append(comparison.sample())


def complete_counts(counts: Mapping[str, int], verdicts: Sequence[Verdict]) -> dict[str, int]:
    """Every verdict named, those without a request as 0."""
    return {verdict.value: counts.get(verdict.value, 0) for verdict in verdicts}


def _kind_of(sample: Mapping[str, Any]) -> str:
    return f"{sample['was']}->{sample['would_be']}"
