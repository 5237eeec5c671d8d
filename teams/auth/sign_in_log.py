"""Sign-ins in the audit log: of every team that the person belongs to, or of none.

Refused ones are bounded per hour, so that whoever guesses passwords cannot fill the log. An unknown address is not
kept: it may be a password typed into the wrong field.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from django.contrib.auth.signals import user_logged_in, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from fasthook.lib.clock import utc_now
from fasthook.lib.ids import first_id_at
from teams.audit.log import Subject, entry, record_all
from teams.audit.request_context import ANONYMOUS, Who, member, staff
from teams.models import AuditEntry, Membership, User

SUCCEEDED: Final = "sign_in.succeeded"
REFUSED: Final = "sign_in.refused"
# For each team; and for all addresses together that belong to no team.
REFUSED_PER_HOUR: Final = 100


def record_sign_in(user: User) -> None:
    _record(member(user), SUCCEEDED, user, _teams_of(user.email))


def record_refused_sign_in(email: str, *, now: datetime) -> None:
    """Asks and writes the same whether the address is known or not, so that the time does not tell."""
    user = User.objects.filter(email=email).first()
    team_ids = _teams_of(email)
    since = first_id_at("aud", now - timedelta(hours=1))
    recent = AuditEntry.objects.filter(team_id=team_ids[0], action=REFUSED, id__gte=since)
    if len(recent.values_list("pk")[:REFUSED_PER_HOUR]) < REFUSED_PER_HOUR:
        _record(ANONYMOUS, REFUSED, user, team_ids)


def _teams_of(email: str) -> list[str | None]:
    found: list[str | None] = list(
        Membership.objects.filter(user__email=email).order_by("team_id").values_list("team_id", flat=True)
    )
    return found or [None]


def _record(who: Who, action: str, user: User | None, team_ids: list[str | None]) -> None:
    user_id, email = (user.id, user.email) if user else (None, "")
    record_all([entry(who, action, Subject(team_id, "user", user_id, email)) for team_id in team_ids])


@receiver(user_logged_in)
def _signed_in_to_the_admin(sender: object, request: HttpRequest | None, user: User, **_: object) -> None:
    _record(staff(user), SUCCEEDED, user, _teams_of(user.email))


@receiver(user_login_failed)
def _refused_by_the_admin(
    sender: object, credentials: dict[str, str], request: HttpRequest | None = None, **_: object
) -> None:
    """The API's own sign-in passes no request, and records by itself."""
    if request is not None:
        record_refused_sign_in(str(credentials.get("username") or "").strip().lower(), now=utc_now())
