"""What schemathesis checks besides its own checks: that nothing crosses the line between two teams.

Loaded by schemathesis (`hooks` in the configuration that run.py writes). Every call that succeeded for the team is made
again by a stranger, who holds another team's key: an object of the path must not exist for them, and whatever they are
answered with must not name anything that only the team has seen: the team's own id first of all, which every object
shows.
"""

from __future__ import annotations

import os
import re
from typing import Any

import requests
import schemathesis
from schemathesis import Case, CheckContext, Response

STRANGER = os.environ["FUZZ_STRANGER_KEY"]
# Both would change the key that the stranger calls with, and then no call would prove anything.
NOT_REPEATED = ("/v1/project-secrets", "/v1/auth/")
_ID = re.compile(r"\b(?:[a-z]{2,4})_[0-9a-hjkmnp-tv-z]{26}\b")
_HEADERS_OF_THE_TEAM = {"authorization", "x-team-id"}
TIMEOUT_S = 30

# What the team was answered with, and what of it the stranger has said since: that may come back, as stored filters do.
_seen: set[str] = set()
_said: set[str] = set()


@schemathesis.check
def nothing_of_another_team(ctx: CheckContext, response: Response, case: Case) -> bool | None:
    if response.status_code >= 300:
        return None
    _seen.update(_ID.findall(response.text if "json" in response.headers.get("content-type", [""])[0] else ""))
    if case.operation.path.startswith(NOT_REPEATED):
        return None
    answer = _as_stranger(response)
    _said.update(_ID.findall(_text_of(answer.request)))
    named = _seen.intersection(_ID.findall(case.formatted_path))
    assert answer.status_code < 500, f"{answer.status_code} for a stranger: {answer.text[:500]}"
    if named:
        assert answer.status_code in (403, 404, 422), (
            f"a stranger reached {named}: {answer.status_code} {answer.text[:500]}"
        )
    if answer.ok:
        told = _seen.intersection(_ID.findall(answer.text)) - _said
        assert not told, f"a stranger was told {told} by {case.method} {case.formatted_path}"
    return None


def _as_stranger(response: Response) -> requests.Response:
    """The very same call with another team's key."""
    sent: Any = response.request
    headers = {name: value for name, value in sent.headers.items() if name.lower() not in _HEADERS_OF_THE_TEAM}
    headers["Authorization"] = f"Bearer {STRANGER}"
    return requests.request(sent.method, sent.url, headers=headers, data=sent.body, timeout=TIMEOUT_S)


def _text_of(request: requests.PreparedRequest) -> str:
    body = request.body.decode(errors="replace") if isinstance(request.body, bytes) else request.body or ""
    return f"{request.url} {body}"
