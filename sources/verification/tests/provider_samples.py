"""One signed request for each provider, written from the provider's own description and not from the table.

`sign` makes the request as the provider would send it at a moment; `documents` answers what a verifier wants fetched.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from sources.verification.request import InboundRequest
from sources.verification.verdict import KeyRequest

NOW = 1_795_252_500
URL = "https://hooks.example.com/in/abc/path?a=1"
BODY = b'{"id": 1, "type": "thing.done", "text": "\xc3\xbc"}'
SECRET = "first-secret-of-this-source"
OTHER = "another-secret-that-is-older"
STANDARD_SECRET = "whsec_" + base64.b64encode(b"standard-webhooks-secret").decode()
STANDARD_OTHER = "whsec_" + base64.b64encode(b"another-standard-secret!").decode()
HEX_SECRET, HEX_OTHER = "44782def547aaa06c910c43932b1eb0c", "00112233445566778899aabbccddeeff"

ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER_ED25519 = Ed25519PrivateKey.from_private_bytes(bytes(32))
P256 = ec.derive_private_key(7, ec.SECP256R1())
OTHER_P256 = ec.derive_private_key(8, ec.SECP256R1())
RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_RSA = rsa.generate_private_key(public_exponent=65537, key_size=2048)

Documents = Callable[[KeyRequest], bytes]
Sign = Callable[[int], InboundRequest]


@dataclass(frozen=True)
class Sample:
    """secret_field: the field that may hold a list. tolerance_s: None where nothing expires.
    covers_body: False where only a credential is shown."""

    auth: dict[str, Any]
    sign: Sign
    other: Any = OTHER
    secret_field: str | None = "secret"
    signature_header: str | None = None
    tolerance_s: int | None = None
    covers_body: bool = True
    tampered: Callable[[InboundRequest], InboundRequest] | None = None
    unsigned: Callable[[InboundRequest], InboundRequest] | None = None
    documents: Documents = field(default=lambda request: b"")


def request(
    headers: Mapping[str, str], body: bytes = BODY, *, method: str = "POST", url: str = URL, query: str = "a=1"
) -> InboundRequest:
    lower = {name.lower(): value for name, value in headers.items()}
    return InboundRequest(method=method, path="/path", query=query, headers=lower, body=body, url=url)


def hexed(secret: str | bytes, text: bytes, digest: str = "sha256") -> str:
    return hmac.new(secret if isinstance(secret, bytes) else secret.encode(), text, digest).hexdigest()


def base64ed(secret: str | bytes, text: bytes, digest: str = "sha256") -> str:
    return base64.b64encode(bytes.fromhex(hexed(secret, text, digest))).decode()


def iso(moment: int) -> str:
    return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def pem(key: Any) -> str:
    return (
        key.public_key()
        .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        .decode()
    )


def raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def rsa_signed(text: bytes, digest: hashes.HashAlgorithm | None = None) -> str:
    return base64.b64encode(RSA.sign(text, padding.PKCS1v15(), digest or hashes.SHA256())).decode()


def base64url(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).rstrip(b"=").decode()


def token(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    text = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
    return f"{text}.{base64url(sign(text.encode()))}"


def certificate(key: rsa.RSAPrivateKey = RSA, *, days: int = 365, now: float = NOW) -> bytes:
    """Made 30 days before `now`."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider.example")])
    start = datetime.fromtimestamp(now, UTC) - timedelta(days=30)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(start)
        .not_valid_after(start + timedelta(days=days))
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(serialization.Encoding.PEM)


# ---- The body alone


def body_alone(header: str, sign: Callable[..., str], digest: str = "sha256", *, prefix: str = "") -> Sample:
    return Sample(
        {"secret": SECRET},
        lambda now: request({header: prefix + sign(SECRET, BODY, digest)}),
        signature_header=header.lower(),
    )


# ---- A time with it


def fielded(header: str, form: str, text: str, tolerance_s: int | None, **options: Any) -> Sample:
    """`form` and `text` as format strings of t (seconds), sig and body."""
    sign_text, milliseconds = options.get("sign", hexed), options.get("milliseconds", False)

    def sign(now: int) -> InboundRequest:
        time = now * 1000 if milliseconds else now
        signed = text.format(t=time).encode() + BODY
        return request({header: form.format(t=time, sig=sign_text(SECRET, signed))})

    return Sample({"secret": SECRET}, sign, signature_header=header.lower(), tolerance_s=tolerance_s)


def two_headers(
    header: str, time_header: str, text: str, tolerance_s: int, *, prefix: str = "", sign: Any = hexed, time: Any = str
) -> Sample:
    def make(now: int) -> InboundRequest:
        moment = time(now)
        signed = text.format(t=moment).encode() + BODY
        return request({header: prefix + sign(SECRET, signed), time_header: moment})

    return Sample({"secret": SECRET}, make, signature_header=header.lower(), tolerance_s=tolerance_s)


def standard(
    family: str, secret: str = STANDARD_SECRET, other: str = STANDARD_OTHER, key: bytes | None = None
) -> Sample:
    used = key if key is not None else base64.b64decode(secret.removeprefix("whsec_"))

    def sign(now: int) -> InboundRequest:
        signature = base64ed(used, b"msg_1.%d.%b" % (now, BODY))
        headers = {f"{family}-id": "msg_1", f"{family}-timestamp": str(now)}
        return request({**headers, f"{family}-signature": f"v1,{'A' * 43}= v1,{signature}"})

    return Sample({"secret": secret}, sign, other, signature_header=f"{family}-signature", tolerance_s=300)


# ---- Fixed credentials


def shown(header: str, form: str = "{}") -> Sample:
    return Sample(
        {"secret": SECRET},
        lambda now: request({header: form.format(SECRET)}),
        signature_header=header,
        covers_body=False,
        tampered=lambda sent: replace(sent, headers={header: form.format("wrong")}),
    )


def basic() -> Sample:
    def header(password: str) -> dict[str, str]:
        return {"authorization": "Basic " + base64.b64encode(f"hook:{password}".encode()).decode()}

    return Sample(
        {"username": "hook", "password": SECRET},
        lambda now: request(header(SECRET)),
        secret_field="password",
        signature_header="authorization",
        covers_body=False,
        tampered=lambda sent: replace(sent, headers=header("wrong")),
    )


# ---- Public keys


def public_key(
    header: str, time_header: str, separator: bytes, key: Any, shown_key: str, other: str, sign: Callable[[bytes], str]
) -> Sample:
    def make(now: int) -> InboundRequest:
        return request({header: sign(str(now).encode() + separator + BODY), time_header: str(now)})

    return Sample(
        {"public_key": shown_key},
        make,
        other,
        secret_field="public_key",
        signature_header=header.lower(),
        tolerance_s=300,
    )


def discord() -> Sample:
    return public_key(
        "X-Signature-Ed25519",
        "X-Signature-Timestamp",
        b"",
        ED25519,
        raw(ED25519).hex(),
        raw(OTHER_ED25519).hex(),
        lambda text: ED25519.sign(text).hex(),
    )


def telnyx() -> Sample:
    return public_key(
        "telnyx-signature-ed25519",
        "telnyx-timestamp",
        b"|",
        ED25519,
        base64.b64encode(raw(ED25519)).decode(),
        base64.b64encode(raw(OTHER_ED25519)).decode(),
        lambda text: base64.b64encode(ED25519.sign(text)).decode(),
    )


def sendgrid() -> Sample:
    def der(key: Any) -> str:
        form = serialization.PublicFormat.SubjectPublicKeyInfo
        return base64.b64encode(key.public_key().public_bytes(serialization.Encoding.DER, form)).decode()

    return public_key(
        "X-Twilio-Email-Event-Webhook-Signature",
        "X-Twilio-Email-Event-Webhook-Timestamp",
        b"",
        P256,
        der(P256),
        der(OTHER_P256),
        lambda text: base64.b64encode(P256.sign(text, ec.ECDSA(hashes.SHA256()))).decode(),
    )


def kick() -> Sample:
    def sign(now: int) -> InboundRequest:
        identifier, time = "01J000000000000000000000AA", iso(now)
        signature = rsa_signed(f"{identifier}.{time}.".encode() + BODY)
        names = {"Kick-Event-Message-Id": identifier, "Kick-Event-Message-Timestamp": time}
        return request({**names, "Kick-Event-Signature": signature})

    return Sample(
        {"public_key": pem(RSA)},
        sign,
        pem(OTHER_RSA),
        secret_field="public_key",
        signature_header="kick-event-signature",
    )


def bridge() -> Sample:
    def sign(now: int) -> InboundRequest:
        digest = hashlib.sha256(b"%d000." % now + BODY).digest()
        return request({"X-Webhook-Signature": f"t={now}000,v0={rsa_signed(digest)}"})

    return Sample(
        {"public_key": pem(RSA)},
        sign,
        pem(OTHER_RSA),
        secret_field="public_key",
        signature_header="x-webhook-signature",
        tolerance_s=600,
    )


def netlify() -> Sample:
    claims = {"iss": "netlify", "sha256": hashlib.sha256(BODY).hexdigest()}
    made = token({"alg": "HS256", "typ": "JWT"}, claims, lambda text: bytes.fromhex(hexed(SECRET, text)))
    return Sample(
        {"secret": SECRET}, lambda now: request({"X-Webhook-Signature": made}), signature_header="x-webhook-signature"
    )


def fusionauth() -> Sample:
    claims = {"request_body_sha256": base64.b64encode(hashlib.sha256(BODY).digest()).decode()}
    made = token({"alg": "EdDSA", "kid": "k"}, claims, ED25519.sign)
    header = "X-FusionAuth-Signature-JWT"
    return Sample(
        {"secret": pem(ED25519)},
        lambda now: request({header: made}),
        pem(OTHER_ED25519),
        signature_header=header.lower(),
    )


# ---- Keys that are fetched


def plaid() -> Sample:
    def sign(now: int) -> InboundRequest:
        def raw_signature(text: bytes) -> bytes:
            r, s = decode_dss_signature(P256.sign(text, ec.ECDSA(hashes.SHA256())))
            return r.to_bytes(32) + s.to_bytes(32)

        claims = {"iat": now, "request_body_sha256": hashlib.sha256(BODY).hexdigest()}
        made = token({"alg": "ES256", "kid": "key-1"}, claims, raw_signature)
        return request({"Plaid-Verification": made})

    def documents(wanted: KeyRequest) -> bytes:
        assert wanted.url == "https://production.plaid.com/webhook_verification_key/get"
        assert json.loads(wanted.body) == {"client_id": "client", "secret": SECRET, "key_id": "key-1"}
        numbers = P256.public_key().public_numbers()
        jwk = {"crv": "P-256", "kid": "key-1", "kty": "EC", "expired_at": None}
        x, y = (base64url(number.to_bytes(32)) for number in (numbers.x, numbers.y))
        return json.dumps({"key": {**jwk, "x": x, "y": y}}).encode()

    return Sample(
        {"client_id": "client", "secret": SECRET},
        sign,
        secret_field=None,
        signature_header="plaid-verification",
        tolerance_s=300,
        documents=documents,
    )


def fal() -> Sample:
    def sign(now: int) -> InboundRequest:
        text = f"request-1\nuser-1\n{now}\n{hashlib.sha256(BODY).hexdigest()}".encode()
        names = {"Request-Id": "request-1", "User-Id": "user-1", "Timestamp": str(now)}
        headers = {f"X-Fal-Webhook-{name}": value for name, value in names.items()}
        return request({**headers, "X-Fal-Webhook-Signature": ED25519.sign(text).hex()})

    def documents(wanted: KeyRequest) -> bytes:
        assert wanted.url == "https://rest.fal.ai/.well-known/jwks.json"
        keys = [{"kty": "OKP", "crv": "Ed25519", "x": base64url(raw(key))} for key in (OTHER_ED25519, ED25519)]
        return json.dumps({"keys": keys}).encode()

    return Sample(
        {"user_id": "user-1"},
        sign,
        "user-2",
        secret_field="user_id",
        signature_header="x-fal-webhook-signature",
        tolerance_s=300,
        documents=documents,
    )


def paypal() -> Sample:
    def sign(now: int) -> InboundRequest:
        text = f"transmission-1|{iso(now)}|WH-1|{zlib.crc32(BODY)}".encode()
        headers = {
            "PAYPAL-TRANSMISSION-ID": "transmission-1",
            "PAYPAL-TRANSMISSION-TIME": iso(now),
            "PAYPAL-TRANSMISSION-SIG": rsa_signed(text),
            "PAYPAL-AUTH-ALGO": "SHA256withRSA",
            "PAYPAL-CERT-URL": "https://api.paypal.com/v1/notifications/certs/CERT-360caa42-fca2a594-a5cafa77",
        }
        return request(headers)

    def documents(wanted: KeyRequest) -> bytes:
        assert wanted.url.startswith("https://api.paypal.com/v1/notifications/certs/CERT-")
        return certificate()

    return Sample(
        {"webhook_id": "WH-1"},
        sign,
        "WH-2",
        secret_field="webhook_id",
        signature_header="paypal-transmission-sig",
        documents=documents,
    )


TOPIC = "arn:aws:sns:eu-central-1:123456789012:orders"
SNS_CERTIFICATE_URL = "https://sns.eu-central-1.amazonaws.com/SimpleNotificationService-0123456789abcdef.pem"


def sns_message(kind: str = "Notification", version: str = "2", **values: str) -> bytes:
    message = {
        "Type": kind,
        "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
        "TopicArn": TOPIC,
        "Subject": "My First Message",
        "Message": "Hello world!",
        "Timestamp": "2026-11-21T09:00:00.000Z",
        "SignatureVersion": version,
        "SigningCertURL": SNS_CERTIFICATE_URL,
        **values,
    }
    names = ["Message", "MessageId", "Subject", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"]
    if kind != "Notification":
        names.remove("Subject")
    text = "".join(f"{name}\n{message[name]}\n" for name in names if name in message).encode()
    digest = hashes.SHA1() if version == "1" else hashes.SHA256()
    return json.dumps({**message, "Signature": rsa_signed(text, digest)}).encode()


def without_field(name: str) -> Callable[[InboundRequest], InboundRequest]:
    def change(sent: InboundRequest) -> InboundRequest:
        body = json.loads(sent.body)
        del body[name]
        return replace(sent, body=json.dumps(body).encode())

    return change


def with_field(name: str, value: Any) -> Callable[[InboundRequest], InboundRequest]:
    return lambda sent: replace(sent, body=json.dumps({**json.loads(sent.body), name: value}).encode())


def sns() -> Sample:
    return Sample(
        {"topic_arn": TOPIC},
        lambda now: request({"x-amz-sns-message-type": "Notification"}, sns_message()),
        TOPIC.replace("orders", "others"),
        secret_field="topic_arn",
        tampered=with_field("Message", "Hello world?"),
        unsigned=without_field("Signature"),
        documents=lambda wanted: certificate() if wanted == KeyRequest(SNS_CERTIFICATE_URL) else b"",
    )


def mailchannels() -> Sample:
    body = b'[{"customer_handle": "acme", "event": "delivered"}]'

    def sign(now: int) -> InboundRequest:
        digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"
        parameters = f'("content-digest");created={now};alg="ed25519";keyid="mckey"'
        base = f'"content-digest": {digest}\n"@signature-params": {parameters}'.encode()
        signature = base64.b64encode(ED25519.sign(base)).decode()
        headers = {"Signature": f"sig_1=:{signature}:", "Signature-Input": f"sig_1={parameters}"}
        return request({**headers, "Content-Digest": digest}, body)

    def documents(wanted: KeyRequest) -> bytes:
        assert wanted.url == "https://api.mailchannels.net/tx/v1/webhook/public-key?id=mckey"
        return json.dumps({"id": "mckey", "key": base64.b64encode(raw(ED25519)).decode()}).encode()

    return Sample(
        {"customer_handle": "acme"},
        sign,
        "another",
        secret_field="customer_handle",
        signature_header="signature",
        tolerance_s=300,
        documents=documents,
    )


# ---- The URL too


def over_url(header: str, text: Callable[[bytes], bytes], body: bytes, **options: Any) -> Sample:
    digest = options.get("digest", "sha1")
    content_type = {"content-type": options["content_type"]} if "content_type" in options else {}
    return Sample(
        {"secret": SECRET},
        lambda now: request({header: base64ed(SECRET, text(body), digest), **content_type}, body),
        signature_header=header.lower(),
        tampered=lambda sent: replace(sent, url=sent.url + "x"),
    )


def hubspot() -> Sample:
    def sign(now: int) -> InboundRequest:
        text = b"POSThttps://hooks.example.com/in/abc/path?a=b/c" + BODY + b"%d000" % now
        headers = {"X-HubSpot-Request-Timestamp": f"{now}000", "X-HubSpot-Signature-v3": base64ed(SECRET, text)}
        return request(headers, url="https://hooks.example.com/in/abc/path?a=b%2Fc")

    return Sample({"secret": SECRET}, sign, signature_header="x-hubspot-signature-v3", tolerance_s=300)


# ---- Inside of the body


def linear() -> Sample:
    def sign(now: int) -> InboundRequest:
        body = json.dumps({"action": "create", "webhookTimestamp": now * 1000}).encode()
        return request({"Linear-Signature": hexed(SECRET, body)}, body)

    return Sample({"secret": SECRET}, sign, signature_header="linear-signature", tolerance_s=60)


def mailgun() -> Sample:
    def sign(now: int) -> InboundRequest:
        signature = {"timestamp": str(now), "token": "a8ce0edb2dd8301dee6c2405235584e45aa91d1e9f979f3de0"}
        signature["signature"] = hexed(SECRET, (signature["timestamp"] + signature["token"]).encode())
        return request({}, json.dumps({"signature": signature, "event-data": {"event": "opened"}}).encode())

    return Sample(
        {"secret": SECRET},
        sign,
        tolerance_s=30_000,
        covers_body=False,
        tampered=lambda sent: replace(sent, body=sent.body.replace(b"a8ce", b"b8ce")),
        unsigned=without_field("signature"),
    )


def adyen() -> Sample:
    item: dict[str, Any] = {
        "pspReference": "7914073381342284",
        "merchantAccountCode": "TestMerchant",
        "merchantReference": "TestPayment-1407325143704",
        "amount": {"value": 1130, "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
    }
    text = b"7914073381342284::TestMerchant:TestPayment-1407325143704:1130:EUR:AUTHORISATION:true"
    item["additionalData"] = {"hmacSignature": base64ed(bytes.fromhex(HEX_SECRET), text)}
    body = json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}).encode()
    return Sample(
        {"secret": HEX_SECRET},
        lambda now: request({}, body),
        HEX_OTHER,
        covers_body=False,
        tampered=lambda sent: replace(sent, body=sent.body.replace(b"1130", b"1131")),
        unsigned=lambda sent: replace(sent, body=sent.body.replace(b"hmacSignature", b"other")),
    )


def graph() -> Sample:
    body = json.dumps({"value": [{"clientState": SECRET, "changeType": "created"}] * 2}).encode()
    return Sample(
        {"secret": SECRET},
        lambda now: request({}, body),
        covers_body=False,
        tampered=lambda sent: replace(sent, body=sent.body.replace(SECRET.encode(), b"wrong", 1)),
        unsigned=lambda sent: replace(sent, body=sent.body.replace(b"clientState", b"other", 1)),
    )


def hygraph() -> Sample:
    def sign(now: int) -> InboundRequest:
        envelope = {"Body": BODY.decode(), "EnvironmentName": "master", "TimeStamp": now * 1000}
        text = json.dumps(envelope, ensure_ascii=False, separators=(",", ":")).encode()
        return request({"gcms-signature": f"sign={base64ed(SECRET, text)}, env=master, t={now}000"})

    return Sample({"secret": SECRET}, sign, signature_header="gcms-signature", tolerance_s=300)


def twitch() -> Sample:
    def sign(now: int) -> InboundRequest:
        identifier, time = "e76c6bd4-55c9-4987-8304-da1588d8988b", iso(now).replace("Z", ".123456789Z")
        signature = "sha256=" + hexed(SECRET, (identifier + time).encode() + BODY)
        headers = {"Message-Id": identifier, "Message-Timestamp": time, "Message-Signature": signature}
        return request({f"Twitch-Eventsub-{name}": value for name, value in headers.items()})

    return Sample({"secret": SECRET}, sign, signature_header="twitch-eventsub-message-signature", tolerance_s=600)


_FORM = b"mandrill_events=%5B%7B%22event%22%3A%22send%22%7D%5D"
_FORM_TEXT = b'mandrill_events[{"event":"send"}]'
_FORM_TYPE = "application/x-www-form-urlencoded; charset=utf-8"
_TIMED = "t={t},v1={sig}"

SAMPLES: dict[str, Sample] = {
    "ADYEN": adyen(),
    "ASANA": body_alone("X-Hook-Signature", hexed),
    "AUTH0": shown("authorization"),
    "AWS_SNS": sns(),
    "BITBUCKET": body_alone("X-Hub-Signature", hexed, prefix="sha256="),
    "BREVO": shown("authorization", "Bearer {}"),
    "BRIDGE": bridge(),
    "CALENDLY": fielded("Calendly-Webhook-Signature", _TIMED, "{t}.", 180),
    "CHARGEBEE": basic(),
    "CIRCLECI": body_alone("circleci-signature", hexed, prefix="v1="),
    "CLERK": standard("svix"),
    "COINBASE_COMMERCE": body_alone("X-CC-Webhook-Signature", hexed),
    "COMMERCE_LAYER": body_alone("X-CommerceLayer-Signature", base64ed),
    "CURSOR": body_alone("X-Webhook-Signature", hexed, prefix="sha256="),
    "DISCORD": discord(),
    "DOCUSIGN": body_alone("X-DocuSign-Signature-2", base64ed),
    "DODO": standard("webhook"),
    "DOPPLER": body_alone("x-doppler-signature", hexed, prefix="sha256="),
    "DROPBOX": body_alone("X-Dropbox-Signature", hexed),
    "ELEVENLABS": fielded("ElevenLabs-Signature", "t={t},v0={sig}", "{t}.", 1800),
    "FAL": fal(),
    "FOURTHWALL": body_alone("X-Fourthwall-Hmac-SHA256", base64ed),
    "FUSIONAUTH": fusionauth(),
    "GITHUB": body_alone("X-Hub-Signature-256", hexed, prefix="sha256="),
    "GITLAB": shown("x-gitlab-token"),
    "GOCARDLESS": body_alone("Webhook-Signature", hexed),
    "GRAFANA": two_headers("x-grafana-alerting-signature", "x-grafana-alerting-signature-timestamp", "{t}:", 300),
    "HEROKU": body_alone("Heroku-Webhook-Hmac-SHA256", base64ed),
    "HUBSPOT": hubspot(),
    "HYGRAPH": hygraph(),
    "INTERCOM": body_alone("X-Hub-Signature", hexed, "sha1", prefix="sha1="),
    "KICK": kick(),
    "LEMON_SQUEEZY": body_alone("X-Signature", hexed),
    "LINE": body_alone("x-line-signature", base64ed),
    "LINEAR": linear(),
    "MAILCHANNELS": mailchannels(),
    "MAILCHIMP_TRANSACTIONAL": over_url(
        "X-Mandrill-Signature", lambda body: URL.encode() + _FORM_TEXT, _FORM, content_type=_FORM_TYPE
    ),
    "MAILGUN": mailgun(),
    "META": body_alone("X-Hub-Signature-256", hexed, prefix="sha256="),
    "MICROSOFT_GRAPH": graph(),
    "MUX": fielded("Mux-Signature", _TIMED, "{t}.", 300),
    "NETLIFY": netlify(),
    "OKTA": shown("authorization"),
    "OPENAI": standard("webhook"),
    "PADDLE": fielded("Paddle-Signature", "ts={t};h1={sig}", "{t}:", 300),
    "PAGERDUTY": body_alone("X-PagerDuty-Signature", hexed, prefix="v1=" + "0" * 64 + ",v1="),
    "PAYPAL": paypal(),
    "PAYSTACK": body_alone("x-paystack-signature", hexed, "sha512"),
    "PLAID": plaid(),
    "POLAR": standard("webhook", SECRET, OTHER, SECRET.encode()),
    "POSTMARK": basic(),
    "RAZORPAY": body_alone("X-Razorpay-Signature", hexed),
    "REPLICATE": standard("webhook"),
    "RESEND": standard("svix"),
    "SANITY": fielded("sanity-webhook-signature", _TIMED, "{t}.", None, sign=base64ed, milliseconds=True),
    "SEGMENT": body_alone("X-Signature", hexed, "sha1"),
    "SENDGRID": sendgrid(),
    "SENTRY": body_alone("sentry-hook-signature", hexed),
    "SHOPIFY": body_alone("X-Shopify-Hmac-Sha256", base64ed),
    "SLACK": two_headers("X-Slack-Signature", "X-Slack-Request-Timestamp", "v0:{t}:", 300, prefix="v0="),
    "SQUARE": over_url("x-square-hmacsha256-signature", lambda body: URL.encode() + body, BODY, digest="sha256"),
    "STANDARD_WEBHOOKS": standard("webhook"),
    "STRIPE": fielded("Stripe-Signature", "t={t},v1=" + "0" * 64 + ",v1={sig},v0=6", "{t}.", 300),
    "SVIX": standard("svix"),
    "TELEGRAM": shown("x-telegram-bot-api-secret-token"),
    "TELNYX": telnyx(),
    "TRELLO": over_url("X-Trello-Webhook", lambda body: body + URL.encode(), BODY),
    "TWILIO": over_url(
        "X-Twilio-Signature", lambda body: URL.encode() + b"AMessage BBB1", b"B=B1&A=Message+B", content_type=_FORM_TYPE
    ),
    "TWITCH": twitch(),
    "TWITTER": body_alone("x-twitter-webhooks-signature", base64ed, prefix="sha256="),
    "TYPEFORM": body_alone("Typeform-Signature", base64ed, prefix="sha256="),
    "VERCEL": body_alone("x-vercel-signature", hexed, "sha1"),
    "WEBFLOW": two_headers("x-webflow-signature", "x-webflow-timestamp", "{t}:", 300, time=lambda now: f"{now}000"),
    "WOO_COMMERCE": body_alone("X-WC-Webhook-Signature", base64ed),
    "WORKOS": fielded("WorkOS-Signature", "t={t}, v1={sig}", "{t}.", 300, milliseconds=True),
    "XERO": body_alone("x-xero-signature", base64ed),
    "ZENDESK": two_headers(
        "X-Zendesk-Webhook-Signature",
        "X-Zendesk-Webhook-Signature-Timestamp",
        "{t}",
        300,
        sign=base64ed,
        time=iso,
    ),
    "ZOOM": two_headers("x-zm-signature", "x-zm-request-timestamp", "v0:{t}:", 300, prefix="v0="),
}
