"""Connections and transformations: what is refused, and how."""

from __future__ import annotations

from tests.refusals.case import Refused

CASES = [
    Refused("POST connections", {"name": "new"}, error="source_id, destination_id: is required for a new connection"),
    Refused(
        "POST connections",
        {"name": "new", "source_id": "{source}"},
        error="destination_id: is required for a new connection",
    ),
    Refused(
        "POST connections",
        {"name": "new", "source_id": "src_none", "destination_id": "{destination}"},
        error="there is no source 'src_none' in this team",
        status=404,
        code="NOT_FOUND",
    ),
    Refused(
        "POST connections",
        {"name": "new", "source_id": "{source}", "source": {"name": "x"}, "destination_id": "{destination}"},
        error="source_id: and source name different things; send one of them",
    ),
    Refused("PUT connections", {}, error="source_id: is required (or the connection's id)"),
    Refused("PUT connections", {"name": "new"}, error="source_id: is required (or the connection's id)"),
    Refused("PUT connections", {"source_id": "{source}"}, error="name: is required (or the connection's id)"),
    Refused(
        "PATCH connections/{connection}",
        {"source_id": "{stripe}"},
        error=("source_id: cannot change: a connection keeps its source; create another connection instead"),
    ),
    Refused(
        "POST connections",
        {"name": "{connection_name}", "source_id": "{source}", "destination_id": "{destination}"},
        error="there is already a connection with this name; update it (PUT), or choose another name",
        status=409,
        code="RESOURCE_ALREADY_EXISTS",
    ),
    Refused(
        "PUT connections/{disabled}/pause",
        error="this connection is disabled; enable it before pausing it",
        status=409,
        code="CONNECTION_DISABLED",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"paused_at": "x"},
        error="paused_at: must be an ISO 8601 time such as 2026-05-29T10:00:00Z, or now-15m, now-24h, now",
    ),
    Refused(
        "POST connections",
        {"name": "new", "source": {"description": "x"}, "destination_id": "{destination}"},
        error="source.name: is required (or id)",
    ),
    Refused(
        "POST connections",
        {"name": "new", "source_id": "{source}", "destination": {"name": "x"}},
        error="destination.config.url: is required for an HTTP destination",
    ),
    Refused(
        "GET connections/conn_none",
        error="there is no connection 'conn_none' in this team",
        status=404,
        code="NOT_FOUND",
    ),
    Refused(
        "GET connections/conn_none/latest-input",
        error="there is no connection 'conn_none' in this team",
        status=404,
        code="NOT_FOUND",
    ),
    Refused("POST transformations", {"name": "new"}, error="code: is required"),
    Refused("PUT transformations", {}, error="name: is required (or id)"),
    Refused("PUT transformations", {"name": "new"}, error="code: is required for a new transformation"),
    Refused(
        "POST transformations",
        {"name": "new", "code": "return {"},
        error="code: line 2, column 2: SyntaxError: expecting ';'",
    ),
    Refused("POST transformations", {"name": "new", "code": " "}, error="code: must be JavaScript source"),
    Refused("POST transformations", {"name": "new", "code": "x", "env": {"A": 5}}, error="env.A: must be text"),
    Refused(
        "POST transformations",
        {"name": "ours", "code": "return request;"},
        error=("there is already a transformation with this name; update it (PUT), or choose another name"),
        status=409,
        code="RESOURCE_ALREADY_EXISTS",
    ),
    Refused(
        "DELETE transformations/{used}",
        error="rules of 1 connection name this transformation (of-used); take it out of them first",
        status=409,
        code="HAS_CONNECTIONS",
    ),
    Refused("PUT transformations/run", {}, error="code: is required (or transformation_id)"),
    Refused(
        "PUT transformations/run",
        {"transformation_id": "trs_none"},
        error="there is no transformation 'trs_none' in this team",
        status=404,
        code="NOT_FOUND",
    ),
    Refused(
        "PUT transformations/run",
        {"code": "return request;", "request": {"path": "a"}},
        error="request.path: must begin with a slash",
    ),
    Refused(
        "PUT transformations/run",
        {"code": "return request;", "request": {"body": "%", "body_encoding": "base64"}},
        error="request.body: is not base64, as request.body_encoding says",
    ),
    Refused(
        "PUT transformations/run",
        {"code": "return request;", "request": {"headers": {"a": 5}}},
        error="request.headers.a: must be a string",
    ),
    Refused(
        "PUT transformations/run",
        {"code": "return request;", "request": {"method": ""}},
        error="request.method: must not be empty",
    ),
    Refused("PUT transformations/validate", {}, error="code: is required"),
    Refused(
        "GET transformations/{transformation}/executions/txe_none",
        error="there is no execution 'txe_none' in this team; evidence is kept for a limited time",
        status=404,
        code="NOT_FOUND",
    ),
    Refused(
        "GET transformations/trs_none/executions",
        error="there is no transformation 'trs_none' in this team",
        status=404,
        code="NOT_FOUND",
    ),
]
