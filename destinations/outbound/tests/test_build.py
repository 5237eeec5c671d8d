"""What one delivery looks like on the wire."""

import hashlib
import hmac
from urllib.parse import urlsplit

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from destinations.outbound.auth.types import normalise_destination_auth
from destinations.outbound.build import DeliveryContext, DestinationTarget, Payload, build_request, compile_target

CONTEXT = DeliveryContext(
    event_id="evt_1",
    request_id="req_1",
    attempt_number=2,
    attempt_trigger="AUTOMATIC",
    source_name="stripe-production",
    connection_name="stripe-to-billing",
    signing_secrets=("whsec_current_secret", "whsec_previous_secret"),
)
NOW = 1_700_000_000.9
OWN = [
    ("accept-encoding", "identity"),
    ("x-fasthook-event-id", "evt_1"),
    ("x-fasthook-request-id", "req_1"),
    ("x-fasthook-attempt-number", "2"),
    ("x-fasthook-attempt-trigger", "AUTOMATIC"),
    ("x-fasthook-source", "stripe-production"),
    ("x-fasthook-connection", "stripe-to-billing"),
]


def build(
    url="https://api.example.com/hooks",
    *,
    method="POST",
    http_method=None,
    path="",
    query="",
    headers=(),
    body=b"{}",
    strip=(),
    path_forwarding_disabled=False,
    auth_type=None,
    auth=None,
):
    target = DestinationTarget(
        id="des_1",
        url=url,
        http_method=http_method,
        path_forwarding_disabled=path_forwarding_disabled,
        timeout_s=30.0,
        auth_type=auth_type,
        auth=normalise_destination_auth(auth_type, auth) or {},
    )
    payload = Payload(
        method=method, path=path, query=query, headers=list(headers), body=body, strip_headers=frozenset(strip)
    )
    return build_request(target, payload, CONTEXT, now=NOW)


def values(prepared, name):
    return [value for key, value in prepared.headers if key == name]


def forwarded(*headers, **options):
    """What is left of the request's own headers."""
    prepared = build(headers=headers, **options)
    added = {name for name, _ in OWN} | {"user-agent", "idempotency-key"}
    return [pair for pair in prepared.headers if pair[0] not in added]


@pytest.mark.parametrize(
    ("url", "path", "expected"),
    [
        ("https://h.example/hooks", "", "https://h.example/hooks"),
        ("https://h.example/hooks", "/", "https://h.example/hooks"),
        ("https://h.example/hooks/", "", "https://h.example/hooks/"),
        ("https://h.example/hooks", "/stripe/v1", "https://h.example/hooks/stripe/v1"),
        ("https://h.example/hooks/", "/stripe/", "https://h.example/hooks/stripe/"),
        ("https://h.example", "/stripe", "https://h.example/stripe"),
        ("https://h.example", "//evil.example/x", "https://h.example//evil.example/x"),
        ("https://h.example/a%2Fb", "/c%2fd%20e", "https://h.example/a%2Fb/c%2fd%20e"),
        ("https://h.example/a", "/b?c#d", "https://h.example/a/b%3Fc%23d"),
        ("https://h.example/a", "/b c\r\nü", "https://h.example/a/b%20c%0D%0A%C3%BC"),
        ("https://h.example/a", "/../../admin", "https://h.example/a/admin"),
        ("https://h.example/a", "/x/%2E%2e/%2e/y", "https://h.example/a/y"),
        ("https://h.example/a", "/x/..", "https://h.example/a/"),
        ("https://h.example/a", "/...", "https://h.example/a/..."),
        ("https://h.example/a#frag", "/b", "https://h.example/a/b"),
        ("https://h.example/a?k=1", "/b", "https://h.example/a/b?k=1"),
    ],
)
def test_the_extra_path_is_appended(url, path, expected):
    assert build(url, path=path).url == expected


def test_the_extra_path_stays_behind_when_forwarding_is_disabled():
    assert build("https://h.example/a", path="/b", query="c=1", path_forwarding_disabled=True).url == (
        "https://h.example/a?c=1"
    )


@pytest.mark.parametrize(
    ("own", "query", "expected"),
    [
        ("", "", ""),
        ("", "a=1&a=2&b=%20+%zz", "?a=1&a=2&b=%20+%zz"),
        ("k=1", "", "?k=1"),
        ("k=1", "k=2&a=1&k=3", "?k=1&a=1"),
        ("k%201=1", "k+1=2&k%201=3&x", "?k%201=1&x"),
        ("k=1&k=2", "k=3", "?k=1&k=2"),
        ("k=1", "a=%C3%BC&", "?k=1&a=%C3%BC"),
        ("", "a=b c#d", "?a=b%20c%23d"),
    ],
)
def test_queries_are_merged_and_the_destinations_keys_win(own, query, expected):
    url = "https://h.example/a" + (f"?{own}" if own else "")
    assert build(url, query=query).url == f"https://h.example/a{expected}"


@pytest.mark.parametrize(
    ("method", "http_method", "body", "sent"),
    [
        ("PUT", None, b"x", ("PUT", b"x")),
        ("PUT", "POST", b"x", ("POST", b"x")),
        ("post", None, b"x", ("POST", b"x")),
        ("GET", None, b"x", ("GET", b"x")),
        ("POST", "GET", b"x", ("GET", b"")),
        ("HEAD", None, b"x", ("HEAD", b"")),
        ("DELETE", None, b"x", ("DELETE", b"x")),
    ],
)
def test_the_method_decides_about_the_body(method, http_method, body, sent):
    prepared = build(method=method, http_method=http_method, body=body, headers=[("content-type", "text/plain")])
    assert (prepared.method, prepared.body) == sent
    assert values(prepared, "content-type") == (["text/plain"] if sent[1] else [])


def test_fasthook_adds_its_headers():
    assert build(headers=[("user-agent", "Stripe/1.0")]).headers == (
        ("user-agent", "Stripe/1.0"),
        ("idempotency-key", "evt_1"),
        *OWN,
    )


def test_an_idempotency_key_and_a_missing_user_agent():
    assert values(build(headers=[("idempotency-key", "theirs")]), "idempotency-key") == ["theirs"]
    assert values(build(), "user-agent") == ["FastHook"]


def test_order_and_repeated_headers_are_kept():
    pairs = [("x-b", "1"), ("content-type", "application/json"), ("x-a", "2"), ("x-b", "3")]
    assert forwarded(*pairs) == pairs


@pytest.mark.parametrize(
    "name",
    [
        "connection",
        "keep-alive",
        "proxy-authorization",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
        "expect",
        "x-fasthook-event-id",
        "x-fasthook-anything",
        "bad name",
        "bad\r\nname",
        "",
    ],
)
def test_what_belongs_to_the_connection_or_to_fasthook_stays_behind(name):
    assert forwarded((name, "x"), ("x-kept", "y")) == [("x-kept", "y")]


def test_the_providers_accept_encoding_is_replaced():
    assert values(build(headers=[("accept-encoding", "br")]), "accept-encoding") == ["identity"]


def test_headers_named_in_connection_stay_behind():
    assert forwarded(("connection", "close, X-Hop"), ("x-hop", "1"), ("x-kept", "2")) == [("x-kept", "2")]


def test_source_credentials_stay_behind_only_when_told():
    assert forwarded(("authorization", "Basic x"), strip=["authorization"]) == []
    assert forwarded(("authorization", "Basic x")) == [("authorization", "Basic x")]


def test_cookies_travel_as_they_came():
    """FastHook's own never come so far: events/ingress/tests/test_product_credentials.py."""
    cookie = ("cookie", "sessionid=s;theirs=1 ; csrftoken=c; fasthook_x=2;")
    assert forwarded(cookie) == [cookie]


def test_header_values_cannot_break_their_line():
    assert forwarded(("x-a", "one\r\nx-evil: 1\x00")) == [("x-a", "one x-evil: 1")]


def test_utf8_bytes_read_as_latin1_are_restored():
    assert forwarded(("x-a", "grün".encode().decode("latin-1"))) == [("x-a", "grün")]


@pytest.mark.parametrize(
    ("auth_type", "auth", "name", "expected"),
    [
        ("BASIC_AUTH", {"username": "u", "password": "ü"}, "authorization", "Basic dTrDvA=="),
        ("BEARER_TOKEN", {"token": "t"}, "authorization", "Bearer t"),
        ("API_KEY", {"key": "X-Key", "api_key": "k"}, "x-key", "k"),
        ("CUSTOM_HEADER", {"header_name": "X-Key", "header_value": "v"}, "x-key", "v"),
        ("CUSTOM_HEADER", {"header_name": "Idempotency-Key", "header_value": "v"}, "idempotency-key", "v"),
    ],
)
def test_credentials_replace_a_forwarded_header_of_the_same_name(auth_type, auth, name, expected):
    prepared = build(auth_type=auth_type, auth=auth, headers=[("authorization", "theirs"), ("x-key", "theirs")])
    assert values(prepared, name) == [expected]


def test_a_query_key_replaces_every_other_of_its_name():
    auth = {"key": "api key", "api_key": "a&b", "to": "query"}
    prepared = build("https://h.example/?api+key=old&z=1", query="api%20key=theirs&y=2", auth_type="API_KEY", auth=auth)
    assert prepared.url == "https://h.example/?z=1&api+key=a%26b&y=2"


def test_the_signature_covers_the_body_that_is_sent():
    prepared = build(auth_type="FASTHOOK_SIGNATURE", body=b"exact bytes", headers=[("webhook-id", "theirs")])
    expected = [
        "v1=" + hmac.new(secret.encode(), b"1700000000.exact bytes", hashlib.sha256).hexdigest()
        for secret in CONTEXT.signing_secrets
    ]
    assert values(prepared, "x-fasthook-timestamp") == ["1700000000"]
    assert values(prepared, "x-fasthook-signature") == [",".join(expected)]
    assert values(prepared, "webhook-id") == ["evt_1"]
    assert values(prepared, "webhook-timestamp") == ["1700000000"]
    assert len(values(prepared, "webhook-signature")[0].split(" ")) == 2


@pytest.mark.parametrize(
    ("auth_type", "auth", "url", "hidden"),
    [
        ("BEARER_TOKEN", {"token": "hidden"}, "https://h.example/?z=1&y=2", "authorization"),
        ("CUSTOM_HEADER", {"header_name": "X-A", "header_value": "hidden"}, "https://h.example/?z=1&y=2", "x-a"),
        (
            "API_KEY",
            {"key": "api key", "api_key": "hidden", "to": "query"},
            "https://h.example/?z=1&api+key=***&y=2",
            None,
        ),
    ],
)
def test_evidence_shows_everything_but_credentials(auth_type, auth, url, hidden):
    target = DestinationTarget(
        id="des_1",
        url="https://h.example/?z=1",
        http_method=None,
        path_forwarding_disabled=False,
        timeout_s=30.0,
        auth_type=auth_type,
        auth=normalise_destination_auth(auth_type, auth),
    )
    compiled = compile_target(target)
    prepared = compiled.build(Payload("POST", "", "y=2", [], b"{}"), CONTEXT, now=NOW)
    masked = compiled.masked(prepared)
    assert masked.url == url
    assert masked.headers == tuple((name, "***" if name == hidden else value) for name, value in prepared.headers)
    assert "hidden" in repr(prepared)
    assert "hidden" not in repr(masked)


def test_without_a_signature_a_providers_own_standard_webhooks_headers_travel():
    assert forwarded(("webhook-id", "theirs")) == [("webhook-id", "theirs")]


def test_a_user_agent_that_authenticates_is_the_only_one():
    auth = {"header_name": "User-Agent", "header_value": "Bot"}
    assert values(build(auth_type="CUSTOM_HEADER", auth=auth), "user-agent") == ["Bot"]


@settings(deadline=None)
@given(
    path=st.text(max_size=60).map(lambda text: "/" + text),
    query=st.text(max_size=60),
    headers=st.lists(st.tuples(st.text(max_size=10), st.text(max_size=30)), max_size=5),
)
def test_no_input_escapes_its_place(path, query, headers):
    prepared = build("https://h.example/base?own=1", path=path, query=query, headers=headers)
    parts = urlsplit(prepared.url)
    assert (parts.scheme, parts.netloc) == ("https", "h.example")
    assert parts.path.startswith("/base")
    assert parts.query.startswith("own=1")
    assert prepared.url.isascii()
    assert prepared.url.isprintable()
    assert " " not in prepared.url
    for name, value in prepared.headers:
        assert name.isascii()
        assert not any(char in name + value for char in "\r\n\x00")
        value.encode()
