"""The answer that an operator wants given to accepted requests instead of FastHook's own: one, or by rules.

The first rule whose `match` holds answers; else what stands beside the rules; else FastHook's own answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fasthook.lib.config_fields import ObjectReader, read_choice, read_header_name, read_text
from fasthook.lib.errors import invalid
from sources.verification.answer import JSON, TEXT, Answer
from sources.verification.custom_response.match import Test, compile_match, normalise_match
from sources.verification.custom_response.template import Template, compile_template
from sources.verification.custom_response.values import ResponseValues
from sources.verification.request import InboundRequest

MAX_BODY_BYTES: Final = 64 * 1024
MAX_RULES: Final = 50
MAX_HEADERS: Final = 20

CONTENT_TYPES: Final = {"json": JSON, "text": TEXT, "xml": "application/xml; charset=utf-8"}

# What belongs to the connection, and what browsers keep for the whole host or act on outside of the sandbox: the admin
# may be on the same host.
_FORBIDDEN_HEADERS: Final = frozenset(
    [
        "alt-svc",
        "connection",
        "content-encoding",
        "content-length",
        "content-security-policy",
        "content-security-policy-report-only",
        "content-type",
        "date",
        "keep-alive",
        "nel",
        "proxy-authenticate",
        "refresh",
        "report-to",
        "server",
        "set-cookie",
        "set-cookie2",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "www-authenticate",
        "x-content-type-options",
        "clear-site-data",
        "strict-transport-security",
        "service-worker-allowed",
    ]
)
_ANSWER_FIELDS: Final = ("status", "headers", "content_type", "body")


@dataclass(frozen=True, slots=True)
class AnswerTemplate:
    """`fixed` is the whole answer when nothing in it depends on the request."""

    status: int
    headers: tuple[tuple[str, Template], ...]
    content_type: str
    body: Template
    fixed: Answer | None = None

    def fill(self, values: ResponseValues) -> Answer:
        if self.fixed is not None:
            return self.fixed
        headers = tuple((name, template.fill(values)) for name, template in self.headers)
        # A lone surrogate in a JSON body has no UTF-8.
        body = self.body.fill(values).encode("utf-8", "replace")
        return Answer(self.status, (("content-type", self.content_type), *headers), body)


@dataclass(frozen=True, slots=True)
class CustomResponse:
    rules: tuple[tuple[tuple[Test, ...], AnswerTemplate], ...]
    otherwise: AnswerTemplate | None

    @property
    def fixed(self) -> Answer | None:
        """The answer, when it is the same for every request."""
        return self.otherwise.fixed if self.otherwise is not None and not self.rules else None

    def answer(self, request: InboundRequest, request_id: str) -> Answer | None:
        """None: FastHook's own answer."""
        values = ResponseValues(request, request_id)
        for tests, template in self.rules:
            if all(test.holds(values) for test in tests):
                return template.fill(values)
        return self.otherwise.fill(values) if self.otherwise is not None else None


def normalise_custom_response(value: object, *, at: str = "config.custom_response") -> dict[str, Any] | None:
    """The stored form {content_type: json|text|xml, body: str, status?, headers?, rules?}, or None when there is none.
    Each rule is {match, content_type, body, status?, headers?}.

    A json body may be given as text, which must be valid JSON and is kept as written, or as any other JSON value, which
    is serialised. With rules the answer beside them may be left out. Raises InvalidInput naming the field; a body is
    limited to 64 KiB of UTF-8.
    """
    if value is None:
        return None
    fields = ObjectReader(value, at=at, known=("content_type", "body", "status", "headers", "rules"))
    rules = _read_rules(fields.get("rules"), at=fields.at("rules")) if fields.has("rules") else []
    stored: dict[str, Any] = {}
    if not rules or any(fields.has(name) for name in _ANSWER_FIELDS):
        stored = _read_answer(fields)
    return {**stored, "rules": rules} if rules else stored


def compile_custom_response(value: Mapping[str, Any]) -> CustomResponse:
    """The answers for what `normalise_custom_response` returned."""
    rules = tuple((compile_match(rule["match"]), _compile_answer(rule)) for rule in value.get("rules", ()))
    return CustomResponse(rules, _compile_answer(value) if "content_type" in value else None)


def _read_rules(value: object, *, at: str) -> list[dict[str, Any]]:
    if not isinstance(value, list):
        raise invalid(at, "must be a list")
    if len(value) > MAX_RULES:
        raise invalid(at, f"must have at most {MAX_RULES} rules")
    rules = []
    for index, each in enumerate(value):
        fields = ObjectReader(each, at=f"{at}[{index}]", known=("match", *_ANSWER_FIELDS))
        match = normalise_match(fields.require("match"), at=fields.at("match"))
        rules.append({"match": match, **_read_answer(fields)})
    return rules


def _read_answer(fields: ObjectReader) -> dict[str, Any]:
    content_type = read_choice(fields.require("content_type"), CONTENT_TYPES, at=fields.at("content_type"))
    at = fields.at("body")
    body = fields.require("body")
    text = _json_text(body, at=at) if content_type == "json" and not isinstance(body, str) else body
    if not isinstance(text, str):
        raise invalid(at, f"must be a string when content_type is {content_type}")
    _check_text(text, at=at)
    status = _read_status(fields.get("status", 200), at=fields.at("status"))
    if status in (204, 205) and text:
        raise invalid(at, f"must be empty text when status is {status}")
    if text or content_type != "json" or status not in (204, 205):
        compile_template(text, content_type, at=at)
    stored: dict[str, Any] = {"content_type": content_type, "body": text}
    if status != 200:
        stored["status"] = status
    if fields.has("headers"):
        stored["headers"] = _read_headers(fields.get("headers"), at=fields.at("headers"))
    return stored


def _read_status(value: object, *, at: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(at, "must be a whole number")
    if not (200 <= value <= 299 or 400 <= value <= 599):
        raise invalid(at, "must be 200 to 299 or 400 to 599")
    return value


def _read_headers(value: object, *, at: str) -> dict[str, str]:
    if not isinstance(value, Mapping):
        raise invalid(at, "must be an object of names and values")
    if len(value) > MAX_HEADERS:
        raise invalid(at, f"must have at most {MAX_HEADERS} headers")
    stored = {}
    for given, text in value.items():
        where = f"{at}.{given}"
        name = read_header_name(given, at=where)
        if name in _FORBIDDEN_HEADERS:
            raise invalid(where, "cannot be set here; content-type follows content_type, others are the server's")
        stored[name] = read_text(text, at=where, max_length=1024, allow_empty=True)
        if not stored[name].isascii():
            raise invalid(where, "must be ASCII")
        compile_template(stored[name], "header", at=where)
    return stored


def _check_text(text: str, *, at: str) -> None:
    try:
        size_bytes = len(text.encode())
    except UnicodeEncodeError:
        raise invalid(at, "must be valid Unicode text") from None
    if "\x00" in text:
        raise invalid(at, "must not contain NUL characters")
    if size_bytes > MAX_BODY_BYTES:
        raise invalid(at, f"must be at most {MAX_BODY_BYTES} bytes long, is {size_bytes}")


def _json_text(body: object, *, at: str) -> str:
    try:
        return json.dumps(body, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError, RecursionError):
        raise invalid(at, "must be a JSON value") from None


def _compile_answer(stored: Mapping[str, Any]) -> AnswerTemplate:
    status = stored.get("status", 200)
    content_type = stored["content_type"]
    # A row may have been saved before one of the names was refused.
    headers = {name: text for name, text in stored.get("headers", {}).items() if name not in _FORBIDDEN_HEADERS}
    # An answer without content says nothing about its type's form either.
    form = content_type if stored["body"] or content_type != "json" else "text"
    template = AnswerTemplate(
        status=status,
        headers=tuple((name, compile_template(text, "header", at=name)) for name, text in headers.items()),
        content_type=CONTENT_TYPES[content_type],
        body=compile_template(stored["body"], form, at="body"),
    )
    if not template.body.is_fixed or not all(text.is_fixed for _, text in template.headers):
        return template
    fixed = Answer(status, (("content-type", template.content_type), *headers.items()), stored["body"].encode())
    return AnswerTemplate(status, template.headers, template.content_type, template.body, fixed)
