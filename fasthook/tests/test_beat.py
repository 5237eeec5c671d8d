from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from celery import Celery
from celery.beat import ScheduleEntry
from celery.schedules import schedule

from fasthook.beat import Scheduler
from fasthook.celery import app as product

TURNS = 100


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 1, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += timedelta(seconds=max(seconds, 0))


def test_beat_asks_twice_for_each_message_and_sends_none_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, sent_at = Clock(), []
    app = Celery("beat", broker="memory://", set_as_current=False)
    app.conf.beat_schedule = {"tick": {"task": "tick", "schedule": schedule(1.0, app=app)}}
    scheduler = Scheduler(app, schedule_filename=str(tmp_path / "schedule"))
    entry: ScheduleEntry = scheduler.schedule["tick"]
    entry.last_run_at, entry.schedule.nowfun = clock.now, clock
    monkeypatch.setattr(scheduler, "apply_entry", lambda *_, **__: sent_at.append(clock.now))
    began = clock.now

    for _ in range(TURNS):
        clock.sleep(scheduler.tick())

    assert len(sent_at) >= TURNS // 2 - 1
    for number, at in enumerate(sent_at, start=1):
        assert at - began >= timedelta(seconds=number)
    scheduler.close()


def test_the_product_uses_it() -> None:
    assert product.conf.beat_scheduler == "fasthook.beat:Scheduler"
