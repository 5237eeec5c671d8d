"""`python -m tests.seeding 100`: what `up` does before it starts processes, and teams for the tests, told as JSON.

One process for all three, because each would spend its time on loading Django. The teams belong to the first user, so
that the session token of the credentials file reaches every one of them.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import timedelta
from typing import Any


def main(count: int) -> None:
    import django

    os.environ["DJANGO_SETTINGS_MODULE"] = "fasthook.settings"
    django.setup()

    from django.core.management import call_command

    from fasthook.lib.clock import utc_now
    from fasthook.testing import make_team
    from teams.auth.sessions import create_session
    from teams.models import Membership, Role, User

    call_command("migrate", interactive=False, verbosity=0)
    call_command("bootstrap", stdout=sys.stderr)
    owner = User.objects.get()
    teams: list[dict[str, Any]] = []
    for number in range(count):
        team = make_team(f"team-{number}")
        Membership.objects.create(team=team, user=owner, role=Role.OWNER)
        secrets = team.secrets
        teams.append({"id": team.id, "api_key": secrets.api_key, "signing_secret": secrets.signing_secret})
    # Sixty days ago: twice as long as a session lasts. Of somebody who never signs in again, which would remove it.
    absent = User.objects.create_user("absent@fasthook.local")
    expired = create_session(absent, now=utc_now() - timedelta(days=60)).token
    json.dump({"teams": teams, "expired_token": expired}, sys.stdout)


if __name__ == "__main__":
    main(int(sys.argv[1]))
