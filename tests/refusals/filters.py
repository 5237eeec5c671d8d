"""Filters, in rules and tried out: what is refused, and how."""

from __future__ import annotations

from tests.refusals.case import Refused, nested

CASES = [
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter"}]},
        error="rules[0]: must have at least one of headers, body, query, path",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "bdy": {"a": 1}}]},
        error=(
            "rules[0].bdy: unknown field; did you mean body?; rules[0]: must have at least one of "
            "headers, body, query, path"
        ),
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "headers": 5}]},
        error='rules[0].headers: must be an object such as {"name": "value"}; headers is one',
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "path": 5}]},
        error='rules[0].path: must be a string or an operator such as {"$starts_with": "/stripe"}',
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": []}]},
        error='rules[0].body: must not be an empty list; to match an empty array write {"$eq": []}',
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "path": ["/a"]}]},
        error=('rules[0].path: must not be a list; for alternatives write {"$in": [...]} or {"$or": [...]}'),
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {}}}]},
        error='rules[0].body.a: must not be empty; to match an empty object write {"$eq": {}}',
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"$gt": 1, "a": 2}}]},
        error=("rules[0].body.$gt: cannot stand beside fields: an object is never equal to or greater than it"),
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {"$near": 1}}}]},
        error="rules[0].body.a.$near: is not an operator",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "path": {"a": 1}}]},
        error=("rules[0].path.a: is not an operator; the path is text, such as '/stripe' or {\"$starts_with\": ...}"),
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {"$or": []}}}]},
        error="rules[0].body.a.$or: must be a non-empty list of conditions",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {"$regex": ""}}}]},
        error="rules[0].body.a.$regex: must be a non-empty regular expression",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {"$regex": 5}}}]},
        error="rules[0].body.a.$regex: must be a non-empty regular expression",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {"$regex": "("}}}]},
        error="rules[0].body.a.$regex: is not a regular expression RE2 understands: missing ): (",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {"$regex": "((a{100}){100}){100}"}}}]},
        error=("rules[0].body.a.$regex: is not a regular expression RE2 understands: invalid repetition size: {100}"),
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {"$regex": "a" * 1100}}}]},
        error="rules[0].body.a.$regex: must be at most 512 characters",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {"$ref": 5}}}]},
        error="rules[0].body.a.$ref: must be a path such as created_at or items[$index].id",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {"$exists": "yes"}}}]},
        error="rules[0].body.a.$exists: must be true or false",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {"$in": []}}}]},
        error="rules[0].body.a.$in: must be a string, a number, a boolean or a non-empty list",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {"$gt": None}}}]},
        error="rules[0].body.a.$gt: must be a number or a string",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {"$starts_with": 5}}}]},
        error="rules[0].body.a.$starts_with: must be a string or a list of 1 to 1000 strings",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {"$eq": [1] * 10001}}}]},
        error="rules[0].body.a.$eq: holds more than 10000 values",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": nested(40)}]},
        error=(
            "rules[0].body.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a: is "
            "nested more than 32 levels deep"
        ),
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {"$eq": nested(40)}}}]},
        error=(
            "rules[0].body.a.$eq.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a.a: is "
            "nested more than 32 levels deep"
        ),
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {"$not": {}}}}]},
        error='rules[0].body.a.$not: must not be empty; to match an empty object write {"$eq": {}}',
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "filter", "body": {"a": {"$contains": {}}}}]},
        error=('rules[0].body.a.$contains[0]: must not be empty; to match an empty object write {"$eq": {}}'),
    ),
    Refused("POST filters/test", {}, error="filter: is required (and 1 more)"),
    Refused(
        "POST filters/test",
        {"filter": {}, "input": {}},
        error="filter: must have at least one of headers, body, query, path",
    ),
    Refused(
        "POST filters/test",
        {"filter": {"body": {"a": 1}}, "input": {"query": 5}},
        error="input.query: must be a string or an object",
    ),
    Refused(
        "POST filters/test",
        {"filter": {"body": {"a": 1}}, "input": {"query": {"a": 5}}},
        error="input.query.a: must be a string or a list of strings",
    ),
    Refused(
        "POST filters/test",
        {"filter": {"body": {"a": 1}}, "input": {"headers": {"a": 5}}},
        error="input.headers.a: must be a string",
    ),
    Refused(
        "POST filters/test",
        {"filter": {"body": {"a": 1}}, "input": {"body": "%", "body_encoding": "base64"}},
        error="input.body: must be base64, as body_encoding says",
    ),
    Refused("POST filters/test?x=1", {}, error="unknown query parameters: x"),
]
