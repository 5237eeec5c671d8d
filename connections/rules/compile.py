"""Compiled rules of a connection: once per version, what routing and delivery need for every request."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connections.rules.dedup import Dedup, compile_dedup
from connections.rules.filter.rule import TARGETS, Filter, FilterResult, compile_filter
from connections.rules.payload import RuleInput
from connections.rules.retry import RetryPolicy, compile_retry

_PASSES = FilterResult(True, ())


@dataclass(frozen=True, slots=True)
class CompiledRules:
    """The order of use is that of the fields; what a rule is absent for is None (`delay_ms`: 0).

    `transformation_id` names the saved transformation whose result the filter then sees.
    """

    dedup: Dedup | None = None
    transformation_id: str | None = None
    filter: Filter | None = None
    delay_ms: int = 0
    retry: RetryPolicy | None = None


def compile_rules(rules: Sequence[Mapping[str, Any]]) -> CompiledRules:
    """From what `normalise_rules` gives, with inline transformations already replaced by their ids."""
    by_type = {rule["type"]: rule for rule in rules}
    dedup, chosen, retry = by_type.get("deduplicate"), by_type.get("filter"), by_type.get("retry")
    return CompiledRules(
        dedup=compile_dedup(dedup) if dedup else None,
        transformation_id=by_type.get("transform", {}).get("transformation_id"),
        filter=compile_filter({target: chosen.get(target) for target in TARGETS}) if chosen else None,
        delay_ms=by_type.get("delay", {}).get("delay", 0),
        retry=compile_retry(retry) if retry else None,
    )


def evaluate_filter(compiled: CompiledRules, source: RuleInput) -> FilterResult:
    """Without a filter rule everything passes."""
    return compiled.filter.evaluate(source) if compiled.filter else _PASSES
