"""Random rules and requests, drawn so that every outcome comes up often and repeats of a payload happen."""

from __future__ import annotations

from random import Random
from typing import Any

import orjson

from connections.sandbox.jobs import Message

KINDS = ("order.paid", "order.sent", "refund")

# Each says the same of the same request, whenever and wherever it runs.
CODES = (
    "return request;",
    "request.body = {kind: request.body.kind, n: request.body.n, was: request.body}; return request;",
    "request.body.seen = [context.connection.name, context.source.name, context.destination.name]; return request;",
    "if (request.body.n % 2) throw new Error(`odd: ${request.body.n}`); request.body.even = true; return request;",
    "request.headers['x-kind'] = 'order.paid'; delete request.headers['x-tenant']; return request;",
    "request.path = '/v2' + request.path; request.method = 'PUT'; return request;",
    "request.query = 'kind=refund'; return request;",
    "request.parsed_query.added = ['1', '2']; return request;",
    "addHandler('transform', (request, context) => ({...request, body: {kind: 'refund', id: context.source.id}}));",
    "addHandler('transform', async (request) => { await null; request.body = 'text'; return request; });",
    "request.body = {env: process.env.KEY, at: request.created_at, kind: 'order.sent'}; return request;",
    "console.log(request.body); console.error('two'); return {headers: {}, body: null};",
    "request.body.kind.length; return request;",
    "if (request.method === 'PUT') return undefined; return request;",
    "if (request.path === '/a') return new Promise(() => {}); return request;",
    "request.headers['not a name'] = '1'; return request;",
    "throw null;",
    "return 5;",
    "return {\n  a: ,\n};",
)
LOOP = "while (true) {}"


def draw_rules(random: Random, *, name: str, saved: list[str]) -> list[dict[str, Any]]:
    """As a caller may write them: in any order and spelling. `name` is for an inline transformation."""
    drawn = [
        (0.5, _draw_dedup),
        (0.6, lambda random: _draw_transform(random, name=name, saved=saved)),
        (0.5, _draw_filter),
        (0.3, lambda random: {"type": "delay", "delay": random.choice([0, 1, 5000, 3_600_000])}),
        (0.3, _draw_retry),
    ]
    rules = [draw(random) for chance, draw in drawn if random.random() < chance]
    random.shuffle(rules)
    return rules


def draw_code(random: Random) -> str:
    return LOOP if random.random() < 0.01 else random.choice(CODES)


def draw_message(random: Random) -> Message:
    headers = [["content-type", "application/json"], ["x-tenant", random.choice("ab")]]
    if random.random() < 0.3:
        headers.append(["x-tenant", "c"])
    return Message(
        method=random.choice(["POST", "POST", "PUT"]),
        path=random.choice(["", "/a", "/a/b"]),
        query=random.choice(["", "kind=refund", "a=1&b=2&b=3"]),
        headers=headers,
        body=_draw_body(random),
    )


def _draw_body(random: Random) -> bytes:
    if random.random() < 0.1:
        return random.choice([b"", b"plain text", b"\xff\xfe\x00", b"null", b"[1, 2]", b'"text"', b"{broken"])
    return orjson.dumps(
        {"kind": random.choice(KINDS), "n": random.randrange(4), "items": [{"id": random.randrange(3)}]}
    )


def _draw_dedup(random: Random) -> dict[str, Any]:
    few = {"include_fields": ["body.n"]}
    fields = random.choice(
        [few, few, few, {}, {"include_fields": ["body.items[*].id", "path"]}, {"exclude_fields": ["body.n"]}]
    )
    # Under a window of its own a rule begins afresh.
    return {"type": "deduplicate", "window": random.choice([1000, *[604_800_000] * 4]), **fields}


def _draw_transform(random: Random, *, name: str, saved: list[str]) -> dict[str, Any]:
    spelling = random.choice(["transform", "transformation"])
    if random.random() < 0.5:
        return {"type": spelling, "transformation_id": random.choice(saved)}
    inline: dict[str, Any] = {"name": name, "code": draw_code(random)}
    if random.random() < 0.5:
        inline["env"] = {"KEY": random.choice("xyz")}
    return {"type": spelling, "transformation": inline}


def _draw_filter(random: Random) -> dict[str, Any]:
    targets: dict[str, Any] = {
        "body": random.choice(
            [
                {"kind": random.choice(KINDS)},
                {"kind": {"$in": list(KINDS[:2])}},
                {"$or": [{"n": {"$gte": 2}}, {"even": True}]},
                {"seen": {"$exists": True}},
                {"items": [{"id": 1}]},
            ]
        ),
        "headers": random.choice([{"x-kind": {"$exists": False}}, {"x-tenant": {"$starts_with": "a"}}]),
        "query": random.choice([{"kind": "refund"}, {"added": {"$exists": False}}]),
        "path": random.choice([{"$starts_with": "/a"}, {"$not": {"$starts_with": "/v2"}}]),
    }
    chosen = random.sample(sorted(targets), k=random.choice([1, 1, 1, 2]))
    return {"type": "filter", **{target: targets[target] for target in chosen}}


def _draw_retry(random: Random) -> dict[str, Any]:
    return {
        "type": "retry",
        "strategy": random.choice(["linear", "exponential"]),
        "interval": random.choice([100, 30_000]),
        "count": random.randint(1, 5),
    }
