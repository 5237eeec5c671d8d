"""A plan as it is answered: each resource and what happens to it, field by field, names for ids, secrets masked."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from connections.models import Connection
from connections.routes.document.rules_by_name import show_rules
from connections.routes.planning import Plan, Planned
from sources.models import Source
from sources.warnings import source_warnings
from teams.audit.log import bounded_value

ACTIONS: Final = ("create", "update", "delete", "unchanged", "left")
# These are shown key by key.
_OPENED: Final = ("config.auth", "env", "rules")
_SAYS_NOTHING: Final[tuple[Any, ...]] = (None, "", [], {}, False)
# Ids, which a document has no fields for.
_NAMED: Final = {"source_id": "source", "destination_id": "destination"}


def plan_answer(plan: Plan, *, written: bool) -> dict[str, Any]:
    """{unchanged, summary, resources, secrets_kept, warnings}. What is only planned has no id yet."""
    counts = Counter(each.action for each in plan.resources)
    return {
        "unchanged": not any(counts[action] for action in ("create", "update", "delete")),
        "summary": {action: counts[action] for action in ACTIONS},
        "resources": [_resource(each, plan, written=written) for each in plan.resources],
        "secrets_kept": plan.secrets_kept,
        "warnings": [
            {"at": each.at, **warning}
            for each in plan.resources
            if isinstance(each.row, Source) and each.at is not None
            for warning in source_warnings(each.row)
        ],
    }


def _resource(planned: Planned, plan: Plan, *, written: bool) -> dict[str, Any]:
    row, exists = planned.row, written or planned.action != "create"
    return {
        "resource": planned.kind,
        "name": row.name,
        "source": plan.names[row.source_id] if isinstance(row, Connection) else None,
        "action": planned.action,
        "id": row.id if exists else None,
        "url": row.url if isinstance(row, Source) and exists else None,
        "renamed_from": plan.renamed_from.get(row.id),
        "at": planned.at,
        "fields": _fields(planned, plan.names),
    }


def _fields(planned: Planned, names: Mapping[str, str]) -> list[dict[str, Any]]:
    if planned.write is None:
        return []
    before = _flat(planned.write.before or {}, names)
    after = _flat(planned.write.after or {}, names)
    if planned.action == "update":
        secrets = _changed_secrets(planned)
        paths = [path for path in {**before, **after} if before.get(path) != after.get(path) or path in secrets]
    else:
        # Of what comes or goes only what says something.
        paths = [path for path in {**before, **after} if (before.get(path) or after.get(path)) not in _SAYS_NOTHING]
    return [
        {"field": path, "before": bounded_value(before.get(path)), "after": bounded_value(after.get(path))}
        for path in paths
    ]


def _changed_secrets(planned: Planned) -> set[str]:
    """Paths of what differs, though it may look alike masked."""
    changed: set[str] = set()
    for column, path in (("auth", "config.auth"), ("env", "env")):
        if planned.write is not None and column in planned.write.changes:
            was, now = planned.write.was[column] or {}, planned.write.changes[column] or {}
            changed |= {f"{path}.{key}" for key in {**was, **now} if was.get(key) != now.get(key)}
    return changed


def _flat(values: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for path, value in values.items():
        if path in _NAMED:
            flat[_NAMED[path]] = names.get(value, value)
            continue
        opened = show_rules(value, names) if path == "rules" else value
        if path in _OPENED and isinstance(opened, Mapping):
            flat |= {f"{path}.{key}": each for key, each in opened.items()}
        else:
            flat[path] = value
    return flat
