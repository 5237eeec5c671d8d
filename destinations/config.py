"""The `config` of a destination as columns: bounds, defaults, merging with what is stored, masked secrets kept.

URLs and authentication have their own rules, in `destinations.outbound`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, TypedDict

from django.conf import settings

from destinations.models import Destination, DestinationType, RatePeriod
from destinations.outbound.auth.types import DESTINATION_SECRET_FIELDS, normalise_destination_auth
from destinations.outbound.url import normalise_destination_url
from fasthook.lib.config_fields import read_choice
from fasthook.lib.errors import invalid
from fasthook.lib.masking import unmask_auth

METHODS: Final = ("GET", "POST", "PUT", "PATCH", "DELETE")
MAX_RATE_LIMIT: Final = 1_000_000
MAX_CONCURRENCY: Final = 1000
MIN_TIMEOUT_S: Final = 0.1
MAX_TIMEOUT_S: Final = 60.0
MOCK_PATH: Final = "/mock/"
_MOCK_PATH = re.compile(r"/mock/[!-~]{0,2000}")

# Public key of config -> column and the value it has when a full config leaves it out.
_PLAIN: Final[Mapping[str, tuple[str, Any]]] = {
    "http_method": ("http_method", None),
    "rate_limit": ("rate_limit", None),
    "rate_limit_period": ("rate_limit_period", RatePeriod.SECOND.value),
    "max_concurrency": ("max_concurrency", 50),
    "timeout": ("timeout_s", 30.0),
    "path_forwarding_disabled": ("path_forwarding_disabled", False),
}


class DestinationColumns(TypedDict, total=False):
    type: str
    url: str
    http_method: str | None
    rate_limit: int | None
    rate_limit_period: str
    max_concurrency: int
    timeout_s: float
    path_forwarding_disabled: bool
    auth_type: str | None
    auth: dict[str, Any] | None


def read_destination_columns(
    *,
    destination_type: str | None,
    config: Mapping[str, Any] | None,
    stored: Destination | None,
    merge: bool,
    at: str = "",
) -> DestinationColumns:
    """The columns that `type` and `config` set. None leaves the stored value; without a stored row, the default.

    With `merge` a key that `config` lacks stays as it is, otherwise it gets its default. Numbers are in their bounds
    already. `at` is put before the paths of faults. Raises InvalidInput.
    """
    columns = DestinationColumns()
    if destination_type is not None or stored is None:
        columns["type"] = _read_type(destination_type or DestinationType.HTTP, at=f"{at}type")
    new_type = columns.get("type") or (stored.type if stored else DestinationType.HTTP)
    type_changes = stored is not None and new_type != stored.type
    if config is None and stored is not None and not type_changes:
        return columns
    given: Mapping[str, Any] = config or {}
    kept = stored if merge or config is None else None
    if kept is None or type_changes or "url" in given or "path" in given:
        columns["url"] = _read_target(new_type, given, at=f"{at}config")
    for key, (column, default) in _PLAIN.items():
        if kept is None or key in given:
            value = given.get(key)
            columns[column] = default if value is None else value  # type: ignore[literal-required]
    if kept is None or "auth_type" in given or "auth" in given:
        auth_type = given.get("auth_type", kept.auth_type if kept else None)
        columns["auth_type"] = auth_type
        columns["auth"] = _read_auth(auth_type, given.get("auth"), stored=stored, merge=merge, at=f"{at}config")
    return columns


def shown_target(destination: Destination) -> dict[str, str]:
    """`url`, and for MOCK_API the `path` that it is made of."""
    if destination.type == DestinationType.MOCK_API:
        return {"url": f"{settings.BASE_URL}{destination.url}", "path": destination.url}
    return {"url": destination.url}


def _read_type(name: str, *, at: str) -> str:
    return read_choice(name, DestinationType.values, at=at)


def _read_target(destination_type: str, given: Mapping[str, Any], *, at: str) -> str:
    url, path = given.get("url"), given.get("path")
    if destination_type == DestinationType.HTTP:
        if path is not None:
            raise invalid(f"{at}.path", "belongs to MOCK_API destinations; an HTTP destination has url")
        if url is None:
            raise invalid(f"{at}.url", "is required for an HTTP destination")
        return normalise_destination_url(url, at=f"{at}.url")
    if path is None and url is not None:
        path = url.removeprefix(settings.BASE_URL)
        if not _MOCK_PATH.fullmatch(path):
            raise invalid(f"{at}.url", f"must begin with {settings.BASE_URL}{MOCK_PATH}, or leave it out")
    path = MOCK_PATH if path is None else path
    if not _MOCK_PATH.fullmatch(path) or "#" in path:
        raise invalid(f"{at}.path", f"must begin with {MOCK_PATH} and have no spaces or fragment")
    if url not in (None, path, f"{settings.BASE_URL}{path}"):
        raise invalid(f"{at}.url", "names another place than path; send one of them")
    return path


def _read_auth(
    auth_type: str | None, auth: Mapping[str, Any] | None, *, stored: Destination | None, merge: bool, at: str
) -> dict[str, Any] | None:
    same = stored is not None and stored.auth_type == auth_type
    before: Any = stored.auth if stored is not None and same else None
    if auth is not None:
        auth = unmask_auth(auth, before, DESTINATION_SECRET_FIELDS.get(auth_type or "", frozenset()), at=f"{at}.auth")
    if merge and before:
        auth = {**before, **(auth or {})}
    return normalise_destination_auth(auth_type, auth, at=at)
