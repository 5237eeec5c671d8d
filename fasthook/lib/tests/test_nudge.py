"""Wake-ups through a real Valkey: one message a burst, listeners instead of messages, and no fault when it is away."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from django.db import transaction

import fasthook.celery  # noqa: F401 - the application that messages go through
from fasthook.lib import nudge as module
from fasthook.lib.nudge import STAGES, begin, insist, listening, nudge, nudge_after_commit, recruit

pytestmark = pytest.mark.usefixtures("transactional_db")
DEADLINE_S = 5.0


@pytest.fixture
def server(settings: Any) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(settings.REDIS_URL) as opened:
        yield opened


@pytest.fixture
def without_redis(monkeypatch: pytest.MonkeyPatch) -> None:
    away = redis.Redis.from_url("redis://127.0.0.1:1/0", socket_connect_timeout=0.2)
    monkeypatch.setattr(module, "_redis", lambda: away)
    monkeypatch.setattr(module, "_tell", lambda: away.register_script(module._TELL))


def messages(server: redis.Redis, queue: str) -> list[str]:
    return [json.loads(message)["headers"]["task"] for message in server.lrange(queue, 0, -1)]


@pytest.mark.parametrize("stage", STAGES)
def test_a_burst_costs_one_message_to_the_stages_queue(server: redis.Redis, stage: str) -> None:
    for _ in range(50):
        nudge(stage)
    task, queue = STAGES[stage]
    assert messages(server, queue) == [task]


def test_once_the_stage_has_begun_the_next_nudge_counts(server: redis.Redis) -> None:
    nudge("route")
    begin("route")
    nudge("route")
    nudge("route")
    assert len(messages(server, "route")) == 2


def test_the_mark_of_a_lost_message_is_gone_within_a_second(server: redis.Redis) -> None:
    nudge("route")
    assert 0 < server.pttl("fasthook:nudged:route") <= 1000


def test_stages_do_not_mute_each_other(server: redis.Redis) -> None:
    nudge("route")
    nudge("deliver")
    assert (len(messages(server, "route")), len(messages(server, "deliver"))) == (1, 1)


def wait_for_listener(server: redis.Redis, stage: str, *, count: int = 1) -> None:
    channel = module._channel(stage)
    deadline = threading.Event()
    timer = threading.Timer(DEADLINE_S, deadline.set)
    timer.start()
    while server.pubsub_numsub(channel)[0][1] != count:
        assert not deadline.is_set(), f"{count} listeners never came"
    timer.cancel()


def test_who_listens_hears_and_no_message_is_sent(server: redis.Redis) -> None:
    heard = threading.Event()
    with listening("deliver", heard.set):
        wait_for_listener(server, "deliver")
        nudge("deliver")
        assert heard.wait(DEADLINE_S)
        assert messages(server, "deliver") == []


def test_after_the_listening_ends_a_nudge_is_a_message_again(server: redis.Redis) -> None:
    with listening("deliver", lambda: None):
        wait_for_listener(server, "deliver")
        nudge("deliver")
        begin("deliver")
    assert server.pubsub_numsub(module._channel("deliver"))[0][1] == 0
    nudge("deliver")
    assert messages(server, "deliver") == ["events.tasks.deliver"]


def test_a_listener_finds_its_way_back_when_its_connection_is_cut(server: redis.Redis) -> None:
    heard = threading.Event()
    with listening("route", heard.set):
        wait_for_listener(server, "route")
        server.execute_command("CLIENT KILL TYPE pubsub")
        wait_for_listener(server, "route", count=0)
        wait_for_listener(server, "route")
        # One sent while the client replaces its connection may be lost, as any may; then the next one is heard.
        for _ in range(50):
            begin("route")
            nudge("route")
            if heard.wait(DEADLINE_S / 50):
                break
        assert heard.is_set()


def test_recruiting_sends_one_more_message_a_second_whoever_listens(server: redis.Redis) -> None:
    with listening("deliver", lambda: None):
        wait_for_listener(server, "deliver")
        for _ in range(5):
            recruit("deliver")
    assert len(messages(server, "deliver")) == 1


def test_insisting_goes_past_a_listener_that_does_not_begin(server: redis.Redis) -> None:
    with listening("deliver", lambda: None):
        wait_for_listener(server, "deliver")
        begin("deliver")
        insist("deliver")
        assert messages(server, "deliver") == []
        server.delete("fasthook:begun:deliver")
        insist("deliver")
        assert messages(server, "deliver") == ["events.tasks.deliver"]


def test_who_has_begun_is_forgotten_within_three_seconds(server: redis.Redis) -> None:
    begin("route")
    assert 0 < server.pttl("fasthook:begun:route") <= 3000


def test_a_message_that_nobody_fetches_does_not_count_for_long(server: redis.Redis) -> None:
    nudge("route")
    [message] = server.lrange("route", 0, -1)
    expires = datetime.fromisoformat(json.loads(message)["headers"]["expires"])
    assert timedelta(0) < expires - datetime.now(UTC) <= timedelta(seconds=10)


@pytest.mark.usefixtures("without_redis")
def test_without_redis_nothing_is_raised() -> None:
    nudge("route")
    insist("route")
    begin("route")
    recruit("route")
    with listening("route", lambda: None):
        pass


def test_without_a_broker_nothing_is_raised(server: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise module.OperationalError("the broker is away")

    monkeypatch.setattr(module.current_app, "send_task", fail)
    nudge("route")
    recruit("route")


def test_a_flushed_redis_does_not_stop_nudges(server: redis.Redis) -> None:
    nudge("route")
    server.flushall()
    server.script_flush()
    nudge("route")
    assert len(messages(server, "route")) == 1


def test_nothing_is_sent_before_the_commit_or_after_a_rollback(server: redis.Redis) -> None:
    with transaction.atomic():
        nudge_after_commit("reconcile")
        assert messages(server, "maintenance") == []
    assert messages(server, "maintenance") == ["events.tasks.reconcile"]
    begin("reconcile")
    with transaction.atomic():
        nudge_after_commit("reconcile")
        transaction.set_rollback(True)
    assert len(messages(server, "maintenance")) == 1
