"""Bulk operations and searches: what is refused, and how."""

from __future__ import annotations

from tests.refusals.case import Refused

CASES = [
    Refused(
        "POST events/bulk_operations",
        {"status": "FAILED"},
        error="say which events are meant: give from, or another filter such as connection_id",
        code="FILTER_TOO_WIDE",
    ),
    Refused(
        "POST requests/bulk_operations",
        {},
        error="say which requests are meant: give from, or another filter such as source_id",
        code="FILTER_TOO_WIDE",
    ),
    Refused(
        "POST events/bulk_operations",
        {"from": "now-1h", "status": "HOLD"},
        error="status: event_bulk_retry takes events that are one or several of: CANCELLED, FAILED",
    ),
    Refused(
        "POST events/bulk_operations/plan",
        {"connection_id": {"id": "{connection}"}},
        error="connection_id: must be a string, or a list of strings",
    ),
    Refused(
        "POST events/bulk_operations",
        {"type": "request_bulk_retry", "from": "now-1h"},
        error="type: must be one of event_bulk_retry, event_bulk_cancel",
    ),
    Refused(
        "POST events/bulk_operations",
        {"conection_id": "{connection}"},
        error="conection_id: unknown field, did you mean connection_id?",
    ),
    Refused(
        "POST events/bulk_operations",
        {"from": "soon"},
        error="from: must be an ISO 8601 time such as 2026-05-29T10:00:00Z, or now-15m, now-24h, now",
    ),
    Refused(
        "POST events/bulk_operations",
        {"connection_id": "{connection},conn_none"},
        error="connection_id: there is no connection 'conn_none' in this team",
    ),
    Refused(
        "POST events/bulk_operations",
        {"from": "now-1h", "connection_id": []},
        error="connection_id: must name at least one value; leave it out if all are meant",
    ),
    Refused("GET events/bulk_operations?bucket=old", error="bucket: must be one of: all, ongoing, history"),
    Refused(
        "GET requests/bulk_operations/bch_none",
        error="there is no bulk operation 'bch_none' in this team",
        status=404,
        code="NOT_FOUND",
    ),
    Refused(
        "POST events/bulk_operations/{over_in_bulk}/cancel",
        error="this bulk operation is completed and cannot be cancelled",
        status=409,
        code="BULK_OPERATION_OVER",
    ),
    Refused("GET events?q=a%00b", error="q: must not hold a null character"),
    Refused("GET events/bulk_operations?bucket=", error="bucket: must be one of: all, ongoing, history"),
]
