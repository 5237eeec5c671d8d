"""HTTP methods that a source may allow, and those that a new one allows. Pure."""

from __future__ import annotations

from typing import Final

METHODS: Final = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
DEFAULT_METHODS: Final = ("POST", "PUT", "PATCH", "DELETE")
