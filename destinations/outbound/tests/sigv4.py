"""AWS Signature Version 4 as a receiver checks it, from what arrived; shares no code with what signs."""

from __future__ import annotations

import hashlib
import hmac
import re
import urllib.parse
from collections.abc import Mapping


def signature_of(method: str, target: str, *, headers: Mapping[str, str], body: bytes, secret: str) -> str:
    """The hex signature that a request must have: `target` is the request line's, `headers` have lower-case names.

    Scope and signed headers are taken from the `authorization` header. For services other than S3.
    """
    found = re.fullmatch(
        r"AWS4-HMAC-SHA256 Credential=\w+/(\d{8})/([\w-]+)/([\w-]+)/aws4_request, SignedHeaders=([\w;-]+), "
        r"Signature=[0-9a-f]{64}",
        headers["authorization"],
    )
    assert found is not None, headers["authorization"]
    date, region, service, names = found.groups()
    path, _, query = target.partition("?")
    pairs = sorted(urllib.parse.parse_qsl(query, keep_blank_values=True))
    lines = [
        method,
        urllib.parse.quote(path),
        urllib.parse.urlencode(pairs, quote_via=urllib.parse.quote, safe=""),
        "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in names.split(";")),
        names,
        hashlib.sha256(body).hexdigest(),
    ]
    text = "\n".join(
        [
            "AWS4-HMAC-SHA256",
            headers["x-amz-date"],
            f"{date}/{region}/{service}/aws4_request",
            hashlib.sha256("\n".join(lines).encode()).hexdigest(),
        ]
    )
    key = ("AWS4" + secret).encode()
    for part in (date, region, service, "aws4_request"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    return hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
