"""Waking a stage, after commit, by a message that is allowed to get lost.

The rows are the work; a nudge only says that there is some. A worker at work listens on a Redis channel and
knows at once; when none listens, one Celery message wakes a worker. Until somebody begins, further nudges are dropped,
so a burst costs one message. Beat nudges every second whatever happens: a lost nudge costs at most that.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from functools import lru_cache

import redis
import structlog
from celery import current_app
from django.conf import settings
from django.db import transaction
from kombu.exceptions import OperationalError

log = structlog.get_logger(__name__)

# Stage name -> Celery task and queue. Names only: the kernel imports no stage.
STAGES = {
    "route": ("events.tasks.route", "route"),
    "deliver": ("events.tasks.deliver", "deliver"),
    "reconcile": ("events.tasks.reconcile", "maintenance"),
    "backtest": ("events.tasks.backtest", "bulk"),
    "notify": ("alerts.tasks.notify", "maintenance"),
    "bulk": ("events.tasks.bulk", "bulk"),
}

# A mark whose message was lost (Redis flushed in between, a worker killed) stops nobody for longer than this.
_MARK_TTL_MS = 1000
# Workers at work begin anew at least once a second. A listener that is silent for longer does not answer.
_BEGUN_TTL_MS = 3000
# Beat says it again every second: what nobody fetched for longer would only pile up.
_MESSAGE_LIFE_S = 10.0

# Marks the stage as told and tells those who listen: -1 when it was told already, else how many heard.
_TELL = """
if redis.call('SET', KEYS[1], '1', 'NX', 'PX', ARGV[1]) then return redis.call('PUBLISH', KEYS[2], '1') end
return -1
"""


def nudge_after_commit(stage: str) -> None:
    transaction.on_commit(lambda: nudge(stage))


def nudge(stage: str) -> None:
    """Wakes the stage, unless it has been told and has not begun yet. Never raises."""
    try:
        heard = _tell()(keys=[_mark(stage), _channel(stage)], args=[_MARK_TTL_MS])
        if heard == 0:
            _send(stage)
    except (redis.RedisError, OperationalError, OSError) as error:
        log.warning("nudge.lost", stage=stage, error=str(error))


def recruit(stage: str) -> None:
    """Wakes one more worker beside those at work, at most once a second. Never raises."""
    try:
        if _redis().set(f"{_mark(stage)}:recruited", 1, nx=True, px=_MARK_TTL_MS):
            _send(stage)
    except (redis.RedisError, OperationalError, OSError) as error:
        log.warning("nudge.lost", stage=stage, error=str(error))


def insist(stage: str) -> None:
    """Wakes the stage, past listeners that do not begin (frozen, or on a machine that is gone). Never raises."""
    try:
        begun = _redis().exists(_begun(stage))
    except redis.RedisError as error:
        log.warning("nudge.lost", stage=stage, error=str(error))
        return
    if begun:
        nudge(stage)
    else:
        recruit(stage)


def begin(stage: str) -> None:
    """The stage looks for work now: what is committed from here on may nudge again."""
    try:
        with _redis().pipeline(transaction=False) as pipeline:
            pipeline.delete(_mark(stage))
            pipeline.set(_begun(stage), 1, px=_BEGUN_TTL_MS)
            pipeline.execute()
    except redis.RedisError as error:
        log.warning("nudge.mark_failed", stage=stage, error=str(error))


@contextlib.contextmanager
def listening(stage: str, heard: Callable[[], object]) -> Iterator[None]:
    """Calls `heard` (from another thread) for every nudge of the stage while the block runs.

    After the block ends nobody listens, so a nudge sends a message; look for work once more then.
    """
    stopping = threading.Event()
    thread = threading.Thread(target=_listen, args=(stage, heard, stopping), name=f"listen-{stage}", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join(timeout=3)


def _listen(stage: str, heard: Callable[[], object], stopping: threading.Event) -> None:
    while not stopping.is_set():
        try:
            with _redis().pubsub(ignore_subscribe_messages=True) as subscription:  # type: ignore[no-untyped-call]
                subscription.subscribe(_channel(stage))
                while not stopping.is_set():
                    if subscription.get_message(timeout=0.1) is not None:
                        heard()
        except redis.RedisError as error:
            log.warning("nudge.listen_failed", stage=stage, error=str(error))
            stopping.wait(0.5)


def _send(stage: str) -> None:
    task, queue = STAGES[stage]
    current_app.send_task(task, queue=queue, ignore_result=True, retry=False, expires=_MESSAGE_LIFE_S)


def _mark(stage: str) -> str:
    return f"fasthook:nudged:{stage}"


def _begun(stage: str) -> str:
    return f"fasthook:begun:{stage}"


def _channel(stage: str) -> str:
    # Channels, unlike keys, are not apart by database number.
    return f"fasthook:{_redis().connection_pool.connection_kwargs.get('db', 0)}:nudges:{stage}"


@lru_cache(maxsize=1)
def _redis() -> redis.Redis:
    return redis.Redis.from_url(settings.REDIS_URL, socket_timeout=1, socket_connect_timeout=1)


@lru_cache(maxsize=1)
def _tell() -> Callable[..., int]:
    return _redis().register_script(_TELL)
