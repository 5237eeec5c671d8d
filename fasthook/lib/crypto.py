"""Secrets at rest: authenticated encryption (Fernet) under rotatable keys, and digests for looking credentials up.

The first of `settings.ENCRYPTION_KEYS` encrypts, all of them decrypt; a key is retired after its rows were rewritten.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings


class UndecryptableSecret(Exception):
    """The stored secret was written under a key that ENCRYPTION_KEYS no longer holds."""


def encrypt(plain: str) -> str:
    return _cipher(tuple(settings.ENCRYPTION_KEYS)).encrypt(plain.encode()).decode()


def decrypt(token: str) -> str:
    try:
        return _cipher(tuple(settings.ENCRYPTION_KEYS)).decrypt(token.encode()).decode()
    except InvalidToken:
        raise UndecryptableSecret(
            "a stored secret cannot be decrypted: add the key it was written under to ENCRYPTION_KEYS"
        ) from None


def credential_digest(value: str) -> str:
    """SHA-256 hex of a credential with enough entropy of its own (API keys, session tokens): what is indexed."""
    return hashlib.sha256(value.encode()).hexdigest()


def mask(value: str) -> str:
    """Enough of a secret to recognise it: its last four characters, and its public prefix (`whsec_`).

    At least six are hidden: what stands before the `_` of a short password is not public.
    """
    if len(value) < 12:
        return "****"
    prefix, separator, rest = value.partition("_")
    head = prefix + separator if len(prefix) <= 6 and len(rest) >= 10 else ""
    return f"{head}****{value[-4:]}"


@lru_cache(maxsize=8)
def _cipher(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])
