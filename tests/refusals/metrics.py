"""Metrics: what is refused, and how."""

from __future__ import annotations

from tests.refusals.case import Refused

DAY = "date_range[start]=2026-05-29T00:00:00Z&date_range[end]=2026-05-30T00:00:00Z"

CASES = [
    Refused(
        "GET metrics/events?date_range[start]=2026-05-30T00:00:00Z&date_range[end]=2026-05-29T00:00:00Z",
        error="date_range[start]: must lie before date_range[end], 2026-05-29T00:00:00.000Z",
    ),
    Refused(
        "GET metrics/events",
        error="date_range[start]: is required: an ISO 8601 time such as 2026-05-29T00:00:00Z, or now-24h, now",
    ),
    Refused(
        f"GET metrics/events?{DAY}&timezone=Mars/Olympus",
        error="timezone: must be a name of the IANA database, such as Europe/Berlin or UTC",
    ),
    Refused(
        f"GET metrics/events?{DAY}&granularity=1s",
        error="granularity: makes 86400 buckets, and at most 5000 are answered; 1m or coarser is enough for this range",
    ),
    Refused(
        f"GET metrics/events?{DAY}&granularity=soon",
        error="granularity: must be from 1s to 1d and divide a day evenly, such as 1s, 10s, 1m, 5m, 15m, 1h, 6h, 1d",
    ),
    Refused(
        f"GET metrics/events?{DAY}&measures[]=cuont", error="measures[]: cuont is unknown; did you mean count? ..."
    ),
    Refused(
        f"GET metrics/events?{DAY}&dimensions[]=colour", error="dimensions[]: colour is unknown; the legal ones are ..."
    ),
    Refused("GET metrics/sources", error="ids: is required: up to 255 ids, separated by commas"),
]
