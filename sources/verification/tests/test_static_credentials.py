"""Fixed credentials: HTTP Basic and API keys."""

import base64

import pytest

from sources.verification.compile import compile_auth
from sources.verification.config import normalise_auth
from sources.verification.request import InboundRequest


def verify(auth_type, auth, headers=(), query=""):
    verifier = compile_auth("WEBHOOK", auth_type, normalise_auth("WEBHOOK", auth_type, auth))
    request = InboundRequest(
        method="POST", path="", query=query, headers=dict(headers), body=b"", url="https://hooks.example.com/in/x/"
    )
    return verifier.verify(request, now=0.0)


def basic(text):
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


BASIC = {"username": "postmark", "password": "pässword:1"}


def test_basic_credentials_pass_with_colon_and_umlaut_in_the_password():
    assert verify("BASIC_AUTH", BASIC, basic("postmark:pässword:1")).ok


def test_the_basic_scheme_is_case_insensitive():
    value = basic("postmark:pässword:1")["authorization"]
    assert verify("BASIC_AUTH", BASIC, {"authorization": value.replace("Basic", "bAsIc")}).ok


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "the authorization header is missing"),
        ({"authorization": "Bearer abc"}, "the authorization header is not of the Basic scheme"),
        ({"authorization": "Basic"}, "the Basic credentials have no colon between user name and password"),
        ({"authorization": "Basic %%%"}, "the Basic credentials are not valid base64"),
        ({"authorization": "Basic \ud800é"}, "the Basic credentials are not valid base64"),
        (basic("postmark"), "the Basic credentials have no colon between user name and password"),
        (basic("postmark:wrong"), "the Basic user name or password is wrong"),
        (basic("other:pässword:1"), "the Basic user name or password is wrong"),
    ],
)
def test_bad_basic_credentials_fail_with_their_reason(headers, reason):
    verdict = verify("BASIC_AUTH", BASIC, headers)
    assert verdict.ok is False
    assert verdict.reason == reason


GITLAB = {"header": "X-Gitlab-Token", "api_key": "secrettoken"}


def test_gitlab_token_is_an_api_key_header():
    assert verify("API_KEY", GITLAB, {"x-gitlab-token": "secrettoken"}).ok
    assert verify("API_KEY", GITLAB, {"x-gitlab-token": "secrettoke"}).reason == (
        "the API key in header x-gitlab-token is wrong"
    )
    assert verify("API_KEY", GITLAB).reason == "the header x-gitlab-token that carries the API key is missing"


def test_a_key_in_authorization_passes_bare_and_as_bearer():
    auth = {"header": "authorization", "api_key": "k-1"}
    assert verify("API_KEY", auth, {"authorization": "k-1"}).ok
    assert verify("API_KEY", auth, {"authorization": "Bearer k-1"}).ok
    assert not verify("API_KEY", auth, {"authorization": "Basic k-1"}).ok


def test_other_headers_do_not_take_the_bearer_form():
    assert not verify("API_KEY", GITLAB, {"x-gitlab-token": "Bearer secrettoken"}).ok


def test_a_query_key_is_percent_decoded():
    auth = {"query": "api key", "api_key": "a&b ü"}
    assert verify("API_KEY", auth, query="x=1&api%20key=a%26b+%C3%BC").ok
    assert verify("API_KEY", auth, query="x=1").reason == (
        "the query parameter api key that carries the API key is missing"
    )
    assert verify("API_KEY", auth, query="api+key=no").reason == "the API key in query parameter api key is wrong"


def test_a_repeated_query_key_fails():
    auth = {"query": "key", "api_key": "1"}
    assert verify("API_KEY", auth, query="key=1&key=2").reason == "the query parameter key is given more than once"


@pytest.mark.parametrize(
    ("auth_type", "auth", "headers"),
    [
        ("BASIC_AUTH", BASIC, {"authorization"}),
        ("API_KEY", {"header": "Authorization", "api_key": "k"}, {"authorization"}),
        ("API_KEY", GITLAB, set()),
        ("API_KEY", {"query": "key", "api_key": "k"}, set()),
        ("HMAC", {"secret": "s", "signature_header": "x-s"}, set()),
    ],
)
def test_a_verifier_names_the_authorization_it_consumed(auth_type, auth, headers):
    verifier = compile_auth("WEBHOOK", auth_type, normalise_auth("WEBHOOK", auth_type, auth))
    assert verifier.credential_headers == headers
