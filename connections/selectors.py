"""List filters of connections, and the rows that are read with them."""

from __future__ import annotations

from django.db.models import QuerySet

from connections.models import Connection
from fasthook.api.filters import AnyOf, IsSet, ListFilter
from teams.models import Team
from teams.scoping import for_team


class ConnectionFilter(ListFilter):
    moments = ("created_at", "updated_at")

    id = AnyOf()
    name = AnyOf()
    source_id = AnyOf()
    destination_id = AnyOf()
    paused = IsSet(field_name="paused_at")
    disabled = IsSet(field_name="disabled_at")


def connections_with_ends(team: Team) -> QuerySet[Connection]:
    return for_team(Connection, team).select_related("source", "destination")
