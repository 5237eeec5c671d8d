"""The process that plays the receivers: one port for each, one more for control; every delivery seen is remembered.

Runs as `python -m bench.receiver_server '<json list of specs>'`, prints its ports as one line of JSON, and ends when
its stdin closes, so that it never outlives the bench.
"""

import asyncio
import gc
import socket
import struct
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import parse_qs, urlsplit

import orjson
import uvloop

MAX_RECORDS = 1_000_000
KINDS = ("fast", "slow", "flapping", "erroring", "hanging", "resetting")
ANSWER_BODY = b'{"ok":true}'
STATUS_WORDS = {200: "OK", 400: "Bad Request", 404: "Not Found", 411: "Length Required", 503: "Service Unavailable"}

# bench id, event id, planned send time, receive time (both microseconds since 1970), status answered (0: none)
Record = tuple[str, str, int, int, int]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How a receiver answers: `slow` after `delay_ms`, `flapping` with 503 the first `fail_first` times per event id,
    `erroring` always with `status`, `hanging` never; `resetting` is `slow` but resets every `every`th connection in the
    middle of the body. `receive_buffer` belongs to the port, so only the first behaviour's counts: bytes, 0 leaves it
    to the system. A body much larger than it arrives in pieces, else it may be there as a whole before the reset."""

    kind: str = "fast"
    delay_ms: int = 0
    fail_first: int = 0
    status: int = 200
    every: int = 1
    receive_buffer: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"kind must be one of {', '.join(KINDS)}, not {self.kind!r}")
        if self.every < 1:
            raise ValueError(f"every must be at least 1, not {self.every}")

    def resets(self, hits: int) -> bool:
        """Whether the call after `hits` others is cut off."""
        return self.kind == "resetting" and hits % self.every == 0

    def status_for(self, times_seen: int) -> int:
        """`times_seen` counts this delivery too; 0 means no answer at all."""
        if self.kind == "hanging":
            return 0
        if self.kind == "erroring":
            return self.status
        if self.kind == "flapping" and times_seen <= self.fail_first:
            return 503
        return 200


@dataclass(slots=True)
class Receiver:
    """What one receiver has seen. `delivered` holds, per load tag, the bench ids that were answered 2xx."""

    behaviour: Behaviour
    records: list[Record] = field(default_factory=list)
    seen_per_event: dict[str, int] = field(default_factory=dict)
    delivered: dict[str, set[str]] = field(default_factory=dict)
    hits: int = 0
    in_flight: int = 0

    def receive(self, bench_id: str, event_id: str, *, planned_us: int, received_us: int) -> int:
        """Remember one delivery and give the status to answer with."""
        times_seen = self.seen_per_event.get(event_id, 0) + 1
        self.seen_per_event[event_id] = times_seen
        status = self.behaviour.status_for(times_seen)
        return self._remember(bench_id, event_id, planned_us=planned_us, received_us=received_us, status=status)

    def cut_off(self, bench_id: str, event_id: str, *, planned_us: int, received_us: int) -> None:
        """Remember one delivery that gets no answer because its connection was reset."""
        self._remember(bench_id, event_id, planned_us=planned_us, received_us=received_us, status=0)

    def _remember(self, bench_id: str, event_id: str, *, planned_us: int, received_us: int, status: int) -> int:
        self.hits += 1
        if len(self.records) < MAX_RECORDS:
            self.records.append((bench_id, event_id, planned_us, received_us, status))
        if 200 <= status < 300:
            self.delivered.setdefault(bench_id.partition(".")[0], set()).add(bench_id)
        return status

    def counts(self, tag: str) -> dict[str, int]:
        return {
            "hits": self.hits,
            "events": len(self.seen_per_event),
            "delivered": len(self.delivered.get(tag, ())),
            "in_flight": self.in_flight,
            "not_recorded": self.hits - len(self.records),
        }

    def dump(self, tag: str) -> list[Record]:
        return [record for record in self.records if record[0].startswith(f"{tag}.")]

    def reset(self) -> None:
        self.records.clear()
        self.seen_per_event.clear()
        self.delivered.clear()
        self.hits = 0


def header_value(head: bytes, lowered: bytes, name: bytes) -> bytes:
    """The value of the header `name` (lower case), empty when absent; `head` starts with the request line."""
    at = lowered.find(b"\r\n" + name + b":")
    if at < 0:
        return b""
    start = at + len(name) + 3
    end = head.find(b"\r\n", start)
    return head[start : end if end >= 0 else None].strip()


def _reset(transport: asyncio.Transport) -> None:
    """Close so that the other side sees a reset instead of an end."""
    transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


class RequestReader(asyncio.Protocol, ABC):
    """Splits a connection into requests with a content-length; hands on (head, lowered head, body), one at a time.
    `interrupt` is asked once for each, as soon as its head is there and before the body is."""

    def __init__(self) -> None:
        self._buffer = b""
        self._busy = False
        self._asked = False
        self.transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)  # uvloop's transports are no subclass of it

    def connection_lost(self, exc: Exception | None) -> None:
        self.transport = None

    def data_received(self, data: bytes) -> None:
        self._buffer = self._buffer + data if self._buffer else data
        self._advance()

    def _advance(self) -> None:
        if self._busy:
            return
        head_end = self._buffer.find(b"\r\n\r\n")
        if head_end < 0:
            return
        head = self._buffer[:head_end]
        lowered = head.lower()
        if b"\r\ntransfer-encoding:" in lowered:
            self.answer(411, b"{}")
            return
        if not self._asked:
            self._asked = True
            if self.interrupt(head, lowered):
                return
        body_end = head_end + 4 + int(header_value(head, lowered, b"content-length") or 0)
        if len(self._buffer) < body_end:
            return
        body = self._buffer[head_end + 4 : body_end]
        self._buffer = self._buffer[body_end:]
        self._busy = True
        self._asked = False
        self.handle(head, lowered, body)

    def interrupt(self, head: bytes, lowered: bytes) -> bool:
        """True when the request was ended here and now, its connection with it."""
        return False

    @abstractmethod
    def handle(self, head: bytes, lowered: bytes, body: bytes) -> None:
        """Answers one request, now or later."""

    def answer(self, status: int, body: bytes) -> None:
        if self.transport is not None:
            head = f"HTTP/1.1 {status} {STATUS_WORDS.get(status, 'Status')}\r\ncontent-type: application/json\r\n"
            self.transport.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        self._busy = False
        if self._buffer:
            self._advance()


class DeliveryProtocol(RequestReader):
    """Answers deliveries as the receiver's behaviour says."""

    def __init__(self, receiver: Receiver) -> None:
        super().__init__()
        self._receiver = receiver
        self._owes_answer = False

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._settle()

    def interrupt(self, head: bytes, lowered: bytes) -> bool:
        receiver = self._receiver
        if self.transport is None or not receiver.behaviour.resets(receiver.hits):
            return False
        bench_id, event_id, planned_us = _delivery_of(head, lowered)
        receiver.cut_off(bench_id, event_id, planned_us=planned_us, received_us=int(time.time() * 1_000_000))
        _reset(self.transport)
        return True

    def handle(self, head: bytes, lowered: bytes, body: bytes) -> None:
        receiver = self._receiver
        bench_id, event_id, planned_us = _delivery_of(head, lowered)
        status = receiver.receive(bench_id, event_id, planned_us=planned_us, received_us=int(time.time() * 1_000_000))
        if status == 0:
            self._owe()
        elif receiver.behaviour.delay_ms:
            self._owe()
            asyncio.get_running_loop().call_later(receiver.behaviour.delay_ms / 1000, self._answer_late, status)
        else:
            self.answer(status, ANSWER_BODY)

    def _answer_late(self, status: int) -> None:
        self._settle()
        self.answer(status, ANSWER_BODY)

    def _owe(self) -> None:
        self._owes_answer = True
        self._receiver.in_flight += 1

    def _settle(self) -> None:
        if self._owes_answer:
            self._owes_answer = False
            self._receiver.in_flight -= 1


def _delivery_of(head: bytes, lowered: bytes) -> tuple[str, str, int]:
    """(bench id, event id, planned send time in microseconds) from the headers."""
    return (
        header_value(head, lowered, b"x-bench-id").decode("latin-1"),
        header_value(head, lowered, b"x-fasthook-event-id").decode("latin-1"),
        int(header_value(head, lowered, b"x-bench-planned-us") or 0),
    )


class ControlProtocol(RequestReader):
    """`GET /counts`, `GET /dump`, `POST /reset`, `POST /behaviour`, each with `?receiver=` and, for GET, `&tag=`."""

    def __init__(self, receivers: dict[str, Receiver]) -> None:
        super().__init__()
        self._receivers = receivers

    def handle(self, head: bytes, lowered: bytes, body: bytes) -> None:
        method, target = head.split(b" ", 2)[:2]
        url = urlsplit(target.decode("latin-1"))
        query = {name: values[0] for name, values in parse_qs(url.query).items()}
        receiver = self._receivers.get(query.get("receiver", ""))
        if receiver is None:
            self.answer(404, b'{"error":"no such receiver"}')
            return
        match (method, url.path):
            case (b"GET", "/counts"):
                self._answer_json(receiver.counts(query.get("tag", "")))
            case (b"GET", "/dump"):
                self._answer_json(receiver.dump(query.get("tag", "")))
            case (b"POST", "/reset"):
                receiver.reset()
                self._answer_json({})
            case (b"POST", "/behaviour"):
                receiver.behaviour = Behaviour(**orjson.loads(body))
                self._answer_json({})
            case _:
                self.answer(404, b'{"error":"no such command"}')

    def _answer_json(self, content: Any) -> None:
        self.answer(200, orjson.dumps(content))


async def serve(specs: dict[str, Behaviour]) -> None:
    """Listen on free ports of 127.0.0.1, print them, and stay until stdin closes."""
    loop = asyncio.get_running_loop()
    receivers = {name: Receiver(behaviour) for name, behaviour in specs.items()}
    ports: dict[str, int] = {}

    async def listen(factory: Callable[[], asyncio.Protocol], receive_buffer: int = 0) -> int:
        listener = socket.socket()
        if receive_buffer:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        await loop.create_server(factory, sock=listener, backlog=1024)
        return port

    for name, receiver in receivers.items():
        ports[name] = await listen(
            lambda receiver=receiver: DeliveryProtocol(receiver),  # type: ignore[misc]
            receiver.behaviour.receive_buffer,
        )
    control_port = await listen(lambda: ControlProtocol(receivers))
    sys.stdout.write(orjson.dumps({"control": control_port, "receivers": ports}).decode() + "\n")
    sys.stdout.flush()
    gc.disable()  # nothing here makes cycles, and a collection over the records would stall every receiver
    await loop.run_in_executor(None, sys.stdin.read)


def main() -> None:
    specs = {name: Behaviour(**spec) for name, spec in orjson.loads(sys.argv[1]).items()}
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(specs))


if __name__ == "__main__":
    main()
