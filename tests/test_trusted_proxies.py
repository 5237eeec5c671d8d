"""Behind a proxy: whose word counts about the caller's address and the URL."""

from __future__ import annotations

from typing import Any

import pytest

from fasthook import gunicorn
from fasthook.asgi import Application
from fasthook.lib.proxies import Caller, TrustedProxies

PROXY = "10.1.2.3"


def headers(**values: str) -> list[tuple[bytes, bytes]]:
    return [(name.replace("_", "-").encode(), value.encode()) for name, value in values.items()]


def caller(*networks: str, peer: str = PROXY, **values: str) -> Caller | None:
    return TrustedProxies(networks).caller(peer, headers(**values))


def test_nobody_is_believed_by_default() -> None:
    assert not TrustedProxies([])
    assert caller(x_forwarded_for="203.0.113.9") is None
    assert caller(peer="127.0.0.1", x_forwarded_for="203.0.113.9") is None


def test_a_trusted_proxy_is_believed() -> None:
    said = caller(
        "10.0.0.0/8", x_forwarded_for="203.0.113.9", x_forwarded_proto="https", x_forwarded_host="a.test:8443"
    )
    assert said == Caller("203.0.113.9", "https", "a.test:8443")
    assert caller("10.0.0.0/8", peer="192.0.2.1", x_forwarded_for="203.0.113.9") is None
    assert caller("10.0.0.0/8", peer="::ffff:10.1.2.3") == Caller("::ffff:10.1.2.3", None, None)


@pytest.mark.parametrize(
    ("chain", "ip"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("1.1.1.1, 203.0.113.9", "203.0.113.9"),
        ("203.0.113.9, 10.9.9.9", "203.0.113.9"),
        ("10.9.9.9", "10.9.9.9"),
        ("203.0.113.9:4711", "203.0.113.9"),
        ("[2001:db8::1]:4711", "2001:db8::1"),
        ("2001:db8::1", "2001:db8::1"),
        ("203.0.113.9, unknown", PROXY),
        ("", PROXY),
    ],
)
def test_the_nearest_address_that_is_no_proxy_of_ours_is_the_callers(chain: str, ip: str) -> None:
    """What stands further to the left was written by the caller."""
    said = caller("10.0.0.0/8", x_forwarded_for=chain)
    assert said is not None
    assert said.ip == ip


@pytest.mark.parametrize("host", ["a.test/evil", "a b", "a@b", "", "a.test:port", "<script>"])
def test_a_host_that_is_none_is_not_taken(host: str) -> None:
    said = caller("10.0.0.0/8", x_forwarded_host=host, x_forwarded_proto="gopher")
    assert said == Caller(PROXY, None, None)


@pytest.mark.parametrize("network", ["10.0.0.0/40", "proxy"])
def test_a_setting_that_is_no_network_stops_the_start(network: str) -> None:
    with pytest.raises(ValueError, match="does not appear"):
        TrustedProxies([network])


def test_the_web_process_puts_the_caller_in_the_proxys_place(settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    settings.BASE_URL = "http://internal:8000/base"
    values = {"x_forwarded_for": "203.0.113.9", "x_forwarded_proto": "https", "x_forwarded_host": "hooks.test"}
    scope: dict[str, Any] = {"client": (PROXY, 5), "scheme": "http", "headers": headers(**values)}
    Application()._look_behind_proxy(scope)
    assert (scope["client"], scope["scheme"], scope["fasthook.root"]) == (
        ("203.0.113.9", 0),
        "https",
        "https://hooks.test/base",
    )
    stranger: dict[str, Any] = {"client": ("192.0.2.1", 5), "scheme": "http", "headers": headers(**values)}
    Application()._look_behind_proxy(stranger)
    assert (stranger["client"], stranger["scheme"], "fasthook.root" in stranger) == (("192.0.2.1", 5), "http", False)


def test_the_server_itself_believes_nobody() -> None:
    assert gunicorn.forwarded_allow_ips == ""
