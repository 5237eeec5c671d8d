"""Plan and application of a document: one transaction, all or nothing, refused when its digest is not the expected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import transaction

from connections.models import Transformation
from connections.routes.differences import plan_answer
from connections.routes.document.read import Document, read_document
from connections.routes.export import export_document
from connections.routes.planning import Wishes, make_plan
from connections.routes.shape import ShapeMoved, newest_version, read_shape
from connections.transformations.code_run import refuse_unreadable
from fasthook.lib.errors import Conflict
from teams.audit.log import Subject, record
from teams.audit.request_context import current_who
from teams.config.lock import lock_config_exclusive
from teams.config.writes import write_all
from teams.models import Team
from teams.scoping import for_team

_MAX_TRIES: Final = 5


@dataclass(frozen=True, slots=True)
class Order:
    """What a caller asks for. `expect` is the digest of the shape that they have seen, None when any will do."""

    document: Mapping[str, Any]
    variables: Mapping[str, Any]
    wishes: Wishes
    expect: str | None = None


@transaction.atomic
def export_routes(team: Team) -> tuple[dict[str, Any], str]:
    """The document and the digest of what it says."""
    shape = read_shape(team, lock=False)
    return export_document(shape), shape.digest()


def plan_routes(team: Team, order: Order, *, now: datetime) -> dict[str, Any]:
    """What applying would change; nothing is. InvalidInput, Conflict ROUTES_CHANGED or HAS_CONNECTIONS."""
    _refuse_unreadable_code(team, _read(order))
    with transaction.atomic():
        answer = _plan(team, order, now=now)
        # What was planned has asked for reconciliation after the commit: there is none.
        transaction.set_rollback(True)
    return answer


def apply_routes(team: Team, order: Order, *, now: datetime) -> dict[str, Any]:
    """Changes what differs, all of it or nothing. As above; and Conflict ROUTES_BUSY."""
    _refuse_unreadable_code(team, _read(order))
    for _ in range(_MAX_TRIES):
        try:
            with transaction.atomic():
                return _apply(team, order, now=now)
        except ShapeMoved:
            continue
    raise Conflict("the configuration keeps changing while this is applied; try again", code="ROUTES_BUSY")


def _read(order: Order) -> Document:
    return read_document(order.document, order.variables)


def _plan(team: Team, order: Order, *, now: datetime) -> dict[str, Any]:
    shape = read_shape(team, lock=False)
    digest = shape.digest()
    _refuse_unexpected(order, digest)
    plan = make_plan(team, _read(order), shape, order.wishes, now=now)
    return {"applied": False, "digest": digest, **plan_answer(plan, written=False)}


def _apply(team: Team, order: Order, *, now: datetime) -> dict[str, Any]:
    version = newest_version(team)
    shape = read_shape(team, lock=True)
    digest = shape.digest()
    _refuse_unexpected(order, digest)
    plan = make_plan(team, _read(order), shape, order.wishes, now=now)
    answer = plan_answer(plan, written=True)
    if answer["unchanged"]:
        return {"applied": False, "digest": digest, **answer}
    # Rows that exist are locked; the gate keeps new ones away, and whether some came meanwhile is asked behind it.
    lock_config_exclusive()
    if newest_version(team) != version:
        raise ShapeMoved
    write_all(plan.writes())
    meta = {"summary": answer["summary"], "pruned": order.wishes.prune, "digest_before": digest}
    record(current_who(), "routes.applied", Subject(team.id, "routes", team.id), meta=meta)
    return {"applied": True, "digest": read_shape(team, lock=True).digest(), **answer}


def _refuse_unexpected(order: Order, digest: str) -> None:
    if order.expect is not None and order.expect != digest:
        raise Conflict(
            "the configuration has changed since it was planned; look at a new plan and expect its digest",
            code="ROUTES_CHANGED",
            data={"digest": digest},
        )


def _refuse_unreadable_code(team: Team, document: Document) -> None:
    """Asked of the sandbox before anything is locked. What is stored already was asked about when it was stored."""
    entries = document.sections.get("transformations", [])
    names = [entry["name"] for entry in entries]
    stored = set(for_team(Transformation, team).filter(name__in=names).values_list("name", "code"))
    for index, entry in enumerate(entries):
        if (entry["name"], entry["code"]) not in stored:
            refuse_unreadable(entry["code"], at=f"document.transformations[{index}].code")
