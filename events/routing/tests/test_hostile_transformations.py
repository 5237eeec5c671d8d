"""Transformations that fail, take long or attack: each costs its own event only, and the others go on."""

from __future__ import annotations

import os
import signal
import threading
from typing import Any
from uuid import uuid4

import pytest
from cryptography.fernet import Fernet

from events.models import DeliveryJob, Event, RouteJob, TransformationExecution
from events.routing import evaluate, worker
from events.routing.worker import Router
from events.tests.plane import accept, add_connection, add_source, captured, change
from events.tests.seed import Project
from events.tests.transforming import GOOD, LOOP, event_of, route_all, route_with, transform
from fasthook.lib.sql import DataConnection

pytestmark = pytest.mark.usefixtures("brief_transformations")

HOSTILE = {
    "loops": (LOOP, "used more than 0.5 s of CPU time"),
    "eats memory": ("const kept = []; while (true) kept.push(new Array(100000).fill(1));", "memory"),
    "recurses": ("(function again() { again(); })();", ""),
    "throws": ("throw new Error('no');", "Error: no"),
    "throws null": ("throw null;", "null"),
    "throws much": ("throw new Error('x'.repeat(5000000));", "Error: xxx"),
    "throws what text cannot hold": ("throw 'a\\u0000b\\ud800';", "a\ufffdb\ufffd"),
    "names a header that text cannot hold": ("request.headers['a\\u0000b'] = '1'; return request;", "headers.a\ufffdb"),
    "names a query that text cannot hold": (
        "request.parsed_query['a\\u0000'] = {}; return request;",
        "parsed_query.a\ufffd",
    ),
    "returns nothing": ("request.body = 1;", ""),
    "returns undefined": ("return undefined;", ""),
    "returns a number": ("return 5;", ""),
    "never settles": ("return new Promise(() => {});", ""),
    "rejects": ("return Promise.reject(new Error('later'));", "Error: later"),
    "says too much": ("while (true) console.log('x'.repeat(100000));", "to the console"),
    "returns too much": ("request.body = 'x'.repeat(40 * 1024 * 1024); return request;", ""),
    "sends to nowhere": ("request.method = 'CONNECT'; return request;", "method must be"),
    "breaks a header": ("request.headers['x-a'] = 'a\\r\\nb: c'; return request;", "headers.x-a"),
    "compiles badly": ("new RegExp('(')", "SyntaxError"),
    "calls what is not there": ("await fetch('http://127.0.0.1/');", "fetch"),
}


def test_each_hostile_transformation_fails_its_own_event_and_no_other(
    project: Project, door: DataConnection, router: Router
) -> None:
    change(project.connection, rules=[transform(project, GOOD)])
    plain = add_connection(project)
    hostile = {name: route_with(project, code, source=add_source(project)) for name, (code, _) in HOSTILE.items()}
    good = [captured(project) for _ in range(2)]
    bad = {name: captured(project, source_id=connection.source_id) for name, connection in hostile.items()}
    accept(door, [good[0], *bad.values(), good[1]])
    route_all(router)
    failed = {event.connection_id: event for event in Event.objects.filter(request_id__in=[b.id for b in bad.values()])}
    for name, connection in hostile.items():
        event = failed[connection.id]
        message = event.failure_message or ""
        assert (name, event.status, event.has_payload) == (name, "FAILED", False)
        assert message.startswith("TRANSFORMATION_FAILED: "), (name, message)
        assert HOSTILE[name][1] in message, (name, message)
        assert len(message) < 10_000, name
        execution = TransformationExecution.objects.get(event_id=event.id)
        assert (execution.status, f"TRANSFORMATION_FAILED: {execution.error}") == ("FAILED", message), name
    for connection in (project.connection, plain):
        assert (
            list(Event.objects.filter(connection_id=connection.id).values_list("status", flat=True)) == ["QUEUED"] * 2
        )
    assert DeliveryJob.objects.count() == 4
    assert not RouteJob.objects.exists()


def test_a_child_that_is_killed_under_a_run_costs_that_run_another_try(
    project: Project, door: DataConnection, router: Router
) -> None:
    change(project.connection, rules=[transform(project, GOOD)])
    accept(door, [captured(project)])
    router.route_batch()
    pid = router._evaluator._transformer._sandbox.child_pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    accept(door, [captured(project) for _ in range(3)])
    router.route_batch()
    assert set(Event.objects.values_list("status", "has_payload")) == {("QUEUED", True)}
    assert Event.objects.count() == 4


def test_a_transformation_that_is_gone_or_under_a_lost_key_fails_and_says_so(
    project: Project, door: DataConnection, router: Router, settings: Any
) -> None:
    lost = route_with(project, GOOD)
    gone = add_connection(project, rules=[{"type": "transform", "transformation_id": "trs_gone"}])
    settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    accept(door, [captured(project)])
    router.route_batch()
    assert "ENCRYPTION_KEYS" in (event_of(lost).failure_message or "")
    assert event_of(gone).failure_message == (
        "TRANSFORMATION_FAILED: its transformation is gone; give the connection's transform rule another one"
    )
    assert event_of(project.connection).status == "QUEUED"


def test_a_source_whose_transformations_take_long_waits_behind_the_others(
    project: Project, door: DataConnection, router: Router
) -> None:
    slow = add_source(project)
    route_with(project, LOOP, source=slow)
    accept(door, [captured(project, source_id=slow.id)])
    router.route_batch()
    late = accept(door, [captured(project, source_id=slow.id) for _ in range(12)])
    quick = accept(door, [captured(project) for _ in range(3)])
    router.route_batch()
    assert set(Event.objects.filter(source_id=project.source.id).values_list("request_id", flat=True)) == set(quick)
    assert set(RouteJob.objects.values_list("request_id", "slow", "claim_count")) == {(each, True, 0) for each in late}
    router.route_slow_batch()
    done = Event.objects.filter(request_id__in=late)
    assert list(done.values_list("status", flat=True)) == ["FAILED"]
    # The others' turn comes between two slow ones, whatever waits there.
    quick = accept(door, [captured(project)])
    router.route_batch()
    assert Event.objects.get(request_id=quick[0]).status == "QUEUED"
    assert RouteJob.objects.filter(slow=True).count() == 11


def test_what_a_batch_has_no_time_for_is_postponed_without_using_up_a_try(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "SLOW_RUN_US", 10**9)
    change(project.connection, rules=[transform(project, "for (let i = 0; i < 1e6; i++); return request;")])
    ids = accept(door, [captured(project) for _ in range(40)])
    token = uuid4()
    router._route_claimed(router._claim(token, slow=False, limit=40), token, budget_s=0.02)
    done = set(Event.objects.values_list("request_id", flat=True))
    waiting = dict(RouteJob.objects.values_list("request_id", "claim_count"))
    assert 0 < len(done) < 40
    assert waiting == dict.fromkeys(set(ids) - done, 0)
    assert set(RouteJob.objects.values_list("slow", "lease_token")) == {(True, None)}
    # Postponed or not, each has one event and one execution in the end.
    route_all(router)
    assert sorted(Event.objects.values_list("request_id", flat=True)) == sorted(ids)
    assert TransformationExecution.objects.count() == 40


def test_a_request_with_many_long_transformations_comes_to_its_end(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alone it takes longer than a batch of the slow queue may, so it would be postponed again and again."""
    change(project.connection, rules=[transform(project, LOOP)])
    for _ in range(3):
        add_connection(project, rules=project.connection.rules)
    accept(door, [captured(project)])
    token = uuid4()
    router._route_claimed(router._claim(token, slow=False, limit=1), token, budget_s=0.1)
    assert list(Event.objects.values_list("status", flat=True)) == ["FAILED"] * 4
    assert not RouteJob.objects.exists()
    messages = set(Event.objects.values_list("failure_message", flat=True))
    assert messages == {"TRANSFORMATION_FAILED: used more than 0.5 s of CPU time"}


def test_a_request_whose_transformations_never_come_to_an_end_in_time_fails_in_part(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "REST_BUDGET_S", 0.1)
    change(project.connection, rules=[transform(project, LOOP)])
    for _ in range(3):
        add_connection(project, rules=project.connection.rules)
    plain = add_connection(project)
    accept(door, [captured(project)])
    token = uuid4()
    router._route_claimed(router._claim(token, slow=False, limit=1), token, budget_s=0.1)
    assert event_of(plain).status == "QUEUED"
    messages = sorted(Event.objects.filter(status="FAILED").values_list("failure_message", flat=True))
    assert messages == [
        *["TRANSFORMATION_FAILED: its turn did not come: the transformations of this request took too long together"]
        * 2,
        *["TRANSFORMATION_FAILED: used more than 0.5 s of CPU time"] * 2,
    ]


def test_a_transformation_that_costs_its_child_is_slow_however_short_it_was(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(evaluate, "SLOW_RUN_US", 10**9)
    change(project.connection, rules=[transform(project, HOSTILE["eats memory"][0])])
    accept(door, [captured(project)])
    router.route_batch()
    accept(door, [captured(project)])
    router.route_batch()
    assert list(RouteJob.objects.values_list("slow", flat=True)) == [True]


def test_a_drain_takes_the_slow_lane_along(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "LINGER_S", 0.05)
    change(project.connection, rules=[transform(project, LOOP)])
    accept(door, [captured(project) for _ in range(4)])
    router.drain(seconds=60, stopping=threading.Event())
    assert list(Event.objects.values_list("status", flat=True)) == ["FAILED"] * 4
