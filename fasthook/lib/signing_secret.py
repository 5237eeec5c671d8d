"""A project's signing secret: what one looks like, made here or set by its team. Signing with it lies above."""

from __future__ import annotations

import base64
import secrets
from typing import Final

from fasthook.lib.config_fields import read_visible_ascii
from fasthook.lib.errors import invalid

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  not a secret
SECRET_BYTES: Final = 32
MIN_SECRET_LENGTH: Final = 16
MAX_SECRET_LENGTH: Final = 256


def generate_signing_secret() -> str:
    """`whsec_` + base64 of 32 random bytes."""
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def validate_signing_secret(value: object, *, at: str = "signing_secret") -> str:
    """A caller's own secret, unchanged; raises InvalidInput naming `at`."""
    secret = read_visible_ascii(value, at=at)
    if not MIN_SECRET_LENGTH <= len(secret) <= MAX_SECRET_LENGTH:
        raise invalid(at, f"must be between {MIN_SECRET_LENGTH} and {MAX_SECRET_LENGTH} characters long")
    if " " in secret:
        raise invalid(at, "must not contain spaces")
    return secret
