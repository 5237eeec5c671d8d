"""What a guide's route has lived through before its commands look: a failed event, a delivered one, a held one."""

from __future__ import annotations

from connections.models import Connection
from events.tests.seed import Project, make_attempt, make_event, make_request
from fasthook.lib.clock import utc_now


def live_through(connection_id: str) -> dict[str, str]:
    """Ids of the failed event (`event`) and of its request."""
    row = Connection.objects.select_related("team", "source", "destination").get(pk=connection_id)
    project = Project(team=row.team, api_key="", source=row.source, destination=row.destination, connection=row)
    now = utc_now()
    request = make_request(project, now, body=b'{"id": "in_1", "type": "invoice.paid"}')
    event = make_event(request, project, now, status="FAILED", attempts=1, error_code="TIMEOUT", last_attempt_at=now)
    make_attempt(event, now, status="FAILED", error_code="TIMEOUT", response_status=None, error_message="timeout")
    make_attempt(make_event(request, project, now, status="SUCCESSFUL", attempts=1, successful_at=now), now)
    make_event(request, project, now, status="HOLD")
    return {"request": request.id, "event": event.id}
