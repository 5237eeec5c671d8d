"""Teams created and renamed by their people. A new team has its secrets, its owner and (see alerts) default rules."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from django.db import transaction

from fasthook.lib.errors import Conflict
from teams.audit.log import Subject, record
from teams.audit.request_context import member
from teams.models import Membership, Role, Team, User
from teams.people.members import lock_team
from teams.secrets.services import create_project_secrets

# A person's teams are read as a whole with every call.
MAX_TEAMS_OF_A_PERSON: Final = 100


@transaction.atomic
def create_team(founder: User, name: str, *, now: datetime) -> Team:
    """The team, `founder` its owner. Conflict TOO_MANY_TEAMS."""
    # Locked, so that two calls at once do not both count one too few.
    User.objects.select_for_update(no_key=True).get(pk=founder.pk)
    if Membership.objects.filter(user=founder).count() >= MAX_TEAMS_OF_A_PERSON:
        raise Conflict(
            f"you belong to {MAX_TEAMS_OF_A_PERSON} teams already; leave one first",
            code="TOO_MANY_TEAMS",
            data={"maximum": MAX_TEAMS_OF_A_PERSON},
        )
    team = Team.objects.create(name=name)
    Membership.objects.create(team=team, user=founder, role=Role.OWNER)
    record(member(founder), "team.created", subject_of(team), after={"name": name})
    # Last: it waits for changes of configuration.
    create_project_secrets(team, now=now)
    return team


@transaction.atomic
def rename_team(team: Team, name: str, *, by: User) -> Team:
    """Forbidden when `by` is no owner any more."""
    row = lock_team(team, owner=by)
    if row.name != name:
        record(member(by), "team.updated", subject_of(row), before={"name": row.name}, after={"name": name})
        row.name = name
        row.save(update_fields=["name", "updated_at"])
    return row


def subject_of(team: Team) -> Subject:
    return Subject(team.id, "team", team.id, team.name)
