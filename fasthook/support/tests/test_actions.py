"""What support staff do: asked first, done by the services, told to the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
from django.test import Client

from connections.models import Connection
from destinations.models import Destination
from events.models import BulkOperation
from events.tests.seed import Project
from fasthook.support.tests.pages import audited, page_of, rehearsal
from sources.models import Source
from teams.models import Membership, User


@pytest.mark.parametrize(
    ("model", "action"), [(Source, "disabled"), (Destination, "disabled"), (Connection, "disabled")]
)
def test_disabling_asks_first_acts_once_and_is_in_the_audit_log(
    staff: Client, team: Project, root: User, model: Any, action: str
) -> None:
    row = model.objects.get()
    url = page_of(row).replace("/change/", "/disable/")
    assert url in staff.get(page_of(row)).content.decode()
    question = staff.get(url)
    assert (question.status_code, "Disable the" in question.content.decode()) == (200, True)
    row.refresh_from_db()
    assert row.disabled_at is None
    assert not audited().exists()

    answer = staff.post(url, follow=True)
    assert "disabled." in next(str(message) for message in answer.context["messages"])
    row.refresh_from_db()
    assert row.disabled_at is not None
    entry = audited().get()
    assert (entry.action, entry.actor_type, entry.actor_id) == (f"{model._meta.model_name}.{action}", "staff", root.id)
    assert (entry.team_id, entry.resource_id, entry.before) == (team.team.id, row.id, {"disabled_at": None})
    assert url not in answer.content.decode()
    staff.post(url)
    assert audited().count() == 1


def test_a_connection_that_staff_disable_settles_what_waits(staff: Client, team: Project) -> None:
    staff.post(page_of(team.connection).replace("/change/", "/disable/"))
    assert Connection.objects.get().reconcile_requested_at is not None


def test_cancelling_a_rehearsal_is_confirmed_audited_and_refused_when_it_is_over(
    staff: Client, team: Project, root: User, now: datetime
) -> None:
    row = rehearsal(team, now)
    url = page_of(row).replace("/change/", "/cancel/")
    assert staff.get(url).status_code == 200
    row.refresh_from_db()
    assert row.status == "PLANNED"
    done = staff.post(url, follow=True)
    assert [str(message) for message in done.context["messages"]] == ["The rehearsal is cancelled."]
    row.refresh_from_db()
    assert row.status == "CANCELLED"
    assert list(audited().values_list("action", "resource_id", "actor_type")) == [
        ("rehearsal.cancelled", row.id, "staff")
    ]
    answer = staff.post(url, follow=True)
    assert [str(message) for message in answer.context["messages"]] == [
        "Nothing was changed: this rehearsal is cancelled and cannot be cancelled."
    ]
    assert audited().count() == 1


def test_only_staff_who_might_change_such_rows_may_act(clerk: Client, team: Project) -> None:
    assert clerk.get(page_of(team.source)).status_code == 200
    assert clerk.post(page_of(team.source).replace("/change/", "/disable/")).status_code == 302
    assert Source.objects.get().disabled_at is not None
    assert "/disable/" not in clerk.get(page_of(team.destination)).content.decode()
    for method in (clerk.get, clerk.post):
        assert method(page_of(team.destination).replace("/change/", "/disable/")).status_code == 403
    assert Destination.objects.get().disabled_at is None


def test_changes_by_forms_are_in_the_audit_log_without_values(staff: Client, team: Project, root: User) -> None:
    form = {"name": "renamed", "memberships-TOTAL_FORMS": "1", "memberships-INITIAL_FORMS": "0"}
    form |= {"memberships-0-team": team.team.id, "memberships-0-user": root.id, "memberships-0-role": "viewer"}
    assert staff.post(page_of(team.team), form).status_code == 302
    entry = audited().get()
    assert (entry.action, entry.team_id, entry.actor_type, entry.actor_id) == (
        "team.updated",
        team.team.id,
        "staff",
        root.id,
    )
    assert entry.meta == {
        "changes": [
            {"changed": {"fields": ["Name"]}},
            {"added": {"name": "membership", "object": "root@example.com in renamed (viewer)"}},
        ]
    }
    membership = Membership.objects.get()
    staff.post(page_of(membership).replace("/change/", "/delete/"), {"post": "yes"})
    assert not Membership.objects.exists()
    assert audited().latest("id").action == "membership.deleted"


def test_acting_needs_the_form_of_our_own_page(root: User, team: Project) -> None:
    http = Client(enforce_csrf_checks=True)
    http.force_login(root)
    assert http.post(page_of(team.source).replace("/change/", "/disable/")).status_code == 403
    assert Source.objects.get().disabled_at is None


def test_cancelling_a_bulk_operation_is_confirmed_and_audited(staff: Client, team: Project, root: User) -> None:
    now = datetime.now().astimezone()
    row = BulkOperation.objects.create(
        team_id=team.team.id,
        type="event_bulk_retry",
        digest=b"1",
        filter={},
        range_from=now,
        range_to=now,
        total_count=1,
        total_exact=True,
        requested_by="maya",
        created_at=now,
    )
    url = page_of(row).replace("/change/", "/cancel/")
    assert url in staff.get(page_of(row)).content.decode()
    assert staff.get(url).status_code == 200
    row.refresh_from_db()
    assert row.status == "PLANNED"
    staff.post(url)
    row.refresh_from_db()
    assert row.status == "CANCELLED"
    entry = audited().get()
    assert (entry.action, entry.resource_id, entry.actor_id) == ("bulk_operation.cancelled", row.id, root.id)
    answer = staff.post(url, follow=True)
    assert "Nothing was changed: this bulk operation is cancelled and cannot be cancelled." in {
        str(message) for message in answer.context["messages"]
    }
