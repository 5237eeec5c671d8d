"""Evidence of transformations' runs: the row that routing copies, and what the API shows of it."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import psycopg
import pytest
from django.db import connection as database

from connections.models import Transformation
from connections.sandbox.jobs import ErrorKind, LogLine, Message, Outcome, RunStatus
from events.models import TransformationExecution
from events.routing.execution_rows import EXECUTION_COLUMNS, MAX_AFTER_BODY_BYTES, MAX_LOGS_BYTES, execution_row
from events.tests.seed import Project, id_at, make_request
from events.tests.tracing import run_of
from fasthook.lib.clock import iso
from fasthook.lib.ids import time_of
from fasthook.testing import ApiCaller

AFTER = Message(
    method="PUT",
    path="/new",
    query="a=1",
    headers=(("content-type", "application/json"),),
    body=b'{"n":12345678901234567890}',
)
CHANGED = Outcome(
    RunStatus.SUCCESSFUL,
    request=AFTER,
    logs=(LogLine("log", "here"), LogLine("warn", "there")),
    duration_us=1500,
    cpu_us=250,
)
FAILED = Outcome(
    RunStatus.FAILED, error="TypeError: no", error_kind=ErrorKind.THREW, line=3, column=7, duration_us=900, cpu_us=80
)


@pytest.fixture
def transformation(team: Project) -> Transformation:
    return Transformation.objects.create(team=team.team, name="enrich", code="return request;")


def copy(team: Project, transformation: Transformation, outcome: Outcome, *, request_id: str, now: datetime) -> str:
    """As routing will write it: by COPY, in binary."""
    row = execution_row(
        outcome,
        team_id=team.team.id,
        transformation_id=transformation.id,
        connection_id=team.connection.id,
        request_id=request_id,
        event_id=id_at("evt", now),
        now=now,
    )
    database.ensure_connection()
    raw: psycopg.Connection[Any] = database.connection
    with (
        raw.cursor() as cursor,
        cursor.copy(
            f"COPY transformation_executions ({', '.join(EXECUTION_COLUMNS)}) FROM STDIN (FORMAT BINARY)"
        ) as copying,
    ):
        copying.set_types(list(EXECUTION_COLUMNS.values()))
        copying.write_row(row)
    return str(row[0])


def test_the_columns_are_those_of_the_table() -> None:
    assert list(EXECUTION_COLUMNS) == [field.column for field in TransformationExecution._meta.fields]


def test_a_run_is_shown_with_what_went_in_what_came_out_and_its_lines(
    api: ApiCaller, team: Project, transformation: Transformation, now: datetime
) -> None:
    request = make_request(team, now, body=b'{"id": 1}')
    identifier = copy(team, transformation, CHANGED, request_id=request.id, now=now)
    path = f"/v1/transformations/{transformation.id}/executions"
    listed = api.get(path)
    assert listed.status_code == 200, listed.content
    [model] = listed.json()["models"]
    assert set(listed.json()["applied_range"]) == {"from", "to"}
    assert model == {
        "id": identifier,
        "team_id": team.team.id,
        "transformation_id": transformation.id,
        "connection_id": team.connection.id,
        "request_id": request.id,
        "event_id": model["event_id"],
        "status": "SUCCESSFUL",
        "error": None,
        "duration_ms": 1.5,
        "cpu_ms": 0.25,
        "created_at": iso(time_of(identifier)),
    }
    response = api.get(f"{path}/{identifier}")
    assert b"12345678901234567890" in response.content
    detail = response.json()
    assert {name: detail[name] for name in model} == model
    assert detail["logs"] == [{"level": "log", "message": "here"}, {"level": "warn", "message": "there"}]
    assert detail["before"]["body"] == {"id": 1}
    assert (detail["after"]["method"], detail["after"]["path"], detail["after"]["parsed_query"]) == (
        "PUT",
        "/new",
        {"a": "1"},
    )
    assert detail["after"]["headers"] == {"content-type": "application/json"}


def test_a_run_that_failed_is_shown_with_its_reason_and_place(
    api: ApiCaller, team: Project, transformation: Transformation, now: datetime
) -> None:
    request = make_request(team, now)
    identifier = copy(team, transformation, FAILED, request_id=request.id, now=now)
    detail = api.get(f"/v1/transformations/{transformation.id}/executions/{identifier}").json()
    assert detail["error"] == {"kind": "THREW", "message": "TypeError: no", "line": 3, "column": 7}
    assert (detail["status"], detail["after"], detail["logs"]) == ("FAILED", None, [])


def test_a_run_outlives_its_request(
    api: ApiCaller, team: Project, transformation: Transformation, now: datetime
) -> None:
    identifier = copy(team, transformation, CHANGED, request_id="req_gone", now=now)
    detail = api.get(f"/v1/transformations/{transformation.id}/executions/{identifier}").json()
    assert detail["before"] is None
    assert detail["after"]["method"] == "PUT"


def test_long_bodies_and_logs_are_cut(
    api: ApiCaller, team: Project, transformation: Transformation, now: datetime
) -> None:
    large = Outcome(
        RunStatus.SUCCESSFUL,
        request=Message("POST", "", "", (), b"x" * (MAX_AFTER_BODY_BYTES + 1)),
        logs=tuple(LogLine("log", "y" * 1000) for _ in range(100)),
    )
    identifier = copy(team, transformation, large, request_id="req_gone", now=now)
    detail = api.get(f"/v1/transformations/{transformation.id}/executions/{identifier}").json()
    assert len(detail["after"]["body"]) == MAX_AFTER_BODY_BYTES
    assert (detail["after"]["body_truncated"], detail["after"]["body_size"]) == (True, MAX_AFTER_BODY_BYTES + 1)
    kept = MAX_LOGS_BYTES // 1000
    assert len(detail["logs"]) == kept + 1
    assert detail["logs"][-1] == {"level": "warn", "message": f"[{100 - kept} more lines were not kept]"}
    one_too_many = Outcome(RunStatus.SUCCESSFUL, logs=tuple(LogLine("log", "y" * 1000) for _ in range(kept + 1)))
    identifier = copy(team, transformation, one_too_many, request_id="req_gone", now=now)
    detail = api.get(f"/v1/transformations/{transformation.id}/executions/{identifier}").json()
    assert detail["logs"][-1]["message"] == "[1 more line was not kept]"


def test_what_did_not_run_leaves_no_evidence(team: Project, transformation: Transformation, now: datetime) -> None:
    with pytest.raises(ValueError, match="did not run"):
        copy(team, transformation, Outcome(RunStatus.NOT_RUN), request_id="req_1", now=now)


def test_a_list_filters_pages_and_covers_a_range(
    api: ApiCaller, team: Project, transformation: Transformation, now: datetime
) -> None:
    other = Transformation.objects.create(team=team.team, name="other", code="return request;")
    made = [
        copy(team, transformation, outcome, request_id=f"req_{at}", now=now)
        for at, outcome in enumerate([CHANGED, FAILED, CHANGED])
    ]
    copy(team, other, CHANGED, request_id="req_0", now=now)
    path = f"/v1/transformations/{transformation.id}/executions"

    def ids(query: str) -> list[str]:
        answer = api.get(f"{path}?{query}")
        assert answer.status_code == 200, answer.content
        return [model["id"] for model in answer.json()["models"]]

    assert ids("") == made[::-1]
    assert ids("status=FAILED") == [made[1]]
    assert ids("request_id=req_0,req_2") == [made[2], made[0]]
    assert ids(f"connection_id={team.connection.id}&dir=asc") == made
    assert ids("to=now-1h") == []
    first = api.get(f"{path}?limit=2").json()
    cursor = first["pagination"]["next"]
    assert ids(f"limit=2&next={cursor}") == [made[0]]
    foreign = api.get(f"/v1/transformations/{other.id}/executions?limit=2&next={cursor}")
    assert foreign.status_code == 422
    unknown = api.get(f"{path}?state=FAILED")
    assert (unknown.status_code, list(unknown.json()["fields"])) == (422, ["state"])


def test_a_list_reads_by_its_index(team: Project, transformation: Transformation) -> None:
    rows = TransformationExecution.objects.filter(transformation_id=transformation.id).order_by("-id")[:100]
    with database.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    assert "transformation_id_id_idx" in rows.explain()


def test_a_strangers_runs_do_not_exist(
    team: Project, other_team: Project, transformation: Transformation, now: datetime
) -> None:
    identifier = copy(team, transformation, CHANGED, request_id="req_1", now=now)
    stranger = ApiCaller(other_team.api_key, prefix="")
    theirs = Transformation.objects.create(team=other_team.team, name="enrich", code="return request;")
    for path in (
        f"{transformation.id}/executions",
        f"{transformation.id}/executions/{identifier}",
        f"{theirs.id}/executions/{identifier}",
        f"{theirs.id}/executions/nonsense",
    ):
        response = stranger.get(f"/v1/transformations/{path}")
        assert (response.status_code, response.json()["code"]) == (404, "NOT_FOUND")


@pytest.mark.usefixtures("shifted_clock")
def test_a_run_lies_in_the_partition_of_its_day(team: Project, now: datetime) -> None:
    day = now - timedelta(days=20)
    row = run_of("req_1", "evt_1", team, day)
    with database.cursor() as cursor:
        cursor.execute("SELECT tableoid::regclass::text FROM transformation_executions WHERE id = %s", [row.id])
        assert cursor.fetchone() == (f"transformation_executions_{day:%Y%m%d}",)
