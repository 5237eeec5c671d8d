"""Members of a team and their roles. Changes to one team's members wait for each other, on the team's row.

A place is given at once to a colleague, somebody who shares a team with the owner who asks. Everybody else is invited
(invitations.py): an email proves nothing about who made the account that has it.
"""

from __future__ import annotations

from django.db import transaction

from fasthook.lib.errors import Conflict
from teams.audit.log import Subject, record
from teams.audit.request_context import member
from teams.auth.permissions import owner_required
from teams.models import Invitation, Membership, Role, Team, User
from teams.scoping import not_found


def lock_team(team: Team, *, owner: User | None) -> Team:
    """The team's row, until the transaction ends. Forbidden when `owner` is given and is none any more."""
    # Not against foreign keys: what is configured in the team meanwhile does not wait.
    row = Team.objects.select_for_update(no_key=True).get(pk=team.pk)
    if owner is not None and not Membership.objects.filter(team=row, user=owner, role=Role.OWNER).exists():
        raise owner_required()
    return row


def add_colleague(team: Team, email: str, role: Role, *, by: User) -> Membership | None:
    """Their place, or None when whoever has that email must be invited.

    Inside a transaction that holds the team. Conflict RESOURCE_ALREADY_EXISTS when they are in the team.
    """
    user = User.objects.filter(email=email).first()
    if user is None:
        return None
    if Membership.objects.filter(team=team, user=user).exists():
        raise Conflict(
            f"{email} belongs to the team already; change the role of that member",
            code="RESOURCE_ALREADY_EXISTS",
            data={"id": user.id},
        )
    if not user.is_active or not Membership.objects.filter(user=user, team__memberships__user=by).exists():
        return None
    Invitation.objects.filter(team=team, email=email).delete()
    membership = Membership.objects.create(team=team, user=user, role=role)
    record(member(by), "member.added", subject_of(membership), after={"role": role.value})
    return membership


@transaction.atomic
def change_role(team: Team, user_id: str, role: Role, *, by: User) -> Membership:
    """NotFound; Forbidden when `by` is no owner any more; Conflict LAST_OWNER."""
    lock_team(team, owner=by)
    membership = _get(team, user_id)
    if membership.role == role:
        return membership
    if membership.role == Role.OWNER:
        _refuse_last_owner(membership)
        _revoke_invitations_of(membership)
    record(
        member(by),
        "member.updated",
        subject_of(membership),
        before={"role": membership.role},
        after={"role": role.value},
    )
    membership.role = role
    membership.save(update_fields=["role"])
    return membership


@transaction.atomic
def remove_member(team: Team, user_id: str, *, by: User) -> None:
    """Their sessions lose the team with the next call. Who leaves on their own needs to be no owner.

    NotFound; Forbidden when `by` is no owner any more; Conflict LAST_OWNER.
    """
    leaves = user_id == by.id
    lock_team(team, owner=None if leaves else by)
    membership = _get(team, user_id)
    if membership.role == Role.OWNER:
        _refuse_last_owner(membership)
    _revoke_invitations_of(membership)
    action = "member.left" if leaves else "member.removed"
    record(member(by), action, subject_of(membership), before={"role": membership.role})
    membership.delete()


def subject_of(membership: Membership) -> Subject:
    return Subject(membership.team_id, "member", membership.user_id, membership.user.email)


def _get(team: Team, user_id: str) -> Membership:
    rows = Membership.objects.filter(team=team).select_related("user")
    # Postgres text holds no NUL, so asking for one would be an error and not an empty answer.
    membership = None if "\0" in user_id else rows.filter(user_id=user_id).first()
    if membership is None:
        raise not_found(User, user_id)
    return membership


def _refuse_last_owner(membership: Membership) -> None:
    """An owner whose account is switched off cannot stand in."""
    others = Membership.objects.filter(team_id=membership.team_id, role=Role.OWNER, user__is_active=True)
    if not others.exclude(pk=membership.pk).exists():
        raise Conflict(
            "the team's last owner can neither leave nor take another role; make somebody else an owner first",
            code="LAST_OWNER",
        )


def _revoke_invitations_of(membership: Membership) -> None:
    """Otherwise whoever is put out could come back by an invitation of their own making."""
    Invitation.objects.filter(team_id=membership.team_id, invited_by_id=membership.user_id).delete()
