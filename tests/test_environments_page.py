"""The promotion of docs/environments.md, command by command as it is written there."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

from tests.account import Account

PAGE = Path(__file__).resolve().parent.parent / "docs" / "environments.md"
SECRET = "whsec_production_secret"


def build_staging(account: Account) -> None:
    """As the guide on environments builds it."""
    auth = {"secret": "whsec_staging", "signature_header": "stripe-signature"}
    source = account.source("stripe-staging", auth_type="HMAC", auth=auth, allowed_http_methods=["POST"])
    destination = account.destination(
        "https://staging.example.com/webhooks/stripe",
        "billing-staging",
        http_method="POST",
        rate_limit=20,
        rate_limit_period="minute",
        auth_type="FASTHOOK_SIGNATURE",
        auth={},
    )
    retry = {
        "type": "retry",
        "strategy": "exponential",
        "interval": 30000,
        "count": 3,
        "response_status_codes": ["429", "500-599", "!501"],
    }
    rules: list[dict[str, Any]] = [{"type": "filter", "body": {"livemode": False}}, retry]
    account.connection(source, destination, rules, "stripe-staging-to-billing-staging")


def test_the_page_promotes_staging_to_production(account: Account, other_account: Account, tmp_path: Path) -> None:
    build_staging(account)
    commands = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE.read_text(), re.DOTALL))
    environment = {
        "PATH": os.environ["PATH"],
        "API": f"{account.base_url}/v1",
        "STAGING_KEY": account.api_key,
        "PRODUCTION_KEY": other_account.api_key,
        "STRIPE_SECRET": SECRET,
    }
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail", "-c", commands],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    assert [name for name, text in written.items() if "whsec_staging" in text or SECRET in text] == []

    [connection] = other_account.get("connections")["models"]
    assert connection["name"] == "stripe-production-to-billing-production"
    livemode, retry = connection["rules"]
    assert (connection["paused_at"], livemode) == (None, {"type": "filter", "body": {"livemode": True}})
    assert (retry["count"], retry["response_status_codes"]) == (5, ["429", "500-599", "!501"])
    source, config = connection["source"], connection["destination"]["config"]
    assert (source["name"], source["config"]["auth"]["secret"]) == ("stripe-production", "whsec_****cret")
    assert source["url"] in written["applied.json"]
    assert (config["url"], config["rate_limit"], config["auth_type"]) == (
        "https://hooks.example.com/webhooks/stripe",
        5,
        "FASTHOOK_SIGNATURE",
    )
    told = [entry["action"] for entry in other_account.get("audit", dir="asc")["models"]]
    # People of several teams may have signed in meanwhile.
    assert [action for action in told if not action.startswith("sign_in.")] == [
        "source.created",
        "destination.created",
        "connection.created",
        "routes.applied",
        "connection.unpaused",
    ]
    assert account.get("audit", action="routes.applied")["total"] == 0
