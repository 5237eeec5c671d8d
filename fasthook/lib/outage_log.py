"""An outage log: one line when something outside goes away and one when it is back, however many calls fail in between.

How often it failed is counted by metrics; what is logged here is for people.
"""

from __future__ import annotations

import time
from typing import Any

import structlog

log = structlog.get_logger(__name__)


class Outage:
    """One per thing and asker. `failed` writes its line at the first failure, `over` writes `restored` at its end.

    Used by one thread or loop at a time; two at once could at worst write a line twice.
    """

    def __init__(self, *, restored: str) -> None:
        self._restored = restored
        self._since: float | None = None
        self._failures = 0

    def failed(self, event: str, error: BaseException, **fields: Any) -> None:
        self._failures += 1
        if self._since is None:
            self._since = time.monotonic()
            log.error(event, error=str(error), **fields)

    def over(self) -> None:
        """To be called at each success: costs nothing while all is well."""
        if self._since is None:
            return
        log.warning(self._restored, after_s=round(time.monotonic() - self._since, 1), failures=self._failures)
        self._since, self._failures = None, 0
