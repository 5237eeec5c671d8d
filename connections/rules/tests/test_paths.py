from __future__ import annotations

import pytest

from connections.rules.filter.values import MISSING
from connections.rules.paths import compile_path, parse_path, without
from connections.rules.payload import RuleInput
from fasthook.lib.errors import InvalidInput

REQUEST = RuleInput(
    method="POST",
    path="/in",
    query={"q": "x", "tag": ["a", "b"], "filter.name": "n", "deep": {"er": 1}},
    headers={"x-id": "7", "x.dotted": "d"},
    body={
        "id": 1,
        "null": None,
        "items": [{"id": 1, "sub": [{"k": 1}, {"k": 2}]}, {"id": 2}, {"sku": "x"}],
        "a.b": {"c": 3},
        "empty": [],
        "0": "zero",
        'q"': 9,
    },
)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("body.id", 1),
        ("body", REQUEST.body),
        ("body.null", None),
        ("body.nothing", MISSING),
        ("body.id.deeper", MISSING),
        ("body.items[0].id", 1),
        ("body.items[2].id", MISSING),
        ("body.items[3]", MISSING),
        ("body.items.1.id", 2),
        ("body.items.id", MISSING),
        ("body.items[*].id", [1, 2]),
        ("body.items[*].sub[*].k", [[1, 2]]),
        ("body.items[*].nothing", MISSING),
        ("body.empty[*].id", MISSING),
        ("body.id[*]", MISSING),
        ("body.0", "zero"),
        ("body[0]", "zero"),
        ('body["a.b"].c', 3),
        ("body['a.b'].c", 3),
        ('body["q\\""]', 9),
        ("headers.x-id", "7"),
        ("headers.X-ID", "7"),
        ('headers["X-Id"]', "7"),
        ("headers.x.dotted", "d"),
        ("headers.none", MISSING),
        ("query.q", "x"),
        ("query.tag", ["a", "b"]),
        ("query.tag[1]", "b"),
        ("query.filter.name", "n"),
        ("query.deep.er", 1),
        ("path", "/in"),
        ("method", "POST"),
    ],
)
def test_a_path_reads_what_it_names(path, value):
    found = compile_path(path)(REQUEST)
    assert found is MISSING if value is MISSING else found == value


@pytest.mark.parametrize(
    "path",
    [
        "",
        "id",
        "$.body.id",
        "body.",
        ".body",
        "body..id",
        "body.[0]",
        "body[",
        "body]",
        "body[]",
        "body[-1]",
        "body[x]",
        "body[0]x",
        "body[$index]",
        'body["',
        'body["a\\u0000"]',
        'body["\\x"]',
        "body.a\x00",
        "path.x",
        "method.x",
        "headers.x[0]",
        "headers[*]",
        "body" + ".a" * 32,
        "body." + "a" * 600,
        "body[1234567890]",
        "body[٣]",
        7,
        None,
    ],
)
def test_bad_syntax_is_refused_under_the_given_place(path):
    with pytest.raises(InvalidInput) as refusal:
        compile_path(path, at="include_fields[0]")
    assert list(refusal.value.fields) == ["include_fields[0]"]


@pytest.mark.parametrize(
    ("path", "value", "rest"),
    [
        ("body.a", {"a": 1, "b": 2}, {"b": 2}),
        ("body.a.b", {"a": {"b": 1, "c": 2}}, {"a": {"c": 2}}),
        ("body.a.b", {"a": 1}, {"a": 1}),
        ("body.x", {"a": 1}, {"a": 1}),
        ("body.a[0]", {"a": [1, 2]}, {"a": [2]}),
        ("body.a[5]", {"a": [1, 2]}, {"a": [1, 2]}),
        ("body.a[*].id", {"a": [{"id": 1, "n": 1}, {"n": 2}, 3]}, {"a": [{"n": 1}, {"n": 2}, 3]}),
        ("body.a[*]", {"a": [1, 2]}, {"a": []}),
        ("body.a[*]", {"a": 1}, {"a": 1}),
        ("body", {"a": 1}, MISSING),
        ("body.a", "text", "text"),
    ],
)
def test_leaving_a_field_out_changes_a_copy(path, value, rest):
    before = repr(value)
    kept = without(value, parse_path(path).segments)
    assert kept is MISSING if rest is MISSING else kept == rest
    assert repr(value) == before
