"""Independent verifiers accept what FASTHOOK_SIGNATURE sends."""

import base64
import hashlib
import hmac
import time

import pytest
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from destinations.outbound.auth.signing import derive_keys, signature_headers, standard_webhooks_key
from fasthook.lib.errors import InvalidInput
from fasthook.lib.signing_secret import generate_signing_secret, validate_signing_secret

BODY = b'{"test": 2432232314}'


def sign(*signing_secrets, timestamp_s=None, message_id="evt_1"):
    timestamp_s = int(time.time()) if timestamp_s is None else timestamp_s
    return dict(signature_headers(derive_keys(signing_secrets), BODY, message_id=message_id, timestamp_s=timestamp_s))


def receiver_accepts(secret, headers, body):
    """What a receiver writes who wants no library."""
    timestamp = headers["x-fasthook-timestamp"]
    if abs(time.time() - int(timestamp)) > 300:
        return False
    expected = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    signatures = headers["x-fasthook-signature"].split(",")
    return any(hmac.compare_digest(signature, "v1=" + expected) for signature in signatures)


def test_the_published_standard_webhooks_vector_is_met():
    headers = sign(
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", timestamp_s=1614265330, message_id="msg_p5jXN8AQM9LWM0D4loKWxJek"
    )
    assert headers["webhook-id"] == "msg_p5jXN8AQM9LWM0D4loKWxJek"
    assert headers["webhook-timestamp"] == "1614265330"
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


@pytest.mark.parametrize(
    "secret",
    [
        generate_signing_secret(),
        base64.b64encode(b"bare base64 of a caller!").decode(),
        "5f4dcc3b5aa765d61d8327deb882cf995f4dcc3b5aa765d61d8327deb882cf99",
    ],
    ids=["generated", "base64", "hex"],
)
def test_both_verifiers_accept_a_base64_secret_as_it_is_shown(secret):
    headers = sign(validate_signing_secret(secret))
    assert receiver_accepts(secret, headers, BODY)
    Webhook(secret).verify(BODY, headers)


@pytest.mark.parametrize("secret", ["my-own-signing-secret!", "whsec_my-own-signing-secret"])
def test_any_other_secret_is_its_own_bytes_for_both_verifiers(secret):
    headers = sign(validate_signing_secret(secret))
    assert receiver_accepts(secret, headers, BODY)
    Webhook(secret.encode()).verify(BODY, headers)


def test_during_a_rotation_both_secrets_verify():
    new, old, other = generate_signing_secret(), generate_signing_secret(), generate_signing_secret()
    headers = sign(new, old)
    for secret in (new, old):
        assert receiver_accepts(secret, headers, BODY)
        Webhook(secret).verify(BODY, headers)
    assert not receiver_accepts(other, headers, BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(other).verify(BODY, headers)


def test_the_signatures_cover_body_and_time():
    secret = generate_signing_secret()
    headers = sign(secret)
    assert not receiver_accepts(secret, headers, BODY + b" ")
    later = str(int(headers["x-fasthook-timestamp"]) + 1)
    assert not receiver_accepts(secret, headers | {"x-fasthook-timestamp": later}, BODY)


def test_nothing_is_signed_without_a_secret():
    with pytest.raises(ValueError, match="needs a signing secret"):
        sign()


def test_a_generated_secret_holds_32_fresh_bytes():
    first, second = generate_signing_secret(), generate_signing_secret()
    assert first != second
    assert first.startswith("whsec_")
    assert len(standard_webhooks_key(first)) == 32
    assert validate_signing_secret(first) == first


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        (None, "must be a string"),
        ("", "must not be empty"),
        ("x" * 15, "must be between 16 and 256 characters long"),
        ("x" * 257, "must be between 16 and 256 characters long"),
        ("sixteen letters and spaces", "must not contain spaces"),
        ("sechzehn-zeichen-ü", "must be printable ASCII without a space at either end"),
        ("line\nbreak-in-a-secret", "must not contain control characters such as NUL or line breaks"),
    ],
)
def test_a_bad_secret_is_refused(value, fault):
    with pytest.raises(InvalidInput) as caught:
        validate_signing_secret(value)
    assert caught.value.fields == {"signing_secret": [fault]}
