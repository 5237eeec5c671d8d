"""The address policy (SSRF): an explicit table of networks, applied to the address that is really dialled.

Python's own `is_private` misses carrier-grade NAT and `is_global` passes NAT64, 6to4 and multicast, so the table is
written out from the IANA special-purpose registries (RFC 6890 and its updates) and the clouds' metadata addresses.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Final

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

# The first row that holds an address gives the reason, so narrow rows come before the wide ones around them.
_REFUSED_V4: Final = tuple(
    (ipaddress.IPv4Network(network), reason)
    for network, reason in (
        ("169.254.169.254/32", "cloud metadata"),
        ("169.254.170.2/32", "cloud metadata"),
        ("100.100.100.200/32", "cloud metadata"),
        ("168.63.129.16/32", "cloud metadata"),
        ("192.0.0.192/32", "cloud metadata"),
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarking"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
    )
)

_REFUSED_V6: Final = tuple(
    (ipaddress.IPv6Network(network), reason)
    for network, reason in (
        ("fd00:ec2::254/128", "cloud metadata"),
        ("fd20:ce::254/128", "cloud metadata"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "IPv4-compatible"),
        ("::ffff:0:0:0/96", "IPv4-translated"),
        ("64:ff9b:1::/48", "local NAT64"),
        ("100::/64", "discard-only"),
        ("100:0:0:1::/64", "dummy prefix"),
        ("2001::/32", "Teredo"),
        ("2001:2::/48", "benchmarking"),
        ("2001:db8::/32", "documentation"),
        ("2001::/23", "protocol assignments"),
        ("3fff::/20", "documentation"),
        ("5f00::/16", "segment routing"),
        ("fc00::/7", "unique local"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)

_MAPPED: Final = ipaddress.IPv6Network("::ffff:0:0/96")
_NAT64: Final = ipaddress.IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR: Final = ipaddress.IPv6Network("2002::/16")
_GLOBAL_UNICAST: Final = ipaddress.IPv6Network("2000::/3")


class AddressPolicy:
    """`allowed_networks` ("127.0.0.0/8", "::1", ...) are opened whatever the table says.

    Raises ValueError when one of them is not a network.
    """

    __slots__ = ("_allowed",)

    def __init__(self, allowed_networks: Sequence[str] = ()) -> None:
        self._allowed: tuple[_Network, ...] = tuple(
            ipaddress.ip_network(network.strip(), strict=False) for network in allowed_networks
        )

    def refusal(self, ip: str) -> str | None:
        """Why `ip` (a literal address, a zone allowed) must not be dialled, or None when it may."""
        try:
            address = ipaddress.ip_address(ip.partition("%")[0])
        except ValueError:
            return "not an IP address"
        return self._refusal(address)

    def _refusal(self, address: _Address) -> str | None:
        if any(address in network for network in self._allowed):
            return None
        if isinstance(address, ipaddress.IPv4Address):
            return next((reason for network, reason in _REFUSED_V4 if address in network), None)
        embedded = _embedded_v4(address)
        if embedded is not None:
            form, address_v4 = embedded
            reason = self._refusal(address_v4)
            return f"{form} of {reason}" if reason else None
        reason = next((reason for network, reason in _REFUSED_V6 if address in network), None)
        if reason is None and address not in _GLOBAL_UNICAST:
            return "not global unicast"
        return reason


def _embedded_v4(address: ipaddress.IPv6Address) -> tuple[str, ipaddress.IPv4Address] | None:
    """The IPv4 address a translator would really dial, judged in the IPv6 address's place."""
    number = int(address)
    if address in _MAPPED:
        return "IPv4-mapped form", ipaddress.IPv4Address(number & 0xFFFFFFFF)
    if address in _NAT64:
        return "NAT64 form", ipaddress.IPv4Address(number & 0xFFFFFFFF)
    if address in _SIX_TO_FOUR:
        return "6to4 form", ipaddress.IPv4Address((number >> 80) & 0xFFFFFFFF)
    return None
