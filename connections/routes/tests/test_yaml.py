"""YAML in and out: the same values as JSON, and nothing that only YAML has."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from connections.routes.document.yaml_format import YAMLParser, YAMLRenderer
from fasthook.api.parsers import JSONParser
from fasthook.lib.errors import FastHookError
from fasthook.testing import ApiCaller

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=10,
)


def read(text: str) -> Any:
    return YAMLParser().decode(text.encode())


# Hypothesis makes its table of characters first, which a busy machine takes its time for.
@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(TEXTS, VALUES, max_size=4))
def test_what_is_written_is_read_as_it_was(value: dict[str, Any]) -> None:
    assert YAMLParser().decode(YAMLRenderer().render(value)) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (
            "a: no\nb: on\nc: 2026-05-29\nd: 0x10\ne: 010",
            {"a": "no", "b": "on", "c": "2026-05-29", "d": "0x10", "e": "010"},
        ),
        ("a: true\nb: ~\nc:\nd: -1\ne: 1.5e3", {"a": True, "b": None, "c": None, "d": -1, "e": 1500.0}),
        ("a: '1'\nb: \"true\"", {"a": "1", "b": "true"}),
        ("code: |\n  return request;\n  // done\n", {"code": "return request;\n// done\n"}),
        ("1: x", {"1": "x"}),
        ("a: [1, {b: 2}]", {"a": [1, {"b": 2}]}),
    ],
)
def test_plain_values_mean_what_the_core_schema_says(text: str, value: Any) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("text", "code", "fault"),
    [
        ("a: [1", "MALFORMED_YAML", "the body is not YAML: "),
        ("a: &x [1]\nb: *x", "INVALID_INPUT", "must not have YAML aliases (*name)"),
        (
            "a: !!python/object:os.system 1",
            "INVALID_INPUT",
            "must not have YAML tags such as tag:yaml.org,2002:python/object:os.syste",
        ),
        ("a: 1\na: 2", "INVALID_INPUT", "has the key 'a' twice in one mapping (line 2)"),
        ("[a]: 1", "INVALID_INPUT", "must have texts as keys (line 1)"),
        ("a: 1\n---\nb: 2", "INVALID_INPUT", "must be one YAML document"),
        ("", "INVALID_INPUT", "must be one YAML document"),
        ("[" * 70 + "]" * 70, "INVALID_INPUT", "is nested deeper than 64 levels"),
    ],
)
def test_what_json_does_not_have_is_refused(text: str, code: str, fault: str) -> None:
    with pytest.raises(FastHookError) as refused:
        read(text)
    assert (refused.value.code, fault in refused.value.message) == (code, True), refused.value.message


@pytest.mark.parametrize("number", [2**63 - 1, 2**64 - 1, 2**64, -(2**63), -(2**63) - 1, -9_999_999_999_999_999_999])
def test_large_integers_are_those_of_json(number: int) -> None:
    value = read(f"a: {number}")["a"]
    expected = JSONParser().decode(f'{{"a": {number}}}'.encode())["a"]
    assert (value, type(value)) == (expected, type(expected))
    orjson.dumps(value)


def test_text_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(FastHookError, match="it is not UTF-8 text"):
        YAMLParser().decode(b"a: \xff")


def test_export_and_plan_speak_yaml(client: ApiCaller) -> None:
    client.put("connections", {"name": "c", "source": {"name": "s"}, "destination": {"name": "d", "type": "MOCK_API"}})
    answer = client.get("routes/export", headers={"Accept": "application/yaml"})
    assert answer.headers["Content-Type"] == "application/yaml"
    exported = answer.content.decode()
    assert exported.startswith("version: 1\nsources:\n- name: s\n")
    body = "document:\n" + "".join(f"  {line}\n" for line in exported.splitlines())
    plan = client.http.generic(
        "POST", "/v1/routes/plan", body.encode(), content_type="application/yaml", headers=client.headers
    )
    assert (plan.status_code, plan.json()["unchanged"]) == (200, True), plan.json()


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("plan", b"document: {}\nprun: true\n", 422, "INVALID_INPUT"),
        ("plan", b"document: [", 400, "MALFORMED_YAML"),
        ("apply", b"document: *a\n", 422, "INVALID_INPUT"),
        ("export", b"", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_errors_are_json_whatever_is_accepted(
    client: ApiCaller, path: str, body: bytes, status: int, code: str
) -> None:
    headers = {**client.headers, "Accept": "application/yaml"}
    answer = client.http.generic("POST", f"/v1/routes/{path}", body, content_type="application/yaml", headers=headers)
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/json")
    assert answer.json()["code"] == code
    stranger = client.http.get("/v1/routes/export", headers={"Accept": "application/yaml"})
    assert (stranger.status_code, stranger.headers["Content-Type"]) == (401, "application/json")
    assert stranger.json()["code"] == "NOT_AUTHENTICATED"
