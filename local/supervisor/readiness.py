"""Is the address free before the start, and does the product answer after it."""

from __future__ import annotations

import errno
import socket
import urllib.error
import urllib.request
from dataclasses import dataclass

PROBE_TIMEOUT_S = 2.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What `/readyz` said: `status` 0 means that nobody answered, and `detail` why."""

    status: int
    detail: str

    @property
    def is_ready(self) -> bool:
        return self.status == 200


def why_unusable(host: str, port: str) -> str | None:
    """A sentence when nothing can listen on host:port, None when something can."""
    if not port.isdecimal() or not 0 < int(port) < 65536:
        return f"PORT must be a number from 1 to 65535, not {port!r}."
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(host, int(port), type=socket.SOCK_STREAM)[0]
    except OSError as fault:
        return f"HOST {host!r} is no address of this machine ({fault})."
    with socket.socket(family, kind, protocol) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(address)
        except OSError as fault:
            if fault.errno == errno.EADDRINUSE:
                free = int(port) + 1 if int(port) < 65535 else 8000
                return f"Port {port} on {host} is in use by another program. Choose one: PORT={free} ./script/up"
            return f"Cannot listen on {host}:{port}: {fault.strerror}."
    return None


def ask_ready(base: str) -> Answer:
    """GET `base`/readyz, straight to this machine whatever proxy the environment names. Blocks for 2 s at most."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{base}/readyz", timeout=PROBE_TIMEOUT_S) as answer:
            return Answer(answer.status, answer.read(2000).decode(errors="replace"))
    except urllib.error.HTTPError as refusal:
        with refusal:
            return Answer(refusal.code, refusal.read(2000).decode(errors="replace"))
    except (OSError, ValueError) as fault:
        return Answer(0, str(fault))
