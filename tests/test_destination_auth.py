"""Deliveries that authenticate, in the running product: each is checked as its receiver would check it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from urllib.parse import parse_qs

from destinations.outbound.tests.sigv4 import signature_of
from tests.account import Account
from tests.receiver import Answer, Receiver

BODY = b'{"id": 1,  "name": "\xc3\xbc"}'


def test_a_custom_signature_covers_the_bytes_that_arrive(account: Account, receiver: Receiver) -> None:
    auth = {"header": "X-Hub-Signature-256", "signing_secret": "s3cret-of-theirs", "prefix": "sha256="}
    source, _, _ = account.route(receiver.url(), auth_type="CUSTOM_SIGNATURE", auth=auth)
    event = account.wait_for_event(account.accept(source, BODY), "SUCCESSFUL")
    [call] = receiver.calls
    expected = "sha256=" + hmac.new(b"s3cret-of-theirs", call.body, hashlib.sha256).hexdigest()
    assert (call.body, call.headers["x-hub-signature-256"]) == (BODY, expected)
    [attempt] = account.attempts(event)
    assert attempt["request_headers"]["x-hub-signature-256"] == expected
    assert "s3cret-of-theirs" not in json.dumps(attempt)


def test_an_aws_signature_covers_what_arrives(account: Account, receiver: Receiver) -> None:
    secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
    auth = {"access_key_id": "AKIDEXAMPLE", "secret_access_key": secret, "region": "eu-west-1", "service": "lambda"}
    source, _, _ = account.route(
        receiver.url("/2015-03-31/functions?Qualifier=1"), auth_type="AWS_SIGNATURE", auth=auth
    )
    sent = {"content-type": "application/json", "x-amz-meta-a": "b  c"}
    request_id = account.accept(source, BODY, path="a%20b:c", params="z=1+2&a=~", headers=sent)
    event = account.wait_for_event(request_id, "SUCCESSFUL")
    [call] = receiver.calls
    assert call.body == BODY
    assert (call.path, call.query) == ("/2015-03-31/functions/a%20b:c", "Qualifier=1&z=1%202&a=~")
    names = "content-type;host;x-amz-content-sha256;x-amz-date;x-amz-meta-a"
    assert f"/eu-west-1/lambda/aws4_request, SignedHeaders={names}, " in call.headers["authorization"]
    expected = signature_of(
        call.method, f"{call.path}?{call.query}", headers=call.headers, body=call.body, secret=secret
    )
    assert call.headers["authorization"].endswith(f"Signature={expected}")
    assert secret not in json.dumps(account.attempts(event))


def test_access_tokens_are_shared_and_replaced(account: Account, receiver: Receiver) -> None:
    def granted(token: str) -> Answer:
        return Answer(text=json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 3600}))

    refused = Answer(401, text='{"error": "invalid_client"}')
    receiver.script("/token", refused, granted("tok_first"), granted("tok_second"))
    receiver.script("/hook", Answer(200), Answer(401), Answer(200))
    auth = {"token_url": receiver.url("/token"), "client_id": "id", "client_secret": "s3cret-of-ours", "scope": "a"}
    # Longer than a refusal of the token endpoint is kept.
    rules = [{"type": "retry", "strategy": "linear", "interval": 3500, "count": 3}]
    source, _, _ = account.route(receiver.url("/hook"), rules, auth_type="OAUTH2_CLIENT_CREDENTIALS", auth=auth)
    first = account.wait_for_event(account.accept(source), "SUCCESSFUL")
    second = account.wait_for_event(account.accept(source), "SUCCESSFUL")
    assert [call.headers["authorization"] for call in receiver.at("/hook")] == [
        "Bearer tok_first",
        "Bearer tok_first",
        "Bearer tok_second",
    ]
    asked = receiver.at("/token")
    assert len(asked) == 3
    pair = base64.b64encode(b"id:s3cret-of-ours").decode()
    assert {call.headers["authorization"] for call in asked} == {f"Basic {pair}"}
    assert parse_qs(asked[0].body.decode()) == {"grant_type": ["client_credentials"], "scope": ["a"]}
    attempts = account.attempts(first) + account.attempts(second)
    assert [(a["error_code"], a["response_status"]) for a in attempts] == [
        ("OAUTH2_FAILED", None),
        (None, 200),
        ("BAD_RESPONSE", 401),
        (None, 200),
    ]
    assert attempts[0]["error_message"] == "the token endpoint answered 401: invalid_client"
    shown = json.dumps(attempts)
    assert "tok_" not in shown
    assert "s3cret-of-ours" not in shown
