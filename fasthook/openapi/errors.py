"""The error answers in the OpenAPI description: one envelope, one answer a status, and which operation may give it."""

from __future__ import annotations

from typing import Any, Final

Schema = dict[str, Any]

ENVELOPE: Final[Schema] = {
    "type": "object",
    "description": "What every refused call is answered with. Codes are listed in docs/errors.md.",
    "required": ["error", "code"],
    "additionalProperties": False,
    "properties": {
        "error": {"type": "string", "description": "What is wrong and what to do, for people."},
        "code": {"type": "string", "pattern": "^[A-Z][A-Z0-9_]*$", "description": "For programs."},
        "fields": {
            "type": "object",
            "description": "Faults by the path of the field or the name of the parameter.",
            "additionalProperties": {"type": "array", "items": {"type": "string"}},
        },
        "data": {
            "type": "object",
            "description": "Facts, such as the id of what has the name already.",
            "additionalProperties": {},
        },
    },
}


def _header(kind: str, text: str) -> Schema:
    return {"description": text, "schema": {"type": kind}}


RATE_HEADERS: Final[dict[str, Schema]] = {
    "RateLimit-Limit": _header("integer", "Calls a minute that the credential has. Missing when nothing is counted."),
    "RateLimit-Remaining": _header("integer", "Calls that are left of them."),
    "RateLimit-Reset": _header("integer", "Seconds until they are all there again."),
}
HEADERS: Final[dict[str, Schema]] = {
    **RATE_HEADERS,
    "Retry-After": _header("integer", "Seconds to wait before the next try."),
    "WWW-Authenticate": _header("string", "Bearer"),
}

# Status -> name of the component, when, example, headers.
_ANSWERS: Final[dict[int, tuple[str, str, Schema, tuple[str, ...]]]] = {
    400: (
        "BadRequest",
        "The body is not JSON.",
        {
            "error": "the body is not JSON: unexpected character at line 1 column 2",
            "code": "MALFORMED_JSON",
            "data": {"position": 1, "line": 1, "column": 2},
        },
        (),
    ),
    401: (
        "NotAuthenticated",
        "No credential, a wrong one, or an ended session.",
        {
            "error": "credentials are missing: send Authorization: Bearer with an API key or a session token",
            "code": "NOT_AUTHENTICATED",
        },
        ("WWW-Authenticate",),
    ),
    403: (
        "Forbidden",
        "The credential does not reach the team, or the role may not.",
        {"error": "viewers may only read; ask an owner of the team for another role", "code": "ROLE_READ_ONLY"},
        (),
    ),
    404: (
        "NotFound",
        "There is no such object in this team.",
        {
            "error": "there is no source 'src_1' in this team",
            "code": "NOT_FOUND",
            "data": {"id": "src_1"},
        },
        (),
    ),
    406: (
        "NotAcceptable",
        "The Accept header leaves no JSON.",
        {"error": "answers are JSON: send Accept: application/json, or no Accept at all", "code": "NOT_ACCEPTABLE"},
        (),
    ),
    409: (
        "Conflict",
        "It clashes with how things are.",
        {
            "error": "there is a source named 'stripe' already",
            "code": "RESOURCE_ALREADY_EXISTS",
            "data": {"id": "src_1"},
        },
        (),
    ),
    413: (
        "PayloadTooLarge",
        "The body is too large.",
        {"error": "the body is larger than 1048576 bytes", "code": "PAYLOAD_TOO_LARGE"},
        (),
    ),
    415: (
        "UnsupportedMediaType",
        "The body is not JSON by its content type.",
        {
            "error": "the body must be JSON: send Content-Type: application/json",
            "code": "UNSUPPORTED_MEDIA_TYPE",
        },
        (),
    ),
    422: (
        "InvalidInput",
        "Well formed, but not a legal value; unknown fields and parameters too.",
        {
            "error": "config.url: is required for an HTTP destination",
            "code": "INVALID_INPUT",
            "fields": {"config.url": ["is required for an HTTP destination"]},
        },
        (),
    ),
    429: (
        "TooManyRequests",
        "Too many calls with this credential, or too many sign-ins.",
        {"error": "too many calls with this credential; wait 12 s", "code": "RATE_LIMITED"},
        ("Retry-After", *RATE_HEADERS),
    ),
    503: (
        "Unavailable",
        "The database does not answer, or no sandbox is free.",
        {"error": "the database does not answer; try again", "code": "DATABASE_UNAVAILABLE"},
        ("Retry-After",),
    ),
}
NAMES: Final = {status: answer[0] for status, answer in _ANSWERS.items()}


def error_responses() -> dict[str, Schema]:
    """components.responses"""
    return {
        name: {
            "description": when,
            **({"headers": {each: {"$ref": f"#/components/headers/{each}"} for each in headers}} if headers else {}),
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}, "example": example}},
        }
        for name, when, example, headers in _ANSWERS.values()
    }


def error_statuses(*, secured: bool, has_id: bool, reads_body: bool, changes: bool) -> list[int]:
    """The error statuses of an operation, by what kind of operation it is."""
    statuses = {401, 406, 422, 429, 503}
    if secured:
        statuses.add(403)
    if has_id:
        statuses.add(404)
    if reads_body:
        statuses |= {400, 413, 415}
    if reads_body and secured:
        # Of an object that the body names.
        statuses.add(404)
    if changes:
        statuses |= {404, 409}
    return sorted(statuses)
