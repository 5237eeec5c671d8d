"""Destination URLs as they may be saved. The address behind a URL is judged when it is dialled."""

from __future__ import annotations

import ipaddress
import re
from typing import Final
from urllib.parse import quote, urlsplit

import idna

from destinations.outbound.address import AddressPolicy
from fasthook.lib.errors import invalid

MAX_URL_LENGTH: Final = 2048

_REFUSED_CHARACTERS = re.compile(r"[\x00-\x20\x7f\x80-\x9f\\\ud800-\udfff]|\u00a0|\u3000")
_HOST_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# RFC 3986: everything that may stand in a path or query as it is, the percent sign included.
_URL_CHARACTERS: Final = "%/?:@!$&'()*+,;=-._~[]"


def normalise_destination_url(value: object, *, at: str = "config.url", policy: AddressPolicy | None = None) -> str:
    """The URL with scheme and host in lower case, an international name in punycode; path and query as written, except
    that characters outside RFC 3986 are percent-encoded.

    With a `policy` a literal address that it refuses is refused here too; names are never looked up.
    Raises InvalidInput naming `at`.
    """
    if not isinstance(value, str) or not value:
        raise invalid(at, "must be a URL such as https://api.example.com/webhooks")
    if len(value) > MAX_URL_LENGTH:
        raise invalid(at, f"must be at most {MAX_URL_LENGTH} characters long")
    if _REFUSED_CHARACTERS.search(value):
        raise invalid(at, "must not contain spaces, control characters or backslashes")
    try:
        parts = urlsplit(value)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise invalid(at, "must be a valid URL with a port between 1 and 65535") from None
    if parts.scheme not in ("http", "https"):
        raise invalid(at, "must begin with http:// or https://")
    if "@" in parts.netloc:
        raise invalid(at, "must not contain a user name or password; use auth_type BASIC_AUTH")
    if "#" in value:
        raise invalid(at, "must not contain a fragment (#)")
    if not host:
        raise invalid(at, "must name a host")
    if port == 0 or parts.netloc.endswith(":"):
        raise invalid(at, "must have a port between 1 and 65535")
    netloc = _normalise_host(host, at=at, policy=policy) + (f":{port}" if port else "")
    query = "?" + quote(parts.query, safe=_URL_CHARACTERS) if parts.query else ""
    url = f"{parts.scheme}://{netloc}{quote(parts.path, safe=_URL_CHARACTERS)}{query}"
    if len(url) > MAX_URL_LENGTH:
        raise invalid(at, f"must be at most {MAX_URL_LENGTH} characters long once percent-encoded")
    return url


def _normalise_host(host: str, *, at: str, policy: AddressPolicy | None) -> str:
    address = _read_address(host, at=at)
    if address is None:
        return _normalise_name(host, at=at)
    reason = policy.refusal(str(address)) if policy else None
    if reason:
        raise invalid(at, f"must not lead to {address}: {reason} addresses are not allowed")
    return f"[{address}]" if address.version == 6 else str(address)


def _read_address(host: str, *, at: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """A literal address, or None for a name.

    A host whose last label is a number is an IPv4 address to every C library, in spellings such as 127.1, 0x7f.1 or
    2130706433 that hide where they lead: only the plain four decimal numbers are accepted.
    """
    looks_numeric = re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)", host.rstrip(".").rpartition(".")[2]) is not None
    if ":" not in host and not looks_numeric:
        return None
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise invalid(at, f"{host} is neither a host name nor an address such as 192.0.2.1") from None
    if isinstance(address, ipaddress.IPv6Address) and address.scope_id:
        raise invalid(at, "must not contain an IPv6 zone")
    return address


def _normalise_name(host: str, *, at: str) -> str:
    name = host.removesuffix(".")
    if not name.isascii():
        try:
            name = idna.encode(name, uts46=True).decode("ascii")
        except idna.IDNAError:
            raise invalid(at, f"{host} is not a valid host name") from None
    name = name.lower()
    if len(name) > 253 or not all(_HOST_LABEL.fullmatch(label) for label in name.split(".")):
        raise invalid(at, f"{host} is not a valid host name")
    # What mapping of Unicode digits may have turned into an address must not slip past the check above.
    if re.fullmatch(r"(0x[0-9a-f]*|[0-9]+)", name.rpartition(".")[2]):
        raise invalid(at, f"{host} is not a valid host name")
    return name
