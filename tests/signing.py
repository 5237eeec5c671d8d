"""How providers sign what they send, and how a receiver verifies FastHook, each written from its documentation."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Mapping


def stripe_signature(secret: str, body: bytes) -> str:
    """docs.stripe.com/webhooks, "Verify manually": HMAC-SHA256 over `t.body`, the secret as it is shown."""
    timestamp = str(int(time.time()))
    signed = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={timestamp},v1={signed},v0={'0' * 64}"


def github_signature(secret: str, body: bytes) -> str:
    """docs.github.com, "Validating webhook deliveries": X-Hub-Signature-256."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def shopify_signature(secret: str, body: bytes) -> str:
    """shopify.dev, "Validate the origin of your webhook": base64 in X-Shopify-Hmac-SHA256."""
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def is_from_fasthook(secret: str, headers: Mapping[str, str], body: bytes) -> bool:
    """What a receiver of FASTHOOK_SIGNATURE writes."""
    timestamp = headers["x-fasthook-timestamp"]
    if abs(time.time() - int(timestamp)) > 300:
        return False
    expected = hmac.new(secret.encode(), timestamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    for signature in headers["x-fasthook-signature"].split(","):
        version, _, value = signature.partition("=")
        if version == "v1" and hmac.compare_digest(value, expected):
            return True
    return False
