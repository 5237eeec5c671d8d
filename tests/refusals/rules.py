"""Rules of a connection: what is refused, and how."""

from __future__ import annotations

from tests.refusals.case import Refused

CASES = [
    Refused("PATCH connections/{connection}", {"rules": "x"}, error="rules: must be a list of rules"),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [5]},
        error='rules[0]: must be an object such as {"type": "delay", "delay": 1000}',
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "delay", "delay": 1}, {"type": "delay", "delay": 2}]},
        error="rules[1].type: there is already a delay rule; a connection has one of each",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "delay", "delay": 1}] * 6},
        error="rules: must have at most 5 rules, one of each type",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{}]},
        error="rules[0].type: is required: one of deduplicate, transform, filter, delay, retry",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "delai"}]},
        error=("rules[0].type: must be one of deduplicate, transform, filter, delay, retry; did you mean delay?"),
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "delay", "delay": 1, "dleay": 2}]},
        error="rules[0].dleay: unknown field; did you mean delay?",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "delay", "delay": "soon"}]},
        error="rules[0].delay: must be a whole number of milliseconds",
    ),
    Refused("PATCH connections/{connection}", {"rules": [{"type": "delay"}]}, error="rules[0].delay: is required"),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "delay", "delay": -1}]},
        error="rules[0].delay: must be between 0 and 604800000 milliseconds",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "deduplicate", "window": 1}]},
        error="rules[0].window: must be between 1000 and 604800000 milliseconds",
    ),
    Refused(
        "PATCH connections/{connection}",
        {
            "rules": [
                {"type": "deduplicate", "window": 60000, "include_fields": ["body.id"], "exclude_fields": ["body.x"]}
            ]
        },
        error="rules[0].exclude_fields: cannot be used together with include_fields",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "deduplicate", "window": 60000, "include_fields": "body.id"}]},
        error="rules[0].include_fields: must be a list of at most 50 paths such as body.id",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "deduplicate", "window": 60000, "include_fields": ["body.a"] * 51}]},
        error="rules[0].include_fields: must be a list of at most 50 paths such as body.id",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "deduplicate", "window": 60000, "include_fields": [5]}]},
        error="rules[0].include_fields[0]: must be a string such as body.id",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "deduplicate", "window": 60000, "include_fields": [""]}]},
        error="rules[0].include_fields[0]: must be a path of 1 to 512 characters, such as body.id",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "deduplicate", "window": 60000, "include_fields": ["boddy.id"]}]},
        error=("rules[0].include_fields[0]: 'boddy.id' must start with one of body, headers, query, path, method"),
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "deduplicate", "window": 60000, "include_fields": ["path.a"]}]},
        error="rules[0].include_fields[0]: path is text and has no fields",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "deduplicate", "window": 60000, "include_fields": ["headers[0]"]}]},
        error="rules[0].include_fields[0]: a header is text and has no fields; write headers.x-id",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "deduplicate", "window": 60000, "include_fields": ["body."]}]},
        error=(
            "rules[0].include_fields[0]: 'body.' is not a path; write body.id, headers.x-id, "
            'body.items[0].id or body["a.b"]'
        ),
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "deduplicate", "window": 60000, "include_fields": ["body" + ".a" * 40]}]},
        error="rules[0].include_fields[0]: must have at most 32 steps",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "deduplicate", "window": 60000, "include_fields": ["body[$index]"]}]},
        error="rules[0].include_fields[0]: [$index] cannot be used here",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "deduplicate", "window": 60000, "include_fields": ['body["a']}]},
        error=(
            "rules[0].include_fields[0]: 'body[\"a' is not a path; write body.id, headers.x-id, "
            'body.items[0].id or body["a.b"]'
        ),
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "retry"}]},
        error="rules[0].strategy: must be linear or exponential",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "retry", "strategy": "cubic", "interval": 1000, "count": 1}]},
        error="rules[0].strategy: must be linear or exponential",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "retry", "strategy": "linear", "interval": 1000, "count": 51}]},
        error="rules[0].count: must be between 1 and 50",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "retry", "strategy": "linear", "interval": 0, "count": 1}]},
        error="rules[0].interval: must be between 100 and 86400000 milliseconds",
    ),
    Refused(
        "PATCH connections/{connection}",
        {
            "rules": [
                {"type": "retry", "strategy": "linear", "interval": 1000, "count": 1, "response_status_codes": "429"}
            ]
        },
        error='rules[0].response_status_codes: must be a list such as ["429", "500-599", "!501"]',
    ),
    Refused(
        "PATCH connections/{connection}",
        {
            "rules": [
                {"type": "retry", "strategy": "linear", "interval": 1000, "count": 1, "response_status_codes": ["5xx"]}
            ]
        },
        error=(
            "rules[0].response_status_codes[0]: must be a status such as 429, a range such as "
            "500-599, or >=500, each also excluded with !"
        ),
    ),
    Refused(
        "PATCH connections/{connection}",
        {
            "rules": [
                {
                    "type": "retry",
                    "strategy": "linear",
                    "interval": 1000,
                    "count": 1,
                    "response_status_codes": ["599-500"],
                }
            ]
        },
        error="rules[0].response_status_codes[0]: must be a range from the lower to the higher status",
    ),
    Refused(
        "PATCH connections/{connection}",
        {
            "rules": [
                {"type": "retry", "strategy": "linear", "interval": 1000, "count": 1, "response_status_codes": [5]}
            ]
        },
        error=(
            "rules[0].response_status_codes[0]: must be a status such as 429, a range such as "
            "500-599, or >=500, each also excluded with !"
        ),
    ),
    Refused(
        "PATCH connections/{connection}",
        {
            "rules": [
                {
                    "type": "retry",
                    "strategy": "linear",
                    "interval": 1000,
                    "count": 1,
                    "response_status_codes": ["429"] * 101,
                }
            ]
        },
        error="rules[0].response_status_codes: must have at most 100 entries",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "transform"}]},
        error=("rules[0].transformation_id: either transformation_id or an inline transformation is required"),
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "transform", "transformation_id": 5}]},
        error="rules[0].transformation_id: must be the id of a transformation",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "transform", "transformation_id": "trs_none"}]},
        error="rules[0].transformation_id: there is no such transformation in this team",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "transform", "transformation": "x"}]},
        error="rules[0].transformation: must be an object with name and code",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "transform", "transformation": {"name": "a b", "code": "return request;"}}]},
        error="rules[0].transformation.name: must be 1 to 155 letters, digits, '-', '_' or '.'",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "transform", "transformation": {"name": "a", "code": 5}}]},
        error="rules[0].transformation.code: must be JavaScript source",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "transform", "transformation": {"name": "a", "code": "return {"}}]},
        error="rules[0].transformation.code: line 2, column 2: SyntaxError: expecting ';'",
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "transform", "transformation": {"name": "a", "code": "return request;", "env": 5}}]},
        error="rules[0].transformation.env: must be an object of at most 100 names with text values",
    ),
    Refused(
        "PATCH connections/{connection}",
        {
            "rules": [
                {"type": "transform", "transformation": {"name": "a", "code": "return request;", "env": {"1a": "x"}}}
            ]
        },
        error=("rules[0].transformation.env: names must be letters, digits and '_', not starting with a digit"),
    ),
    Refused(
        "PATCH connections/{connection}",
        {"rules": [{"type": "transform", "transformation": {"name": "a", "code": "return request;", "env": {"A": 5}}}]},
        error="rules[0].transformation.env.A: must be text",
    ),
    Refused(
        "PATCH connections/{connection}",
        {
            "rules": [
                {"type": "transform", "transformation_id": "trs_none", "transformation": {"name": "a", "code": "x"}}
            ]
        },
        error=("rules[0].transformation_id: either transformation_id or an inline transformation is required"),
    ),
    Refused(
        "PATCH connections/{connection}",
        {
            "rules": [
                {
                    "type": "retry",
                    "strategy": "linear",
                    "interval": 1000,
                    "count": 1,
                    "response_status_codes": ["099"],
                }
            ]
        },
        error="rules[0].response_status_codes[0]: must be a status between 100 and 999",
    ),
]
