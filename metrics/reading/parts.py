"""A question as parts that are added up together: hours, minutes, late differences, rows.

Rollups answer what their keys can say; another filter (a bulk operation's id, say) is answered from the rows alone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fasthook.lib.ids import first_id_at
from metrics.reading.question import Question
from metrics.rollups.tables import DETAILED_TOTAL, HOUR, MINUTE, ROLLUPS, TOTAL, Rollup
from metrics.spec.spans import Piece, Span, cut_at_buckets, plan_spans

# Of rejected requests beyond the evidence that is kept: by source and minute, beside the requests that have rows.
_DISCARDED = {
    "source_id": "row.source_id",
    # Unsigned handshakes beyond the budget were answered, as those with a row were.
    "status": "CASE row.rejection_cause WHEN 'HANDSHAKE' THEN 'accepted' ELSE 'rejected' END",
    "rejection_cause": "nullif(row.rejection_cause, 'HANDSHAKE')",
    "verified": "false",
    "is_retry": "false",
}
_AT = "width_bucket(row.at, (SELECT starts FROM bound))"


@dataclass(frozen=True, slots=True)
class Part:
    """SQL over `row`: its bucket, keys and sums by name, and FROM with WHERE. Rollups have a histogram of latencies,
    `bin` is that of a single row."""

    bucket: str
    keys: Mapping[str, str]
    sums: Mapping[str, str]
    body: str
    has_histograms: bool = False
    bin: str = ""


def make_parts(question: Question, *, counted_before: datetime | None) -> tuple[list[Part], dict[str, Any]]:
    """The parts that hold anything of the range, and their parameters."""
    rollup = ROLLUPS[question.resource.name]
    is_kept = question.filters.keys() <= rollup.keys.keys()
    spans = plan_spans(
        question.start, question.end, starts=question.starts, counted_before=counted_before if is_kept else None
    )
    params: dict[str, Any] = {"team_id": question.team_id, "starts": question.starts}
    for name, values in question.filters.items():
        params[f"filter_{name}"] = values if len(values) > 1 else values[0]
    parts = []
    level = f"{_level(question, rollup)}{_filters(question, {})}"
    for step, stretches in ((HOUR, spans.hours), (MINUTE, spans.minutes)):
        if stretches:
            parts.append(_kept(rollup, rollup.table(step), stretches, name=step, where=level, params=params))
    if spans.hours or spans.minutes:
        stretches = sorted([*spans.hours, *spans.minutes])
        where = f"true{_filters(question, {})}"
        parts.append(_kept(rollup, rollup.late, stretches, name="late", where=where, params=params))
    if spans.rows:
        parts.append(_rows(question, rollup, spans.rows, params))
    if "discarded" in question.sums and question.filters.keys() <= _DISCARDED.keys():
        parts.append(_discarded(question, params))
    return parts, params


def _kept(rollup: Rollup, table: str, spans: Sequence[Span], *, name: str, where: str, params: dict[str, Any]) -> Part:
    params |= {f"{name}_from": [span[0] for span in spans], f"{name}_to": [span[1] for span in spans]}
    body = f"""FROM unnest(%({name}_from)s::timestamptz[], %({name}_to)s::timestamptz[]) AS span (low, high)
        JOIN {table} AS row ON row.at >= span.low AND row.at < span.high
        WHERE row.team_id = %(team_id)s AND {where}"""
    is_late = table == rollup.late
    return Part(
        bucket=_AT,
        keys={key: f"row.{key}" for key in rollup.keys},
        sums={total: f"row.{total}" for total in rollup.sums},
        body=body,
        has_histograms=rollup.has_latency and not is_late,
        bin="row.bin" if rollup.has_latency and is_late else "",
    )


def _level(question: Question, rollup: Rollup) -> str:
    """The fewest rows that know what is asked for: the team's totals, when nothing is asked of its parts."""
    asked = {*question.dimensions, *question.filters}
    if asked & set(rollup.wide):
        # Also beside a filter by owner: a caller may name anything, and totals have no owner.
        return f"row.{rollup.owner} > '{DETAILED_TOTAL}'"
    return f"row.{rollup.owner} = '{DETAILED_TOTAL if asked & set(rollup.details) else TOTAL}'"


def _rows(question: Question, rollup: Rollup, spans: Sequence[Span], params: dict[str, Any]) -> Part:
    params |= _piece_params(cut_at_buckets(spans, question.starts), rollup.prefix)
    body = f"""FROM unnest(%(buckets)s::int[], %(low)s::text[], %(high)s::text[]) AS piece (bucket, low, high)
        JOIN {rollup.evidence} AS row
            ON row.id >= piece.low AND row.id < piece.high AND row.id >= %(first_id)s AND row.id < %(last_id)s
        WHERE row.team_id = %(team_id)s{_filters(question, rollup.keys)}"""
    latency_bin = "metrics_latency_bin(row.latency)" if rollup.has_latency else ""
    return Part("piece.bucket", rollup.keys, rollup.sums, body, bin=latency_bin)


def _piece_params(pieces: Sequence[Piece], prefix: str) -> dict[str, Any]:
    low = [first_id_at(prefix, piece.first) for piece in pieces]
    high = [first_id_at(prefix, piece.after) for piece in pieces]
    buckets = [piece.bucket for piece in pieces]
    return {"buckets": buckets, "low": low, "high": high, "first_id": min(low), "last_id": max(high)}


def _discarded(question: Question, params: dict[str, Any]) -> Part:
    """A minute counts where it begins: there is no finer record."""
    params |= {"first_minute": question.start, "after_minute": question.end}
    body = f"""FROM discarded_requests AS row
        WHERE row.source_id = ANY(ARRAY(SELECT id FROM sources_source WHERE team_id = %(team_id)s))
            AND row.minute >= %(first_minute)s AND row.minute < %(after_minute)s
            AND row.team_id = %(team_id)s{_filters(question, _DISCARDED)}"""
    bucket = "width_bucket(row.minute, (SELECT starts FROM bound))"
    return Part(bucket, _DISCARDED, {"n": "0", "discarded": "row.count"}, body)


def _filters(question: Question, keys: Mapping[str, str]) -> str:
    """One value as an equation: partial indexes are matched by that."""
    texts = []
    for name, values in question.filters.items():
        column = keys.get(name, f"row.{name}")
        texts.append(f" AND ({column}) = " + (f"ANY(%(filter_{name})s)" if len(values) > 1 else f"%(filter_{name})s"))
    return "".join(texts)
