"""Jobs for tests of the sandbox, over one small request."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson

from connections.sandbox.jobs import Job, Limits, Message, Named, Outcome, RunContext, RunStatus

JSON_HEADERS = (("content-type", "application/json"), ("x-id", "7"))
REQUEST = Message(method="POST", path="/orders", query="a=1&b=2&b=3", headers=JSON_HEADERS, body=b'{"id": 1}')
CONTEXT = RunContext(Named("conn_1", "stripe-to-billing"), Named("src_1", "stripe"), Named("des_1", "billing"))
FAST = Limits(cpu_s=0.2, wall_s=10.0)


def job(code: str, *, body: bytes | None = None, limits: Limits = FAST, **values: Any) -> Job:
    request = values.pop("request", REQUEST)
    if body is not None:
        request = replace(request, body=body)
    return Job(
        code=code, request=request, limits=limits, context=CONTEXT, created_at="2026-05-29T10:00:00.000Z", **values
    )


def made(outcome: Outcome) -> Any:
    """The JSON body that a successful run made."""
    assert outcome.status is RunStatus.SUCCESSFUL, outcome
    assert outcome.request is not None
    return orjson.loads(outcome.request.body)
