"""A channel is deleted while a rule takes it up: one of both is refused."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import pytest
from django.db import connection, transaction

from alerts.channels.services import delete_channel
from alerts.models import AlertChannel, AlertRule
from alerts.rules.services import update_rule
from alerts.rules.types import RuleType
from alerts.tests.seed import make_bare_project, make_channel, make_rule
from events.tests.seed import Project
from fasthook.lib.errors import FastHookError
from teams.config.lock import lock_config_shared
from tests.waiting import wait_until


@pytest.fixture
def team(transactional_db: None, now: datetime) -> Project:
    return make_bare_project("team", now=now)


def told(call: Callable[[], Any]) -> str:
    """In a thread of its own: `done`, or the code of its refusal."""
    try:
        call()
        return "done"
    except FastHookError as error:
        return error.code
    finally:
        connection.close()


def until_waiting(number: int) -> None:
    def are_waiting() -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted")
            return bool(cursor.fetchone()[0] == number)

    wait_until(are_waiting, 10, f"{number} wait for a lock")


@pytest.mark.parametrize("first", ["rule", "channel"])
def test_no_rule_names_a_channel_that_is_deleted(team: Project, now: datetime, first: str, nudges: list[str]) -> None:
    channel, rule = make_channel(team), make_rule(team, RuleType.BACKLOG)
    calls = {
        "rule": lambda: update_rule(team.team, rule.id, given={"channel_ids": [channel.id]}, merge=True),
        "channel": lambda: delete_channel(team.team, channel.id, now=now),
    }
    second = "channel" if first == "rule" else "rule"
    with ThreadPoolExecutor(2) as pool:
        with transaction.atomic():
            # Whoever changes configuration waits for this before it commits.
            lock_config_shared()
            earlier = pool.submit(told, calls[first])
            until_waiting(1)
            later = pool.submit(told, calls[second])
            until_waiting(2)
        outcomes = [earlier.result(timeout=20), later.result(timeout=20)]
    assert outcomes == ["done", "CHANNEL_IN_USE" if first == "rule" else "INVALID_INPUT"]
    deleted = AlertChannel.objects.get(id=channel.id).deleted_at is not None
    assert deleted != (AlertRule.objects.get(id=rule.id).channel_ids == [channel.id])
