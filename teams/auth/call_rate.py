"""The rate of API calls per minute: of an API key, or of a person in all their sessions together.

Counted once the credential is known to be valid. Ingress is no part of the API and is not counted.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from fasthook.lib.counters import count_calls
from fasthook.lib.errors import FastHookError
from fasthook.lib.plural import for_count
from teams.auth.credentials import Credential

WINDOW_S = 60


class RateLimited(FastHookError):
    status = 429
    code = "RATE_LIMITED"


@dataclass(frozen=True, slots=True)
class CallRate:
    limit: int
    remaining: int
    reset_s: int

    def headers(self) -> dict[str, str]:
        """In the names of draft-ietf-httpapi-ratelimit-headers-06, and in the older ones."""
        values = {"Limit": self.limit, "Remaining": self.remaining, "Reset": self.reset_s}
        return {f"{start}RateLimit-{name}": str(value) for start in ("", "X-") for name, value in values.items()}


class CredentialThrottle(BaseThrottle):
    """REST framework asks it before every view. RateLimited beyond API_RATE_PER_MINUTE; 0 counts nothing."""

    def allow_request(self, request: Request, view: Any) -> bool:
        limit = settings.API_RATE_PER_MINUTE
        if limit <= 0 or not isinstance(request.auth, Credential):
            return True
        counted = count_calls([f"api:{_holder(request.auth)}"], window_s=WINDOW_S)
        if counted is None:
            return True
        (window,) = counted
        rate = CallRate(limit=limit, remaining=max(0, limit - window.count), reset_s=window.left_s)
        view.extra_headers = rate.headers()
        if window.count > limit:
            raise RateLimited(
                f"too many calls with this credential, {limit} a minute {for_count(limit, 'is', 'are')} allowed;"
                f" wait {rate.reset_s} s",
                data={"limit": limit, "retry_after_s": rate.reset_s},
                headers={"Retry-After": str(rate.reset_s)},
            )
        return True


def _holder(credential: Credential) -> str | None:
    return credential.user.id if credential.user is not None else credential.key_id
