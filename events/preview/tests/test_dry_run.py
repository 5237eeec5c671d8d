"""What the dry run says is what routing does."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import Any

import orjson
import pytest
from cryptography.fernet import Fernet

from connections.models import Connection, Transformation
from connections.sandbox.jobs import Message
from connections.services import update_connection
from events.ingress.store import CapturedRequest
from events.models import DeliveryJob, Event, EventPayload, TransformationExecution
from events.preview.dry_run import DryRun, Subject, dry_run
from events.routing.worker import Router
from events.tests.plane import accept, add_connection, add_destination, add_source, captured, change, make_plane
from events.tests.random_rules import draw_code, draw_message, draw_rules
from events.tests.seed import Project
from fasthook.lib.clock import utc_now
from fasthook.lib.ids import time_of
from fasthook.lib.sql import DataConnection

CASES = 1000
ROUTES = 20
OUTCOMES = {"QUEUED", "SCHEDULED", "HOLD", "FAILED", "FILTERED", "DEDUPLICATED", "DESTINATION_DISABLED"}


@dataclass(frozen=True, slots=True)
class Told:
    """What a branch comes to, as the dry run says and as the rows say."""

    outcome: str
    ignored_meta: Any
    failure_message: str | None
    payload: Message | None
    due_at: Any
    next_attempt_at: Any
    run: tuple[str, str | None] | None


@pytest.fixture
def project(transactional_db: None, settings: Any) -> Project:
    settings.TRANSFORM_CPU_S = 0.1
    return make_plane()


def told_by(ran: DryRun) -> Told:
    branch = ran.branch
    payload = branch.payload
    return Told(
        outcome=ran.outcome,
        ignored_meta=branch.ignored_meta,
        failure_message=branch.failure_message,
        payload=None if payload is None else _plain(payload),
        due_at=branch.due_at,
        next_attempt_at=branch.due_at if branch.status == "SCHEDULED" else None,
        run=None if branch.outcome is None else (branch.outcome.status.value, branch.outcome.error),
    )


def told_by_rows(connection_id: str, request_id: str) -> Told:
    event = Event.objects.get(connection_id=connection_id, request_id=request_id)
    payload = EventPayload.objects.filter(id=event.id).first()
    run = TransformationExecution.objects.filter(event_id=event.id).first()
    job = DeliveryJob.objects.filter(event_id=event.id).first()
    assert event.has_payload is (payload is not None)
    return Told(
        outcome=event.ignored_cause or event.status,
        ignored_meta=event.ignored_meta,
        failure_message=event.failure_message,
        payload=payload and Message(payload.method, payload.path, payload.query, payload.headers, bytes(payload.body)),
        due_at=job.due_at if job else None,
        next_attempt_at=event.next_attempt_at,
        run=(run.status, run.error) if run else None,
    )


def _plain(message: Message) -> Message:
    headers = [list(pair) for pair in message.headers]
    return Message(message.method, message.path, message.query, headers, message.body)


def read(connection: Connection) -> Connection:
    return Connection.objects.select_related("source", "destination", "team").get(id=connection.id)


def request_at(connection: Connection, project: Project, message: Message) -> tuple[CapturedRequest, Subject]:
    request = captured(
        project,
        source_id=connection.source_id,
        method=message.method,
        path=message.path,
        query=message.query,
        headers=[(name, value) for name, value in message.headers],
        body=message.body,
    )
    return request, Subject(request.id, message, time_of(request.id))


def route_all(router: Router) -> None:
    while router.route_batch() + router.route_slow_batch():
        pass


def save_transformation(project: Project, name: str, code: str) -> Transformation:
    row = Transformation(team=project.team, name=name, code=code, env={"KEY": "saved"})
    change(row)
    return row


def draw_state(random: Random, connection: Connection) -> None:
    change(connection.destination, disabled_at=utc_now() if random.random() < 0.05 else None)
    change(connection, paused_at=utc_now() if random.random() < 0.15 else None)


def test_for_random_rules_and_requests_it_says_what_routing_does(
    project: Project, door: DataConnection, router: Router
) -> None:
    random = Random(20261121)
    saved = [save_transformation(project, f"saved-{number}", draw_code(random)).id for number in range(12)]
    routes = [
        add_connection(project, source=add_source(project), destination=add_destination(project)) for _ in range(ROUTES)
    ]
    seen: Counter[str] = Counter()
    for turn in range(CASES // ROUTES):
        cases = []
        for number, route in enumerate(routes):
            draw_state(random, route)
            given = draw_rules(random, name=f"inline-{number}", saved=saved)
            request, subject = request_at(route, project, draw_message(random))
            # In turns, the rules are tried before and after they are saved.
            unsaved = random.random() < 0.5
            ran = dry_run(read(route), subject, rules=given) if unsaved else None
            update_connection(project.team, route.id, given={"rules": given}, now=utc_now())
            cases.append((route, request, ran or dry_run(read(route), subject), given))
        accept(door, [request for _, request, _, _ in cases])
        route_all(router)
        for route, request, ran, given in cases:
            assert told_by(ran) == told_by_rows(route.id, request.id), (turn, given, request)
            seen[ran.outcome] += 1
    assert sum(seen.values()) == CASES
    assert set(seen) == OUTCOMES
    assert min(seen.values()) >= 10, seen


def test_steps_tell_where_a_request_stopped(project: Project) -> None:
    rules = [
        {"type": "retry", "strategy": "linear", "interval": 1000, "count": 2},
        {"type": "delay", "delay": 5000},
        {"type": "filter", "body": {"kind": "wanted"}},
        {"type": "transform", "transformation": {"name": "t", "code": "console.log('a'); return request;"}},
        {"type": "deduplicate", "window": 1000, "include_fields": ["body.kind"]},
    ]

    def outcomes(body: bytes, **changes: str) -> dict[str, str]:
        changed = [
            {**rule, **({"transformation": {"name": "t", **changes}} if "transformation" in rule and changes else {})}
            for rule in rules
        ]
        _, subject = request_at(project.connection, project, Message("POST", "", "", [], body))
        return {
            step["rule"]: step["outcome"] for step in dry_run(read(project.connection), subject, rules=changed).steps
        }

    order = ["deduplicate", "transform", "filter", "delay", "retry"]
    assert outcomes(b'{"kind": "wanted"}') == dict.fromkeys(order, "passed")
    assert outcomes(b'{"kind": "other"}') == dict(
        zip(order, ["passed", "passed", "stopped", "not_reached", "not_reached"], strict=True)
    )
    assert outcomes(b'{"kind": "wanted"}', code="throw 1;") == dict(
        zip(order, ["passed", "stopped", "not_reached", "not_reached", "not_reached"], strict=True)
    )
    change(project.destination, disabled_at=utc_now())
    assert outcomes(b'{"kind": "wanted"}') == dict.fromkeys(order, "not_reached")


def test_a_repeat_stops_at_the_first_rule_and_runs_nothing(
    project: Project, door: DataConnection, router: Router
) -> None:
    code = {"name": "t", "code": "console.log('ran'); return request;"}
    rules = [{"type": "deduplicate", "window": 60_000}, {"type": "transform", "transformation": code}]
    update_connection(project.team, project.connection.id, given={"rules": rules}, now=utc_now())
    first, subject = request_at(project.connection, project, Message("POST", "", "", [], b'{"id": 1}'))
    accept(door, [first])
    route_all(router)
    again = dry_run(read(project.connection), subject)
    assert again.outcome == "QUEUED"
    _, repeat = request_at(project.connection, project, subject.message)
    ran = dry_run(read(project.connection), repeat)
    assert ran.outcome == "DEDUPLICATED"
    assert list(ran.steps) == [
        {"rule": "deduplicate", "outcome": "stopped", "first_request_id": first.id},
        {"rule": "transform", "outcome": "not_reached"},
    ]


@pytest.mark.parametrize("fault", ["lost key", "gone"])
def test_a_transformation_that_cannot_be_used_fails_in_both(
    project: Project, door: DataConnection, router: Router, settings: Any, fault: str
) -> None:
    row = save_transformation(project, "t", "return request;")
    change(project.connection, rules=[{"type": "transform", "transformation_id": row.id}])
    if fault == "lost key":
        settings.ENCRYPTION_KEYS = [Fernet.generate_key().decode()]
    else:
        change(row, deleted_at=utc_now())
    request, subject = request_at(project.connection, project, Message("POST", "", "", [], b"{}"))
    ran = dry_run(read(project.connection), subject)
    accept(door, [request])
    route_all(router)
    assert ran.outcome == "FAILED"
    assert told_by(ran) == told_by_rows(project.connection.id, request.id)


def test_an_inline_transformation_is_tried_with_the_env_that_saving_it_would_leave(project: Project) -> None:
    save_transformation(project, "t", "return request;")
    code = "return {headers: {}, body: process.env};"
    _, subject = request_at(project.connection, project, Message("POST", "", "", [], b"other"))

    def env_of(**inline: Any) -> Any:
        rules = [{"type": "transform", "transformation": {"code": code, **inline}}]
        payload = dry_run(read(project.connection), subject, rules=rules).branch.payload
        assert payload is not None
        return orjson.loads(payload.body)

    assert env_of(name="t") == {"KEY": "saved"}
    assert env_of(name="t", env={"KEY": "****", "NEW": "1"}) == {"KEY": "saved", "NEW": "1"}
    assert env_of(name="t", env={}) == {}
    assert env_of(name="other") == {}
