"""The receiver process answers as its behaviour says and remembers exactly what it saw."""

import asyncio
import os

import pytest

from bench.http import UnreachableError, fetch
from bench.receiver_server import Behaviour, Receiver
from bench.receivers import Counts, ReceiverProcess, receiver_process
from bench.waiting import wait_for_count


async def deliver(receivers: ReceiverProcess, name: str, *, seq: int = 0, event: str = "evt_1") -> int:
    headers = {"X-Bench-Id": f"load.{seq:08d}", "x-bench-planned-us": "1000", "X-FastHook-Event-Id": event}
    response = await fetch("POST", receivers.url(name), headers=headers, body=b"{}", timeout_s=10)
    return response.status


def test_each_kind_answers_as_it_says() -> None:
    kinds = {
        "fast": Behaviour(),
        "flapping": Behaviour("flapping", fail_first=2),
        "erroring": Behaviour("erroring", status=418),
        "hanging": Behaviour("hanging"),
    }

    async def answers() -> dict[str, list[int]]:
        async with receiver_process(kinds) as receivers:
            seen = {
                name: [await deliver(receivers, name) for _ in range(4)] for name in ("fast", "flapping", "erroring")
            }
            waiting = asyncio.create_task(deliver(receivers, "hanging"))

            async def in_hand() -> int:
                return (await receivers.counts("hanging", "load")).in_flight

            assert await wait_for_count(in_hand, at_least=1, timeout_s=10) == 1
            assert not waiting.done()
            waiting.cancel()
            return seen

    assert asyncio.run(answers()) == {
        "fast": [200, 200, 200, 200],
        "flapping": [503, 503, 200, 200],
        "erroring": [418, 418, 418, 418],
    }


def test_a_slow_receiver_answers_after_its_delay() -> None:
    async def took_s() -> float:
        async with receiver_process({"slow": Behaviour("slow", delay_ms=150)}) as receivers:
            started_s = asyncio.get_running_loop().time()
            assert await deliver(receivers, "slow") == 200
            return asyncio.get_running_loop().time() - started_s

    assert 0.15 <= asyncio.run(took_s()) < 3


def test_a_receiver_tells_loads_apart_and_forgets_when_reset() -> None:
    async def story() -> None:
        async with receiver_process({"fast": Behaviour()}) as receivers:
            await deliver(receivers, "fast", seq=7, event="evt_A")
            await deliver(receivers, "fast", seq=7, event="evt_A")
            await deliver(receivers, "fast", seq=8, event="evt_B")
            assert await receivers.counts("fast", "load") == Counts(3, 2, 2, 0, 0)
            assert (await receivers.counts("fast", "other")).delivered == 0
            rows = await receivers.dump("fast", "load")
            assert [(row[0], row[1], row[2], row[4]) for row in rows] == [
                ("load.00000007", "evt_A", 1000, 200),
                ("load.00000007", "evt_A", 1000, 200),
                ("load.00000008", "evt_B", 1000, 200),
            ]
            assert await receivers.dump("fast", "other") == []
            await receivers.reset("fast")
            assert await receivers.counts("fast", "load") == Counts(0, 0, 0, 0, 0)

    asyncio.run(story())


def test_a_dead_receiver_can_come_alive() -> None:
    async def story() -> list[int]:
        async with receiver_process({"dying": Behaviour("erroring", status=503)}) as receivers:
            first = await deliver(receivers, "dying")
            await receivers.set_behaviour("dying", Behaviour("fast"))
            return [first, await deliver(receivers, "dying")]

    assert asyncio.run(story()) == [503, 200]


def test_the_process_is_gone_after_the_block() -> None:
    async def pid() -> int:
        async with receiver_process({"fast": Behaviour()}) as receivers:
            return receivers.pid

    gone = asyncio.run(pid())
    with pytest.raises(ProcessLookupError):
        os.kill(gone, 0)


def test_records_are_bounded_and_what_is_left_out_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.receiver_server.MAX_RECORDS", 2)
    receiver = Receiver(Behaviour())
    for seq in range(5):
        receiver.receive(f"load.{seq}", f"evt_{seq}", planned_us=0, received_us=0)
    assert receiver.counts("load") == {"hits": 5, "events": 5, "delivered": 5, "in_flight": 0, "not_recorded": 3}


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="kind must be one of fast, slow"):
        Behaviour("sleepy")


def test_a_resetting_receiver_cuts_every_nth_call_before_the_end_of_its_body() -> None:
    async def story() -> list[tuple[str, int]]:
        specs = {"resetting": Behaviour("resetting", every=3, receive_buffer=4096)}
        async with receiver_process(specs) as receivers:
            for seq in range(6):
                headers = {"x-bench-id": f"load.{seq:08d}", "x-fasthook-event-id": f"evt_{seq}"}
                url = receivers.url("resetting")
                if seq % 3 == 0:
                    with pytest.raises(UnreachableError):
                        await fetch("POST", url, headers=headers, body=bytes(200_000), timeout_s=10)
                else:
                    response = await fetch("POST", url, headers=headers, body=bytes(200_000), timeout_s=10)
                    assert response.status == 200
            counts = await receivers.counts("resetting", "load")
            assert (counts.hits, counts.delivered) == (6, 4)
            return [(row[1], row[4]) for row in await receivers.dump("resetting", "load")]

    assert asyncio.run(story()) == [
        ("evt_0", 0),
        ("evt_1", 200),
        ("evt_2", 200),
        ("evt_3", 0),
        ("evt_4", 200),
        ("evt_5", 200),
    ]
