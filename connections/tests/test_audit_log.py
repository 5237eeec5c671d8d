"""What the audit log keeps of changes to sources, destinations, transformations and connections."""

from __future__ import annotations

from typing import Any

import pytest
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from connections.models import Connection
from connections.tests.factories import ConnectionFactory
from fasthook.testing import ApiCaller
from teams.models import AuditEntry, Team


@pytest.fixture
def connection(team: Team) -> Connection:
    made: Connection = ConnectionFactory(team=team)
    return made


def last() -> AuditEntry:
    return AuditEntry.objects.latest("id")


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("id").values_list("action", flat=True))


def test_a_creation_tells_the_whole_resource_with_its_secrets_masked(client: ApiCaller) -> None:
    auth = {"secret": "whsec_0123456789", "signature_header": "x-signature"}
    made = client.post("sources", {"name": "stripe", "config": {"auth_type": "HMAC", "auth": auth}}).json()
    entry: Any = last()
    assert (entry.action, entry.resource_type, entry.resource_id, entry.resource_name) == (
        "source.created",
        "source",
        made["id"],
        "stripe",
    )
    assert entry.before is None
    assert entry.after["config.auth"]["secret"] == "whsec_****6789"
    assert entry.after["config.auth"]["signature_header"] == "x-signature"
    assert {"name", "description", "type", "disabled_at", "config.auth_type", "config.allowed_http_methods"} <= set(
        entry.after
    )


def test_a_change_tells_what_differs_and_nothing_else(client: ApiCaller, connection: Connection) -> None:
    client.patch(f"destinations/{connection.destination_id}", {"config": {"timeout": 12, "rate_limit": 5}})
    entry = last()
    assert entry.action == "destination.updated"
    assert entry.before == {"config.rate_limit": None, "config.timeout": 30.0}
    assert entry.after == {"config.rate_limit": 5, "config.timeout": 12.0}


def test_a_write_that_changes_nothing_is_not_told(client: ApiCaller, connection: Connection) -> None:
    client.patch(f"connections/{connection.id}", {"name": connection.name})
    assert actions() == []


def test_changes_of_state_are_told_by_name(client: ApiCaller, connection: Connection) -> None:
    for action in ("pause", "unpause", "disable", "enable"):
        assert client.put(f"connections/{connection.id}/{action}").status_code == 200
    for kind, identifier in (("sources", connection.source_id), ("destinations", connection.destination_id)):
        client.put(f"{kind}/{identifier}/disable")
        client.put(f"{kind}/{identifier}/enable")
    assert actions() == [
        "connection.paused",
        "connection.unpaused",
        "connection.disabled",
        "connection.enabled",
        "source.disabled",
        "source.enabled",
        "destination.disabled",
        "destination.enabled",
    ]


def test_a_deletion_keeps_what_was_there(client: ApiCaller, connection: Connection) -> None:
    client.delete(f"sources/{connection.source_id}?cascade=true")
    assert actions() == ["connection.deleted", "source.deleted"]
    first: Any = AuditEntry.objects.earliest("id")
    assert first.after is None
    assert first.before["destination_id"] == connection.destination_id
    assert (first.resource_id, first.before["rules"]) == (connection.id, [])


def test_inline_objects_are_told_one_by_one(client: ApiCaller) -> None:
    body = {
        "name": "a-to-b",
        "source": {"name": "a"},
        "destination": {"name": "b", "type": "MOCK_API"},
        "rules": [{"type": "transform", "transformation": {"name": "t", "code": "return request;", "env": {"K": "v"}}}],
    }
    assert client.put("connections", body).status_code == 201
    assert actions() == ["source.created", "destination.created", "transformation.created", "connection.created"]
    told: Any = AuditEntry.objects.get(action="transformation.created").after
    assert told["env"] == {"K": "****"}


def test_a_refused_change_leaves_no_entry(client: ApiCaller, connection: Connection) -> None:
    assert client.post("sources", {"name": connection.source.name}).status_code == 409
    assert client.patch(f"sources/{connection.source_id}", {"config": {"auth_type": "NONE"}}).status_code == 422
    assert actions() == []


def test_a_write_costs_one_statement_more(client: ApiCaller, connection: Connection) -> None:
    with CaptureQueriesContext(database) as queries:
        client.put(f"connections/{connection.id}/pause")
    told = [each["sql"] for each in queries if "teams_auditentry" in each["sql"]]
    assert [sql.split()[0] for sql in told] == ["INSERT"]
