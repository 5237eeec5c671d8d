"""Evidence, dry runs, backtests, replays: what is refused, and how."""

from __future__ import annotations

from tests.refusals.case import Refused

CASES = [
    Refused(
        "GET requests/req_none",
        error="there is no request 'req_none' in this team; evidence is kept for a limited time",
        status=404,
        code="NOT_FOUND",
    ),
    Refused(
        "GET events/evt_none",
        error="there is no event 'evt_none' in this team; evidence is kept for a limited time",
        status=404,
        code="NOT_FOUND",
    ),
    Refused(
        "GET attempts/att_none",
        error="there is no attempt 'att_none' in this team; evidence is kept for a limited time",
        status=404,
        code="NOT_FOUND",
    ),
    Refused(
        "GET requests/{rejected}/raw_body",
        error="the body of {rejected} is not stored",
        status=404,
        code="BODY_NOT_STORED",
    ),
    Refused(
        "GET requests/req_none/events",
        error="there is no request 'req_none' in this team; evidence is kept for a limited time",
        status=404,
        code="NOT_FOUND",
    ),
    Refused(
        "POST connections/{connection}/test",
        {"input": {}, "request_id": "{request}"},
        error="request_id: cannot be used together with input; send one of them, or neither",
    ),
    Refused(
        "POST connections/{empty}/test",
        {},
        error="input: is required: the connection's source has accepted no request yet",
    ),
    Refused(
        "POST connections/{connection}/test",
        {"request_id": "{rejected}"},
        error="request_id: the body of this request was too large and is not stored",
    ),
    Refused(
        "POST connections/{connection}/test",
        {"request_id": "req_none"},
        error="there is no request 'req_none' in this team; evidence is kept for a limited time",
        status=404,
        code="NOT_FOUND",
    ),
    Refused(
        "POST connections/{connection}/test",
        {"rules": [{"type": "transform", "transformation_id": "trs_none"}], "input": {}},
        error="rules[0].transformation_id: there is no such transformation in this team",
    ),
    Refused(
        "POST connections/{connection}/test",
        {"input": {"body": "%", "body_encoding": "base64"}},
        error="input.body: is not base64, as input.body_encoding says",
    ),
    Refused(
        "POST connections/{connection}/test", {"input": {"path": "a"}}, error="input.path: must begin with a slash"
    ),
    Refused("POST connections/{connection}/rehearsals", {}, error="from: is required"),
    Refused(
        "POST connections/{connection}/rehearsals",
        {"from": "soon"},
        error="from: must be an ISO 8601 time such as 2026-05-29T10:00:00Z, or now-15m, now-24h, now",
    ),
    Refused(
        "POST connections/{connection}/rehearsals",
        {"from": "now-1h", "rules": [{"type": "transform", "transformation_id": "trs_none"}]},
        error="rules[0].transformation_id: there is no such transformation in this team",
    ),
    Refused(
        "PUT rehearsals/{over}/cancel",
        error="this rehearsal is completed and cannot be cancelled",
        status=409,
        code="REHEARSAL_OVER",
    ),
    Refused(
        "GET rehearsals/rhr_none", error="there is no rehearsal 'rhr_none' in this team", status=404, code="NOT_FOUND"
    ),
    Refused(
        "POST events/evt_none/retry",
        error="there is no event 'evt_none' in this team; evidence is kept for a limited time",
        status=404,
        code="NOT_FOUND",
    ),
    Refused(
        "POST events/{held}/retry",
        error="the event cannot be retried: the event is on hold; unpausing its connection releases it",
        status=409,
        code="EVENT_ON_HOLD",
    ),
    Refused(
        "POST events/{queued}/retry",
        error="the event cannot be retried: the event waits for delivery already",
        status=409,
        code="EVENT_QUEUED",
    ),
    Refused(
        "POST events/{scheduled}/retry",
        error=("the event cannot be retried: the event waits for its delay rule; it is delivered at next_attempt_at"),
        status=409,
        code="EVENT_SCHEDULED",
    ),
    Refused(
        "PUT events/{event}/cancel",
        error="the event cannot be cancelled: the event has ended; only what waits can be cancelled",
        status=409,
        code="EVENT_ENDED",
    ),
    *(
        Refused(f"POST events/{{{name}}}/retry", error=f"the event cannot be retried: {error}", status=409, code=code)
        for name, code, error in (
            ("source_deleted", "SOURCE_DELETED", "its source is deleted"),
            ("source_disabled", "SOURCE_DISABLED", "its source is disabled; enable it first"),
            (
                "connection_deleted",
                "CONNECTION_DELETED",
                "its connection is deleted; retry the request instead, through the connections of now",
            ),
            ("connection_disabled", "CONNECTION_DISABLED", "its connection is disabled; enable it first"),
            (
                "connection_paused",
                "CONNECTION_PAUSED",
                "its connection is paused; unpause it first, which also releases what is on hold",
            ),
            ("destination_deleted", "DESTINATION_DELETED", "its destination is deleted; retry the request instead"),
            ("destination_disabled", "DESTINATION_DISABLED", "its destination is disabled; enable it first"),
            (
                "ignored",
                "EVENT_IGNORED",
                "this branch ended before it became a delivery; retry its request to have it judged anew",
            ),
            ("in_flight", "ATTEMPT_IN_FLIGHT", "an attempt of the event is in flight; wait for its result"),
            ("without_body", "PAYLOAD_NOT_STORED", "its body is not stored"),
            ("between", "UNAVAILABLE", "the event is being changed just now; try again"),
        )
    ),
    Refused("POST events/{event}/retry", {"x": 1}, error="x: unknown field"),
    Refused(
        "POST requests/req_none/retry",
        error="there is no request 'req_none' in this team; evidence is kept for a limited time",
        status=404,
        code="NOT_FOUND",
    ),
    Refused(
        "POST requests/{rejected}/retry",
        error=("the request cannot be retried: its body was too large to be stored; send a body in place of it"),
        status=409,
        code="PAYLOAD_NOT_STORED",
    ),
    Refused(
        "POST requests/{handshake}/retry",
        error="the request cannot be retried: it is a provider's handshake, which makes no events",
        status=409,
        code="REQUEST_IS_HANDSHAKE",
    ),
    Refused(
        "POST requests/{request}/retry",
        {"method": "a b"},
        error="method: must be one of GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS",
    ),
    Refused(
        "POST requests/{request}/retry",
        {"path": "a"},
        error="path: must begin with a slash: it is what follows the source's URL",
    ),
    Refused(
        "POST requests/{request}/retry",
        {"path": "/a?b"},
        error="path: must be a path alone, without ?, # or control characters; a query goes into query",
    ),
    Refused(
        "POST requests/{request}/retry",
        {"headers": {"a": 5}},
        error="headers.a: must be a string, or null to leave the header out",
    ),
    Refused("POST requests/{request}/retry", {"headers": {"a b": "x"}}, error="headers.a b: is not a header name"),
    Refused(
        "POST requests/{request}/retry",
        {"body": 5, "body_encoding": "text"},
        error="body: must be a string, as body_encoding says",
    ),
    Refused(
        "POST requests/{request}/retry",
        {"body": "%", "body_encoding": "base64"},
        error="body: is not base64, as body_encoding says",
    ),
    Refused(
        "POST requests/{request}/retry",
        {"parsed_query": {"a": 5}},
        error="parsed_query.a: must be a string or a list of strings",
    ),
]
