"""Lists: what is refused, and how."""

from __future__ import annotations

from tests.refusals.case import Refused

CASES = [
    Refused("GET sources?limit=0", error="limit: must be a whole number from 1 to 255"),
    Refused("GET sources?limit=256", error="limit: must be a whole number from 1 to 255"),
    Refused("GET events?limit=101", error="limit: must be a whole number from 1 to 100"),
    Refused("GET sources?order_by=color", error="order_by: must be one of: created_at, updated_at, name"),
    Refused("GET sources?dir=up", error="dir: must be asc or desc"),
    Refused(
        "GET sources?next=abc",
        error="next: is not a cursor; use the value of pagination.next or pagination.prev as it came",
    ),
    Refused("GET sources?next=a&prev=b", error="next and prev: give one cursor, not several"),
    Refused("GET sources?nmae=a", error="unknown query parameters: nmae"),
    Refused("GET sources?frobnicate=1", error="unknown query parameters: frobnicate"),
    Refused("GET sources?disabled=maybe", error="disabled: must be true or false"),
    Refused(
        "GET sources?type=NONE",
        error=(
            "type: must be one of: WEBHOOK, GITHUB, STRIPE, SHOPIFY, SLACK, SVIX, TWILIO, META, "
            "MICROSOFT_GRAPH, GITLAB, HU..."
        ),
    ),
    Refused(
        "GET sources?created_at[gte]=soon",
        error="created_at[gte]: must be an ISO 8601 time such as 2026-05-29T10:00:00Z, or now-15m, now-24h, now",
    ),
    Refused(
        "GET events?from=yesterday",
        error="from: must be an ISO 8601 time such as 2026-05-29T10:00:00Z, or now-15m, now-24h, now",
    ),
    Refused("GET events?from=now&to=now-1h", error="from: must not lie after the end of the range, ..."),
    Refused(
        "GET events?status=LOST", error="status: must be one of: SCHEDULED, QUEUED, HOLD, SUCCESSFUL, FAILED, CANCELLED"
    ),
    Refused(
        "GET events?response_status=abc",
        error="response_status: must be a whole number, or several separated by commas",
    ),
    Refused("GET events?include=everything", error="include: must be one or several of: data, ignored"),
    Refused("GET events?created_at[gte]=1960-01-01T00:00:00Z", error="created_at[gte]: must not lie before 1970"),
    Refused("GET events?connection_id=a%00b", error="connection_id: must not hold a null character"),
    Refused(
        "GET sources?id=" + ",".join(f"a{number}" for number in range(101)),
        error="id: must not have more than 100 values",
    ),
    Refused(
        "GET attempts?trigger=NONE", error="trigger: must be one of: INITIAL, AUTOMATIC, MANUAL, BULK_RETRY, UNPAUSE"
    ),
    Refused("GET requests?verified=maybe", error="verified: must be true or false"),
    Refused(
        "GET audit?actor_type=ghost", error="actor_type: must be one of: member, api_key, staff, system, anonymous"
    ),
]
