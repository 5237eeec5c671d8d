"""The support staff's site: finding, lists, what is not shown, bounds and headers."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse

from connections.models import Transformation
from events.admin import EventAdmin
from events.models import Event
from events.tests.explaining import explained
from events.tests.seed import Project, make_attempt, make_event, make_project, make_request
from fasthook.support import site
from fasthook.support.tests.pages import page_of, rehearsal
from sources.models import Source
from teams.models import AuditEntry, ProjectSecrets, User


def find(http: Client, term: str) -> Any:
    return http.get(f"/admin/find/?q={quote(term)}")


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


def test_secrets_are_told_as_set_or_not_and_never_read(staff: Client, clerk: Client, team: Project, root: User) -> None:
    Source.objects.filter(pk=team.source.id).update(auth_type="HMAC", auth={"secret": "source-secret"})
    with connection.cursor() as cursor:
        cursor.execute("UPDATE sources_source SET auth = 'no key can decrypt this'")
        cursor.execute("UPDATE destinations_destination SET url = 'https://u:pass-secret@h.example.com/p?k=url-secret'")
    text = staff.get(page_of(team.source)).content.decode()
    assert "Set. Secrets are never shown here." in text
    for http in (staff, clerk):
        answer = http.get(page_of(root))
        assert answer.status_code == 200
        assert "argon2" not in answer.content.decode()
        assert root.password[-6:] not in answer.content.decode()
    text = staff.get(page_of(team.destination)).content.decode()
    assert "Not set" in text
    assert "https://***@h.example.com/p?***" in text
    assert "-secret" not in text


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
