"""Counts of claims: how full each was, and how many jobs had outlived a lease."""

from __future__ import annotations

from collections.abc import Sequence

import structlog

from fasthook.metrics import registry

log = structlog.get_logger(__name__)


def count_claim(stage: str, claim_counts: Sequence[int], *, limit: int) -> None:
    """`claim_counts`: of each job that a claim took, `limit` what it might have taken."""
    if not claim_counts:
        registry.claims.add(1, stage, "empty")
        return
    registry.claims.add(1, stage, "full" if len(claim_counts) >= limit else "partial")
    registry.claimed_jobs.observe(len(claim_counts), stage)
    expired = sum(number > 1 for number in claim_counts)
    if expired:
        registry.leases_expired.add(expired, stage)
        log.warning("leases.expired", stage=stage, jobs=expired)
