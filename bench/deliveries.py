"""Exact bookkeeping between what was accepted and what arrived: lost, late, repeated, and how long each one took."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from operator import itemgetter

from bench.receiver_server import Record


@dataclass(frozen=True, slots=True)
class Delivered:
    """`missing`: accepted ids that never arrived. `repeats`: arrivals of an event id after its first 2xx answer.
    `forks`: second and further event ids of one request. `unaccepted`: arrived although no 2xx was seen (allowed: the
    answer was lost, not the request). `planned_us` and `received_us` pair up, one entry per request that arrived, in
    order of arrival (its first one), microseconds since 1970."""

    missing: int
    repeats: int
    forks: int
    unaccepted: int
    planned_us: "array[int]"
    received_us: "array[int]"

    @property
    def arrived(self) -> int:
        return len(self.received_us)

    @property
    def latencies_s(self) -> list[float]:
        """Planned send to first arrival, seconds."""
        return [(received - sent) / 1e6 for sent, received in zip(self.planned_us, self.received_us, strict=True)]

    def arrived_by(self, moment_us: int) -> int:
        return bisect_right(self.received_us, moment_us)

    def split_missing(self, waiting: int) -> tuple[int, int]:
        """(lost, late): what the product still lists as waiting is late, the rest is lost."""
        late = min(self.missing, waiting)
        return self.missing - late, late


def account(accepted: Iterable[int], records: Iterable[Record]) -> Delivered:
    """Compare the accepted sequence numbers of one load with the receiver's records of the same tag."""
    first_arrival: dict[int, tuple[int, int]] = {}
    events_of: dict[int, set[str]] = {}
    successful: set[str] = set()
    repeats = 0
    for bench_id, event_id, planned_us, received_us, status in records:
        if event_id in successful:
            repeats += 1
        if not 200 <= status < 300:
            continue
        successful.add(event_id)
        seq = int(bench_id.rpartition(".")[2])
        events_of.setdefault(seq, set()).add(event_id)
        first_arrival.setdefault(seq, (planned_us, received_us))
    wanted = set(accepted)
    arrivals = sorted(first_arrival.values(), key=itemgetter(1))
    return Delivered(
        missing=len(wanted - first_arrival.keys()),
        repeats=repeats,
        forks=sum(len(events) - 1 for events in events_of.values()),
        unaccepted=len(first_arrival.keys() - wanted),
        planned_us=array("q", (planned for planned, _ in arrivals)),
        received_us=array("q", (received for _, received in arrivals)),
    )
