"""Product cookies: the names of FastHook's own cookies, and Cookie headers without them. Pure.

A source URL may share its host with the admin, so a browser that is signed in sends them there too. They sign somebody
in, and evidence is read by every member: they never become evidence.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

SESSION: Final = "fasthook-session"
CSRF: Final = "fasthook-csrf"
# A browser takes such a cookie only with Secure, without Domain and for the path /, so no neighbour in the same domain
# can put one of its own in its place (RFC 6265bis, 4.1.3.2).
HOST_PREFIX: Final = "__Host-"

_PREFIXES: Final = ("__host-", "__secure-")
_OURS: Final = frozenset({SESSION, CSRF})
# Stands in each of our names: most Cookie headers are not taken apart.
_MARK: Final = "fasthook-"


def cookie_names(*, secure: bool) -> tuple[str, str]:
    """The session's cookie and that of the CSRF token."""
    prefix = HOST_PREFIX if secure else ""
    return prefix + SESSION, prefix + CSRF


def drop_product_cookies(headers: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Header pairs (lower-case name, value) in which other cookies stay byte for byte, and a Cookie header that held
    ours alone is gone."""
    kept = []
    for name, value in headers:
        left = _without_ours(value) if name == "cookie" and _MARK in value.lower() else value
        if left or not value:
            kept.append((name, left))
    return kept


def _without_ours(value: str) -> str:
    cookies = value.split(";")
    kept = [cookie for cookie in cookies if not _is_ours(cookie)]
    if not any(cookie.strip() for cookie in kept):
        return ""
    if _is_ours(cookies[0]):
        kept[0] = kept[0].removeprefix(" ")
    return ";".join(kept)


def _is_ours(cookie: str) -> bool:
    """True when it has a name of ours in any spelling: browsers tell prefixes apart whatever their case."""
    name = cookie.partition("=")[0].strip().lower()
    for prefix in _PREFIXES:
        name = name.removeprefix(prefix)
    return name in _OURS
