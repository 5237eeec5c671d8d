"""The support staff's site: finding, bounds, headers, and what staff may do."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.contrib.admin.utils import quote as quote_key
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse

from connections.models import Connection, Transformation
from destinations.models import Destination
from events.admin import EventAdmin
from events.models import Event, RuleRehearsal
from events.tests.explaining import explained
from events.tests.seed import Project, make_attempt, make_event, make_project, make_request
from fasthook.support import site
from sources.models import Source
from teams.models import AuditEntry, Membership, ProjectSecrets, User


@pytest.fixture
def now() -> datetime:
    return datetime.now().astimezone()


@pytest.fixture
def team(db: None, now: datetime) -> Project:
    return make_project("team", now=now)


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root@example.com", "a long password")


@pytest.fixture
def staff(root: User) -> Client:
    http = Client()
    http.force_login(root)
    return http


@pytest.fixture
def clerk(db: None) -> Client:
    """May view everything, and change sources."""
    user = User.objects.create_user("clerk@example.com", "a long password", is_staff=True)
    user.user_permissions.add(*Permission.objects.filter(codename__startswith="view_"))
    user.user_permissions.add(Permission.objects.get(codename="change_source"))
    http = Client()
    http.force_login(user)
    return http


def page_of(row: Any) -> str:
    return reverse(f"admin:{row._meta.app_label}_{row._meta.model_name}_change", args=[quote_key(row.pk)])


def find(http: Client, term: str) -> Any:
    return http.get(f"/admin/find/?q={quote(term)}")


def audited() -> Any:
    """Without the sign-in itself."""
    return AuditEntry.objects.exclude(action__startswith="sign_in")


def rehearsal(team: Project, now: datetime, **values: Any) -> RuleRehearsal:
    return RuleRehearsal.objects.create(
        team_id=team.team.id,
        connection_id=team.connection.id,
        source_id=team.source.id,
        rules=[],
        range_from=now,
        range_to=now,
        total_count=1,
        requested_by="maya",
        created_at=now,
        **values,
    )


def test_an_id_of_any_kind_leads_to_its_page(staff: Client, team: Project, root: User, now: datetime) -> None:
    request = make_request(team, now)
    event = make_event(request, team, now)
    rows = [
        request,
        event,
        make_attempt(event, now),
        team.source,
        team.destination,
        team.connection,
        team.team,
        root,
        Transformation.objects.create(team=team.team, name="t", code="return request;"),
        rehearsal(team, now),
        AuditEntry.objects.create(action="a.b", actor_type="system", resource_type="a"),
    ]
    for row in rows:
        answer = find(staff, f" {row.pk} ")
        assert (answer.status_code, answer.headers.get("Location")) == (302, page_of(row)), row.pk
    secrets = ProjectSecrets.objects.get(team=team.team)
    for identifier in (secrets.api_key_id, secrets.signing_secret_id):
        assert find(staff, identifier).headers["Location"] == page_of(secrets)


def test_addresses_urls_and_names_are_found_too(staff: Client, team: Project, root: User, now: datetime) -> None:
    assert find(staff, "Root@Example.com").headers["Location"] == page_of(root)
    assert find(staff, f"https://hooks.example.com/in/{team.source.slug}/orders?x=1").headers["Location"] == page_of(
        team.source
    )
    others = [make_project(name, now=now).team for name in ("acme one", "acme two")]
    answer = find(staff, "ACME")
    assert answer.status_code == 200
    assert [found.url for found in answer.context["found"]] == [page_of(each) for each in reversed(others)]


@pytest.mark.parametrize(
    "term", ["evt_00000000000000000000000000", "nobody@example.com", "a\0b", "x" * 500, "%", "tm_"]
)
def test_what_is_not_there_is_said(staff: Client, team: Project, term: str) -> None:
    answer = find(staff, term)
    assert answer.status_code == 404
    assert "Nothing has" in answer.content.decode()


def test_what_somebody_may_not_view_is_not_found(team: Project, now: datetime) -> None:
    user = User.objects.create_user("some@example.com", "a long password", is_staff=True)
    user.user_permissions.add(Permission.objects.get(codename="view_source"))
    http = Client()
    http.force_login(user)
    assert find(http, team.source.id).status_code == 302
    assert find(http, team.destination.id).status_code == 404


def test_nobody_but_staff_finds_anything(team: Project) -> None:
    assert find(Client(), team.source.id).headers["Location"].startswith("/admin/login/")


def test_finding_an_id_reads_one_day(staff: Client, team: Project, now: datetime) -> None:
    row = make_request(team, now)
    with explained() as readings:
        find(staff, row.id)
    assert [len(each.partitions) for each in readings if each.reads_evidence] == [1]


def test_pages_link_to_what_they_name_and_to_what_names_them(staff: Client, team: Project, now: datetime) -> None:
    event = make_event(make_request(team, now), team, now)
    text = staff.get(page_of(event)).content.decode()
    for identifier in (event.request_id, event.connection_id, event.destination_id, event.team_id):
        assert f"/admin/find/?q={identifier}" in text
    assert f"/admin/events/attempt/?q={event.id}" in text
    text = staff.get(page_of(team.team)).content.decode()
    for kind in ("sources/source", "events/event", "teams/auditentry", "connections/transformation"):
        assert f"/admin/{kind}/?q={team.team.id}" in text
    assert [row.pk for row in staff.get(f"/admin/sources/source/?q={team.team.id}").context["cl"].result_list] == [
        team.source.id
    ]


def test_lists_of_evidence_go_on_by_key(
    staff: Client, team: Project, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EventAdmin, "list_per_page", 2)
    request = make_request(team, now)
    ids = [make_event(request, team, now - timedelta(minutes=age)).id for age in range(5)]
    seen, url = [], f"/admin/events/event/?q={team.team.id}"
    while url and len(seen) < 5:
        changes = staff.get(url).context["cl"]
        seen.append([row.pk for row in changes.result_list])
        url = f"/admin/events/event/{changes.older_url}" if changes.older_url else ""
    assert seen == [ids[:2], ids[2:4], ids[4:]]
    assert changes.newest_url == f"?q={team.team.id}"
    found = staff.get("/admin/events/event/?before=now-150s").context["cl"].result_list
    assert [row.pk for row in found] == ids[3:]


def test_a_time_that_is_none_is_said(staff: Client, team: Project) -> None:
    answer = staff.get("/admin/events/event/?before=soon")
    assert answer.status_code == 200
    assert "before: must be an ISO 8601 time" in answer.content.decode()


def test_secrets_are_told_as_set_or_not_and_never_read(staff: Client, team: Project) -> None:
    Source.objects.filter(pk=team.source.id).update(auth_type="HMAC", auth={"secret": "source-secret"})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sources_source SET auth = 'no key can decrypt this'")
        cursor.execute("UPDATE destinations_destination SET url = 'https://u:pass-secret@h.example.com/p?k=url-secret'")
    text = staff.get(page_of(team.source)).content.decode()
    assert "Set. Secrets are never shown here." in text
    text = staff.get(page_of(team.destination)).content.decode()
    assert "Not set" in text
    assert "https://***@h.example.com/p?***" in text
    assert "-secret" not in text


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
    assert Connection.objects.get().settle_requested_at is not None


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


def test_what_reads_too_long_is_stopped_and_says_so(
    staff: Client, team: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(site, "MAX_READ_S", 0.05)

    def slowly(self: Any, request: Any) -> Any:
        return Event.objects.extra(select={"slept": "pg_sleep(5)"})

    make_event(make_request(team, datetime.now().astimezone()), team, datetime.now().astimezone())
    monkeypatch.setattr(EventAdmin, "get_queryset", slowly)
    answer = staff.get("/admin/events/event/")
    assert answer.status_code == 503
    assert "took longer than 0.05 seconds and was stopped" in answer.content.decode()


def test_browsers_are_told_what_pages_may_do(staff: Client) -> None:
    for answer in (staff.get("/admin/"), staff.get("/admin/find/"), Client().get("/admin/login/")):
        assert "script-src 'self' 'unsafe-eval'" in answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Cache-Control"] == "private, no-store"
        assert "<script>" not in answer.content.decode()


def test_the_start_page_counts_and_reads_no_evidence(staff: Client, team: Project) -> None:
    with explained() as readings:
        text = staff.get("/admin/").content.decode()
    assert not any(each.reads_evidence for each in readings)
    assert 'name="q"' in text
    assert "/admin/events/attempt/" in text


def test_every_list_opens_and_the_start_page_leads_to_it(staff: Client, team: Project) -> None:
    start = staff.get("/admin/").content.decode()
    for model in admin.site._registry:
        url = reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")
        assert staff.get(url).status_code == 200, url
        assert f'href="{url}"' in start, url
