"""Passwords are checked a few at once, however many are sent."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, BrokenBarrierError, Lock
from typing import Any

import pytest
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.test import RequestFactory

from teams.auth import backends
from teams.auth.backends import AT_ONCE, ThrottledBackend
from teams.auth.throttles import TooManyAttempts


def check() -> Any:
    return ThrottledBackend().authenticate(None, username="a@example.com", password="x")


def test_no_more_passwords_are_checked_at_once_than_there_are_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    one_more = Barrier(AT_ONCE + 1)
    lock, met = Lock(), []

    def meet(*_: Any, **__: Any) -> None:
        try:
            one_more.wait(timeout=0.2)
        except BrokenBarrierError:
            return
        with lock:
            met.append(True)

    monkeypatch.setattr(ModelBackend, "authenticate", meet)
    with ThreadPoolExecutor(8) as pool:
        for checked in [pool.submit(check) for _ in range(8)]:
            checked.result()
    assert met == []


def test_who_waits_too_long_is_told_to_try_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends, "PATIENCE_S", 0.0)
    for _ in range(AT_ONCE):
        backends._turns.acquire()
    try:
        with pytest.raises(
            TooManyAttempts, match="too many people are signing in at this moment; try again in 5 s"
        ) as refused:
            check()
        assert refused.value.headers == {"Retry-After": "5"}
        with pytest.raises(PermissionDenied):
            ThrottledBackend().authenticate(RequestFactory().post("/admin/login/"), username="", password="x")
    finally:
        for _ in range(AT_ONCE):
            backends._turns.release()
