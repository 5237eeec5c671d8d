"""`manage.py bootstrap`: makes a fresh installation usable, and its credentials file true. Safe to run at every start.

Lives here and not in teams because it also wires the demo route, for which it needs all that lies below connections.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import connection, transaction

from connections.services import upsert_connection
from destinations.models import DestinationType
from fasthook.lib.clock import utc_now
from sources.models import Source
from teams.bootstrap import Credentials, FirstAccount, ensure_first_account, read_credentials, write_credentials
from teams.models import Team

# Key of the Postgres advisory lock; teams/config/lock.py has the one before.
_BOOTSTRAP_LOCK = 4_271_002

DEMO_SOURCE = "demo"
DEMO_DESTINATION = "demo-mock"
DEMO_CONNECTION = "demo-to-mock"


class Command(BaseCommand):
    help = "Create the first team, user, secrets and demo route, and write DATA_DIR/credentials.json."

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(settings.DATA_DIR) / "credentials.json"
        # Several processes may start at once; the file is read and written under the lock too. Should the commit fail
        # after the file was written, the next run finds no rows and makes both again.
        with transaction.atomic():
            _wait_for_turn()
            known = read_credentials(path)
            account = ensure_first_account(known, now=utc_now())
            credentials = _credentials(account, ensure_demo_route(account.team))
            if credentials != known:
                write_credentials(path, credentials)
                self.stdout.write(f"bootstrap: wrote {path}")
        for note in account.notes:
            self.stdout.write(f"bootstrap: {note}")


def _wait_for_turn() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_BOOTSTRAP_LOCK])


def ensure_demo_route(team: Team) -> Source:
    """The source of the demo route. A team that has sources wires its own: nothing deleted comes back."""
    source = Source.objects.filter(team=team, name=DEMO_SOURCE, deleted_at=None).first()
    if source is not None:
        return source
    first = Source.objects.filter(team=team).order_by("id").first()
    if first is not None:
        return Source.objects.filter(team=team, deleted_at=None).order_by("id").first() or first
    route, _ = upsert_connection(
        team,
        {
            "name": DEMO_CONNECTION,
            "source": {"name": DEMO_SOURCE, "description": "Receives whatever you send it."},
            "destination": {"name": DEMO_DESTINATION, "type": DestinationType.MOCK_API.value},
        },
        now=utc_now(),
    )
    return route.source


def _credentials(account: FirstAccount, source: Source) -> Credentials:
    return Credentials(
        base_url=settings.BASE_URL,
        team_id=account.team.id,
        email=account.user.email,
        password=account.password,
        api_key=account.secrets.api_key,
        signing_secret=account.secrets.signing_secret,
        session_token=account.session_token,
        source_url=source.url,
    )
