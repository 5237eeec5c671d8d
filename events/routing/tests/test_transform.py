"""Transformations as routing runs them: what it writes of them, and what that rests on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import orjson
import pytest

from connections.models import Transformation
from connections.sandbox.child_process import SandboxUnavailable
from connections.sandbox.sandbox import Sandbox
from events.models import DeduplicationKey, DeliveryJob, Event, EventPayload, RouteJob, TransformationExecution
from events.routing import worker
from events.routing.worker import Router
from events.tests.plane import accept, add_connection, add_source, captured, change
from events.tests.seed import Project
from events.tests.transforming import GOOD, event_of, transform
from fasthook.lib.clock import utc_now
from fasthook.lib.sql import DataConnection

pytestmark = pytest.mark.usefixtures("brief_transformations")
DEDUP = {"type": "deduplicate", "window": 60_000, "include_fields": ["body.id"]}


def between_evaluation_and_write(router: Router, monkeypatch: pytest.MonkeyPatch, act: Callable[[], Any]) -> None:
    """Runs `act` once, when the batch's transformations have run."""
    real, acted = router._write, []

    def write(*args: Any) -> int:
        if not acted and args[1].branches:
            acted.append(1)
            act()
        return real(*args)

    monkeypatch.setattr(router, "_write", write)


def count_runs(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many runs each call of the sandbox was asked for."""
    real, asked = Sandbox.run_batch, []

    def run_batch(self: Sandbox, jobs: Any, **options: Any) -> Any:
        if jobs:
            asked.append(len(jobs))
        return real(self, jobs, **options)

    monkeypatch.setattr(Sandbox, "run_batch", run_batch)
    return asked


def test_what_a_transformation_made_is_the_events_own_payload(
    project: Project, door: DataConnection, router: Router
) -> None:
    code = (
        "console.log('order', request.body.id); request.headers['x-key'] = process.env.KEY; request.path = '/v2';"
        "request.body = {id: request.body.id, at: request.created_at, via: context.connection.name}; return request;"
    )
    change(project.connection, rules=[transform(project, code, env={"KEY": "k1"})])
    (request_id,) = accept(door, [captured(project)])
    assert router.route_batch() == 1
    event, execution, job = Event.objects.get(), TransformationExecution.objects.get(), DeliveryJob.objects.get()
    payload = EventPayload.objects.get(id=event.id)
    made = orjson.loads(payload.body)
    assert (event.status, event.has_payload, event.failure_message) == ("QUEUED", True, None)
    assert (made["id"], made["via"]) == (1, "connection")
    assert (payload.method, payload.path, payload.headers) == (
        "POST",
        "/v2",
        [["content-type", "application/json"], ["x-key", "k1"]],
    )
    assert (job.event_id, job.has_payload, job.body_size) == (event.id, True, len(payload.body))
    assert (execution.event_id, execution.request_id, execution.status) == (event.id, request_id, "SUCCESSFUL")
    assert orjson.loads(execution.logs or "") == [{"level": "log", "message": "order 1"}]
    assert orjson.loads(execution.after or "")["path"] == "/v2"


def test_a_transformation_that_changes_nothing_costs_no_payload(
    project: Project, door: DataConnection, router: Router
) -> None:
    change(project.connection, rules=[transform(project, "return request;")])
    accept(door, [captured(project)])
    router.route_batch()
    assert Event.objects.get().has_payload is False
    assert not EventPayload.objects.exists()
    execution = TransformationExecution.objects.get()
    assert (execution.status, execution.after) == ("SUCCESSFUL", None)


def test_filters_see_the_transformed_request(project: Project, door: DataConnection, router: Router) -> None:
    wanted = {"type": "filter", "body": {"seen": "source"}, "headers": {"content-type": "application/json"}}
    before = {"type": "filter", "body": {"id": 1}}
    passes = add_connection(project, rules=[transform(project, GOOD), wanted])
    stopped = add_connection(project, rules=[transform(project, "return {headers: {}, body: {}};"), before])
    accept(door, [captured(project)])
    router.route_batch()
    assert event_of(passes).status == "QUEUED"
    ignored = event_of(stopped)
    assert (ignored.status, ignored.ignored_cause, ignored.ignored_meta) == (
        "CANCELLED",
        "FILTERED",
        {"failed_targets": ["body"]},
    )
    assert TransformationExecution.objects.filter(connection_id=stopped.id).count() == 1


def test_what_is_held_keeps_what_its_transformation_made(
    project: Project, door: DataConnection, router: Router
) -> None:
    change(project.connection, rules=[transform(project, GOOD)], paused_at=utc_now())
    accept(door, [captured(project)])
    router.route_batch()
    event = Event.objects.get()
    assert (event.status, event.has_payload) == ("HOLD", True)
    assert orjson.loads(EventPayload.objects.get(id=event.id).body) == {"id": 1, "seen": "source"}
    assert not DeliveryJob.objects.exists()


def test_a_duplicates_transformation_is_not_run(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = count_runs(monkeypatch)
    change(project.connection, rules=[DEDUP, transform(project, GOOD)])
    first, *_ = accept(door, [captured(project) for _ in range(3)])
    router.route_batch()
    accept(door, [captured(project) for _ in range(2)])
    router.route_batch()
    assert asked == [1]
    assert list(TransformationExecution.objects.values_list("request_id", flat=True)) == [first]
    assert Event.objects.filter(ignored_cause="DEDUPLICATED", has_payload=False).count() == 4


def test_what_only_looked_like_a_duplicate_is_transformed_after_all(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(project.connection, rules=[DEDUP, transform(project, GOOD)])
    accept(door, [captured(project)])
    router.route_batch()
    (second,) = accept(door, [captured(project)])
    between_evaluation_and_write(router, monkeypatch, lambda: DeduplicationKey.objects.all().delete())
    router.route_batch()
    event = Event.objects.get(request_id=second)
    assert (event.status, event.has_payload) == ("QUEUED", True)
    assert TransformationExecution.objects.filter(request_id=second).count() == 1


def test_what_turned_out_to_be_a_duplicate_shows_no_run(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(project.connection, rules=[DEDUP, transform(project, GOOD)])
    rival = Router()
    try:
        accept(door, [captured(project, body=b'{"id": 2}')])
        router.route_batch()
        (kept,) = accept(door, [captured(project)])

        def route_another() -> None:
            accept(door, [captured(project)])
            rival.route_batch()

        between_evaluation_and_write(router, monkeypatch, route_another)
        router.route_batch()
    finally:
        rival.close()
    repeat = Event.objects.get(request_id=kept)
    assert (repeat.ignored_cause, repeat.has_payload) == ("DEDUPLICATED", False)
    assert not TransformationExecution.objects.filter(request_id=kept).exists()
    assert not EventPayload.objects.filter(id=repeat.id).exists()


@pytest.mark.parametrize("changed", ["code", "rule"])
def test_a_change_between_evaluation_and_write_is_evaluated_anew(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch, changed: str
) -> None:
    rule = transform(project, "return {headers: {}, body: 'old'};")
    change(project.connection, rules=[rule])
    accept(door, [captured(project)])
    router.route_batch()
    (request_id,) = accept(door, [captured(project)])

    def act() -> None:
        new = "return {headers: {}, body: 'new'};"
        if changed == "code":
            change(Transformation.objects.get(id=rule["transformation_id"]), code=new)
        else:
            change(project.connection, rules=[transform(project, new)])

    between_evaluation_and_write(router, monkeypatch, act)
    router.route_batch()
    event = Event.objects.get(request_id=request_id)
    assert bytes(EventPayload.objects.get(id=event.id).body) == b"new"
    assert TransformationExecution.objects.filter(request_id=request_id).count() == 1


def test_who_lost_the_lease_writes_no_execution(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    change(project.connection, rules=[transform(project, GOOD)])
    kept, lost = accept(door, [captured(project), captured(project)])
    between_evaluation_and_write(
        router, monkeypatch, lambda: RouteJob.objects.filter(request_id=lost).update(lease_token=uuid4())
    )
    router.route_batch()
    for model in (Event, TransformationExecution):
        assert list(model.objects.values_list("request_id", flat=True)) == [kept]
    assert EventPayload.objects.count() == 1


def test_without_a_sandbox_jobs_are_given_back_uncounted_and_the_rest_is_routed(
    project: Project, door: DataConnection, router: Router, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> Any:
        raise SandboxUnavailable("no child")

    monkeypatch.setattr(worker, "AGAIN_S", 0.0)
    plain = add_source(project)
    add_connection(project, source=plain)
    change(project.connection, rules=[transform(project, GOOD)])
    waiting = accept(door, [captured(project) for _ in range(2)])
    routed = accept(door, [captured(project, source_id=plain.id) for _ in range(2)])
    with monkeypatch.context() as patched:
        patched.setattr(Sandbox, "child", fail)
        for _ in range(5):
            router.route_batch()
        assert sorted(Event.objects.values_list("request_id", flat=True)) == routed
        assert dict(RouteJob.objects.values_list("request_id", "claim_count")) == dict.fromkeys(waiting, 0)
    router.route_batch()
    assert set(Event.objects.filter(request_id__in=waiting).values_list("status", "has_payload")) == {("QUEUED", True)}
