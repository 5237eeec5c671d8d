"""Whatever a stranger sends, a verifier answers and never raises; without the secret it never says yes."""

import hashlib
import hmac

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sources.verification.compile import compile_auth
from sources.verification.config import normalise_auth
from sources.verification.request import InboundRequest

HEADER_TEXT = st.one_of(
    st.text(max_size=200),
    st.text(alphabet=st.characters(categories=["Cs", "Cc", "Nd", "L"]), max_size=50),
    st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")),
    st.from_regex(r"\A(t|ts)=[0-9]{0,20}[,;](v1|h1|v0)=[0-9a-fA-F=+/]{0,90}\Z"),
    st.from_regex(r"\A(sha256|sha1|v0|Basic|Bearer)[= ][0-9a-fA-F=+/]{0,90}\Z"),
)
CONFIGS = [
    ("HMAC", {"secret": "s", "signature_header": "x-a"}),
    ("HMAC", {"secret": ["s", "t"], "signature_header": "x-a", "prefix": "v0=", "timestamp_header": "x-b"}),
    ("HMAC", {"secret": "s", "signature_header": "x-a", "encoding": "base64", "timestamp_header": "x-b"}),
    ("BASIC_AUTH", {"username": "secret-user", "password": "secret-password"}),
    ("API_KEY", {"header": "authorization", "api_key": "a-long-api-key"}),
    ("API_KEY", {"query": "x-a", "api_key": "a-long-api-key"}),
]


@pytest.mark.parametrize(("auth_type", "auth"), CONFIGS)
@settings(deadline=None)
@given(a=HEADER_TEXT, b=HEADER_TEXT, query=st.text(max_size=100), body=st.binary(max_size=100))
def test_no_input_raises_or_passes(auth_type, auth, a, b, query, body):
    verifier = compile_auth("WEBHOOK", auth_type, normalise_auth("WEBHOOK", auth_type, auth))
    headers = {"x-a": a, "x-b": b, "authorization": a}
    request = InboundRequest(method="POST", path="", query=query, headers=headers, body=body, url="")
    verdict = verifier.verify(request, now=1_700_000_000.0)
    assert verdict.ok is False
    assert verdict.reason


@settings(deadline=None)
@given(body=st.binary(max_size=200).filter(lambda raw: not raw[:1].isdigit() and raw[:1] != b"v"))
def test_every_rightly_signed_body_passes(body):
    verifier = compile_auth("WEBHOOK", "HMAC", normalise_auth("WEBHOOK", "HMAC", CONFIGS[0][1]))
    signature = hmac.new(b"s", body, hashlib.sha256).hexdigest()
    request = InboundRequest(method="POST", path="", query="", headers={"x-a": signature}, body=body, url="")
    assert verifier.verify(request, now=0.0).ok
