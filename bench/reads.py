"""Timed reads of the product's API on one kept connection, one after another."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from bench.api import Api
from bench.http import ClientConnection, connect, loopback_endpoint

TIMEOUT_S = 30.0


@dataclass(frozen=True, slots=True)
class Read:
    """What is asked, below /v1; `kind` is what it is reported with."""

    kind: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)

    @property
    def target(self) -> str:
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path


class Reader:
    def __init__(self, api: Api) -> None:
        self._api = api
        self._connection: ClientConnection | None = None

    async def time(self, read: Read) -> tuple[int, float, dict[str, Any]]:
        """Status (0 when the connection ended), seconds to the last byte, and the answer."""
        endpoint = loopback_endpoint(self._api.base_url)
        if self._connection is None or not self._connection.is_open:
            self._connection = await connect(endpoint.port)
        lines = [
            f"GET /v1{read.target} HTTP/1.1",
            f"host: {endpoint.authority}",
            f"authorization: Bearer {self._api.api_key}",
            f"x-team-id: {self._api.team_id}",
            "accept: application/json",
        ]
        answer: asyncio.Future[tuple[int, bytes]] = asyncio.get_running_loop().create_future()
        began_s = time.perf_counter()
        self._connection.send("\r\n".join([*lines, "\r\n"]).encode("latin-1"), lambda *got: _resolve(answer, got))
        async with asyncio.timeout(TIMEOUT_S):
            status, body = await answer
        spent_s = time.perf_counter() - began_s
        return status, spent_s, json.loads(body) if body[:1] == b"{" else {}

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()


def _resolve(answer: asyncio.Future[tuple[int, bytes]], got: tuple[int, bytes]) -> None:
    if not answer.done():
        answer.set_result(got)
