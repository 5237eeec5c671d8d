"""Cascading deletes: a source or a destination together with its connections, in one transaction."""

from __future__ import annotations

from datetime import datetime

from django.db import transaction

from connections.models import Connection
from destinations.models import Destination
from destinations.services import delete_destination
from fasthook.lib.nudge import nudge_after_commit
from sources.models import Source
from sources.services import delete_source
from teams.audit.log import entry, record_all
from teams.audit.request_context import current_who
from teams.config.lock import next_config_version
from teams.config.writes import lock_for_team, show, stamp
from teams.models import Team
from teams.scoping import for_team


@transaction.atomic
def delete_source_with_connections(team: Team, source_id: str, *, now: datetime) -> None:
    lock_for_team(Source, team, source_id)
    _delete_connections(team, now=now, source_id=source_id)
    delete_source(team, source_id, now=now)


@transaction.atomic
def delete_destination_with_connections(team: Team, destination_id: str, *, now: datetime) -> None:
    lock_for_team(Destination, team, destination_id)
    _delete_connections(team, now=now, destination_id=destination_id)
    delete_destination(team, destination_id, now=now)


def _delete_connections(team: Team, *, now: datetime, **end: str) -> None:
    live = for_team(Connection, team).filter(**end).order_by("id")
    rows = list(live.select_for_update(no_key=True))
    if not rows:
        return
    who = current_who()
    record_all([entry(who, "connection.deleted", row, before=show(row, row.shown_as)) for row in rows])
    Connection.objects.filter(id__in=[row.id for row in rows]).update(
        deleted_at=stamp(now), reconcile_requested_at=now, updated_at=now, version=next_config_version()
    )
    nudge_after_commit("reconcile")
