from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connections.rules.payload import parse_body, parse_query


@pytest.mark.parametrize(
    ("raw", "parsed"),
    [
        ("", {}),
        ("a=1", {"a": "1"}),
        ("?a=1", {"a": "1"}),
        ("a=1&b=2", {"a": "1", "b": "2"}),
        ("a=1&a=2&a=3", {"a": ["1", "2", "3"]}),
        ("a=&b", {"a": "", "b": ""}),
        ("q=a%20b+c", {"q": "a b c"}),
        ("%C3%A9=%E2%82%AC", {"é": "€"}),
        ("a=%FF", {"a": "\ufffd"}),
        ("filter.name=x", {"filter.name": "x"}),
    ],
)
def test_a_query_string_is_parsed_as_text(raw, parsed):
    assert parse_query(raw) == parsed


def test_a_query_string_makes_at_most_a_thousand_fields():
    assert len(parse_query("&".join(f"k{number}=1" for number in range(5000)))) == 1000


@pytest.mark.parametrize(
    ("raw", "parsed"),
    [
        (None, None),
        (b"", None),
        (b'{"id": 1}', {"id": 1}),
        (b"[1]", [1]),
        (b"false", False),
        (b'"text"', "text"),
        (b"not json", "not json"),
        (b'{"id": 1', '{"id": 1'),
        (b"\xff\xfe", "\ufffd\ufffd"),
        (b'"\\ud800"', '"\\ud800"'),
        (b"a=1&b=2", "a=1&b=2"),
    ],
)
def test_a_body_is_json_or_else_text(raw, parsed):
    assert parse_body(raw) == parsed


@settings(deadline=None)
@given(st.binary())
def test_parsing_a_body_never_raises_and_never_makes_unstorable_text(raw):
    parsed = parse_body(raw)
    if isinstance(parsed, str):
        parsed.encode()
