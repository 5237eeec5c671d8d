"""The OpenAPI document as a whole: which routes are in it, and the components that all operations share."""

from __future__ import annotations

import re
from typing import Any

# Registers how bodies are described: drf-spectacular finds an extension once its class exists.
from fasthook.openapi import bodies as bodies
from fasthook.openapi.errors import ENVELOPE, HEADERS, error_responses

Endpoint = tuple[str, str, str, Any]
_REFERENCE = re.compile(r"#/components/schemas/(\w+)")

TEAM_PARAMETERS: dict[str, Any] = {
    "TeamHeader": {
        "name": "x-team-id",
        "in": "header",
        "schema": {"type": "string"},
        "description": "The team that the call works on; may be left out when the credential reaches one team only.",
    },
    "TeamQuery": {
        "name": "team_id",
        "in": "query",
        "schema": {"type": "string"},
        "description": "The same as the x-team-id header.",
    },
}


def versioned(endpoints: list[Endpoint]) -> list[Endpoint]:
    """The routes with their version; they work without it as well."""
    return [endpoint for endpoint in endpoints if endpoint[0].startswith("/v1/")]


def complete(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    components = result["components"]
    components["schemas"]["Error"] = ENVELOPE
    components["responses"] = error_responses()
    components["headers"] = HEADERS
    components["parameters"] = TEAM_PARAMETERS
    _use_portable_patterns(components["schemas"])
    _drop_unused(result)
    return result


def _drop_unused(document: dict[str, Any]) -> None:
    """Schemas that nothing refers to any more, such as another shape of the error answers."""
    schemas = document["components"]["schemas"]
    rest = [document["paths"], document["components"]["responses"], document["components"]["parameters"]]
    used: set[str] = set()
    while rest:
        named = {name for name in _REFERENCE.findall(str(rest)) if name not in used}
        used |= named
        rest = [schemas[name] for name in named]
    document["components"]["schemas"] = {name: schema for name, schema in schemas.items() if name in used}


def _use_portable_patterns(schema: Any) -> None:
    r"""JSON Schema has ECMA's regular expressions, which know no \A and \Z."""
    if isinstance(schema, list):
        for each in schema:
            _use_portable_patterns(each)
    elif isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            schema["pattern"] = schema["pattern"].replace(r"\A", "^").replace(r"\Z", "$")
        for each in schema.values():
            _use_portable_patterns(each)
