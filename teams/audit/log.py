"""The audit log: who changed or did what, written in the transaction of the change itself.

Changes of configuration come here by themselves (teams/config/writes.py); operator actions call `record`. Whoever
records masks secrets first. What is too large to keep is replaced by its size and digest.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from django.db import models

from teams.audit.request_context import Who, current_context, who_is
from teams.auth.credentials import Actor
from teams.models import AuditEntry

MAX_VALUE_BYTES: Final = 32 * 1024


@dataclass(frozen=True, slots=True)
class Subject:
    """What an action was about, where that is no row with a team: {type} such as `project_secrets`."""

    team_id: str | None
    type: str
    id: str | None
    name: str = ""


def record(
    actor: Actor | Who,
    action: str,
    resource: models.Model | Subject,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    meta: Mapping[str, Any] | None = None,
) -> None:
    """One entry, one INSERT; call it inside the transaction of what it tells.

    `action` is noun.verbed (`event.retried`); `resource` a row with a `team_id`, or a Subject. `before` and `after`
    hold what differs, `meta` other facts. JSON values, without secrets.
    """
    record_all([entry(actor, action, resource, before=before, after=after, meta=meta)])


def record_all(entries: Sequence[AuditEntry]) -> None:
    """Several entries in one INSERT."""
    AuditEntry.objects.bulk_create(entries)


def entry(
    actor: Actor | Who,
    action: str,
    resource: models.Model | Subject,
    *,
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
    meta: Mapping[str, Any] | None = None,
) -> AuditEntry:
    """An entry that is not saved yet."""
    who = who_is(actor) if isinstance(actor, Actor) else actor
    about = resource if isinstance(resource, Subject) else _subject(resource)
    call = current_context()
    return AuditEntry(
        team_id=about.team_id,
        action=action,
        actor_type=who.type,
        actor_id=who.id,
        actor_label=who.label,
        ip=call.ip if call else None,
        request_id=call.request_id if call else None,
        resource_type=about.type,
        resource_id=about.id,
        resource_name=about.name,
        before=_bounded(before),
        after=_bounded(after),
        meta=_bounded(meta),
    )


def _subject(row: models.Model) -> Subject:
    team_id: str = row.team_id  # type: ignore[attr-defined]
    kind = str(row._meta.verbose_name).replace(" ", "_")
    return Subject(team_id, kind, str(row.pk), str(getattr(row, "name", "")))


def _bounded(values: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if values is None else {name: bounded_value(value) for name, value in values.items()}


def bounded_value(value: Any) -> Any:
    """The value, or its size and digest where it is larger than MAX_VALUE_BYTES."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str).encode()
    if len(text) <= MAX_VALUE_BYTES:
        return value
    return {"omitted": True, "bytes": len(text), "sha256": hashlib.sha256(text).hexdigest()}
