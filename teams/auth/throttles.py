"""Throttles of sign-in: attempts are counted for an address and account together, and for each alone.

Together strictly: that is one who tries. Alone more generously, since many people share an address, and since whoever
knows an email must not be able to keep its owner out from everywhere with a few calls.
"""

from __future__ import annotations

import hashlib

from django.conf import settings

from fasthook.lib.counters import count_calls
from fasthook.lib.errors import FastHookError

_WINDOW_S = 60
# How many times LOGIN_ATTEMPTS_PER_MINUTE one address may try all accounts, and one account be tried from anywhere.
SHARED = 10


class TooManyAttempts(FastHookError):
    status = 429
    code = "TOO_MANY_REQUESTS"


def count_attempt(client_ip: str, email: str) -> None:
    """TooManyAttempts beyond LOGIN_ATTEMPTS_PER_MINUTE, or SHARED times that for the address or the account.

    Without Redis attempts are not counted: signing in must not depend on a part that may vanish.
    """
    keys = [_key(client_ip, email), _key(client_ip, ""), _key("", email)]
    counted = count_calls(keys, window_s=_WINDOW_S)
    if counted is None:
        return
    allowed = settings.LOGIN_ATTEMPTS_PER_MINUTE
    refusing = [
        window.left_s
        for window, limit in zip(counted, (allowed, allowed * SHARED, allowed * SHARED), strict=True)
        if window.count > limit
    ]
    if refusing:
        wait_s = max(refusing)
        raise TooManyAttempts(f"too many attempts to sign in; wait {wait_s} s", headers={"Retry-After": str(wait_s)})


def _key(client_ip: str, email: str) -> str:
    return "login:" + hashlib.sha256(f"{client_ip}|{email}".encode()).hexdigest()
