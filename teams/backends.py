"""Passwords on Django's own forms (the admin's), under the same throttle as the API's sign-in."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from teams.models import User
from teams.throttle import TooManyAttempts, count_attempt


class ThrottledBackend(ModelBackend):
    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """A form passes its request; the API's sign-in passes none, having counted the attempt itself."""
        email = (username or "").strip().lower()
        if request is not None and email:
            try:
                count_attempt(request.META.get("REMOTE_ADDR", ""), email)
            except TooManyAttempts as error:
                raise PermissionDenied(error.message) from error
        return super().authenticate(request, username=email, password=password, **kwargs)
