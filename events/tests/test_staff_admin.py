from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.apps import apps
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import connection, models
from django.db.models import CompositePrimaryKey
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from connections.models import Transformation
from events.models import (
    Backtest,
    BulkOperation,
    BulkOutcome,
    DeliveryJob,
    DestinationLease,
    Event,
    EventPayload,
    RouteJob,
    TransformationExecution,
)
from events.tests.seed import Project, make_attempt, make_event, make_request
from teams.models import Invitation, Membership, ProjectSecrets, Role, SessionToken, Team, User

APPS = ("teams", "sources", "destinations", "connections", "events")
OWN = [model for label in APPS for model in apps.get_app_config(label).get_models()]
SHOWN = [model for model in OWN if model in admin.site._registry]
EDITABLE = {User, Team, Membership}
SECRETS = (
    "fhp_",
    "whsec_",
    "source-secret",
    "destination-secret",
    "header-secret",
    "body-secret",
    "query-secret",
    "env-secret",
    "log-secret",
)


def url(model: type[models.Model], page: str, *args: object) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_{page}", args=args)


@pytest.fixture
def root(db: None) -> User:
    return User.objects.create_superuser("root@example.com", "a long password")


@pytest.fixture
def client() -> Client:
    """A browser that is not signed in."""
    return Client()


@pytest.fixture
def staff(client: Client, root: User) -> Client:
    client.force_login(root)
    return client


@pytest.fixture
def evidence(team: Project, other_team: Project, root: User, now: datetime) -> Event:
    """One row at least of every model, with secrets wherever they can be."""
    type(team.source).objects.update(auth={"secret": "source-secret"}, auth_type="HMAC")
    type(team.destination).objects.update(auth={"token": "destination-secret"}, auth_type="BEARER_TOKEN")
    Membership.objects.create(team=team.team, user=root, role=Role.OWNER)
    SessionToken.objects.create(user=root, digest="digest-secret", expires_at=now)
    Invitation.objects.create(
        team=team.team,
        email="ada@example.com",
        role=Role.MEMBER,
        digest="digest-secret",
        invited_by=root,
        expires_at=now,
    )
    headers = [["authorization", "header-secret"]]
    row = make_request(team, now, headers=headers, body=b"body-secret", query="key=query-secret")
    event = make_event(row, team, now, failure_message="TRANSFORMATION_FAILED: threw body-secret")
    make_attempt(
        event, now, request_headers=dict(headers), body="body-secret", requested_url="http://x/?key=query-secret"
    )
    foreign = make_event(make_request(other_team, now), other_team, now)
    assert RouteJob.objects.filter(request_id=row.id).exists()
    Transformation.objects.create(team=team.team, name="t", code="return request;", env={"KEY": "env-secret"})
    TransformationExecution.objects.create(
        team_id=team.team.id,
        transformation_id="trs_1",
        connection_id=team.connection.id,
        request_id=row.id,
        event_id=event.id,
        status="FAILED",
        error="threw body-secret",
        error_kind="THREW",
        logs='[{"level": "log", "message": "log-secret"}]',
        after='{"body": "body-secret"}',
        duration_us=1,
        cpu_us=1,
        created_at=now,
    )
    Backtest.objects.create(
        team_id=team.team.id,
        connection_id=team.connection.id,
        source_id=team.source.id,
        rules=[{"type": "filter", "body": {"key": "body-secret"}}],
        sealed={"env": "env-secret"},
        range_from=now,
        range_to=now,
        total_count=1,
        samples=[{"error": "threw body-secret"}],
        requested_by="root@example.com",
        created_at=now,
    )
    BulkOperation.objects.create(
        team_id=team.team.id,
        type="event_bulk_retry",
        digest=b"1",
        filter={"q": "body-secret"},
        range_from=now,
        range_to=now,
        total_count=1,
        total_exact=True,
        requested_by="root@example.com",
        created_at=now,
    )
    DestinationLease.objects.create(destination_id=team.destination.id, owned_until=now, last_slot_at=now)
    for each in (event, foreign):
        DeliveryJob.objects.create(
            event_id=each.id,
            team_id=each.team_id,
            request_id=each.request_id,
            source_id=each.source_id,
            connection_id=each.connection_id,
            destination_id=each.destination_id,
            rank=1,
            due_at=now,
            attempt_number=1,
            trigger="INITIAL",
            body_size=1,
        )
    return event


def test_every_model_that_the_admin_can_take_is_there() -> None:
    composite = {model for model in OWN if isinstance(model._meta.pk, CompositePrimaryKey)}
    # What a transformation made is its team's own, like bodies; outcomes are folded into their operation.
    assert set(OWN) - set(SHOWN) == composite | {EventPayload, BulkOutcome}


@pytest.mark.parametrize("model", SHOWN, ids=lambda model: model.__name__)
def test_lists_and_details_open_and_show_no_secret(staff: Client, evidence: Event, model: type[models.Model]) -> None:
    row = model._default_manager.order_by("-pk").first()
    assert row is not None
    for path in (url(model, "changelist"), url(model, "change", row.pk)):
        page = staff.get(path)
        assert page.status_code == 200, path
        text = page.content.decode()
        assert [secret for secret in (*SECRETS, "digest-secret") if secret in text] == []


@pytest.mark.parametrize("model", [model for model in SHOWN if model not in EDITABLE], ids=lambda model: model.__name__)
def test_configuration_and_evidence_cannot_be_changed(
    staff: Client, evidence: Event, model: type[models.Model]
) -> None:
    row = model._default_manager.order_by("-pk").first()
    assert row is not None
    assert staff.get(url(model, "add")).status_code == 403
    assert staff.post(url(model, "change", row.pk), {"name": "x"}).status_code == 403
    assert staff.post(url(model, "delete", row.pk), {"post": "yes"}).status_code == 403
    assert model._default_manager.filter(pk=row.pk).exists()


@pytest.mark.parametrize(
    ("model", "terms"),
    [(Event, ["id", "request_id", "connection_id", "destination_id", "team_id"]), (DeliveryJob, ["event_id"])],
)
def test_evidence_is_found_by_the_ids_it_names(
    staff: Client, evidence: Event, model: type[models.Model], terms: list[str]
) -> None:
    row = model._default_manager.get(pk=evidence.pk)
    for term in terms:
        found = staff.get(url(model, "changelist"), {"q": getattr(row, term)}).context["cl"].result_list
        assert [each.pk for each in found] == [row.pk], term
    for term in ("evt_unknown", "free text", "usr_1"):
        assert not staff.get(url(model, "changelist"), {"q": term}).context["cl"].result_list


def test_lists_of_evidence_are_never_counted_to_their_end(staff: Client, evidence: Event) -> None:
    with CaptureQueriesContext(connection) as captured:
        assert staff.get(url(Event, "changelist")).status_code == 200
    counts = [query["sql"] for query in captured if "COUNT(" in query["sql"] and '"events"' in query["sql"]]
    assert counts == []


def test_names_and_memberships_can_be_changed_and_secrets_stay(
    staff: Client, evidence: Event, team: Project, root: User
) -> None:
    before = ProjectSecrets.objects.get(team=team.team).api_key
    membership = Membership.objects.get(team=team.team)
    answer = staff.post(
        url(Team, "change", team.team.pk),
        {
            "name": "renamed",
            "memberships-TOTAL_FORMS": "1",
            "memberships-INITIAL_FORMS": "1",
            "memberships-0-id": str(membership.pk),
            "memberships-0-team": team.team.pk,
            "memberships-0-user": root.pk,
            "memberships-0-role": "viewer",
        },
    )
    assert answer.status_code == 302
    assert Team.objects.get(pk=team.team.pk).name == "renamed"
    assert Membership.objects.get(pk=membership.pk).role == "viewer"
    assert ProjectSecrets.objects.get(team=team.team).api_key == before


def test_new_people_get_an_address_in_lower_case(staff: Client) -> None:
    form = {
        "email": "New@Example.com",
        "name": "New",
        "password1": "correct horse battery",
        "password2": "correct horse battery",
        "usable_password": "true",
        "memberships-TOTAL_FORMS": "0",
        "memberships-INITIAL_FORMS": "0",
    }
    answer = staff.post(url(User, "add"), form)
    assert answer.status_code == 302, answer.context["errors"]
    user = User.objects.get(email="new@example.com")
    assert user.check_password("correct horse battery")
    assert (user.is_staff, user.is_superuser) == (False, False)


def test_staff_without_being_superuser_cannot_change_people(client: Client, root: User, now: datetime) -> None:
    clerk = User.objects.create_user("clerk@example.com", "a long password", is_staff=True)
    clerk.user_permissions.add(*Permission.objects.filter(content_type__app_label="teams"))
    client.force_login(clerk)
    assert client.get(url(User, "changelist")).status_code == 200
    assert client.post(url(User, "change", clerk.pk), {"is_superuser": "on"}).status_code == 403
    assert client.post(reverse("admin:auth_user_password_change", args=[root.pk]), {}).status_code == 403
    assert not User.objects.get(pk=clerk.pk).is_superuser


def test_strangers_do_not_get_in(client: Client, root: User, now: datetime) -> None:
    client.force_login(User.objects.create_user("member@example.com", "a long password"))
    for model in SHOWN:
        assert client.get(url(model, "changelist")).status_code == 302


def test_evidence_of_a_month_ago_opens(staff: Client, team: Project, now: datetime) -> None:
    row = make_request(team, now - timedelta(days=30))
    assert staff.get(url(type(row), "change", row.pk)).status_code == 200
