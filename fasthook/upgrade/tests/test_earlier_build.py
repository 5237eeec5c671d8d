"""A database that an earlier build made is refused before anything is changed, with a word on what to do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
from django.core.checks import CheckMessage, Tags, run_checks
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from fasthook.testing import ROOT

NAME = "earlier_build"
MADE_BY_AN_EARLIER_BUILD = """
CREATE TABLE django_migrations (id serial PRIMARY KEY, app text, name text, applied timestamptz);
INSERT INTO django_migrations (app, name, applied) VALUES
    ('events', '0001_initial', now()), ('events', '0002_route_jobs', now()), ('metrics', '0001_rollups', now());
"""
TABLES = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'"


def looked() -> list[CheckMessage]:
    return run_checks(tags=[Tags.database], databases=["default"])


def applied(*names: tuple[str, str]) -> None:
    for app, name in names:
        MigrationRecorder(connection).record_applied(app, name)


def test_a_migrated_database_passes(db: None) -> None:
    assert looked() == []


def test_migrations_that_are_gone_are_named_and_counted(db: None) -> None:
    applied(*(("events", f"00{number:02}_gone") for number in range(2, 7)))
    (error,) = looked()
    assert (error.id, error.is_serious()) == ("fasthook.E004", True)
    assert "5 migrations" in error.msg
    assert "(events.0002_gone, events.0003_gone, events.0004_gone, ...)" in error.msg


def test_a_later_releases_migrations_pass(db: None) -> None:
    applied(("events", "0002_before_add_x"), ("metrics", "0003_after_drop_y"))
    assert looked() == []


def test_other_peoples_migrations_are_their_own(db: None) -> None:
    applied(("auth", "0099_of_a_later_django"))
    assert looked() == []


@pytest.fixture
def earlier_database(services: Any) -> Iterator[str]:
    with psycopg.connect(services.database_url, autocommit=True) as server:
        server.execute(f"DROP DATABASE IF EXISTS {NAME}")
        server.execute(f"CREATE DATABASE {NAME}")
        url = urlunsplit(urlsplit(services.database_url)._replace(path=f"/{NAME}"))
        with psycopg.connect(url) as database:
            database.execute(MADE_BY_AN_EARLIER_BUILD)
        yield url
        server.execute(f"DROP DATABASE {NAME} WITH (FORCE)")


def test_migrate_ends_with_the_way_out_and_changes_nothing(earlier_database: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--noinput"],
        cwd=ROOT,
        env={**os.environ, "DATABASE_URL": earlier_database, "DATA_DIR": "/srv/fasthook"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "made by an earlier build" in done.stderr
    assert "Nothing was changed." in done.stderr
    assert "move /srv/fasthook away" in done.stderr
    with psycopg.connect(earlier_database) as database:
        assert database.execute(TABLES).fetchall() == [("django_migrations",)]
        assert database.execute("SELECT count(*) FROM django_migrations").fetchone() == (3,)
