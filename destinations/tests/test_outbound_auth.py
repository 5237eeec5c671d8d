"""Saved destination authentication is refused with the path of its fault."""

import pytest

from destinations.outbound.auth import DESTINATION_SECRET_FIELDS, normalise_destination_auth
from fasthook.lib.errors import InvalidInput

TYPES = "FASTHOOK_SIGNATURE, BASIC_AUTH, BEARER_TOKEN, API_KEY, CUSTOM_HEADER"


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
    ],
)
def test_auth_is_normalised(auth_type, given, expected):
    assert normalise_destination_auth(auth_type, given) == expected
    assert normalise_destination_auth(auth_type, expected) == expected


@pytest.mark.parametrize(
    ("auth_type", "auth", "path", "fault"),
    [
        (None, {"token": "t"}, "config.auth_type", f"is required when auth is given: one of {TYPES}"),
        ("AWS_SIGNATURE", {}, "config.auth_type", f"must be one of {TYPES}"),
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
    }
