"""Saved destination authentication is refused with the path of its fault."""

import pytest

from destinations.outbound.auth.types import DESTINATION_SECRET_FIELDS, normalise_destination_auth
from fasthook.lib.errors import InvalidInput

TYPES = (
    "FASTHOOK_SIGNATURE, BASIC_AUTH, BEARER_TOKEN, API_KEY, CUSTOM_HEADER, CUSTOM_SIGNATURE, "
    "OAUTH2_CLIENT_CREDENTIALS, AWS_SIGNATURE"
)
SIGNED = {"header": "X-Sig", "signing_secret": "s"}
GRANT = {"token_url": "https://Login.example/token", "client_id": "c", "client_secret": "s"}
AWS = {"access_key_id": "AKID", "secret_access_key": "s", "region": "us-east-1", "service": "execute-api"}


@pytest.mark.parametrize(
    ("auth_type", "given", "expected"),
    [
        (None, None, None),
        (None, {}, None),
        ("FASTHOOK_SIGNATURE", {}, {}),
        ("FASTHOOK_SIGNATURE", None, {}),
        ("BASIC_AUTH", {"username": "sk_live"}, {"username": "sk_live", "password": ""}),
        ("BEARER_TOKEN", {"token": "t"}, {"token": "t"}),
        ("API_KEY", {"key": "X-Api-Key", "api_key": "k"}, {"key": "x-api-key", "api_key": "k", "to": "header"}),
        ("API_KEY", {"key": "Key", "api_key": "ü", "to": "query"}, {"key": "Key", "api_key": "ü", "to": "query"}),
        ("CUSTOM_HEADER", {"header_name": "X-A", "header_value": "v w"}, {"header_name": "x-a", "header_value": "v w"}),
        ("CUSTOM_SIGNATURE", SIGNED, {**SIGNED, "header": "x-sig", "algorithm": "sha256", "encoding": "hex"}),
        (
            "CUSTOM_SIGNATURE",
            {**SIGNED, "algorithm": "sha1", "encoding": "base64", "prefix": "sha1="},
            {**SIGNED, "header": "x-sig", "algorithm": "sha1", "encoding": "base64", "prefix": "sha1="},
        ),
        (
            "CUSTOM_SIGNATURE",
            {**SIGNED, "prefix": ""},
            {**SIGNED, "header": "x-sig", "algorithm": "sha256", "encoding": "hex"},
        ),
        (
            "OAUTH2_CLIENT_CREDENTIALS",
            {**GRANT, "scope": "", "audience": None},
            {**GRANT, "token_url": "https://login.example/token", "auth_method": "basic"},
        ),
        (
            "OAUTH2_CLIENT_CREDENTIALS",
            {
                **GRANT,
                "token_url": "https://l.example",
                "scope": "a:b c",
                "audience": "https://a",
                "auth_method": "body",
            },
            {
                **GRANT,
                "token_url": "https://l.example",
                "scope": "a:b c",
                "audience": "https://a",
                "auth_method": "body",
            },
        ),
        ("AWS_SIGNATURE", {**AWS, "session_token": None}, AWS),
        ("AWS_SIGNATURE", {**AWS, "session_token": "t"}, {**AWS, "session_token": "t"}),
    ],
)
def test_auth_is_normalised(auth_type, given, expected):
    assert normalise_destination_auth(auth_type, given) == expected
    assert normalise_destination_auth(auth_type, expected) == expected


@pytest.mark.parametrize(
    ("auth_type", "auth", "path", "fault"),
    [
        (None, {"token": "t"}, "config.auth_type", f"is required when auth is given: one of {TYPES}"),
        ("AWS_SIGNATUR", {}, "config.auth_type", f"must be one of {TYPES} (did you mean AWS_SIGNATURE?)"),
        ("FASTHOOK_SIGNATURE", {"secret": "s"}, "config.auth.secret", "is not a known field; this object takes none"),
        ("BASIC_AUTH", {"username": "a:b"}, "config.auth.username", "must not contain a colon (RFC 7617)"),
        ("BEARER_TOKEN", {}, "config.auth.token", "is required"),
        ("BEARER_TOKEN", {"tokn": "t"}, "config.auth.tokn", "is not a known field; did you mean token?"),
        (
            "BEARER_TOKEN",
            {"token": "t\r\nx: y"},
            "config.auth.token",
            "must not contain control characters such as NUL or line breaks",
        ),
        ("API_KEY", {"key": "k", "api_key": "v", "to": "body"}, "config.auth.to", "must be one of header, query"),
        (
            "API_KEY",
            {"key": "Host", "api_key": "v"},
            "config.auth.key",
            "host is written by FastHook itself; choose another header",
        ),
        ("CUSTOM_SIGNATURE", {"header": "x-sig"}, "config.auth.signing_secret", "is required"),
        (
            "CUSTOM_SIGNATURE",
            {**SIGNED, "header": "X-FastHook-Signature"},
            "config.auth.header",
            "x-fasthook-signature is written by FastHook itself; choose another header",
        ),
        (
            "CUSTOM_SIGNATURE",
            {**SIGNED, "algorithm": "md5"},
            "config.auth.algorithm",
            "must be one of sha1, sha256, sha512",
        ),
        ("CUSTOM_SIGNATURE", {**SIGNED, "encoding": "auto"}, "config.auth.encoding", "must be one of hex, base64"),
        (
            "CUSTOM_SIGNATURE",
            {**SIGNED, "prefix": "a\nb"},
            "config.auth.prefix",
            "must not contain control characters such as NUL or line breaks",
        ),
        ("OAUTH2_CLIENT_CREDENTIALS", {**GRANT, "client_secret": ""}, "config.auth.client_secret", "must not be empty"),
        (
            "OAUTH2_CLIENT_CREDENTIALS",
            {**GRANT, "token_url": "ftp://l.example"},
            "config.auth.token_url",
            "must begin with http:// or https://",
        ),
        (
            "OAUTH2_CLIENT_CREDENTIALS",
            {**GRANT, "scope": "a  b"},
            "config.auth.scope",
            "must be scopes separated by single spaces, such as events:write orders",
        ),
        (
            "OAUTH2_CLIENT_CREDENTIALS",
            {**GRANT, "auth_method": "jwt"},
            "config.auth.auth_method",
            "must be one of basic, body",
        ),
        (
            "AWS_SIGNATURE",
            {**AWS, "access_key_id": "AKID/x"},
            "config.auth.access_key_id",
            "must be letters, digits and underscores, such as AKIA...",
        ),
        (
            "AWS_SIGNATURE",
            {**AWS, "region": "US East"},
            "config.auth.region",
            "must be lower-case letters, digits and hyphens, such as us-east-1",
        ),
        (
            "AWS_SIGNATURE",
            {**AWS, "service": ""},
            "config.auth.service",
            "must not be empty",
        ),
    ],
)
def test_a_fault_is_named_with_its_path(auth_type, auth, path, fault):
    with pytest.raises(InvalidInput) as caught:
        normalise_destination_auth(auth_type, auth)
    assert caught.value.fields == {path: [fault]}


@pytest.mark.parametrize(
    "name",
    ["Host", "Content-Length", "Transfer-Encoding", "Connection", "X-FastHook-Event-Id", "Webhook-Signature", "Expect"],
)
def test_headers_that_fasthook_writes_cannot_be_set(name):
    with pytest.raises(InvalidInput) as caught:
        normalise_destination_auth("CUSTOM_HEADER", {"header_name": name, "header_value": "v"})
    assert list(caught.value.fields) == ["config.auth.header_name"]


def test_secret_fields_are_known_for_every_type():
    assert dict(DESTINATION_SECRET_FIELDS) == {
        "FASTHOOK_SIGNATURE": frozenset(),
        "BASIC_AUTH": frozenset({"password"}),
        "BEARER_TOKEN": frozenset({"token"}),
        "API_KEY": frozenset({"api_key"}),
        "CUSTOM_HEADER": frozenset({"header_value"}),
        "CUSTOM_SIGNATURE": frozenset({"signing_secret"}),
        "OAUTH2_CLIENT_CREDENTIALS": frozenset({"client_secret"}),
        "AWS_SIGNATURE": frozenset({"secret_access_key", "session_token"}),
    }
