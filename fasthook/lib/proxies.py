"""Trusted proxies (TRUSTED_PROXIES): the caller's address and the called address, where a proxy is believed.

X-Forwarded-For, -Proto and -Host are read only when the connection itself comes from a trusted network; from anybody
else they are ordinary headers that anybody may write.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_HOST = re.compile(r"(?:[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")


@dataclass(frozen=True, slots=True)
class Caller:
    """`scheme` and `host` are None where the proxy does not say them."""

    ip: str
    scheme: str | None
    host: str | None


class TrustedProxies:
    """Raises ValueError when one of `networks` ("10.0.0.0/8", "::1") is none."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks: tuple[_Network, ...] = tuple(
            ipaddress.ip_network(network.strip(), strict=False) for network in networks
        )

    def __bool__(self) -> bool:
        return bool(self._networks)

    def trusts(self, ip: str) -> bool:
        try:
            address = ipaddress.ip_address(ip.partition("%")[0])
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)

    def caller(self, peer_ip: str, headers: Iterable[tuple[bytes, bytes]]) -> Caller | None:
        """What the proxy at `peer_ip` says of its caller; None when it is not trusted."""
        if not self.trusts(peer_ip):
            return None
        forwarded: dict[bytes, list[str]] = {}
        for name, value in headers:
            if name in _FORWARDED:
                forwarded.setdefault(name, []).extend(part.strip() for part in value.decode("latin-1").split(","))
        scheme = (forwarded.get(b"x-forwarded-proto") or [""])[-1].lower()
        host = (forwarded.get(b"x-forwarded-host") or [""])[-1]
        return Caller(
            ip=self._farthest(peer_ip, forwarded.get(b"x-forwarded-for") or []),
            scheme=scheme if scheme in ("http", "https") else None,
            host=host if _HOST.fullmatch(host) else None,
        )

    def _farthest(self, peer_ip: str, chain: list[str]) -> str:
        """From the nearest on, the first address that is not a trusted proxy: what stands before it may be made up."""
        ip = peer_ip
        for text in reversed(chain):
            address = _without_port(text)
            try:
                ipaddress.ip_address(address)
            except ValueError:
                return ip
            ip = address
            if not self.trusts(address):
                return ip
        return ip


_FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host"})


def _without_port(text: str) -> str:
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text
