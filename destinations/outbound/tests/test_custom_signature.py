"""CUSTOM_SIGNATURE: the header a receiver's own verification expects, over exactly what is sent."""

from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from destinations.outbound.auth.types import normalise_destination_auth
from destinations.outbound.build import DeliveryContext, DestinationTarget, Payload, compile_target

CONTEXT = DeliveryContext("evt_1", "req_1", 1, "INITIAL", "source", "connection", ())
BODY = b'{"id": 1,\n "name": "\xc3\xbc"}'


def build(*, method="POST", http_method=None, headers=(), **auth):
    given = {"header": "X-Sig", "signing_secret": "sécret", **auth}
    normal = normalise_destination_auth("CUSTOM_SIGNATURE", given)
    target = compile_target(
        DestinationTarget("des_1", "https://h.example/", http_method, False, 30.0, "CUSTOM_SIGNATURE", normal)
    )
    prepared = target.build(Payload(method, "", "", list(headers), BODY), CONTEXT, now=0)
    return prepared, target.masked(prepared)


def signature(prepared):
    [value] = [value for name, value in prepared.headers if name == "x-sig"]
    return value


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha512"])
def test_every_algorithm_and_encoding_signs_the_body(algorithm):
    digest = hmac.new("sécret".encode(), BODY, getattr(hashlib, algorithm)).digest()
    assert signature(build(algorithm=algorithm)[0]) == digest.hex()
    assert signature(build(algorithm=algorithm, encoding="base64")[0]) == base64.b64encode(digest).decode()


def test_a_known_signature():
    # RFC 4231, test case 2, as a body.
    auth = {"header": "x-sig", "signing_secret": "Jefe", "algorithm": "sha256", "encoding": "hex"}
    target = compile_target(DestinationTarget("d", "https://h.example", None, False, 30.0, "CUSTOM_SIGNATURE", auth))
    prepared = target.build(Payload("POST", "", "", [], b"what do ya want for nothing?"), CONTEXT, now=0)
    assert signature(prepared) == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"


def test_a_prefix_stands_before_the_digest():
    plain, prefixed = signature(build()[0]), signature(build(prefix="sha256=")[0])
    assert prefixed == f"sha256={plain}"


@pytest.mark.parametrize(("method", "http_method"), [("HEAD", None), ("POST", "GET")])
def test_a_body_that_is_not_sent_is_not_signed(method, http_method):
    prepared, _ = build(method=method, http_method=http_method)
    assert prepared.body == b""
    assert signature(prepared) == hmac.new("sécret".encode(), b"", hashlib.sha256).hexdigest()


def test_it_replaces_the_requests_own_header_of_that_name():
    assert signature(build(headers=[("x-sig", "theirs")])[0]) == signature(build()[0])


def test_evidence_shows_the_signature_which_is_not_the_secret():
    prepared, shown = build()
    assert shown == prepared
    assert "sécret" not in repr(shown)
