"""The welcome in the terminal when FastHook is ready: addresses, how to sign in, one request to try."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from pathlib import Path

CREDENTIALS_FILE = "credentials.json"


def welcome(environment: Mapping[str, str], data_dir: Path, *, is_log: bool = False) -> str:
    """Where it is and how to sign in. A log keeps what it gets for long: it is not told credentials."""
    base = environment["BASE_URL"].rstrip("/")
    if is_log:
        return f"FastHook is ready at {base}"
    lines = [
        "",
        f"FastHook is ready at {base}",
        f"  API        {base}/v1",
        f"  API docs   {base}/v1/docs",
        f"  Admin      {base}/admin/",
    ]
    credentials = read_credentials(data_dir)
    if credentials.get("email"):
        lines.append(f"  Sign in    {credentials['email']}  {credentials.get('password', '')}")
    if credentials.get("api_key"):
        lines.append(f"  API key    {credentials['api_key']}")
    lines.append(f"  All credentials: {data_dir / CREDENTIALS_FILE}")
    if credentials.get("source_url"):
        url = shlex.quote(credentials["source_url"])
        lines += [
            "",
            "Send a first webhook:",
            f"  curl -X POST {url} -H 'Content-Type: application/json' -d '{{\"hello\":\"world\"}}'",
        ]
    return "\n".join([*lines, "", "Ctrl-C stops everything.", ""])


def read_credentials(data_dir: Path) -> dict[str, str]:
    """What `manage.py bootstrap` left; empty when there is nothing readable."""
    try:
        stored = json.loads((data_dir / CREDENTIALS_FILE).read_text())
    except (OSError, ValueError):
        return {}
    return {str(name): str(value) for name, value in stored.items() if value is not None}
