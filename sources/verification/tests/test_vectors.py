"""Signatures that others have published: the design's vectors, and a sample of Bridge's documentation."""

from __future__ import annotations

import json
from typing import Any

import pytest

from sources.verification.compile import compile_auth
from sources.verification.config import normalise_auth
from sources.verification.request import InboundRequest
from sources.verification.schemes.body_signature import adyen_signed_text
from sources.verification.tests.provider_samples import request
from sources.verification.verdict import Verdict

STANDARD_HEADERS = {"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330"}
STANDARD_BODY = b'{"test": 2432232314}'
V1 = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
V1A = "v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg=="
ADYEN_ITEM: dict[str, Any] = {
    "pspReference": "7914073381342284",
    "originalReference": "",
    "merchantAccountCode": "TestMerchant",
    "merchantReference": "TestPayment-1407325143704",
    "amount": {"value": 1130, "currency": "EUR"},
    "eventCode": "AUTHORISATION",
    "success": "true",
    "additionalData": {"hmacSignature": "coqCmt/IZ4E3CzPvMY8zTjQVL5hYJUiBRg8UU+iCWo0="},
}
BRIDGE_KEY = """-----BEGIN PUBLIC KEY-----
MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAtqsEE4eI7EmzhcquGJXt
LX9PMK0UH6Kl1WIR21sv8HtueG8BuvvpP3MiN7ltzmIhS8KaynCjN4l+620PnXeu
xWG+CSnEdkinL9hCqbEid5vv9zl0j9LWiJx3FkKHqADU7cgm46aa8dKUdIQYF2X+
O7WmyLkC4wUM/mWhBPMsIQBznashRMZxx7XJjsVp27ACUE4eNIjEXbVYN6U8jSbU
hG++CfL8xXu+GHDqKmFE6Po6HnuURvLFVnCtE3mXXBcVFlPy+octfx8nOMLT3X8O
9UehIigJ34o2yMm/Fq3HUJzg2BsiAiGgtr0vmeoV9Q7upSNj9TuOumAzZFi4pYA+
qwIDAQAB
-----END PUBLIC KEY-----"""
BRIDGE_SIGNATURE = (
    "t=1705854411204,v0=jz/0dmHJ63FAzacGutrDTEoq+iSz/PHm/ugdooXDQu5NwuVIT2LmZGjsnCsBHgR9Py6OBP9zurzW4dHgygU4EDqmMPTU"
    "OvhvndYb4lWt+TY66LihaFI2whL6DAf/jb1QjYjNU0A6x9SLzC45dgE6X7zTDUM+2Z+scG/WEQf6SxQMt4E2sEipl5PqMK5lYUe3otdJV+X2c9D"
    "64bGwCEE7QSia+Vhozg8QNOQEk/rdz2IEONIg6oC43CeiN4E2kF9XLAGuy9uAHx9O9OJH5ZPLJZjyo4VcXYeWQgxaQ1gZ1Qu6hEEzgiPSff/1no"
    "u58dm4bIIazgCWli/mO0NyGcpfFw=="
)


def verdict(provider: str, auth: dict[str, Any], sent: InboundRequest, *, now: float = 0.0) -> Verdict:
    stored = normalise_auth("WEBHOOK", "PROVIDER_SIGNATURE", {"provider": provider, **auth})
    verifier = compile_auth("WEBHOOK", "PROVIDER_SIGNATURE", stored)
    assert verifier is not None
    return verifier.verify(sent, now=now)


@pytest.mark.parametrize("signatures", [V1, f"{V1A} {V1}", f"v1,{'A' * 43}= {V1}"])
def test_standard_webhooks_v1(signatures: str) -> None:
    sent = request({**STANDARD_HEADERS, "webhook-signature": signatures}, STANDARD_BODY)
    auth = {"secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
    assert verdict("STANDARD_WEBHOOKS", auth, sent, now=1614265330).verified
    assert not verdict("STANDARD_WEBHOOKS", auth, sent, now=1614265330 + 301).ok


def test_standard_webhooks_v1a() -> None:
    sent = request({**STANDARD_HEADERS, "webhook-signature": V1A}, STANDARD_BODY)
    auth = {"secret": "whpk_1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4="}
    assert verdict("STANDARD_WEBHOOKS", auth, sent, now=1614265330).verified
    labelled_otherwise = request({**STANDARD_HEADERS, "webhook-signature": V1A.replace("v1a", "v1")}, STANDARD_BODY)
    assert not verdict("STANDARD_WEBHOOKS", auth, labelled_otherwise, now=1614265330).ok


def test_github() -> None:
    signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17"
    sent = request({"X-Hub-Signature-256": signature}, b"Hello, World!")
    assert verdict("GITHUB", {"secret": "It's a Secret to Everybody"}, sent).verified


def test_twilio() -> None:
    sent = request(
        {"X-Twilio-Signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=", "content-type": "application/x-www-form-urlencoded"},
        b"To=%2B18005551212&CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309",
        url="https://mycompany.com/myapp.php?foo=1&bar=2",
        query="foo=1&bar=2",
    )
    assert verdict("TWILIO", {"secret": "12345"}, sent).verified


def test_adyen() -> None:
    key = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
    text = b"7914073381342284::TestMerchant:TestPayment-1407325143704:1130:EUR:AUTHORISATION:true"
    assert adyen_signed_text(ADYEN_ITEM) == text
    body = json.dumps({"notificationItems": [{"NotificationRequestItem": ADYEN_ITEM}]}).encode()
    assert verdict("ADYEN", {"secret": key}, request({}, body)).verified


def test_bridge_signs_a_digest_that_is_hashed_again() -> None:
    sent = request({"X-Webhook-Signature": BRIDGE_SIGNATURE}, b'{"message":"Hello World!"}')
    assert verdict("BRIDGE", {"public_key": BRIDGE_KEY}, sent, now=1705854411).verified
