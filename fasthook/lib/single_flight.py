"""Single flight with a time limit: one call at a time to something that may hang; late answers are kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Generic, TypeVar

Answer = TypeVar("Answer")


class SingleFlight(Generic[Answer]):
    """Calls `ask` on a thread of its own. Callers that come meanwhile, or within `fresh_s`, share its outcome.

    TimeoutError when it takes longer than `patience_s`; otherwise what `ask` returns or raises.
    """

    def __init__(self, ask: Callable[[], Answer], *, patience_s: float, fresh_s: float = 0.0) -> None:
        self._ask = ask
        self._patience_s = patience_s
        self._fresh_s = fresh_s
        self._lock = threading.Lock()
        self._asked: Future[Answer] | None = None
        self._answered_at = 0.0

    def __call__(self) -> Answer:
        with self._lock:
            if self._asked is None or self._is_stale(self._asked):
                self._asked = Future()
                threading.Thread(target=self._answer, args=(self._asked,), name="promptly", daemon=True).start()
            asked = self._asked
        try:
            return asked.result(timeout=self._patience_s)
        except TimeoutError:
            if asked.done():
                raise
            raise TimeoutError(f"no answer within {self._patience_s:g} s") from None

    def _is_stale(self, asked: Future[Answer]) -> bool:
        return asked.done() and time.monotonic() - self._answered_at >= self._fresh_s

    def _answer(self, asked: Future[Answer]) -> None:
        try:
            answer = self._ask()
        except BaseException as error:
            self._answered_at = time.monotonic()
            asked.set_exception(error)
        else:
            self._answered_at = time.monotonic()
            asked.set_result(answer)
