"""A row of configuration as of a moment of the past, from the audit log: `before` of the next change.

Exact as far back as the log is kept. What the log left out for its size is not known.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from django.db import connection

from fasthook.lib.ids import first_id_at

# In the order of the index on resource_id, lest the planner read the whole log by its key.
_SQL: Final = """
SELECT wanted.resource_id, wanted.name, change.before
FROM unnest(%(resource_ids)s::text[], %(names)s::text[], %(since)s::text[]) AS wanted (resource_id, name, since)
CROSS JOIN LATERAL (
    SELECT entry.before FROM teams_auditentry AS entry
    WHERE entry.resource_id = wanted.resource_id AND entry.id >= wanted.since
        AND (entry.before::json -> wanted.name) IS NOT NULL
    ORDER BY entry.resource_id, entry.id LIMIT 1
) AS change
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One field, by the API's name (`rules`, `config.auth_type`), of one row as it was at `at`."""

    resource_id: str
    name: str
    at: datetime


UNKNOWN: Final = object()


def read_past(wanted: Iterable[Wanted]) -> dict[tuple[str, str], Any]:
    """The value of each field that has changed since, by (resource_id, name), in one statement.

    What is missing has not changed. UNKNOWN where the log did not keep the value.
    """
    asked = list(wanted)
    if not asked:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(
            _SQL,
            {
                "resource_ids": [each.resource_id for each in asked],
                "names": [each.name for each in asked],
                "since": [first_id_at("aud", each.at) for each in asked],
            },
        )
        rows = cursor.fetchall()
    return {(resource_id, name): _known(json.loads(before)[name]) for resource_id, name, before in rows}


def _known(value: Any) -> Any:
    return UNKNOWN if isinstance(value, dict) and value.get("omitted") is True else value
