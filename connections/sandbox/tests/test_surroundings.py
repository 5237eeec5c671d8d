"""What a transformation finds around it: URL, text, digests, clones."""

# ruff: noqa: E501 - a JavaScript expression stands on one line

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from connections.sandbox.jobs import RunStatus
from connections.sandbox.sandbox import Sandbox
from connections.sandbox.tests.sandboxes import job, made


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    sandbox = Sandbox()
    yield sandbox
    sandbox.close()


def evaluate(sandbox: Sandbox, expression: str) -> Any:
    return made(sandbox.run(job(f"request.body = {{it: {expression}}}; return request;")))["it"]


# Input, base, and what it becomes (null: refused), after the URL Standard.
URLS: list[tuple[str, str | None, str | None]] = [
    ("https://Example.com", None, "https://example.com/"),
    ("HTTP://user:p%40ss@EXAMPLE.com:80/a/../b/./c?x=1#y", None, "http://user:p%40ss@example.com/b/c?x=1#y"),
    ("https://example.com:8443/a b?c d#e f", None, "https://example.com:8443/a%20b?c%20d#e%20f"),
    ("  https://example.com/\n path ", None, "https://example.com/%20path"),
    ("https:example.com", None, "https://example.com/"),
    ("https:\\\\example.com\\a", None, "https://example.com/a"),
    ("https://ex%61mple.com/%7Efoo/%41", None, "https://example.com/%7Efoo/%41"),
    ("https://bücher.example/ü", None, "https://xn--bcher-kva.example/%C3%BC"),
    ("https://例え.テスト", None, "https://xn--r8jz45g.xn--zckzah/"),
    ("https://faß.example", None, "https://xn--fa-hia.example/"),
    ("http://0x7f.1/", None, "http://127.0.0.1/"),
    ("http://2130706433", None, "http://127.0.0.1/"),
    ("http://192.168.010.1", None, "http://192.168.8.1/"),
    ("http://[2001:DB8:0:0:1:0:0:1]:80/", None, "http://[2001:db8::1:0:0:1]/"),
    ("http://[::ffff:192.0.2.1]", None, "http://[::ffff:c000:201]/"),
    ("http://[1:0:0:0:0:0:0:0]", None, "http://[1::]/"),
    ("http://[::]", None, "http://[::]/"),
    ("../c?d", "https://example.com/a/b/x?y#z", "https://example.com/a/c?d"),
    ("", "https://example.com/a?b#c", "https://example.com/a?b"),
    ("#new", "https://example.com/a?b#c", "https://example.com/a?b#new"),
    ("?q", "https://example.com/a?b#c", "https://example.com/a?q"),
    ("//other.com/x", "https://example.com/a", "https://other.com/x"),
    ("/top", "https://user@example.com:8080/a/b", "https://user@example.com:8080/top"),
    ("http:relative", "http://example.com/a/b", "http://example.com/a/relative"),
    ("mailto:someone@example.com", None, "mailto:someone@example.com"),
    ("data:text/plain,hello world", None, "data:text/plain,hello world"),
    ("urn:isbn:123#x", None, "urn:isbn:123#x"),
    ("custom://Host/a/../b", None, "custom://Host/b"),
    ("file:///etc/../tmp/x", None, "file:///tmp/x"),
    ("https://example.com/a/%2e%2e/b/..", None, "https://example.com/"),
    ("nonsense", None, None),
    ("/path", None, None),
    ("https://", None, None),
    ("https://exa mple.com", None, None),
    ("https://example.com:99999", None, None),
    ("https://example.com:80a", None, None),
    ("http://256.1.1.1", None, None),
    ("http://1.2.3.4.5", None, None),
    ("http://[1::2::3]", None, None),
    ("http://[::1", None, None),
    ("x", "mailto:a@b", None),
]


def test_urls_are_parsed_after_the_standard(sandbox: Sandbox) -> None:
    pairs = [[given, base] for given, base, _ in URLS]
    expression = f"""{json.dumps(pairs)}.map(([given, base]) => {{
        try {{ return new URL(given, base ?? undefined).href }} catch (fault) {{
            if (!(fault instanceof TypeError) || URL.canParse(given, base ?? undefined)) throw fault;
            return null;
        }}
    }})"""
    assert evaluate(sandbox, expression) == [expected for _, _, expected in URLS]


EXPRESSIONS: list[tuple[str, Any]] = [
    # URL: its parts and their setters
    (
        "(({origin, protocol, username, password, host, hostname, port, pathname, search, hash}) =>"
        " [origin, protocol, username, password, host, hostname, port, pathname, search, hash])"
        "(new URL('https://u:p@example.com:8443/a/b?c=d#e'))",
        [
            "https://example.com:8443",
            "https:",
            "u",
            "p",
            "example.com:8443",
            "example.com",
            "8443",
            "/a/b",
            "?c=d",
            "#e",
        ],
    ),
    (
        "(() => { const u = new URL('https://a.com/x?y=1#z'); u.host = 'b.org:444'; u.pathname = 'p q'; u.search = 'k=v';"
        " u.hash = ''; u.protocol = 'http'; u.username = 'me'; u.port = '80'; return String(u) })()",
        "http://me@b.org/p%20q?k=v",
    ),
    (
        "(() => { const u = new URL('https://a.com'); u.host = ''; u.port = 'x'; u.protocol = 'mailto'; return u.href })()",
        "https://a.com/",
    ),
    (
        "(() => { const u = new URL('https://a.com/?a=1'); u.searchParams.append('b', 'x y'); u.searchParams.delete('a');"
        " return [u.href, u.search] })()",
        ["https://a.com/?b=x+y", "?b=x+y"],
    ),
    ("(() => { const u = new URL('https://a.com/?a=1'); u.search = 'c=3'; return u.searchParams.get('c') })()", "3"),
    ("JSON.stringify({u: new URL('https://a.com')})", '{"u":"https://a.com/"}'),
    ("[new URL('mailto:x').origin, URL.parse('nope'), URL.parse('https://a.b').host]", ["null", None, "a.b"]),
    # URLSearchParams
    ("[...new URLSearchParams('?a=1&b=%20+&a=2&c')]", [["a", "1"], ["b", "  "], ["a", "2"], ["c", ""]]),
    ("String(new URLSearchParams({a: 'é', b: '&=+ ~*'}))", "a=%C3%A9&b=%26%3D%2B+%7E*"),
    ("String(new URLSearchParams([['a', 1], ['a', 2]]))", "a=1&a=2"),
    (
        "(() => { const p = new URLSearchParams('b=1&a=2&b=3'); p.set('b', 9); p.sort(); p.append('c', 4);"
        " return [String(p), p.size, p.getAll('b'), p.has('a'), p.has('a', '5'), p.get('z'), [...p.keys()], [...p.values()]] })()",
        ["a=2&b=9&c=4", 3, ["9"], True, False, None, ["a", "b", "c"], ["2", "9", "4"]],
    ),
    ("new URLSearchParams('%ff=%F0%9F').get('\\ufffd')", "\ufffd"),
    # Text
    ("[...new TextEncoder().encode('hé€😀\\ud800')]", list("hé€😀\ufffd".encode())),
    ("new TextDecoder().decode(new TextEncoder().encode('hé€😀'))", "hé€😀"),
    (
        "new TextDecoder().decode(new Uint8Array([0xef, 0xbb, 0xbf, 0x61, 0xff, 0xc3, 0x28, 0xe2, 0x82, 0xf0, 0x9f, 0x98]))",
        bytes([0x61, 0xFF, 0xC3, 0x28, 0xE2, 0x82, 0xF0, 0x9F, 0x98]).decode("utf-8", "replace"),
    ),
    ("new TextDecoder().decode(new Uint8Array([0xed, 0xa0, 0x80, 0xc0, 0xaf, 0xf4, 0x90, 0x80, 0x80]))", "\ufffd" * 9),
    (
        "(() => { try { new TextDecoder('utf-8', {fatal: true}).decode(new Uint8Array([255])) } catch (e) { return e.name } })()",
        "TypeError",
    ),
    (
        "(() => { const d = new TextDecoder(); const b = new TextEncoder().encode('€'); return d.decode(b.slice(0, 1), {stream: true})"
        " + d.decode(b.slice(1), {stream: true}) + d.decode() })()",
        "€",
    ),
    (
        "(() => { const into = new Uint8Array(4); return [new TextEncoder().encodeInto('a€€', into), [...into]] })()",
        [{"read": 2, "written": 4}, [0x61, 0xE2, 0x82, 0xAC]],
    ),
    ("(() => { try { new TextDecoder('utf-16') } catch (e) { return e.name } })()", "RangeError"),
    # Base64
    ("[btoa('hi\\xff'), atob(' aGn/ ')]", ["aGn/", "hi\xff"]),
    (
        "['€', '*'].map((text, at) => { try { return [btoa, atob][at](text) } catch (e) { return e.name } })",
        ["InvalidCharacterError"] * 2,
    ),
    # structuredClone
    (
        "(() => { const a = {d: new Date(5), m: new Map([[1, {x: 1}]]), s: new Set([2]), r: /x/gi, u: new Uint8Array([1, 2]), n: [1, , 3]};"
        " a.self = a; const b = structuredClone(a); return [b.self === b, b !== a, b.d.getTime(), b.m.get(1).x, b.m.get(1) !== a.m.get(1),"
        " b.s.has(2), b.r.flags, [...b.u], b.u.buffer !== a.u.buffer, 1 in b.n, b.n.length] })()",
        [True, True, 5, 1, True, True, "gi", [1, 2], True, False, 3],
    ),
    (
        "(() => { const e = structuredClone(new RangeError('x')); return [e instanceof RangeError, e.message] })()",
        [True, "x"],
    ),
    (
        "[() => 1, Symbol('x'), Promise.resolve()].map((v) => { try { structuredClone({v}) } catch (e) { return e.name } })",
        ["DataCloneError"] * 3,
    ),
    # crypto
    (
        "['md5', 'sha1', 'sha256', 'sha384', 'sha512'].map((name) => crypto.createHash(name).update('héllo\\0').digest('hex'))",
        [hashlib.new(name, "héllo\0".encode()).hexdigest() for name in ("md5", "sha1", "sha256", "sha384", "sha512")],
    ),
    (
        "['md5', 'sha1', 'sha256', 'sha512'].map((name) => crypto.createHmac(name, 'key').update('a').update('b').digest('base64'))",
        [
            base64.b64encode(hmac.new(b"key", b"ab", name).digest()).decode()
            for name in ("md5", "sha1", "sha256", "sha512")
        ],
    ),
    (
        "[crypto.sha256('x'), crypto.md5('x', 'base64'), crypto.hmac('sha256', 'k', 'd'), crypto.sha512('') === crypto.createHash('SHA-512').update('').digest('hex')]",
        [
            hashlib.sha256(b"x").hexdigest(),
            base64.b64encode(hashlib.md5(b"x").digest()).decode(),
            hmac.new(b"k", b"d", "sha256").hexdigest(),
            True,
        ],
    ),
    (
        "crypto.createHmac('sha256', new Uint8Array([0, 255])).update(new Uint8Array([0, 128]).buffer).digest('base64url')",
        base64.urlsafe_b64encode(hmac.new(b"\x00\xff", b"\x00\x80", "sha256").digest()).decode().rstrip("="),
    ),
    (
        "[['/w==', 'base64'], ['ff', 'hex'], ['\\xff', 'latin1']].map(([data, encoding]) => crypto.createHash('sha1').update(data, encoding).digest('hex'))",
        [hashlib.sha1(b"\xff").hexdigest()] * 3,
    ),
    ("[...crypto.createHash('md5').update('').digest()]", list(hashlib.md5(b"").digest())),
    (
        "await crypto.subtle.digest('SHA-256', new TextEncoder().encode('x')).then((b) => [...new Uint8Array(b)])",
        list(hashlib.sha256(b"x").digest()),
    ),
    (
        "[new Uint8Array([1, 2]), new Uint8Array([1, 3])].map((each) => crypto.timingSafeEqual(each, new Uint8Array([1, 2])))",
        [True, False],
    ),
    (
        "['sha3', 'nope'].map((name) => { try { crypto.createHash(name) } catch (e) { return e.name } })",
        ["TypeError"] * 2,
    ),
    (
        "(() => { const h = crypto.createHash('md5'); h.digest(); try { h.digest() } catch (e) { return e.message } })()",
        "digest() has been called already",
    ),
    ("crypto.getRandomValues(new Uint8Array(8)).length + crypto.randomBytes(4).length", 12),
    ("(() => { try { crypto.randomBytes(1e6) } catch (e) { return e.name } })()", "RangeError"),
]


@pytest.mark.parametrize(("expression", "expected"), EXPRESSIONS, ids=[each[0][:60] for each in EXPRESSIONS])
def test_an_expression_has_its_value(sandbox: Sandbox, expression: str, expected: Any) -> None:
    assert evaluate(sandbox, expression) == expected


def test_a_megabyte_is_digested(sandbox: Sandbox) -> None:
    expected = hashlib.sha256(b"x" * 1_000_000).hexdigest()
    assert evaluate(sandbox, "crypto.sha256('x'.repeat(1e6))") == expected
    assert evaluate(sandbox, "crypto.sha256(new Uint8Array(1e6).fill(120))") == expected


def test_random_ids_are_version_4_and_differ_from_run_to_run(sandbox: Sandbox) -> None:
    ids = {evaluate(sandbox, "crypto.randomUUID()") for _ in range(3)}
    assert len(ids) == 3
    for each in ids:
        assert re.fullmatch(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", each)


def test_random_numbers_differ_from_run_to_run(sandbox: Sandbox) -> None:
    assert len({evaluate(sandbox, "Math.random()") for _ in range(5)}) == 5


def test_globals_may_be_replaced_by_the_transformation_itself(sandbox: Sandbox) -> None:
    code = "URL = class { x = 1 }; globalThis.crypto = 5; const console = null; return {body: [new URL().x, crypto]};"
    assert made(sandbox.run(job(code))) == [1, 5]


def test_everything_is_there_however_much_is_used(sandbox: Sandbox) -> None:
    functions = [
        "URL",
        "URLSearchParams",
        "TextEncoder",
        "TextDecoder",
        "structuredClone",
        "atob",
        "btoa",
        "queueMicrotask",
    ]
    names = ["console", "crypto", *functions]
    code = f"return {{body: {json.dumps(names)}.map((name) => typeof globalThis[name])}};"
    outcome = sandbox.run(job(code))
    assert outcome.status is RunStatus.SUCCESSFUL
    assert made(outcome) == ["object" if name in ("console", "crypto") else "function" for name in names]
