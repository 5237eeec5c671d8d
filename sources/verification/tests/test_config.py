"""Saved authentication is refused with the path of its fault."""

import pytest

from fasthook.lib.errors import InvalidInput
from sources.verification.compile import compile_auth
from sources.verification.config import SECRET_FIELDS, normalise_auth

HMAC = {"secret": "s", "signature_header": "x-signature"}


def test_no_authentication_has_no_verifier():
    assert normalise_auth("WEBHOOK", None, None) is None
    assert normalise_auth("WEBHOOK", None, {}) is None
    assert compile_auth("WEBHOOK", None, None) is None


def test_hmac_defaults_are_filled_in_and_names_lowered():
    assert normalise_auth("WEBHOOK", "HMAC", {"secret": "s", "signature_header": "Stripe-Signature"}) == {
        "secret": "s",
        "signature_header": "stripe-signature",
        "algorithm": "sha256",
        "encoding": "auto",
    }


def test_normalising_twice_changes_nothing():
    once = normalise_auth(
        "WEBHOOK",
        "HMAC",
        {**HMAC, "prefix": "v0=", "timestamp_header": "X-Time", "tolerance": 60, "secret": ["a", "b"]},
    )
    assert normalise_auth("WEBHOOK", "HMAC", once) == once


@pytest.mark.parametrize(
    ("auth_type", "auth", "path", "fault"),
    [
        (
            None,
            {"secret": "s"},
            "config.auth_type",
            "is required when auth is given: one of HMAC, BASIC_AUTH, API_KEY, PROVIDER_SIGNATURE",
        ),
        ("OAUTH", {}, "config.auth_type", "must be one of HMAC, BASIC_AUTH, API_KEY, PROVIDER_SIGNATURE"),
        (
            "hmac",
            {},
            "config.auth_type",
            "must be one of HMAC, BASIC_AUTH, API_KEY, PROVIDER_SIGNATURE (did you mean HMAC?)",
        ),
        (7, {}, "config.auth_type", "must be one of HMAC, BASIC_AUTH, API_KEY, PROVIDER_SIGNATURE"),
        ("HMAC", "s", "config.auth", "must be an object"),
        ("HMAC", None, "config.auth.secret", "is required"),
        ("HMAC", {**HMAC, "secret": ""}, "config.auth.secret", "must not be empty"),
        ("HMAC", {**HMAC, "secret": 1}, "config.auth.secret", "must be a string"),
        ("HMAC", {**HMAC, "secret": []}, "config.auth.secret", "must hold between 1 and 10 values"),
        ("HMAC", {**HMAC, "secret": ["a", ""]}, "config.auth.secret[1]", "must not be empty"),
        (
            "HMAC",
            {**HMAC, "secret": "a\x00"},
            "config.auth.secret",
            "must not contain control characters such as NUL or line breaks",
        ),
        (
            "HMAC",
            {**HMAC, "prefix": "a\r\n"},
            "config.auth.prefix",
            "must not contain control characters such as NUL or line breaks",
        ),
        ("HMAC", {**HMAC, "secret": "\ud800"}, "config.auth.secret", "must be valid Unicode text"),
        (
            "HMAC",
            {**HMAC, "signature_header": "x signature"},
            "config.auth.signature_header",
            "must be a header name: letters, digits and hyphens",
        ),
        (
            "HMAC",
            {**HMAC, "algorithm": "md5"},
            "config.auth.algorithm",
            "must be one of sha1, sha256, sha384, sha512",
        ),
        (
            "HMAC",
            {**HMAC, "algorithm": "SHA256"},
            "config.auth.algorithm",
            "must be one of sha1, sha256, sha384, sha512 (did you mean sha256?)",
        ),
        ("HMAC", {**HMAC, "encoding": "rot13"}, "config.auth.encoding", "must be one of auto, hex, base64"),
        ("HMAC", {**HMAC, "tolerance": True}, "config.auth.tolerance", "must be a whole number of seconds"),
        ("HMAC", {**HMAC, "tolerance": 0}, "config.auth.tolerance", "must be between 1 and 86400 seconds"),
        (
            "HMAC",
            {"secrt": "s"},
            "config.auth.secrt",
            "is not a known field; did you mean secret?",
        ),
        (
            "BASIC_AUTH",
            {"username": "a:b", "password": "p"},
            "config.auth.username",
            "must not contain a colon (RFC 7617)",
        ),
        ("BASIC_AUTH", {"username": "a"}, "config.auth.password", "is required"),
        (
            "API_KEY",
            {"api_key": "k"},
            "config.auth.header",
            "is required: the header (or query, the parameter) that carries the key",
        ),
        (
            "API_KEY",
            {"api_key": "k", "header": "x", "query": "y"},
            "config.auth.query",
            "give either header or query, not both",
        ),
        (
            "API_KEY",
            {"api_key": "ké", "header": "x"},
            "config.auth.api_key",
            "must be printable ASCII without a space at either end",
        ),
    ],
)
def test_a_fault_is_named_with_its_path(auth_type, auth, path, fault):
    with pytest.raises(InvalidInput) as caught:
        normalise_auth("WEBHOOK", auth_type, auth)
    assert caught.value.fields == {path: [fault]}


def test_the_path_can_be_rooted_elsewhere():
    with pytest.raises(InvalidInput) as caught:
        normalise_auth("WEBHOOK", "HMAC", {}, at="source.config")
    assert list(caught.value.fields) == ["source.config.auth.secret"]


def test_secret_fields_are_known_for_every_type():
    assert {
        "HMAC": frozenset({"secret"}),
        "BASIC_AUTH": frozenset({"password"}),
        "API_KEY": frozenset({"api_key"}),
        "PROVIDER_SIGNATURE": frozenset({"secret", "password", "verify_token"}),
    } == SECRET_FIELDS


def test_an_unknown_stored_type_is_never_open():
    with pytest.raises(KeyError):
        compile_auth("WEBHOOK", "GONE", {})
