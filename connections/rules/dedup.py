"""The deduplicate rule: the key under which a request counts as a repeat, and for how long.

Claiming the key, per connection and atomically, is the caller's; so is what becomes of a duplicate.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connections.rules.canonical import canonical
from connections.rules.filter.values import MISSING
from connections.rules.paths import FieldPath, parse_path, without
from connections.rules.payload import RuleInput

_PARTS: Final = ("method", "path", "query", "headers", "body")

# Headers in which two deliveries of one event differ. Left in, a provider's own retry would never be a repeat of the
# payload. Everything else counts: Shopify and GitHub name the kind of event in a header only.
_TRANSPORT_HEADERS: Final = frozenset(
    {
        "age",
        "baggage",
        "b3",
        "cdn-loop",
        "cf-connecting-ip",
        "cf-ipcountry",
        "cf-ray",
        "cf-visitor",
        "connection",
        "content-length",
        "date",
        "forwarded",
        "keep-alive",
        "traceparent",
        "tracestate",
        "transfer-encoding",
        "true-client-ip",
        "via",
        "x-amzn-trace-id",
        "x-cloud-trace-context",
        "x-correlation-id",
        "x-real-ip",
        "x-request-id",
        "x-request-start",
    }
)
_TRANSPORT_PREFIXES: Final = ("x-b3-", "x-datadog-", "x-envoy-", "x-forwarded-")
# Signatures over a timestamp, the timestamps, and counters of the provider's own retries.
_PER_DELIVERY_WORDS: Final = ("signature", "timestamp", "retry-", "hmac")


@dataclass(frozen=True, slots=True)
class Dedup:
    """A compiled rule. `window_ms` runs from the first request with a key."""

    window_ms: int
    _rule_digest: bytes
    _include: tuple[FieldPath, ...]
    _exclude: tuple[FieldPath, ...]

    def key(self, source: RuleInput) -> bytes | None:
        """32 bytes, equal for repeats under this very rule; None, never a duplicate, when no included field is there.

        With no list, or with fields to exclude, the whole payload counts: method, path, query, body, and the headers
        without those that name one delivery rather than the event (transport, tracing, signatures, timestamps).
        """
        if self._include:
            found = [path.read(source) for path in self._include]
            if all(value is MISSING for value in found):
                return None
            # An array of one or none: a missing field is not a null one.
            values: Any = [[] if value is MISSING else [value] for value in found]
        else:
            values = self._payload(source)
        return hashlib.sha256(self._rule_digest + canonical(values)).digest()

    def _payload(self, source: RuleInput) -> dict[str, Any]:
        payload: dict[str, Any] = {part: getattr(source, part) for part in _PARTS}
        payload["headers"] = {name: value for name, value in source.headers.items() if not names_one_delivery(name)}
        for path in self._exclude:
            if path.root in payload:
                smaller = without(payload[path.root], path.steps_in(payload[path.root]))
                if smaller is MISSING:
                    del payload[path.root]
                else:
                    payload[path.root] = smaller
        return payload


def names_one_delivery(header: str) -> bool:
    """Whether a header (lower case) differs between two deliveries of one event."""
    return (
        header in _TRANSPORT_HEADERS
        or header.startswith(_TRANSPORT_PREFIXES)
        or any(word in header for word in _PER_DELIVERY_WORDS)
    )


def compile_dedup(rule: Mapping[str, Any], *, at: str = "rule") -> Dedup:
    """From a normalised rule {window, include_fields? | exclude_fields?}. InvalidInput names the path that is wrong."""
    include = _compile_paths(rule, "include_fields", at=at)
    exclude = _compile_paths(rule, "exclude_fields", at=at)
    identity = [rule["window"], sorted(rule.get("include_fields") or []), sorted(rule.get("exclude_fields") or [])]
    return Dedup(
        window_ms=rule["window"],
        _rule_digest=hashlib.sha256(canonical(identity)).digest(),
        _include=include,
        _exclude=exclude,
    )


def _compile_paths(rule: Mapping[str, Any], field: str, *, at: str) -> tuple[FieldPath, ...]:
    # Sorted: the order in which fields are listed does not change the rule, so it must not change the key either.
    texts = sorted(enumerate(rule.get(field) or []), key=lambda entry: str(entry[1]))
    return tuple(parse_path(text, at=f"{at}.{field}[{position}]") for position, text in texts)
