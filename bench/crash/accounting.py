"""What a fault cost, from three lists alone: what was accepted, what the receiver saw, and when the fault was. Pure."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from bench.receiver_server import Record

# A call is in flight for the gateway until its outcome is committed; that is at most so long after the answer.
RECORDING_US = 100_000
# Older than this when it arrives, a delivery was held up. Undisturbed ones take about 10 ms.
LATE_US = 500_000


@dataclass(frozen=True, slots=True)
class Struck:
    """When the fault began, and when what it took away was given back (the same moment for a kill): microseconds since
    1970. Recovery is counted from `over_us`."""

    began_us: int
    over_us: int


@dataclass(frozen=True, slots=True)
class Recovery:
    """Seconds since the fault was over. `first_s`: until something sent after it was delivered; None when nothing was.
    `caught_up_s`: until the last delivery that had been held up, after which the pace is what it was before."""

    first_s: float | None
    caught_up_s: float


def count_in_flight(records: Iterable[Record], struck: Struck, *, answer_us: int) -> int:
    """Calls that the receiver had taken and whose outcome the gateway had not recorded when the fault began: those not
    answered yet (an answer takes `answer_us`), and those answered within the last RECORDING_US."""
    earliest_us = struck.began_us - answer_us - RECORDING_US
    return sum(earliest_us < received_us <= struck.began_us for _, _, _, received_us, _ in records)


def recovery_of(records: Sequence[Record], accepted: Collection[int], struck: Struck) -> Recovery:
    """From the first successful arrival of every accepted request."""
    wanted = frozenset(accepted)
    arrivals: dict[int, tuple[int, int]] = {}
    for bench_id, _, planned_us, received_us, status in records:
        seq = int(bench_id.rpartition(".")[2])
        if 200 <= status < 300 and seq in wanted:
            arrivals.setdefault(seq, (planned_us, received_us))
    after = [received_us for planned_us, received_us in arrivals.values() if planned_us > struck.over_us]
    held_up = [received_us for planned_us, received_us in arrivals.values() if received_us - planned_us > LATE_US]
    return Recovery(
        first_s=(min(after) - struck.over_us) / 1e6 if after else None,
        caught_up_s=max(0.0, (max(held_up, default=struck.over_us) - struck.over_us) / 1e6),
    )
