"""What tests of transformations share: saving one, naming it in a rule, sending JSON, and looking at its runs."""

from __future__ import annotations

import json
from typing import Any

from tests.account import Account, Json

JSON_HEADERS = {"content-type": "application/json"}
RETRY_EACH_SECOND = {"type": "retry", "strategy": "linear", "interval": 1000, "count": 3}


def save(account: Account, name: str, code: str, **env: str) -> str:
    identifier: str = account.put("transformations", {"name": name, "code": code, "env": env})["id"]
    return identifier


def by_id(identifier: str) -> Json:
    return {"type": "transform", "transformation_id": identifier}


def inline(code: str, name: str = "inline", **env: str) -> Json:
    return {"type": "transformation", "transformation": {"name": name, "code": code, "env": env}}


def post(account: Account, source: Json, body: Any, **options: Any) -> str:
    headers = {**JSON_HEADERS, **options.pop("headers", {})}
    return account.accept(source, json.dumps(body).encode(), headers=headers, **options)


def executions(account: Account, identifier: str, **filters: Any) -> list[Json]:
    models: list[Json] = account.get(f"transformations/{identifier}/executions", **filters)["models"]
    return models
