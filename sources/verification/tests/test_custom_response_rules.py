"""Custom responses by rules, with values of the request in them."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ElementTree
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fasthook.lib.errors import InvalidInput
from sources.verification.answer import Answer
from sources.verification.custom_response.response import compile_custom_response, normalise_custom_response
from sources.verification.request import InboundRequest

ORDER = {
    "id": 17,
    "name": 'A "quoted" <b>&',
    "items": [{"sku": "x-1"}],
    "none": None,
    "flag": True,
    "big": "x" * 20_000,
}


def sent(body: Any = ORDER, **values: Any) -> InboundRequest:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    base = {"method": "POST", "path": "/orders/a%20b", "query": "q=1&q=2&e=%26", "headers": {"x-kind": "order"}}
    return InboundRequest(**{**base, **values}, body=content, url="https://hooks.test/in/abc")


def answer(config: dict[str, Any], request: InboundRequest | None = None) -> Answer | None:
    stored = normalise_custom_response(config)
    assert stored is not None
    assert normalise_custom_response(stored) == stored
    assert json.loads(json.dumps(stored)) == stored
    return compile_custom_response(stored).answer(request or sent(), "req_1")


def body_of(content_type: str, text: Any, request: InboundRequest | None = None) -> str:
    given_answer = answer({"content_type": content_type, "body": text}, request)
    assert given_answer is not None
    return given_answer.body.decode()


def test_values_of_the_request_are_filled_in() -> None:
    text = "{{method}} {{path}} {{body.id}} {{ body.items[0].sku }} {{query.q}}{{query.e}} {{headers.X-Kind}} "
    assert body_of("text", text + "{{request.id}}") == "POST /orders/a b 17 x-1 1& order req_1"


def test_what_is_missing_or_very_large_is_empty() -> None:
    text = "[{{body.nothing}}{{body.items[9].sku}}{{body.id.x}}{{query.z}}{{headers.z}}{{body.none}}{{body.big}}]"
    assert body_of("text", text) == "[]"
    assert body_of("text", "[{{body.id}}]", sent(b"not json")) == "[]"
    assert body_of("text", "[{{body}}]", sent(b"not json")) == "[not json]"
    assert body_of("text", "[{{body}}]", sent(b"[" * 500 + b"]" * 500)) == "[]"
    assert body_of("json", "[{{body}}]", sent(b"[" * 500 + b"]" * 500)) == "[null]"


def test_in_json_a_value_stands_for_itself_or_inside_of_a_string() -> None:
    bare = '"id": {{body.id}}, "items": {{body.items}}, "no": {{body.no}}'
    text = f'{{{bare}, "text": "<{{{{body.name}}}}>", "s": "{{{{body.items}}}}"}}'
    assert json.loads(body_of("json", text)) == {
        "id": 17,
        "text": f"<{ORDER['name']}>",
        "items": [{"sku": "x-1"}],
        "s": '[{"sku":"x-1"}]',
        "no": None,
    }
    as_object = {"echo": "{{body.name}}", 'k"': ["{{body.flag}}"]}
    assert json.loads(body_of("json", as_object)) == {"echo": ORDER["name"], 'k"': ["true"]}


@given(value=st.text(max_size=40))
def test_no_text_leaves_its_place_in_json(value: str) -> None:
    made = body_of("json", '{"a": "\\"{{query.v}}", "b": {{body.v}}, "c": 1}', with_value(value))
    assert json.loads(made) == {"a": f'"{value}', "b": value, "c": 1}


@given(value=st.text(max_size=40))
def test_no_text_leaves_its_place_in_xml(value: str) -> None:
    root = ElementTree.fromstring(
        body_of("xml", "<r a=\"{{body.v}}\" b='{{body.v}}'>{{body.v}}</r>", with_value(value))
    )
    assert root.tag == "r"
    assert len(root) == 0
    assert set(root.attrib) == {"a", "b"}


@given(value=st.text(max_size=40))
def test_no_text_makes_a_second_header(value: str) -> None:
    config = {"content_type": "text", "body": "", "headers": {"X-Echo": "<{{body.v}}>"}}
    made = answer(config, with_value(value))
    assert made is not None
    [(name, text)] = made.headers[1:]
    assert (name, text[0], text[-1]) == ("x-echo", "<", ">")
    assert all(" " <= char <= "~" for char in text)


def with_value(value: str) -> InboundRequest:
    return sent({"v": value}, query=f"v={quote(value)}")


def test_the_first_rule_that_matches_answers() -> None:
    config = {
        "content_type": "text",
        "body": "otherwise",
        "rules": [
            {"match": {"body": {"id": 18}}, "content_type": "text", "body": "no"},
            {
                "match": {"method": ["POST", "PUT"], "body": {"id": "17", "items[0].sku": {"starts_with": "x"}}},
                "status": 202,
                "headers": {"X-Order": "{{body.id}}"},
                "content_type": "json",
                "body": {"got": "{{body.id}}"},
            },
            {"match": {"method": "POST"}, "content_type": "text", "body": "too late"},
        ],
    }
    made = answer(config)
    assert made is not None
    assert (made.status, made.body) == (202, b'{"got":"17"}')
    assert ("x-order", "17") in made.headers
    other = answer(config, sent(method="PATCH"))
    assert other is not None
    assert (other.status, other.body) == (200, b"otherwise")


def test_without_a_match_and_without_an_answer_beside_the_rules_it_is_fasthooks_own() -> None:
    rule = {"match": {"method": "PUT"}, "content_type": "text", "body": "x"}
    assert answer({"rules": [rule]}) is None
    put = answer({"rules": [rule]}, sent(method="PUT"))
    assert put is not None
    assert put.body == b"x"


@pytest.mark.parametrize(
    ("match", "holds"),
    [
        ({"path": "/orders/a b"}, True),
        ({"path": {"starts_with": "/orders/"}}, True),
        ({"path": {"starts_with": "/other/"}}, False),
        ({"query": {"q": 1}}, True),
        ({"query": {"q": "2"}}, False),
        ({"query": {"z": {"exists": False}}}, True),
        ({"headers": {"X-Kind": {"in": ["invoice", "order"]}}}, True),
        ({"headers": {"x-kind": {"$eq": "order", "$starts_with": "o"}}}, True),
        ({"body": {"flag": True}}, True),
        ({"body": {"flag": "true"}}, False),
        ({"body": {"flag": 1}}, False),
        ({"body": {"none": None}}, True),
        ({"body": {"none": {"exists": True}}}, True),
        ({"body": {"id": "17.0"}}, True),
        ({"body": {"nothing": None}}, False),
        ({"body": {"items[1]": {"exists": False}}}, True),
        ({"body": {"items": "x"}}, False),
    ],
)
def test_a_rule_tests_named_values(match: dict[str, Any], holds: bool) -> None:
    made = answer({"rules": [{"match": match, "content_type": "text", "body": "x"}]})
    assert (made is not None) is holds


RULE = {"match": {"method": "POST"}, "content_type": "text", "body": ""}


@pytest.mark.parametrize(
    ("given", "path", "fault"),
    [
        ({"rules": {}}, "rules", "must be a list"),
        ({"rules": [RULE] * 51}, "rules", "must have at most 50 rules"),
        (
            {"rules": [{**RULE, "match": {}}]},
            "rules[0].match",
            "must test something: method, path, query, headers, body",
        ),
        (
            {"rules": [{**RULE, "match": {"meth": 1}}]},
            "rules[0].match.meth",
            "is not a known field; did you mean method?",
        ),
        (
            {"rules": [{**RULE, "match": {"path": {"startswith": "x"}}}]},
            "rules[0].match.path.startswith",
            "is not an operator; did you mean starts_with?",
        ),
        (
            {"rules": [{**RULE, "match": {"query": {"a": {"exists": 1}}}}]},
            "rules[0].match.query.a.exists",
            "must be true or false",
        ),
        (
            {"rules": [{**RULE, "match": {"body": {"a..b": 1}}}]},
            "rules[0].match.body.a..b",
            "a..b is not a path such as data.items[0].id",
        ),
        (
            {"rules": [{**RULE, "match": {"body": {"a": [[]]}}}]},
            "rules[0].match.body.a[0]",
            "must be a string, a number, a boolean or null",
        ),
        ({"rules": [{**RULE, "status": 302}]}, "rules[0].status", "must be 200 to 299 or 400 to 599"),
        ({"rules": [{**RULE, "status": True}]}, "rules[0].status", "must be a whole number"),
        ({"rules": [{**RULE, "status": 204, "body": "x"}]}, "rules[0].body", "must be empty text when status is 204"),
        (
            {"rules": [{**RULE, "headers": {"Set-Cookie": "a=1"}}]},
            "rules[0].headers.Set-Cookie",
            "cannot be set here; content-type follows content_type, others are the server's",
        ),
        (
            {"rules": [{**RULE, "headers": {"X-A": "a\r\nb: c"}}]},
            "rules[0].headers.X-A",
            "must not contain control characters such as NUL or line breaks",
        ),
        (
            {"rules": [{**RULE, "headers": {"X A": "a"}}]},
            "rules[0].headers.X A",
            "must be a header name: letters, digits and hyphens",
        ),
        (
            {"content_type": "text", "body": "{{bdy.id}}"},
            "body",
            "bdy.id is not known; known are body, body.<path>, headers.<name>, query.<name>, path, method, request.id",
        ),
        ({"content_type": "text", "body": "{{path}}" * 65}, "body", "must have at most 64 placeholders"),
    ],
)
def test_a_fault_is_named_with_its_path(given: dict[str, Any], path: str, fault: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        normalise_custom_response(given)
    assert caught.value.fields == {f"config.custom_response.{path}": [fault]}


@pytest.mark.parametrize("text", ['{"a": {{body.id}} {{body.id}}}', '{"a": "{{body.id}}}', "{{{body.id}}: 1}"])
def test_a_template_that_would_not_be_json_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        normalise_custom_response({"content_type": "json", "body": text})
    assert caught.value.fields["config.custom_response.body"][0].startswith("must be valid JSON")


def test_an_answer_that_depends_on_nothing_is_made_once() -> None:
    plain = compile_custom_response({"content_type": "json", "body": "{}", "status": 202})
    assert plain.fixed is not None
    assert plain.fixed is plain.answer(sent(), "req_1")
    assert compile_custom_response({"content_type": "text", "body": "{{path}}"}).fixed is None


def test_a_204_has_no_body_whatever_its_content_type() -> None:
    made = answer({"content_type": "json", "body": "", "status": 204})
    assert made is not None
    assert (made.status, made.body) == (204, b"")


def test_the_largest_answer_is_bounded() -> None:
    made = body_of("json", '["' + "{{query.v}}" * 64 + '"]', sent(query="v=" + "%01" * 16_384))
    assert len(made) <= 64 * 6 * 16_384 + 64 * 1024
