"""CUSTOM_SIGNATURE: an HMAC of the body in a header of the receiver's choice, as its own webhooks code expects it."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Mapping
from typing import Any, Final

from destinations.outbound.auth.signer import Signature, Signer, Unsigned
from destinations.outbound.headers import read_free_header
from fasthook.lib.config_fields import ObjectReader, read_choice, read_text, read_visible_ascii

ALGORITHMS: Final = ("sha1", "sha256", "sha512")
ENCODINGS: Final = ("hex", "base64")
MAX_PREFIX_LENGTH: Final = 64


def normalise_custom_signature(auth: object, *, at: str) -> dict[str, Any]:
    fields = ObjectReader(auth, at=at, known=("header", "signing_secret", "algorithm", "encoding", "prefix"))
    normal: dict[str, Any] = {
        "header": read_free_header(fields.require("header"), at=fields.at("header")),
        "signing_secret": read_text(fields.require("signing_secret"), at=fields.at("signing_secret")),
        "algorithm": read_choice(fields.get("algorithm", "sha256"), ALGORITHMS, at=fields.at("algorithm")),
        "encoding": read_choice(fields.get("encoding", "hex"), ENCODINGS, at=fields.at("encoding")),
    }
    if fields.get("prefix", "") != "":
        normal["prefix"] = read_visible_ascii(
            fields.get("prefix"), at=fields.at("prefix"), max_length=MAX_PREFIX_LENGTH
        )
    return normal


def custom_signer(auth: Mapping[str, Any]) -> Signer:
    """Signs the body's bytes as they are sent; the key is the secret as UTF-8, `prefix` stands before the digest."""
    header, algorithm, prefix = auth["header"], auth["algorithm"], auth.get("prefix", "")
    key = auth["signing_secret"].encode()
    is_hex = auth["encoding"] == "hex"

    def sign(request: Unsigned) -> Signature:
        digest = hmac.digest(key, request.body, algorithm)
        encoded = digest.hex() if is_hex else base64.b64encode(digest).decode()
        return Signature(request.url, ((header, prefix + encoded),))

    return Signer(sign, writes=frozenset({header}))
