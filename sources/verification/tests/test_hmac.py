"""Generic HMAC must pass what real providers send and nothing else."""

import base64
import hashlib
import hmac

import pytest

from sources.verification.compile import compile_auth
from sources.verification.config import normalise_auth
from sources.verification.request import InboundRequest

SECRET = "whsec_provider_secret"
BODY = b'{"type":"invoice.paid"}'
NOW = 1_700_000_000.0


def digest(text, secret=SECRET, algorithm="sha256"):
    return hmac.new(secret.encode(), text, getattr(hashlib, algorithm)).digest()


def b64(raw):
    return base64.b64encode(raw).decode()


def verify(headers, body=BODY, now=NOW, **auth):
    config = {"secret": SECRET, "signature_header": "X-Signature", **auth}
    verifier = compile_auth("WEBHOOK", "HMAC", normalise_auth("WEBHOOK", "HMAC", config))
    request = InboundRequest(
        method="POST", path="", query="", headers=headers, body=body, url="https://hooks.example.com/in/x/"
    )
    return verifier.verify(request, now=now)


def test_github_published_vector_passes():
    verdict = verify(
        {"x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"},
        body=b"Hello, World!",
        secret="It's a Secret to Everybody",
        signature_header="X-Hub-Signature-256",
    )
    assert verdict.ok is True
    assert verdict.reason is None


def test_stripe_form_signs_timestamp_and_body():
    signature = digest(b"1700000000." + BODY).hex()
    assert verify({"x-signature": f"t=1700000000,v1={signature}"}).ok


def test_stripe_form_passes_when_any_v1_matches():
    signature = digest(b"1700000000." + BODY).hex()
    assert verify({"x-signature": f"t=1700000000,v1={'0' * 64},v1={signature},v0={'1' * 64}"}).ok


def test_stripe_v0_signature_is_ignored():
    signature = digest(b"1700000000." + BODY).hex()
    verdict = verify({"x-signature": f"t=1700000000,v0={signature}"})
    assert verdict.reason == "signature header x-signature has no v1 signature"


@pytest.mark.parametrize(
    ("now", "ok"), [(NOW - 301, False), (NOW - 300, True), (NOW, True), (NOW + 300, True), (NOW + 301, False)]
)
def test_stripe_form_is_held_to_300_seconds_either_way(now, ok):
    signature = digest(b"1700000000." + BODY).hex()
    assert verify({"x-signature": f"t=1700000000,v1={signature}"}, now=now).ok is ok


def test_an_old_timestamp_is_explained():
    signature = digest(b"1700000000." + BODY).hex()
    verdict = verify({"x-signature": f"t=1700000000,v1={signature}"}, now=NOW + 4000)
    assert verdict.reason == "the timestamp in x-signature is 4000 s old, the tolerance is 300 s"


def test_tolerance_is_configurable():
    signature = digest(b"1700000000." + BODY).hex()
    assert verify({"x-signature": f"t=1700000000,v1={signature}"}, now=NOW + 1800, tolerance=1800).ok


def test_a_refreshed_timestamp_does_not_pass():
    signature = digest(b"1600000000." + BODY).hex()
    verdict = verify({"x-signature": f"t=1700000000,v1={signature}"})
    assert verdict.reason == (
        "no signature in x-signature matches: the secret is wrong or the request was changed on its way"
    )


def test_two_timestamps_do_not_pass():
    signature = digest(b"1600000000." + BODY).hex()
    assert not verify({"x-signature": f"t=1700000000,t=1600000000,v1={signature}"}).ok


def test_a_timed_signature_cannot_be_replayed_as_a_bare_one():
    signed_text = b"1600000000." + BODY
    assert not verify({"x-signature": digest(signed_text).hex()}, body=signed_text).ok


def test_workos_milliseconds_and_space_pass():
    signature = digest(b"1700000000123." + BODY).hex()
    assert verify({"x-signature": f"t=1700000000123, v1={signature}"}).ok


def test_sanity_base64_in_the_timed_form_passes():
    assert verify({"x-signature": f"t=1700000000,v1={b64(digest(b'1700000000.' + BODY))}"}).ok


def test_paddle_form_signs_with_a_colon():
    assert verify({"x-signature": f"ts=1700000000;h1={digest(b'1700000000:' + BODY).hex()}"}).ok
    assert not verify({"x-signature": f"ts=1700000000;h1={digest(b'1700000000.' + BODY).hex()}"}).ok


@pytest.mark.parametrize("algorithm", ["sha1", "sha256", "sha384", "sha512"])
@pytest.mark.parametrize("prefix", ["", "algorithm=", "v0="])
@pytest.mark.parametrize("encode", [bytes.hex, lambda raw: raw.hex().upper(), b64])
def test_body_signatures_pass_in_every_encoding(algorithm, prefix, encode):
    text = prefix.replace("algorithm", algorithm) + encode(digest(BODY, algorithm=algorithm))
    assert verify({"x-signature": text}, algorithm=algorithm).ok


def test_unpadded_and_url_safe_base64_pass():
    raw = digest(BODY)
    assert verify({"x-signature": base64.urlsafe_b64encode(raw).decode().rstrip("=")}).ok


@pytest.mark.parametrize(("encoding", "ok"), [("auto", True), ("hex", False), ("base64", True)])
def test_a_fixed_encoding_refuses_the_other(encoding, ok):
    assert verify({"x-signature": b64(digest(BODY))}, encoding=encoding).ok is ok


def test_a_signature_of_another_algorithm_is_named():
    verdict = verify({"x-signature": "sha1=" + digest(BODY, algorithm="sha1").hex()})
    assert verdict.reason == "signature header x-signature holds a sha1 signature, this source expects sha256"


@pytest.mark.parametrize("separator", [",", ", ", " "])
def test_any_of_several_signatures_may_match(separator):
    good = digest(BODY).hex()
    assert verify({"x-signature": separator.join(["0" * 64, good])}).ok
    assert not verify({"x-signature": separator.join(["0" * 64, "1" * 64])}).ok


def test_any_of_several_secrets_may_have_signed():
    for signer in ("old", "new"):
        assert verify({"x-signature": digest(BODY, secret=signer).hex()}, secret=["new", "old"]).ok
    assert not verify({"x-signature": digest(BODY, secret="other").hex()}, secret=["new", "old"]).ok


def test_a_configured_prefix_is_demanded_and_removed():
    signature = digest(BODY).hex()
    assert verify({"x-signature": f"hmac {signature}"}, prefix="hmac ").ok
    verdict = verify({"x-signature": signature}, prefix="hmac ")
    assert verdict.reason == "signature header x-signature does not begin with the configured prefix"


def test_slack_passes_with_secret_and_signature_header_alone():
    headers = {
        "x-slack-signature": "v0=" + digest(b"v0:1700000000:" + BODY).hex(),
        "x-slack-request-timestamp": "1700000000",
    }
    assert verify(headers, signature_header="X-Slack-Signature").ok
    assert not verify(headers, signature_header="X-Slack-Signature", now=NOW + 301).ok


@pytest.mark.parametrize(
    ("prefix", "separator"), [("v0=", b"v0:1700000000:"), ("", b"1700000000."), ("", b"1700000000:")]
)
def test_a_configured_timestamp_header_is_signed_with_the_body(prefix, separator):
    headers = {"x-signature": prefix + digest(separator + BODY).hex(), "x-time": "1700000000"}
    assert verify(headers, timestamp_header="X-Time").ok
    assert not verify(headers | {"x-time": "1700000001"}, timestamp_header="X-Time").ok


def test_a_body_signature_does_not_pass_when_the_timestamp_must_be_signed():
    headers = {"x-signature": digest(BODY).hex(), "x-time": "1700000000"}
    assert not verify(headers, timestamp_header="X-Time").ok


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({}, "signature header x-signature is missing"),
        ({"x-signature": "  "}, "signature header x-signature is missing"),
        (
            {"x-signature": "nonsense"},
            "signature header x-signature holds no readable sha256 signature (hex or base64)",
        ),
        ({"x-signature": "t=now,v1=00"}, "the timestamp in x-signature is not a Unix time"),
        ({"x-signature": "t=,v1=00"}, "the timestamp in x-signature is missing"),
    ],
)
def test_what_cannot_be_read_fails_with_its_reason(headers, reason):
    verdict = verify(headers)
    assert verdict.ok is False
    assert verdict.reason == reason


def test_a_changed_body_fails():
    assert not verify({"x-signature": digest(BODY).hex()}, body=BODY + b" ").ok


def test_reasons_tell_neither_secret_nor_signature():
    verdict = verify({"x-signature": "0" * 64})
    assert SECRET not in verdict.reason
    assert digest(BODY).hex() not in verdict.reason
