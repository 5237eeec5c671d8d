"""The delivery client against real servers: every outcome is a value with a precise code."""

import asyncio
import contextvars
import gzip
import socket
import ssl

import pytest
import uvloop

from destinations.outbound import resolver as resolver_module
from destinations.outbound.address import AddressPolicy
from destinations.outbound.build import PreparedRequest
from destinations.outbound.client import DeliveryClient
from destinations.outbound.tests.receivers import OK, answers, hangs, receiver, resets, server_tls

LOOPBACK = AddressPolicy(["127.0.0.0/8", "::1"])

new_loop = contextvars.ContextVar("new_loop")


@pytest.fixture(autouse=True, params=[asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def _every_loop(request):
    """The two loops report faults differently; codes must not depend on which one delivers."""
    token = new_loop.set(request.param)
    yield
    new_loop.reset(token)


def on_loop(coroutine):
    with asyncio.Runner(loop_factory=new_loop.get()) as runner:
        return runner.run(coroutine)


def request(url, *, method="POST", headers=(("content-type", "application/json"),), body=b"{}"):
    return PreparedRequest(method=method, url=url, headers=tuple(headers), body=body)


def deliver(answer, *, tls=None, scheme="http", timeout_s=5.0, policy=LOOPBACK, ssl_context=None, times=1, **options):
    """Send `times` requests one after another; returns the last result and what the receiver saw."""

    async def run():
        async with (
            receiver(answer, tls=tls) as received,
            DeliveryClient(policy, ssl_context=ssl_context) as client,
        ):
            for _ in range(times):
                url = f"{scheme}://127.0.0.1:{received.port}{options.get('path', '/')}"
                given = {name: value for name, value in options.items() if name != "path"}
                result = await client.send(request(url, **given), timeout_s=timeout_s)
            return result, received

    return on_loop(run())


def send_alone(url):
    async def run():
        async with DeliveryClient(LOOPBACK) as client:
            return await client.send(request(url), timeout_s=5)

    return on_loop(run())


def test_a_2xx_is_a_success():
    result, received = deliver(answers(OK))
    assert (result.status, result.body, result.error_code, result.error_message) == (200, b"ok", None, None)
    assert result.headers == (("content-length", "2"),)
    assert received.bodies == [b"{}"]


def test_only_the_prepared_headers_are_sent():
    _, received = deliver(answers(OK), headers=[("x-b", "1"), ("x-a", "2"), ("x-b", "grün")])
    assert (
        received.heads[0]
        == (
            f"POST / HTTP/1.1\r\nHost: 127.0.0.1:{received.port}\r\nx-b: 1\r\nx-a: 2\r\nx-b: grün\r\n"
            "Content-Length: 2\r\n\r\n"
        ).encode()
    )


def test_path_and_query_go_out_byte_for_byte():
    _, received = deliver(answers(OK), path="/a%2fb//%7e/../c;x=1?q=%zz&+=%20&q=")
    assert received.heads[0].startswith(b"POST /a%2fb//%7e/../c;x=1?q=%zz&+=%20&q= HTTP/1.1\r\n")


def test_a_large_body_arrives_whole():
    body = bytes(range(256)) * 4096 * 4
    _, received = deliver(answers(OK), body=body)
    assert received.bodies == [body]


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_every_method_is_sent_as_it_is(method):
    answer = b"HTTP/1.1 204 No Content\r\n\r\n"
    result, received = deliver(answers(answer), method=method, body=b"")
    assert result.error_code is None
    assert received.heads[0].startswith(f"{method} / ".encode())


@pytest.mark.parametrize("status", [300, 301, 302, 307, 400, 404, 410, 429, 500, 503])
def test_any_other_status_is_a_bad_response_with_its_evidence(status):
    raw = f"HTTP/1.1 {status} X\r\nretry-after: 5\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 4\r\n\r\nnope"
    result, received = deliver(answers(raw.encode()))
    assert (result.status, result.error_code, result.body) == (status, "BAD_RESPONSE", b"nope")
    assert result.error_message == f"the destination answered {status}"
    assert ("retry-after", "5") in result.headers
    assert len(received.heads) == 1


def test_a_receiver_that_hangs_is_a_timeout():
    result, _ = deliver(hangs, timeout_s=0.2)
    assert (result.status, result.error_code) == (None, "TIMEOUT")
    assert 200 <= result.latency_ms < 2000


def test_a_handshake_that_hangs_is_held_to_the_connect_timeout():
    # The kernel accepts, nobody answers.
    silent = socket.create_server(("127.0.0.1", 0))

    async def run():
        async with DeliveryClient(LOOPBACK, connect_timeout_s=0.2) as client:
            return await client.send(request(f"https://127.0.0.1:{silent.getsockname()[1]}/"), timeout_s=30)

    with silent:
        result = on_loop(run())
    assert (result.status, result.error_code) == (None, "TIMEOUT")
    assert result.error_message == "no connection to the destination was established in time"
    assert 200 <= result.latency_ms < 2000


def test_a_body_that_hangs_is_a_timeout_that_keeps_the_status():
    result, _ = deliver(answers(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"), timeout_s=0.2)
    assert (result.status, result.error_code, result.body) == (200, "TIMEOUT", b"half")


def test_a_closed_port_is_a_refused_connection():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        result = send_alone(f"http://127.0.0.1:{taken.getsockname()[1]}/")
    assert (result.status, result.error_code) == (None, "CONNECTION_REFUSED")


def test_a_reset_on_a_fresh_connection_is_not_repeated():
    result, received = deliver(resets, method="PUT")
    assert (result.status, result.error_code) == (None, "CONNECTION_RESET")
    assert len(received.heads) == 1


def test_a_reset_mid_body_keeps_status_and_what_came():
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf"
    result, received = deliver(answers(raw, then_close=True))
    assert (result.status, result.error_code, result.body) == (200, "CONNECTION_RESET", b"half")
    assert len(received.heads) == 1


def test_an_answer_that_is_not_http():
    result, _ = deliver(answers(b"SSH-2.0-OpenSSH_9.6\r\n\r\n", then_close=True))
    assert (result.status, result.error_code) == (None, "BAD_RESPONSE")
    assert result.error_message == "the destination's answer is not valid HTTP"


@pytest.mark.parametrize("header", [b"x-long: " + b"x" * 70_000 + b"\r\n", b"x-many: 1\r\n" * 600])
def test_an_answer_with_too_large_a_header(header):
    result, _ = deliver(answers(b"HTTP/1.1 200 OK\r\n" + header + b"content-length: 0\r\n\r\n"))
    assert (result.status, result.error_code) == (None, "TOO_LARGE")


def test_a_long_policy_header_is_no_fault():
    policy = b"content-security-policy: " + b"x" * 20_000 + b"\r\n"
    result, _ = deliver(answers(b"HTTP/1.1 200 OK\r\n" + policy + b"content-length: 0\r\n\r\n"))
    assert (result.status, result.error_code) == (200, None)


def test_a_long_body_is_cut_and_its_connection_reused():
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b"x" * 100_000
    result, received = deliver(answers(raw), times=3)
    assert (result.status, result.error_code, result.body) == (200, None, b"x" * 16384)
    assert received.connections == 1


def test_an_oversized_body_is_cut_and_its_connection_closed():
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 5000000\r\n\r\n" + b"x" * 5_000_000
    result, received = deliver(answers(raw), times=2)
    assert (result.status, result.error_code, result.body) == (200, None, b"x" * 16384)
    assert received.connections == 2


def test_a_body_that_breaks_after_what_is_kept_is_still_a_success():
    raw = b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n" + b"x" * 20_000
    result, _ = deliver(answers(raw, then_close=True))
    assert (result.status, result.error_code, result.body) == (200, None, b"x" * 16384)


def test_many_headers_are_bounded():
    lines = "".join(f"x-{number}: {'v' * 1000}\r\n" for number in range(60))
    result, _ = deliver(answers(f"HTTP/1.1 200 OK\r\n{lines}content-length: 0\r\n\r\n".encode()))
    assert result.error_code is None
    assert sum(len(name) + len(value) for name, value in result.headers) <= 16384


def test_a_gzip_answer_is_readable_and_a_bomb_stays_small():
    def gzipped(content):
        packed = gzip.compress(content)
        head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(packed)}\r\n\r\n"
        return answers(head.encode() + packed)

    assert deliver(gzipped(b'{"ok":true}'))[0].body == b'{"ok":true}'
    bomb, _ = deliver(gzipped(b"\x00" * 8_000_000))
    assert (bomb.error_code, bomb.body) == (None, b"\x00" * 16384)


def test_a_broken_gzip_answer_is_kept_as_it_came():
    raw = b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 3\r\n\r\nabc"
    assert deliver(answers(raw))[0].body == b"abc"


def test_connections_are_kept_alive():
    _, received = deliver(answers(OK), times=5)
    assert (len(received.heads), received.connections) == (5, 1)


def test_a_stale_connection_is_replaced_within_the_same_send():
    async def closes_on_reuse(received, writer):
        if len(received.heads) == 2:
            writer.transport.abort()
        else:
            writer.write(OK)

    result, received = deliver(closes_on_reuse, times=2)
    assert (result.status, result.error_code) == (200, None)
    assert (len(received.heads), received.connections) == (3, 2)


def test_the_environments_proxy_is_ignored(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert deliver(answers(OK))[0].error_code is None


def test_a_self_signed_certificate_is_invalid(tmp_path):
    tls, _ = server_tls(tmp_path)
    result, received = deliver(answers(OK), tls=tls, scheme="https")
    assert (result.status, result.error_code) == (None, "TLS_CERT_INVALID")
    assert result.error_message == "the destination's certificate is not valid: self-signed certificate"
    assert received.heads == []


def test_an_expired_certificate_is_named(tmp_path):
    tls, certificate = server_tls(tmp_path, expired=True)
    result, _ = deliver(
        answers(OK), tls=tls, scheme="https", ssl_context=ssl.create_default_context(cafile=certificate)
    )
    assert (result.status, result.error_code) == (None, "TLS_CERT_EXPIRED")


def test_a_trusted_certificate_passes(tmp_path):
    tls, certificate = server_tls(tmp_path)
    result, _ = deliver(
        answers(OK), tls=tls, scheme="https", ssl_context=ssl.create_default_context(cafile=certificate)
    )
    assert (result.status, result.error_code) == (200, None)


def test_a_server_without_tls_is_a_tls_error():
    async def talks_plainly(reader, writer):
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async def run():
        server = await asyncio.start_server(talks_plainly, "127.0.0.1", 0)
        async with server, DeliveryClient(LOOPBACK) as client:
            url = f"https://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
            return await client.send(request(url), timeout_s=5)

    assert on_loop(run()).error_code == "TLS_ERROR"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
def test_loopback_is_refused_however_it_is_written(host):
    async def run():
        async with receiver(answers(OK)) as received, DeliveryClient(AddressPolicy()) as client:
            return await client.send(request(f"http://{host}:{received.port}/"), timeout_s=5), received

    result, received = on_loop(run())
    assert (result.status, result.error_code) == (None, "ADDRESS_NOT_ALLOWED")
    assert "loopback" in result.error_message
    assert received.connections == 0


@pytest.mark.parametrize("host", ["127.1", "2130706433", "0177.0.0.1"])
def test_disguised_addresses_are_not_called(host):
    assert send_alone(f"http://{host}/").error_code == "INVALID_URL"


@pytest.mark.parametrize("url", ["nonsense", "ftp://h.example/", "http://", "http://[::1", "http://h.example:x/"])
def test_what_is_no_url_is_not_called(url):
    assert send_alone(url).error_code == "INVALID_URL"


def fake_dns(monkeypatch, answer):
    monkeypatch.setattr(resolver_module, "_getaddrinfo", answer)


def test_an_unknown_name_is_a_failed_lookup(monkeypatch):
    def unknown(host, port, family):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    fake_dns(monkeypatch, unknown)
    result = send_alone("http://gone.example/")
    assert (result.status, result.error_code) == (None, "DNS_LOOKUP_FAILED")
    assert result.error_message == "gone.example could not be resolved: Name or service not known"


def test_a_name_with_a_refused_and_an_allowed_address_uses_the_allowed_one(monkeypatch):
    def both(host, port, family):
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ("10.0.0.1", "127.0.0.1")]

    fake_dns(monkeypatch, both)

    async def run():
        async with receiver(answers(OK)) as received, DeliveryClient(LOOPBACK) as client:
            return await client.send(request(f"http://two.example:{received.port}/"), timeout_s=5)

    assert on_loop(run()).status == 200


def test_a_name_that_leads_inside_is_refused(monkeypatch):
    fake_dns(monkeypatch, lambda host, port, family: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("10.0.0.1", port))])
    result = send_alone("http://rebound.example/")
    assert result.error_code == "ADDRESS_NOT_ALLOWED"
    assert result.error_message == "10.0.0.1 must not be dialled: private"


def test_no_cookie_is_remembered(monkeypatch):
    fake_dns(monkeypatch, lambda host, port, family: [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))])

    async def run():
        raw = b"HTTP/1.1 200 OK\r\nset-cookie: a=b\r\ncontent-length: 0\r\n\r\n"
        async with receiver(answers(raw)) as received, DeliveryClient(LOOPBACK) as client:
            for _ in range(2):
                await client.send(request(f"http://cookies.example:{received.port}/"), timeout_s=5)
            return received

    received = on_loop(run())
    assert len(received.heads) == 2
    assert b"cookie:" not in received.heads[1].lower()


def test_cancelling_a_send_is_the_only_exception():
    async def run():
        async with receiver(hangs) as received, DeliveryClient(LOOPBACK) as client:
            sending = asyncio.create_task(client.send(request(f"http://127.0.0.1:{received.port}/"), timeout_s=5))
            await received.arrived.wait()
            sending.cancel()
            with pytest.raises(asyncio.CancelledError):
                await sending

    on_loop(run())


def test_a_header_that_cannot_be_sent_is_an_internal_error(caplog):
    result, received = deliver(answers(OK), headers=[("x-a", "b\r\nx-evil: 1")])
    assert result.error_code == "INTERNAL_ERROR"
    assert received.heads == []
    assert "delivery.send_failed" in caplog.text
