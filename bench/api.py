"""The product's public HTTP API as far as the bench needs it: an authenticated call, counts, the credentials file."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from bench.http import fetch, loopback_endpoint


class ApiError(RuntimeError):
    """The product refused a call; the message has its status and its own words."""


@dataclass(frozen=True, slots=True)
class Api:
    base_url: str
    team_id: str
    api_key: str

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> dict[str, Any]:
        """One call below /v1; ApiError for anything but 2xx, UnreachableError when nothing answers."""
        status, answer = await self.ask(method, path, body, query=query)
        if not 200 <= status < 300:
            raise ApiError(f"{method} {path}: {status} {answer[:500].decode(errors='replace')}")
        parsed: dict[str, Any] = json.loads(answer) if answer else {}
        return parsed

    async def ask(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        query: Mapping[str, str] | None = None,
    ) -> tuple[int, bytes]:
        """The same, whatever the status: that and the body."""
        url = f"{self.base_url}/v1{path}" + (f"?{urlencode(query)}" if query else "")
        headers = {"authorization": f"Bearer {self.api_key}", "x-team-id": self.team_id, "accept": "application/json"}
        content = b""
        if body is not None:
            headers["content-type"] = "application/json"
            content = json.dumps(body).encode()
        response = await fetch(method, url, headers=headers, body=content)
        return response.status, response.body

    async def count(self, resource: str, **filters: str) -> int:
        """How many requests or events of the last hour match, exactly."""
        now = datetime.now(UTC)
        return await self._count(resource, filters, start=now - timedelta(hours=1), end=now + timedelta(minutes=1))

    async def _count(self, resource: str, filters: dict[str, str], *, start: datetime, end: datetime) -> int:
        """Counts are exact up to a bound, so a range beyond it is counted in halves; both ends belong to a range."""
        bounds = {"from": start.isoformat(timespec="milliseconds"), "to": end.isoformat(timespec="milliseconds")}
        answer = await self.call("GET", f"/{resource}/count", query={**filters, **bounds})
        if answer["count_exact"]:
            return int(answer["count"])
        middle = start + (end - start) / 2
        middle = middle.replace(microsecond=middle.microsecond // 1000 * 1000)
        after = middle + timedelta(milliseconds=1)
        return await self._count(resource, filters, start=start, end=middle) + await self._count(
            resource, filters, start=after, end=end
        )


def read_credentials(path: Path, url: str | None) -> Api:
    """The API of `credentials.json` (base_url, team_id, api_key), at `url` when given; ValueError when unusable."""
    try:
        stored = json.loads(path.read_text())
        base_url = (url or stored["base_url"]).rstrip("/")
        api = Api(base_url=base_url, team_id=stored["team_id"], api_key=stored["api_key"])
    except OSError as fault:
        raise ValueError(
            f"{path} cannot be read ({fault.strerror}): start the product first with ./script/up"
        ) from fault
    except (json.JSONDecodeError, KeyError) as fault:
        raise ValueError(f"{path} must be JSON with base_url, team_id and api_key") from fault
    loopback_endpoint(api.base_url)
    return api
