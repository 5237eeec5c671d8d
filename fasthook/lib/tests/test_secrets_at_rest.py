from __future__ import annotations

from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection

from fasthook.lib.crypto import UndecryptableSecret, credential_digest, decrypt, encrypt, mask
from fasthook.lib.model_fields import unseal
from sources.models import Source
from teams.models import Team

OLD, NEW = Fernet.generate_key().decode(), Fernet.generate_key().decode()


def test_the_newest_key_encrypts_and_every_key_decrypts(settings: Any) -> None:
    settings.ENCRYPTION_KEYS = [OLD]
    old = encrypt("hunter2")
    settings.ENCRYPTION_KEYS = [NEW, OLD]
    new = encrypt("hunter2")
    assert (decrypt(old), decrypt(new)) == ("hunter2", "hunter2")
    assert "hunter2" not in new
    settings.ENCRYPTION_KEYS = [NEW]
    assert decrypt(new) == "hunter2"
    with pytest.raises(UndecryptableSecret, match="ENCRYPTION_KEYS"):
        decrypt(old)


@pytest.mark.parametrize("token", ["", "nonsense", "gAAAAA", "\u00e9"])
def test_what_was_never_encrypted_is_undecryptable(token: str) -> None:
    with pytest.raises(UndecryptableSecret):
        decrypt(token)


def test_a_tampered_secret_is_undecryptable() -> None:
    token = encrypt("hunter2")
    flipped = token[:40] + ("A" if token[40] != "A" else "B") + token[41:]
    with pytest.raises(UndecryptableSecret):
        decrypt(flipped)


def test_a_digest_is_the_sha_256_of_the_credential() -> None:
    assert credential_digest("abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("whsec_abcdefghijkl", "whsec_****ijkl"),
        ("fhp_0123456789", "fhp_****6789"),
        ("secret_12345", "****2345"),
        ("abc_123456789", "****6789"),
        ("longprefix_0123456789", "****6789"),
        ("short", "****"),
        ("elevenchars", "****"),
    ],
)
def test_a_mask_shows_the_public_prefix_and_four_characters(secret: str, shown: str) -> None:
    assert mask(secret) == shown


@pytest.mark.parametrize("value", [{"secret": ["a", "b"]}, [], "text", 0, False, {"n": None}])
def test_an_encrypted_field_keeps_any_json_value_and_hides_it_at_rest(team: Team, value: Any) -> None:
    row = Source.objects.create(team=team, name="source", slug="slug", auth=value)
    assert Source.objects.get(id=row.id).auth == value
    with connection.cursor() as cursor:
        cursor.execute("SELECT auth FROM sources_source WHERE id = %s", [row.id])
        (stored,) = cursor.fetchone()
    assert stored.startswith("gAAAA")
    assert unseal(stored) == value


def test_an_empty_encrypted_field_is_null(team: Team) -> None:
    row = Source.objects.create(team=team, name="source", slug="slug", auth=None)
    assert Source.objects.filter(auth=None).get().id == row.id
    assert unseal(None) is None
