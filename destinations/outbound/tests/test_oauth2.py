"""The client credentials grant: what is asked, what an answer means, and that no message tells a secret."""

from __future__ import annotations

import base64
import json
from urllib.parse import parse_qs, quote_plus

import pytest

from destinations.outbound.auth.oauth2 import ClientCredentials, GrantedToken, TokenFault, read_token, token_request
from destinations.outbound.auth.types import normalise_destination_auth
from destinations.outbound.build import DeliveryContext, DestinationTarget, Payload, compile_target

GRANT = ClientCredentials("https://login.example/token", "my id:1", "p@ss/w+rd=", scope="a b")


def answer(status=200, **fields):
    return read_token(status, json.dumps(fields).encode(), grant=GRANT)


def test_the_client_authenticates_with_basic_by_default():
    headers, body = token_request(GRANT)
    pair = base64.b64decode(dict(headers)["authorization"].removeprefix("Basic ")).decode()
    assert pair == "my+id%3A1:p%40ss%2Fw%2Brd%3D"
    assert parse_qs(body.decode(), strict_parsing=True) == {"grant_type": ["client_credentials"], "scope": ["a b"]}
    assert dict(headers)["content-type"] == "application/x-www-form-urlencoded"


def test_or_in_the_body():
    grant = ClientCredentials("https://l.example", "id", "p&s=", audience="https://api", auth_method="body")
    headers, body = token_request(grant)
    assert "authorization" not in dict(headers)
    assert parse_qs(body.decode(), strict_parsing=True) == {
        "grant_type": ["client_credentials"],
        "client_id": ["id"],
        "client_secret": ["p&s="],
        "audience": ["https://api"],
    }


@pytest.mark.parametrize(
    ("expires_in", "usable_s"),
    [
        (3600, 3540.0),
        ("3600", 3540.0),
        (600, 540.0),
        (100, 90.0),
        (1, 0.9),
        (0, 270.0),
        (-5, 270.0),
        (None, 270.0),
        ("soon", 270.0),
        ([1], 270.0),
        ("nan", 270.0),
        ("inf", 86_340.0),
        (10**9, 86_340.0),
    ],
)
def test_a_token_is_used_until_shortly_before_it_expires(expires_in, usable_s):
    assert answer(access_token="t", token_type="bearer", expires_in=expires_in) == GrantedToken("t", usable_s)


def test_a_token_without_a_type_or_with_apigees_is_a_bearer_token():
    assert isinstance(answer(access_token="t"), GrantedToken)
    assert isinstance(answer(access_token="t", token_type="BearerToken"), GrantedToken)


@pytest.mark.parametrize(
    ("status", "body", "message"),
    [
        (
            401,
            b'{"error": "invalid_client", "error_description": "no such client"}',
            "the token endpoint answered 401: invalid_client: no such client",
        ),
        (400, b'{"error": "invalid_scope"}', "the token endpoint answered 400: invalid_scope"),
        (403, b'{"message": "no"}', 'the token endpoint answered 403: {"message": "no"}'),
        (500, b"<html><h1>oh</h1></html>", "the token endpoint answered 500"),
        (503, b"try\r\n later\x00", "the token endpoint answered 503: try later"),
        (302, b"", "the token endpoint answered 302"),
        (200, b"", "the token endpoint answered 200, but not with a JSON object"),
        (200, b'"token"', "the token endpoint answered 200, but not with a JSON object"),
        (200, b"access_token=t", "the token endpoint answered 200, but not with a JSON object"),
        (200, b"{}", "the token endpoint answered 200 without an access_token"),
        (200, b'{"access_token": 5}', "the token endpoint answered 200 without an access_token"),
        (
            200,
            b'{"error": "invalid_grant"}',
            "the token endpoint answered 200 without an access_token: invalid_grant",
        ),
        (
            200,
            b'{"access_token": "a\\r\\nx: y"}',
            "the token endpoint gave an access_token that cannot be sent in a header",
        ),
        (
            200,
            b'{"access_token": "t", "token_type": "mac"}',
            "the token endpoint gave a token of type mac, which is not Bearer",
        ),
    ],
)
def test_any_other_answer_is_told_in_a_sentence(status, body, message):
    assert read_token(status, body, grant=GRANT) == TokenFault(message)


def test_a_long_refusal_is_cut():
    fault = read_token(400, b"x" * 5000, grant=GRANT)
    assert fault == TokenFault("the token endpoint answered 400: " + "x" * 200 + "...")


def test_a_refusal_that_repeats_the_secret_is_told_without_it():
    secret = GRANT.client_secret
    basic = base64.b64encode(f"{quote_plus(GRANT.client_id)}:{quote_plus(secret)}".encode()).decode()
    spellings = [secret, quote_plus(secret), basic, base64.b64encode(secret.encode()).decode()]
    for spelling in spellings:
        for body in (
            json.dumps({"error": "invalid_client", "error_description": f"bad {spelling}!"}),
            f"bad {spelling}!",
        ):
            fault = read_token(401, body.encode(), grant=GRANT)
            assert "bad ***!" in fault.message
            assert spelling not in fault.message
    quoted = ClientCredentials("https://l.example", "id", 'a"b\\c')
    fault = read_token(401, json.dumps({"message": 'bad a"b\\c!'}).encode(), grant=quoted)
    assert fault.message.endswith('{"message": "bad ***!"}')


def test_neither_secret_nor_token_shows_in_a_repr():
    assert GRANT.client_secret not in repr(GRANT)
    assert "hush" not in repr(GrantedToken("hush", 1.0))


AUTH = {"token_url": "https://login.example/token", "client_id": "id", "client_secret": "s"}
CONTEXT = DeliveryContext("evt_1", "req_1", 1, "INITIAL", "source", "connection", (), access_token="tok_1")


def target(**changes):
    auth = normalise_destination_auth("OAUTH2_CLIENT_CREDENTIALS", {**AUTH, **changes})
    return compile_target(
        DestinationTarget("des_1", "https://h.example/", None, False, 30.0, "OAUTH2_CLIENT_CREDENTIALS", auth)
    )


def test_the_token_is_sent_as_bearer_and_hidden_in_evidence():
    compiled = target()
    payload = Payload("POST", "", "", [("authorization", "theirs")], b"{}")
    prepared = compiled.build(payload, CONTEXT, now=0)
    assert [value for name, value in prepared.headers if name == "authorization"] == ["Bearer tok_1"]
    shown = compiled.masked(prepared)
    assert dict(shown.headers)["authorization"] == "***"
    assert "tok_1" not in repr(shown)


def test_without_a_token_nothing_is_built():
    context = DeliveryContext("evt_1", "req_1", 1, "INITIAL", "source", "connection", ())
    with pytest.raises(ValueError, match="needs an access token"):
        target().build(Payload("POST", "", "", [], b"{}"), context, now=0)


@pytest.mark.parametrize(
    "change",
    [
        {"token_url": "https://login.example/token2"},
        {"client_id": "other"},
        {"client_secret": "other"},
        {"scope": "x"},
        {"audience": "x"},
        {"auth_method": "body"},
    ],
)
def test_whatever_is_changed_asks_for_a_token_of_its_own(change):
    assert target(**change).grant != target().grant
    assert target().grant == target().grant
