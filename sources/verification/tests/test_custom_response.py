"""The fixed custom response of a source."""

import pytest

from fasthook.lib.errors import InvalidInput
from sources.verification.answer import Answer
from sources.verification.custom_response.response import compile_custom_response, normalise_custom_response
from sources.verification.request import InboundRequest


def test_none_means_the_default_answer():
    assert normalise_custom_response(None) is None


@pytest.mark.parametrize(
    ("given", "content_type", "body"),
    [
        ({"content_type": "json", "body": '{ "ok": true }'}, "application/json", b'{ "ok": true }'),
        ({"content_type": "json", "body": {"ok": True, "x": "ü"}}, "application/json", '{"ok":true,"x":"ü"}'.encode()),
        ({"content_type": "json", "body": [1]}, "application/json", b"[1]"),
        ({"content_type": "text", "body": "[accepted]"}, "text/plain; charset=utf-8", b"[accepted]"),
        ({"content_type": "text", "body": ""}, "text/plain; charset=utf-8", b""),
        ({"content_type": "xml", "body": "<Response/>"}, "application/xml; charset=utf-8", b"<Response/>"),
    ],
)
def test_a_response_is_sent_as_configured(given, content_type, body):
    normal = normalise_custom_response(given)
    assert normalise_custom_response(normal) == normal
    fixed = compile_custom_response(normal).fixed
    assert fixed == Answer(200, (("content-type", content_type),), body)


@pytest.mark.parametrize(
    ("given", "path", "fault"),
    [
        ("ok", "config.custom_response", "must be an object"),
        ({"body": "x"}, "config.custom_response.content_type", "is required"),
        (
            {"content_type": "html", "body": "x"},
            "config.custom_response.content_type",
            "must be one of json, text, xml",
        ),
        ({"content_type": "text"}, "config.custom_response.body", "is required"),
        (
            {"content_type": "text", "body": {"a": 1}},
            "config.custom_response.body",
            "must be a string when content_type is text",
        ),
        (
            {"content_type": "json", "body": "NaN"},
            "config.custom_response.body",
            "must be valid JSON when content_type is json: NaN is not JSON",
        ),
        ({"content_type": "json", "body": float("inf")}, "config.custom_response.body", "must be a JSON value"),
        (
            {"content_type": "text", "body": "ü" * 32769},
            "config.custom_response.body",
            "must be at most 65536 bytes long, is 65538",
        ),
        ({"content_type": "text", "body": "\ud800"}, "config.custom_response.body", "must be valid Unicode text"),
        (
            {"content_type": "text", "body": "x", "bdy": ""},
            "config.custom_response.bdy",
            "is not a known field; did you mean body?",
        ),
    ],
)
def test_a_fault_is_named_with_its_path(given, path, fault):
    with pytest.raises(InvalidInput) as caught:
        normalise_custom_response(given)
    assert caught.value.fields == {path: [fault]}


def test_the_largest_body_is_accepted():
    fixed = compile_custom_response(normalise_custom_response({"content_type": "text", "body": "x" * 65536})).fixed
    assert fixed is not None
    assert len(fixed.body) == 65536


@pytest.mark.parametrize("body", ["{", "", "[" * 60_000])
def test_broken_json_is_refused(body):
    with pytest.raises(InvalidInput) as caught:
        normalise_custom_response({"content_type": "json", "body": body})
    assert caught.value.fields["config.custom_response.body"][0].startswith("must be valid JSON")


@pytest.mark.parametrize(
    "name",
    [
        "Content-Security-Policy",
        "content-security-policy-report-only",
        "X-Content-Type-Options",
        "Refresh",
        "Alt-Svc",
        "WWW-Authenticate",
        "NEL",
        "Report-To",
        "Set-Cookie",
        "Clear-Site-Data",
    ],
)
def test_headers_that_browsers_obey_beyond_the_answer_are_refused(name):
    answer = {"content_type": "text", "body": "x", "headers": {"x-fine": "1", name: "x"}}
    rule = {"match": {"method": "GET"}, **answer}
    for given, at in ((answer, ""), ({"rules": [rule]}, ".rules[0]")):
        with pytest.raises(InvalidInput) as caught:
            normalise_custom_response(given)
        [(path, [fault])] = caught.value.fields.items()
        assert path == f"config.custom_response{at}.headers.{name}"
        assert fault.startswith("cannot be set here")


@pytest.mark.parametrize("text", ["fixed", "{{request.id}}"])
def test_what_was_saved_before_a_header_was_refused_is_answered_without_it(text):
    stored = {"content_type": "text", "body": text, "headers": {"refresh": "0;url=https://evil.test", "x-fine": "1"}}
    request = InboundRequest(method="GET", path="", query="", headers={}, body=b"", url="https://hooks.test/in/abc")
    made = compile_custom_response(stored).answer(request, "req_1")
    assert made is not None
    assert made.headers == (("content-type", "text/plain; charset=utf-8"), ("x-fine", "1"))
