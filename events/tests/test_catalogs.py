"""Configuration in memory, against the rows: what changes is seen, and what cannot be used stops nobody else."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from cryptography.fernet import Fernet
from django.db import connection as database
from django.test.utils import CaptureQueriesContext

from connections.catalog import ConnectionCatalog
from destinations.catalog import destination_catalog
from events.tests.plane import add_connection, add_destination, add_source, change
from events.tests.seed import Project, make_project
from fasthook.lib.clock import utc_now
from fasthook.lib.sql import DataConnection
from sources.catalog import SourceCatalog
from teams.config.lock import next_config_version
from teams.models import ConfigVersion, ProjectSecrets
from teams.secrets.catalog import SigningSecrets, signing_secrets_catalog
from teams.secrets.services import rotate_project_secrets

LOST = Fernet.generate_key().decode()


def current_version() -> int:
    return ConfigVersion.objects.get(id=1).version


def test_a_source_is_found_by_its_slug_until_it_is_deleted(team: Project) -> None:
    catalog = SourceCatalog()
    row = add_source(team, slug="abc", allowed_http_methods=["GET"])
    catalog.refresh(current_version())
    entry = catalog.by_slug["abc"]
    assert (entry.id, entry.team_id, entry.enabled, entry.methods) == (row.id, team.team.id, True, frozenset({"GET"}))
    change(row, disabled_at=utc_now())
    catalog.refresh(current_version())
    assert not catalog.by_slug["abc"].enabled
    change(row, deleted_at=utc_now())
    catalog.refresh(current_version())
    assert "abc" not in catalog.by_slug
    assert catalog.get(row.id) is None


def test_sources_that_exchange_their_slugs_are_both_found(team: Project) -> None:
    catalog = SourceCatalog()
    first, second = add_source(team, slug="one"), add_source(team, slug="two")
    catalog.refresh(current_version())
    change(first, slug="tmp")
    change(second, slug="one")
    change(first, slug="two")
    catalog.refresh(current_version())
    assert (catalog.by_slug["one"].id, catalog.by_slug["two"].id) == (second.id, first.id)


def test_a_refresh_reads_the_changed_rows_in_one_query(team: Project) -> None:
    catalog = SourceCatalog()
    for _ in range(5):
        add_source(team)
    version = current_version()
    with CaptureQueriesContext(database) as queries:
        assert catalog.refresh(version)
    assert len(queries) == 1
    with CaptureQueriesContext(database) as queries:
        assert not catalog.refresh(version)
    assert len(queries) == 0


def test_live_connections_are_those_of_the_source_that_are_enabled_oldest_first(team: Project) -> None:
    catalog = ConnectionCatalog()
    change(team.connection)
    second, third = add_connection(team), add_connection(team)
    change(team.connection, paused_at=utc_now())
    add_connection(team, source=add_source(team))
    catalog.refresh(current_version())
    live = catalog.live(team.source.id)
    assert [(entry.id, entry.paused) for entry in live] == [
        (team.connection.id, True),
        (second.id, False),
        (third.id, False),
    ]
    change(second, disabled_at=utc_now())
    change(third, deleted_at=utc_now())
    catalog.refresh(current_version())
    assert [entry.id for entry in catalog.live(team.source.id)] == [team.connection.id]
    assert not catalog.entries[second.id].enabled
    change(second, disabled_at=None)
    catalog.refresh(current_version())
    assert [entry.id for entry in catalog.live(team.source.id)] == [team.connection.id, second.id]
    assert catalog.live("src_unknown") == []


def test_a_connection_whose_rules_cannot_be_read_is_faulty_alone(team: Project) -> None:
    catalog = ConnectionCatalog()
    sound = add_connection(team)
    broken = add_connection(team, rules=[{"type": "retry", "strategy": "linear"}])
    catalog.refresh(current_version())
    assert catalog.entries[sound.id].fault is None
    assert (catalog.entries[broken.id].fault or "").startswith("its rules cannot be read")


@pytest.mark.parametrize("auth_type", ["OAUTH9", "BEARER_TOKEN"])
def test_a_destination_that_cannot_be_read_is_faulty_alone(team: Project, auth_type: str) -> None:
    catalog = destination_catalog()
    sound = add_destination(team)
    broken = add_destination(team, auth_type=auth_type, auth={})
    catalog.refresh(current_version())
    assert catalog.entries[sound.id].target is not None
    assert (catalog.entries[broken.id].target, catalog.entries[broken.id].fault is None) == (None, False)


def test_a_source_that_cannot_be_read_is_faulty_alone(team: Project) -> None:
    catalog = SourceCatalog()
    sound = add_source(team)
    broken = add_source(team, auth_type="UNHEARD_OF", auth={})
    catalog.refresh(current_version())
    assert catalog.entries[sound.id].fault is None
    assert catalog.entries[broken.id].fault is not None


def test_secrets_under_a_lost_key_are_faulty_alone(team: Project, settings: Any, now: Any) -> None:
    kept = settings.ENCRYPTION_KEYS
    settings.ENCRYPTION_KEYS = [LOST]
    theirs = make_project("theirs", now=now)
    source = add_source(theirs, auth_type="API_KEY", auth={"header": "x-key", "api_key": "k"})
    destination = add_destination(theirs, auth_type="BEARER_TOKEN", auth={"token": "t"})
    settings.ENCRYPTION_KEYS = kept
    sources, destinations, secrets = SourceCatalog(), destination_catalog(), signing_secrets_catalog()
    for catalog in (sources, destinations, secrets):
        catalog.refresh(current_version())  # type: ignore[attr-defined]
    assert "ENCRYPTION_KEYS" in (sources.entries[source.id].fault or "")
    assert "ENCRYPTION_KEYS" in (destinations.entries[destination.id].fault or "")
    assert secrets.get(theirs.team.id) is None
    assert secrets.get(team.team.id) is not None


def test_a_rotation_keeps_the_old_secret_signing_for_its_grace(team: Project, settings: Any) -> None:
    settings.SIGNING_SECRET_GRACE_S = 60
    catalog = signing_secrets_catalog()
    now = utc_now()
    old = ProjectSecrets.objects.get(team=team.team).signing_secret
    catalog.refresh(current_version())
    assert catalog.entries[team.team.id].at(now) == (old,)
    new = rotate_project_secrets(team.team, ["signing_secret"], now=now).signing_secret
    catalog.refresh(current_version())
    entry = catalog.entries[team.team.id]
    assert entry == SigningSecrets(new, old, now + timedelta(seconds=60))
    assert entry.at(now + timedelta(seconds=59)) == (new, old)
    assert entry.at(now + timedelta(seconds=60)) == (new,)


def test_a_version_is_taken_only_inside_a_transaction(transactional_db: None) -> None:
    with pytest.raises(RuntimeError, match="atomic"):
        next_config_version()


def test_a_catalog_mends_its_threads_connection_after_postgres_closed_it(transactional_db: None) -> None:
    project = make_project("mended", now=utc_now())
    catalog = SourceCatalog()
    catalog.refresh(current_version())
    row = add_source(project)
    version = current_version()
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        (pid,) = cursor.fetchone()
    other = DataConnection("test")
    other.run(lambda connection: connection.execute("SELECT pg_terminate_backend(%s, 5000)", [pid]).fetchall())
    other.close()
    catalog.refresh(version)
    assert catalog.get(row.id) is not None
