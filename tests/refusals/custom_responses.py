"""A source's own response: what is refused, and how."""

from __future__ import annotations

from tests.refusals.case import Refused

DEEP = "a" + ".a" * 50

CASES = [
    Refused(
        "PATCH sources/{source}",
        {"config": {"custom_response": {"content_type": "pdf", "body": "x"}}},
        error="config.custom_response.content_type: must be one of json, text, xml",
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"custom_response": {"body": "x"}}},
        error="config.custom_response.content_type: is required",
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"custom_response": {"content_type": "text", "body": 5}}},
        error="config.custom_response.body: must be a string when content_type is text",
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"custom_response": {"content_type": "text", "body": "a\x01{{body.}}"}}},
        error=(
            "config.custom_response.body: body. is not known; known are body, body.<path>, "
            "headers.<name>, query.<name>, path, method, request.id"
        ),
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"custom_response": {"content_type": "text", "body": "x", "status": "200"}}},
        error="config.custom_response.status: must be a whole number",
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"custom_response": {"content_type": "text", "body": "x", "status": 301}}},
        error="config.custom_response.status: must be 200 to 299 or 400 to 599",
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"custom_response": {"content_type": "text", "body": "x", "status": 204}}},
        error="config.custom_response.body: must be empty text when status is 204",
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"custom_response": {"content_type": "text", "body": "x", "headers": 5}}},
        error="config.custom_response.headers: must be an object of names and values",
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"custom_response": {"content_type": "text", "body": "x", "headers": {"content-type": "x"}}}},
        error=(
            "config.custom_response.headers.content-type: cannot be set here; content-type follows "
            "content_type, others are the server's"
        ),
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"custom_response": {"content_type": "text", "body": "x", "headers": {"x-a": "ü"}}}},
        error="config.custom_response.headers.x-a: must be ASCII",
    ),
    Refused(
        "PATCH sources/{source}",
        {
            "config": {
                "custom_response": {
                    "content_type": "text",
                    "body": "x",
                    "headers": {f"x-{number}": "x" for number in range(40)},
                }
            }
        },
        error="config.custom_response.headers: must have at most 20 headers",
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"custom_response": {"content_type": "text", "body": "x" * 70000}}},
        error="config.custom_response.body: must be at most 65536 bytes long, is 70000",
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"custom_response": {"rules": 5}}},
        error="config.custom_response.rules: must be a list",
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"custom_response": {"rules": [{}] * 60}}},
        error="config.custom_response.rules: must have at most 50 rules",
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"custom_response": {"rules": [{"match": {}, "content_type": "text", "body": "x"}]}}},
        error=("config.custom_response.rules[0].match: must test something: method, path, query, headers, body"),
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"custom_response": {"rules": [{"match": {"query": {}}, "content_type": "text", "body": "x"}]}}},
        error=("config.custom_response.rules[0].match.query: must be an object of names and tests, not empty"),
    ),
    Refused(
        "PATCH sources/{source}",
        {"config": {"custom_response": {"rules": [{"match": {"path": {}}, "content_type": "text", "body": "x"}]}}},
        error="config.custom_response.rules[0].match.path: must have one of eq, in, exists, starts_with",
    ),
    Refused(
        "PATCH sources/{source}",
        {
            "config": {
                "custom_response": {"rules": [{"match": {"path": {"near": 1}}, "content_type": "text", "body": "x"}]}
            }
        },
        error=("config.custom_response.rules[0].match.path.near: is not an operator; eq, in, exists, starts_with"),
    ),
    Refused(
        "PATCH sources/{source}",
        {
            "config": {
                "custom_response": {
                    "rules": [{"match": {"path": {"starts_with": ""}}, "content_type": "text", "body": "x"}]
                }
            }
        },
        error="config.custom_response.rules[0].match.path.starts_with: must be a string, not empty",
    ),
    Refused(
        "PATCH sources/{source}",
        {
            "config": {
                "custom_response": {"rules": [{"match": {"path": {"in": []}}, "content_type": "text", "body": "x"}]}
            }
        },
        error="config.custom_response.rules[0].match.path.in: must be a list of 1 to 100 values",
    ),
    Refused(
        "PATCH sources/{source}",
        {
            "config": {
                "custom_response": {
                    "rules": [{"match": {"path": {"exists": "x"}}, "content_type": "text", "body": "x"}]
                }
            }
        },
        error="config.custom_response.rules[0].match.path.exists: must be true or false",
    ),
    Refused(
        "PATCH sources/{source}",
        {
            "config": {
                "custom_response": {"rules": [{"match": {"path": ["a"] * 200}, "content_type": "text", "body": "x"}]}
            }
        },
        error="config.custom_response.rules[0].match.path: must be a list of 1 to 100 values",
    ),
    Refused(
        "PATCH sources/{source}",
        {
            "config": {
                "custom_response": {"rules": [{"match": {"path": "a" * 5000}, "content_type": "text", "body": "x"}]}
            }
        },
        error=("config.custom_response.rules[0].match.path: must be text of at most 4096 characters, without NUL"),
    ),
    Refused(
        "PATCH sources/{source}",
        {
            "config": {
                "custom_response": {"rules": [{"match": {"path": {"eq": {}}}, "content_type": "text", "body": "x"}]}
            }
        },
        error=("config.custom_response.rules[0].match.path.eq: must be a string, a number, a boolean or null"),
    ),
    Refused(
        "PATCH sources/{source}",
        {
            "config": {
                "custom_response": {"rules": [{"match": {"body": {"a.": 1}}, "content_type": "text", "body": "x"}]}
            }
        },
        error="config.custom_response.rules[0].match.body.a.: a. is not a path such as data.items[0].id",
    ),
    Refused(
        "PATCH sources/{source}",
        {
            "config": {
                "custom_response": {"rules": [{"match": {"body": {DEEP: 1}}, "content_type": "text", "body": "x"}]}
            }
        },
        error="config.custom_response.rules[0].match.body." + DEEP + f": {DEEP} has more than 16 steps",
    ),
    Refused(
        "PATCH sources/{source}",
        {
            "config": {
                "custom_response": {
                    "rules": [
                        {
                            "match": {"query": {f"a{number}": 1 for number in range(200)}},
                            "content_type": "text",
                            "body": "x",
                        }
                    ]
                }
            }
        },
        error="config.custom_response.rules[0].match: must have at most 32 tests",
    ),
]
