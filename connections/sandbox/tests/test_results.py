"""What a transformation gets, what it may return, and what becomes of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from connections.sandbox.jobs import ErrorKind, Message, Outcome, RunStatus
from connections.sandbox.sandbox import Sandbox
from connections.sandbox.tests.sandboxes import JSON_HEADERS, REQUEST, job, made


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def changed(outcome: Outcome) -> Message:
    assert outcome.status is RunStatus.SUCCESSFUL, outcome
    assert outcome.request is not None, "nothing changed"
    return outcome.request


def headers_of(outcome: Outcome) -> list[tuple[str, ...]]:
    return [tuple(pair) for pair in changed(outcome).headers]


def test_it_gets_the_request_and_its_context(sandbox: Sandbox) -> None:
    request = replace(REQUEST, headers=(*JSON_HEADERS, ("x-id", "8")))
    code = "return {body: {request, context, keys: Object.keys(request)}};"
    body = made(sandbox.run(job(code, request=request)))
    assert body["request"] == {
        "headers": {"content-type": "application/json", "x-id": "7, 8"},
        "body": {"id": 1},
        "query": "a=1&b=2&b=3",
        "parsed_query": {"a": "1", "b": ["2", "3"]},
        "path": "/orders",
        "method": "POST",
        "created_at": "2026-05-29T10:00:00.000Z",
    }
    assert body["keys"] == ["headers", "body", "query", "parsed_query", "path", "method", "created_at"]
    assert body["context"] == {
        "connection": {"id": "conn_1", "name": "stripe-to-billing"},
        "source": {"id": "src_1", "name": "stripe"},
        "destination": {"id": "des_1", "name": "billing"},
    }


FORMS = [
    "request.body.form = 1; return request;",
    'addHandler("transform", (request, context) => { request.body.form = 1; return request; });',
    'addHandler("transform", async (request) => { await null; request.body.form = 1; return request; });',
    'addHandler("transform", function (request) { return {...request, body: {...request.body, form: 1}}; })',
    "request.body.form = await Promise.resolve(1); return request;",
    "const handler = (r) => { r.body.form = 1; return r };\n// a comment\naddHandler('transform', handler); // the end",
    "await 1; addHandler('transform', (request) => { request.body.form = 1; return request; });",
    "return Promise.all([1]).then(([form]) => ({body: {...request.body, form}}));",
    "return {body: {id: 1, form: 1}}; // a comment at the end",
]


@pytest.mark.parametrize("code", FORMS)
def test_both_forms_work_and_promises_are_waited_for(sandbox: Sandbox, code: str) -> None:
    outcome = sandbox.run(job(code))
    assert made(outcome) == {"id": 1, "form": 1}
    assert replace(changed(outcome), body=REQUEST.body) == REQUEST


@pytest.mark.parametrize(
    "body", [b'{"n": 12345678901234567890, "a":1,"a":2}', b"", b"text", b"\xff\xfe\x00", b'"s"', b"null", b" [1.0]\n"]
)
@pytest.mark.parametrize(
    "code", ["return request;", "return {};", "return {...request};", "request.body = request.body; return request;"]
)
def test_a_run_that_does_not_touch_the_body_leaves_its_bytes(sandbox: Sandbox, body: bytes, code: str) -> None:
    outcome = sandbox.run(job(code, body=body))
    assert (outcome.status, outcome.request) == (RunStatus.SUCCESSFUL, None)
    marked = sandbox.run(job("request.headers.mark = 'x'; return request;", body=body))
    assert changed(marked).body == body


BODIES: list[tuple[str, str | None, bytes, str | None]] = [
    # The code, the content type that came in, the body and the content type that go out.
    ("{a: [1, null, 'é', {}]}", "application/json", '{"a":[1,null,"é",{}]}'.encode(), "application/json"),
    ("{a: 1}", "application/vnd.api+json; charset=utf-8", b'{"a":1}', "application/vnd.api+json; charset=utf-8"),
    ("{a: 1}", "text/plain", b'{"a":1}', "application/json"),
    ("{a: 1}", None, b'{"a":1}', "application/json"),
    ("[1]", "application/x-www-form-urlencoded", b"[1]", "application/json"),
    ("5", None, b"5", "application/json"),
    ("false", None, b"false", "application/json"),
    ("'plain'", "text/plain", b"plain", "text/plain"),
    ("'<a/>'", "application/json", b"<a/>", "application/json"),
    ("'x\\0y'", None, b"x\0y", None),
    ("'😀'", None, "😀".encode(), None),
    ("''", "text/plain", b"", "text/plain"),
    ("null", "application/json", b"", "application/json"),
    ("new Date(0)", None, b'"1970-01-01T00:00:00.000Z"', "application/json"),
    (
        "{at: new Date(0), gone: undefined, list: [undefined]}",
        None,
        b'{"at":"1970-01-01T00:00:00.000Z","list":[null]}',
        "application/json",
    ),
]


@pytest.mark.parametrize(("body", "came", "bytes_out", "type_out"), BODIES, ids=[each[0] for each in BODIES])
def test_body_and_content_type_stay_consistent(
    sandbox: Sandbox, body: str, came: str | None, bytes_out: bytes, type_out: str | None
) -> None:
    headers = (("x-a", "1"),) if came is None else (("content-type", came), ("x-a", "1"))
    request = replace(REQUEST, headers=headers, body=b"before")
    made_request = changed(sandbox.run(job(f"request.body = {body}; return request;", request=request)))
    assert made_request.body == bytes_out
    assert dict(made_request.headers).get("content-type") == type_out
    assert dict(made_request.headers)["x-a"] == "1"


def test_the_transformations_own_content_type_wins_unless_the_body_is_an_object(sandbox: Sandbox) -> None:
    for body, expected in (("'a,b'", "text/csv"), ("{}", "application/json")):
        code = f"request.headers['Content-Type'] = 'text/csv'; request.body = {body}; return request;"
        assert dict(changed(sandbox.run(job(code))).headers)["content-type"] == expected


def test_headers_that_described_the_old_body_go_with_it(sandbox: Sandbox) -> None:
    headers = (*JSON_HEADERS, ("content-length", "9"), ("content-encoding", "gzip"), ("content-md5", "x"))
    request = replace(REQUEST, headers=headers)
    new = changed(sandbox.run(job("request.body = {}; return request;", request=request)))
    assert [name for name, _ in new.headers] == ["content-type", "x-id"]
    kept = changed(sandbox.run(job("request.headers.mark = '1'; return request;", request=request)))
    assert [name for name, _ in kept.headers] == [name for name, _ in headers] + ["mark"]


def test_a_body_that_is_not_text_is_base64_both_ways(sandbox: Sandbox) -> None:
    raw = b"\xff\xfe\x00\x80"
    code = """
      const {body_encoding, body} = request;
      return {headers: {}, body: {encoding: body_encoding, body, bytes: atob(body).length}};
    """
    assert made(sandbox.run(job(code, body=raw))) == {"encoding": "base64", "body": "//4AgA==", "bytes": 4}
    back = "request.body = btoa(atob(request.body) + '!'); return request;"
    assert changed(sandbox.run(job(back, body=raw))).body == raw + b"!"
    text = "request.body = 'hello'; request.body_encoding = null; return request;"
    assert changed(sandbox.run(job(text, body=raw))).body == b"hello"
    wrong = sandbox.run(job("request.body = 'hello'; return request;", body=raw))
    assert (wrong.error_kind, "body_encoding" in str(wrong.error)) == (ErrorKind.INVALID_RESULT, True)
    new = "return {body: btoa('\\xff'), body_encoding: 'base64'};"
    assert changed(sandbox.run(job(new))).body == b"\xff"


def test_headers_are_lower_case_text_and_null_removes(sandbox: Sandbox) -> None:
    code = """
      request.headers["X-Number"] = 5; request.headers["X-Flag"] = true; request.headers["X-Float"] = 1.5;
      request.headers["X-ID"] = "8"; request.headers.gone = undefined; request.headers.none = null;
      request.headers["Content-Type"] = null;
      return request;
    """
    assert headers_of(sandbox.run(job(code))) == [
        ("x-number", "5"),
        ("x-flag", "true"),
        ("x-float", "1.5"),
        ("x-id", "8"),
    ]


def test_headers_that_keep_their_value_keep_their_repeats(sandbox: Sandbox) -> None:
    request = replace(REQUEST, headers=(("x-a", "1"), ("x-b", "2"), ("x-a", "3")))
    outcome = sandbox.run(job("request.headers['x-b'] = '4'; return request;", request=request))
    assert headers_of(outcome) == [("x-a", "1"), ("x-a", "3"), ("x-b", "4")]
    replaced = sandbox.run(job("return {headers: {only: 'this'}};", request=request))
    assert headers_of(replaced) == [("only", "this")]


FIELDS: list[tuple[str, dict[str, Any]]] = [
    ("request.query = '?x=1 2&y=é'", {"query": "x=1%202&y=%C3%A9"}),
    ("request.query = ''", {"query": ""}),
    ("request.parsed_query.c = 5; delete request.parsed_query.a", {"query": "b=2&b=3&c=5"}),
    ("request.parsed_query = {q: 'a b&c', none: null, list: [1, true]}", {"query": "q=a+b%26c&list=1&list=true"}),
    ("request.query = 'mine=1'; request.parsed_query = {other: 1}", {"query": "mine=1"}),
    ("request.path = '/new/path é'", {"path": "/new/path%20%C3%A9"}),
    ("request.method = 'put'", {"method": "PUT"}),
    ("request.path = null; request.method = undefined; request.headers = null; request.x = 1", {}),
    ("request.created_at = 'never'", {}),
]


@pytest.mark.parametrize(("change", "expected"), FIELDS, ids=[each[0] for each in FIELDS])
def test_query_path_and_method_may_change(sandbox: Sandbox, change: str, expected: dict[str, Any]) -> None:
    outcome = sandbox.run(job(f"{change}; return request;"))
    assert outcome.status is RunStatus.SUCCESSFUL, outcome.error
    assert outcome.request == (replace(REQUEST, **expected) if expected else None)


def test_an_empty_path_stays_empty_while_it_is_shown_as_a_slash(sandbox: Sandbox) -> None:
    request = replace(REQUEST, path="")
    outcome = sandbox.run(job("request.headers.seen = request.path; return request;", request=request))
    assert changed(outcome).path == ""
    assert headers_of(outcome)[-1] == ("seen", "/")


REFUSED = [
    ("return 'text';", "must return the request object, but returned a string"),
    ("return 5;", "must return the request object, but returned a number"),
    ("return [request];", "must return the request object, but returned an array"),
    ("return () => request;", "must return the request object, but returned a function"),
    ("return {body: {a: [1, NaN]}};", "body.a[1] is NaN, which JSON cannot hold"),
    ("return {body: {a: -Infinity}};", "body.a is -Infinity, which JSON cannot hold"),
    ("return {body: () => 1};", "body is a function, which JSON cannot hold"),
    ("request.body.call = console.log; return request;", "body.call is a function, which JSON cannot hold"),
    ("return {body: {a: Symbol('x')}};", "body.a is a symbol, which JSON cannot hold"),
    ("return {headers: 'x: y'};", "headers must be an object"),
    ("return {headers: {'x-list': ['a']}};", "headers.x-list must be text, a number or a boolean; null removes it"),
    ("return {headers: {'x y': 'a'}};", "headers.x y is not a header name"),
    ("return {headers: {x: 'a\\r\\nb: c'}};", "headers.x must not contain line breaks or other control characters"),
    ("return {path: 'orders'};", "path must be text that begins with a slash"),
    ("return {path: '/a?b=1'};", "path must be a path alone"),
    ("return {path: 5};", "path must be text that begins with a slash"),
    ("return {method: 'GO AWAY'};", "method must be an HTTP method such as POST"),
    ("return {method: 'CONNECT'};", "method must be an HTTP method such as POST"),
    ("return {query: {a: 1}};", "query must be text such as a=1&b=2"),
    ("return {parsed_query: {a: {b: 1}}};", "parsed_query.a must be text, a number or a boolean; null removes it"),
    ("return {body: 'half \\ud800'};", "body must be valid Unicode text"),
]


@pytest.mark.parametrize(("code", "reason"), REFUSED, ids=[code for code, _ in REFUSED])
def test_a_result_that_cannot_be_delivered_is_refused_with_its_place(sandbox: Sandbox, code: str, reason: str) -> None:
    outcome = sandbox.run(job(code))
    assert (outcome.status, outcome.error_kind) == (RunStatus.FAILED, ErrorKind.INVALID_RESULT)
    assert str(outcome.error).startswith(reason)


PLACES = [
    ("request.body.missing.field;", "TypeError: cannot read property 'field' of undefined", (1, 1)),
    ("\n\n  nowhere();", "ReferenceError: nowhere is not defined", (3, 3)),
    ("const f = () => {\n  throw new RangeError('too far');\n};\nf();", "RangeError: too far", (2, 13)),
    ("addHandler('transform', (request) => {\n  return request.nothing.at.all;\n});", "TypeError", (2, 10)),
    ("await 1;\nthrow new Error('late');", "Error: late", (2, 11)),
    ("\naddHandler('other', () => 1);", 'TypeError: addHandler takes "transform" and a function', (2, 1)),
    ("new URL('nonsense');", "TypeError: Invalid URL: nonsense", (1, 5)),
    ("throw new Error('half \\ud800 and nul \\0');", "Error: half \ufffd and nul \ufffd", (1, 11)),
    ("let a = 1;\nlet b = ;", "SyntaxError: unexpected token", (2, 9)),
    ("if (", "SyntaxError", (2, 1)),
]


@pytest.mark.parametrize(("code", "reason", "place"), PLACES, ids=[code for code, _, _ in PLACES])
def test_an_error_names_its_place_in_the_code(sandbox: Sandbox, code: str, reason: str, place: tuple[int, int]) -> None:
    outcome = sandbox.run(job(code))
    assert str(outcome.error).startswith(reason), outcome.error
    assert (outcome.line, outcome.column) == place


def test_console_lines_are_kept_in_order(sandbox: Sandbox) -> None:
    code = """
      console.log('a', 1, null, undefined, true, 10n, {b: [1]}, [2]);
      console.info('nul \\0 and half \\ud800');
      console.warn();
      console.error(new TypeError('no'));
      console.debug(() => 1);
      return request;
    """
    outcome = sandbox.run(job(code))
    assert [(line.level, line.message) for line in outcome.logs] == [
        ("log", 'a 1 null undefined true 10n {"b":[1]} [2]'),
        ("info", "nul \ufffd and half ?"),
        ("warn", ""),
        ("error", "TypeError: no"),
        ("debug", "() => 1"),
    ]


def test_what_a_run_cost_is_told(sandbox: Sandbox) -> None:
    outcome = sandbox.run(job("for (let i = 0, at = Date.now(); Date.now() - at < 20; i++); return request;"))
    assert 19_000 <= outcome.duration_us < 2_000_000
    assert 1_000 < outcome.cpu_us <= outcome.duration_us


def test_code_is_checked_without_running_it(sandbox: Sandbox) -> None:
    assert sandbox.check("for (;;);").status is RunStatus.SUCCESSFUL
    assert sandbox.check('addHandler("transform", async (r) => r);').status is RunStatus.SUCCESSFUL
    fault = sandbox.check("return {\n  a: 1,,\n};")
    assert (fault.error_kind, fault.line, fault.column) == (ErrorKind.SYNTAX, 2, 8)


GUIDE_FAN_IN = """request.body = {
provider: "stripe",
event_id: request.body.id,
event_type: request.body.type,
object_id: request.body.data?.object?.id,
received_at: request.created_at,
data: request.body.data?.object ?? request.body
};
return request;"""


def test_the_fan_in_guides_transformation(sandbox: Sandbox) -> None:
    body = b'{"id":"evt_1","type":"invoice.paid","data":{"object":{"id":"in_1","total":5}}}'
    assert made(sandbox.run(job(GUIDE_FAN_IN, body=body))) == {
        "provider": "stripe",
        "event_id": "evt_1",
        "event_type": "invoice.paid",
        "object_id": "in_1",
        "received_at": "2026-05-29T10:00:00.000Z",
        "data": {"id": "in_1", "total": 5},
    }
    assert made(sandbox.run(job(GUIDE_FAN_IN, body=b'{"id":"evt_2","type":"ping"}'))) == {
        "provider": "stripe",
        "event_id": "evt_2",
        "event_type": "ping",
        "received_at": "2026-05-29T10:00:00.000Z",
        "data": {"id": "evt_2", "type": "ping"},
    }
