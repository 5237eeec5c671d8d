"""Credentials of a destination, made from its saved `auth`: all that `build` needs to authenticate a request."""

from __future__ import annotations

from dataclasses import dataclass

from destinations.outbound.auth.oauth2 import ClientCredentials
from destinations.outbound.auth.signer import Signer


@dataclass(frozen=True, slots=True)
class Credentials:
    """What every request to one destination carries: lower-case headers, and raw query pairs as (key, "key=value").

    `signer` adds what depends on the request. With a `grant` a request needs an access token, which is not known here.
    """

    headers: tuple[tuple[str, str], ...] = ()
    query: tuple[tuple[str, str], ...] = ()
    signer: Signer | None = None
    grant: ClientCredentials | None = None
