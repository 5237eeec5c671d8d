"""The published OpenAPI document as tests read it, and a reading of it so strict that an unnamed field is a fault."""

from __future__ import annotations

import copy
from functools import lru_cache
from typing import Any

import orjson
from jsonschema import Draft202012Validator

from fasthook.openapi.view import document

Json = dict[str, Any]


@lru_cache(maxsize=1)
def published() -> Json:
    made: Json = orjson.loads(document()[0])
    return made


def operations() -> dict[tuple[str, str], Json]:
    """(method, path) -> operation."""
    return {
        (method.upper(), path): operation
        for path, methods in published()["paths"].items()
        for method, operation in methods.items()
    }


def resolved(node: Json) -> Json:
    """What a `$ref` into the components stands for."""
    if "$ref" not in node:
        return node
    found: Any = published()
    for name in node["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return resolved(found)


def answer_schema(operation: Json, status: int, content_type: str = "application/json") -> Json | None:
    response = resolved(operation["responses"][str(status)])
    content = response.get("content", {}).get(content_type)
    return content["schema"] if content else None


def faults(schema: Json, value: Any) -> list[str]:
    """Where the value is not what the schema says, fields that it does not name included."""
    root = {**_strict(), **_as_json_schema(schema)}
    found = Draft202012Validator(root).iter_errors(value)
    return [f"{'.'.join(map(str, fault.absolute_path))}: {fault.message[:200]}" for fault in found]


@lru_cache(maxsize=1)
def _strict() -> Json:
    return {"components": {"schemas": _as_json_schema(copy.deepcopy(published()["components"]["schemas"]))}}


def _as_json_schema(node: Any) -> Any:
    """OpenAPI 3.0 has `nullable` where JSON Schema has a type. Objects are closed."""
    if isinstance(node, list):
        return [_as_json_schema(each) for each in node]
    if not isinstance(node, dict):
        return node
    made = {key: _as_json_schema(value) for key, value in node.items() if key != "nullable"}
    if isinstance(made.get("properties"), dict) and made.get("type") == "object":
        made.setdefault("additionalProperties", False)
    if node.get("nullable") is True and ("type" in made or "$ref" in made or "allOf" in made or "oneOf" in made):
        return {"anyOf": [made, {"type": "null"}]}
    return made
