"""Password checks: on Django's own forms (the admin's) under the API's throttle, and everywhere only a few at once.

A check takes 100 MB and a core for a moment. Hundreds at once would take all memory, and every connection to Postgres.
"""

from __future__ import annotations

from threading import BoundedSemaphore
from typing import Any, Final

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from teams.auth.throttles import TooManyAttempts, count_attempt
from teams.models import User

AT_ONCE: Final = 2
PATIENCE_S: Final = 10.0
RETRY_AFTER_S: Final = 5
_turns = BoundedSemaphore(AT_ONCE)


class ThrottledBackend(ModelBackend):
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """A form passes its request; the API's sign-in passes none, having counted the attempt itself.

        TooManyAttempts without a request, PermissionDenied with one.
        """
        email = (username or "").strip().lower()
        try:
            if request is not None and email:
                count_attempt(request.META.get("REMOTE_ADDR", ""), email)
            # Waits here, before the account is read: whoever waits keeps no connection from others.
            if not _turns.acquire(timeout=PATIENCE_S):
                raise _busy()
        except TooManyAttempts as error:
            if request is None:
                raise
            raise PermissionDenied(error.message) from error
        try:
            return super().authenticate(request, username=email, password=password, **kwargs)
        finally:
            _turns.release()


def _busy() -> TooManyAttempts:
    return TooManyAttempts(
        f"too many people are signing in at this moment; try again in {RETRY_AFTER_S} s",
        headers={"Retry-After": str(RETRY_AFTER_S)},
    )
