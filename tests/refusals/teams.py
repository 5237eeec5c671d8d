"""Credentials and routes as files: what is refused, and how."""

from __future__ import annotations

from tests.refusals.case import Refused

ENDS = {"sources": [{"name": "a"}], "destinations": [{"name": "b", "config": {"url": "https://b.example.com"}}]}
ROUTE = {"name": "a-to-b", "source": "a", "destination": "b"}

CASES = [
    Refused("POST routes/plan", {}, error="document: is required"),
    Refused("POST routes/plan", {"document": 5}, error="document: must be an object"),
    Refused("POST routes/plan", {"document": {"version": 2}}, error="document.version: must be at most 1"),
    Refused(
        "POST routes/plan",
        {"document": {"version": 1, "sources": [{"name": "a"}, {"name": "a"}]}},
        error="document.sources[1].name: is listed twice; names are unique",
    ),
    Refused(
        "POST routes/plan",
        {
            "document": {
                "version": 1,
                "sources": [
                    {"name": "a", "config": {"auth_type": "HMAC", "auth": {"secret": "${1A}", "signature_header": "x"}}}
                ],
            }
        },
        error=(
            "document.sources[0].config.auth.secret: '${1A}' is no reference such as ${NAME}; write "
            "$${ for a literal ${"
        ),
    ),
    Refused(
        "POST routes/plan",
        {
            "document": {
                "version": 1,
                "sources": [
                    {
                        "name": "a",
                        "config": {"auth_type": "HMAC", "auth": {"secret": "${MISSING}", "signature_header": "x"}},
                    }
                ],
            }
        },
        error=(
            "document.sources[0].config.auth.secret: the variable MISSING is not given, and there is "
            "no stored secret to keep"
        ),
    ),
    Refused("PUT project-secrets", {}, error="give api_key, signing_secret or both"),
    Refused(
        "PUT project-secrets",
        {"api_key": "short"},
        error="api_key: must be fhp_ and 32 to 200 letters, digits, '-' or '_'",
    ),
    Refused(
        "PUT project-secrets",
        {"signing_secret": "x"},
        error="signing_secret: must be between 16 and 256 characters long",
    ),
    Refused(
        "PUT project-secrets",
        {"api_key": "{other_key}"},
        error="this API key is in use; make another one",
        status=409,
        code="API_KEY_IN_USE",
    ),
    Refused(
        "POST project-secrets/rotate",
        {"rotate": []},
        error="rotate: must name at least one of api_key, signing_secret; leave it out to rotate both",
    ),
    Refused(
        "POST project-secrets/rotate", {"rotate": ["x"]}, error="rotate[0]: must be one of api_key, signing_secret"
    ),
    Refused(
        "POST auth/logout",
        error="an API key has no session to end; rotate it to make it invalid",
        status=409,
        code="NOT_A_SESSION",
    ),
    Refused(
        "POST auth/login",
        {"email": "nobody@example.com", "password": "x"},
        error="the email or the password is wrong",
        status=401,
        code="INVALID_CREDENTIALS",
    ),
    Refused("POST auth/login", {}, error="email: is required (and 1 more)"),
    Refused(
        "GET sources?team_id=tm_other", error="team_id: names another team than the x-team-id header; send one of them"
    ),
    Refused("PATCH sources", error='Method "PATCH" not allowed.', status=405, code="METHOD_NOT_ALLOWED"),
    Refused("GET nothing", error="there is nothing at /v1/nothing", status=404, code="NOT_FOUND"),
    Refused(
        "GET sources/",
        error="there is nothing at /v1/sources/; paths have no slash at the end",
        status=404,
        code="NOT_FOUND",
    ),
    Refused(
        "POST routes/plan",
        {"document": {"version": 1}, "variables": {"1A": "x"}},
        error="variables.1A: is no name: letters, digits and '_', not starting with a digit",
    ),
    Refused(
        "POST routes/plan",
        {"document": {"version": 1}, "variables": {"A": []}},
        error="variables.A: must be text, a number, true or false",
    ),
    *(
        Refused(
            "POST routes/plan",
            {"document": {"version": 1, **ENDS, "connections": [{**ROUTE, "rules": [rule]}]}},
            error=f"document.connections[0].rules[0].{error}",
        )
        for rule, error in (
            (
                {"type": "transform", "transformation_id": "trs_1"},
                "transformation_id: belongs to one team; write transformation with its name instead",
            ),
            (
                {"type": "transform"},
                "transformation: must be the name of a transformation; list its code in the document",
            ),
            (
                {"type": "transform", "transformation": "nobody"},
                "transformation: names no transformation of the document or the team",
            ),
        )
    ),
    Refused(
        "POST routes/plan",
        {"document": {"version": 1, "sources": []}, "prune": True},
        error="pruning would delete source {source_name}, which connection {connection_name} uses; give the "
        "connections section "
        "as well, or keep it in the document",
        status=409,
        code="HAS_CONNECTIONS",
    ),
]
