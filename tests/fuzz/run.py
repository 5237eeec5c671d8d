"""One run of schemathesis against a running product: two teams, one with something of everything, and a verdict.

Looks for answers of 5xx, for answers that the document does not describe, and for anything readable or writable across
teams. What is said of the route table as a whole is proven by the ordinary tests.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.account import Account

ROOT = Path(__file__).resolve().parent.parent.parent
# They would end the credential that the run calls with.
LEFT_OUT = ("logout", "rotate_project_secrets", "put_project_secrets")
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "use_after_free",
    "ignored_auth",
    "unsupported_method",
    "nothing_of_another_team",
    "negative_data_rejection",
)
TEAM_PARAMETERS = [{"$ref": f"#/components/parameters/{name}"} for name in ("TeamHeader", "TeamQuery")]
# Bytes as they came, which no schema says anything about.
RAW = ("get_request_raw_body", "get_event_raw_body")
RULES = [{"type": "retry", "strategy": "linear", "interval": 60_000, "count": 1}]


@dataclass(frozen=True, slots=True)
class Verdict:
    passed: bool
    output: str
    calls: int


def furnish(account: Account) -> dict[str, list[str]]:
    """Something of everything: a delivered event, a failed one, an ignored one. Its ids by parameter of the paths."""
    source = account.source()
    good = account.put("destinations", {"name": "good", "type": "MOCK_API", "config": {"path": "/mock/good"}})
    bad = account.destination("http://127.0.0.1:1/closed", name="bad")
    routes = [
        account.connection(source, good, name="delivered"),
        account.connection(source, bad, name="failed", rules=RULES),
        account.connection(source, good, name="ignored", rules=[{"type": "filter", "body": {"type": "other"}}]),
    ]
    code = "console.log('seen'); request.body.more = 1; return request;"
    transformation = account.put("transformations", {"name": "more", "code": code})
    transform = {"type": "transform", "transformation_id": transformation["id"]}
    routes.append(account.connection(source, good, name="transformed", rules=[transform]))
    request_id = account.accept(source, b'{"type": "invoice.paid"}', headers={"Content-Type": "application/json"})
    events = [
        account.wait_for_event(request_id, status, connection_id=route["id"])
        for route, status in ((routes[0], "SUCCESSFUL"), (routes[1], "FAILED"), (routes[3], "SUCCESSFUL"))
    ]
    execution = account.get(f"transformations/{transformation['id']}/executions")["models"][0]
    backtest = account.post(f"connections/{routes[0]['id']}/rehearsals", {"from": "now-1h"})
    operation = account.post("events/bulk_operations", {"from": "now-1h", "status": "FAILED"})
    return {
        # Most resources call their own id so.
        "id": [source["id"], good["id"], routes[0]["id"], transformation["id"]],
        "operation_id": [operation["id"]],
        "source_id": [source["id"]],
        "destination_id": [good["id"], bad["id"]],
        "connection_id": [route["id"] for route in routes],
        "transformation_id": [transformation["id"]],
        "execution_id": [execution["id"]],
        "rehearsal_id": [backtest["id"]],
        "request_id": [request_id],
        "event_id": [event["id"] for event in events],
        "attempt_id": [account.attempts(event)[0]["id"] for event in events],
    }


def run(
    account: Account, stranger: Account, *, folder: Path, seconds: int, seed: int, phases: str, examples: int
) -> Verdict:
    """`seconds` bound the run; the same seed makes the same calls as far as the answers are the same."""
    config, document = folder / "schemathesis.toml", folder / "openapi.json"
    config.write_text(_configuration(furnish(account)))
    document.write_text(json.dumps(_prepared(account.get("schema"))))
    command = [
        str(Path(sys.executable).with_name("schemathesis")),
        "--config-file",
        str(config),
        "--no-color",
        "run",
        str(document),
        f"--url={account.base_url}",
        f"--max-time={seconds}",
        f"--seed={seed}",
        f"--phases={phases}",
        f"--max-examples={examples}",
        f"--checks={','.join(CHECKS)}",
        f"--header=Authorization: Bearer {account.api_key}",
        f"--header=x-team-id: {account.team_id}",
        "--generation-allow-x00=false",
        "--generation-database=none",
        "--request-timeout=30",
        "--continue-on-failure",
        "--warnings=off",
        "--suppress-health-check=all",
        "--output-sanitize=true",
        *(f"--exclude-operation-id={name}" for name in LEFT_OUT),
    ]
    environment = {**os.environ, "FUZZ_STRANGER_KEY": stranger.api_key, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    output = done.stdout + done.stderr
    made = re.search(r"(\d[\d,]*) generated", output)
    return Verdict(passed=done.returncode == 0, output=output, calls=int(made[1].replace(",", "")) if made else 0)


def _prepared(document: dict[str, Any]) -> dict[str, Any]:
    """The published document without the choice of the team, which the run's headers make: every answer has a team_id,
    so that each would be linked to each, ten thousand links. Raw bodies are taken as they come, JSON too."""
    for methods in document["paths"].values():
        for operation in methods.values():
            operation["parameters"] = [each for each in operation.get("parameters", []) if each not in TEAM_PARAMETERS]
            if operation["operationId"] in RAW:
                operation["responses"]["200"]["content"]["*/*"]["schema"] = {}
    return document


def _configuration(ids: dict[str, list[str]]) -> str:
    """Half of the ids in paths and queries are such as exist: made-up ones alone would only ever be 404."""
    lines = ['hooks = "tests.fuzz.hooks"', ""]
    for name, values in ids.items():
        lines += [f"[dictionaries.{name}]", f"values = {json.dumps(values)}", ""]
    lines.append("[parameters]")
    lines += [f'{name} = {{ dictionary = "{name}", probability = 0.5 }}' for name in ids]
    return "\n".join(lines) + "\n"
