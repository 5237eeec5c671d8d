"""Amazon SNS (docs.aws.amazon.com/sns, "Verifying the signatures of Amazon SNS messages"): everything is in the body.

Any account of AWS can send messages that AWS signs, so the topics that a source is for have to be named. A verified
SubscriptionConfirmation is answered by calling its SubscribeURL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sources.verification.answer import empty_answer
from sources.verification.fields import Field, all_values
from sources.verification.remote_keys import certificate_key, is_https_url, wants
from sources.verification.request import InboundRequest
from sources.verification.schemes.decoding import comparable, decode_base64, read_json_object
from sources.verification.verdict import VERIFIED, KeyRequest, Verdict, refused

_HOST: Final = re.compile(r"sns\.[a-z0-9-]{3,32}\.amazonaws\.com(\.cn)?")
_CERTIFICATE_PATH: Final = re.compile(r"/SimpleNotificationService-[A-Za-z0-9]{1,64}\.pem")
_ROOT: Final = re.compile(r"/?")
_ARN: Final = re.compile(r"arn:aws[a-z-]*:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_.-]+")
_SIGNED_FIELDS: Final = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    "UnsubscribeConfirmation": ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_ALGORITHMS: Final = {"1": "rsa-sha1", "2": "rsa-sha256"}


@dataclass(frozen=True, slots=True)
class Sns:
    @property
    def fields(self) -> tuple[Field, ...]:
        def check(arn: str) -> str | None:
            return None if _ARN.fullmatch(arn) else "must be the ARN of a topic: arn:aws:sns:<region>:<account>:<name>"

        help = "AWS signs the topics of all its customers with the same key."
        return (Field("topic_arn", "Topic ARN", many=True, help=help, check=check),)

    def compile(self, auth: Mapping[str, Any]) -> SnsVerifier:
        return SnsVerifier(all_values(auth, "topic_arn"))


@dataclass(frozen=True, slots=True)
class SnsVerifier:
    topic_arns: tuple[str, ...]
    credential_headers: frozenset[str] = frozenset()

    def verify(self, request: InboundRequest, *, now: float) -> Verdict:
        message = read_json_object(request.body)
        if message is None:
            return refused("the body, which carries the signature, is not a JSON object")
        for name in ("Signature", "SigningCertURL", "SignatureVersion", "Type"):
            if not isinstance(message.get(name), str) or not message[name]:
                return refused(f"the field {name} is missing in the body")
        if message["Type"] not in _SIGNED_FIELDS or message["SignatureVersion"] not in _ALGORITHMS:
            return refused("Type or SignatureVersion of the message is not known")
        if message.get("TopicArn") not in self.topic_arns:
            return refused("TopicArn of the message is not a topic that this source is for")
        if not is_https_url(message["SigningCertURL"], host=_HOST, path=_CERTIFICATE_PATH):
            return refused("SigningCertURL does not lead to a certificate of Amazon SNS")
        return wants(KeyRequest(message["SigningCertURL"]))

    def verify_with(self, request: InboundRequest, document: bytes, *, now: float) -> Verdict:
        message = read_json_object(request.body) or {}
        key = certificate_key(document, _ALGORITHMS[message["SignatureVersion"]], now=now)
        if key is None:
            return refused("the certificate at SigningCertURL is not valid")
        if not key.signed(signed_text(message), decode_base64(message["Signature"]) or b""):
            return refused("Signature in the body does not match: the message was changed on its way")
        if message["Type"] != "SubscriptionConfirmation":
            return VERIFIED
        url = str(message.get("SubscribeURL", ""))
        if not is_https_url(url, host=_HOST, path=_ROOT):
            return refused("SubscribeURL does not lead to Amazon SNS")
        return Verdict(ok=True, verified=True, handshake=True, answer=empty_answer(200), confirm_url=url)


def signed_text(message: Mapping[str, Any]) -> bytes:
    """Name and value of each signed field on lines of their own; a missing Subject is left out."""
    names = _SIGNED_FIELDS[message["Type"]]
    lines = [f"{name}\n{message[name]}\n" for name in names if isinstance(message.get(name), str)]
    return comparable("".join(lines))
