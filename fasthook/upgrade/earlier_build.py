"""A system check before `migrate` changes anything: a database made before the migrations were squashed is refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from fasthook.lib.plural import for_count
from fasthook.upgrade.migration_names import LATER, own_apps, own_migrations

SHOWN = 3


@register(Tags.database)
def check_database_of_an_earlier_build(
    app_configs: Any = None, databases: Sequence[str] | None = None, **_: Any
) -> list[CheckMessage]:
    """Looks at the applied migrations only, and only when a command gives databases, as `migrate` does.

    A later release's migrations are known by their names and pass: after an upgrade this release may have to go on.
    """
    return [error for alias in databases or () for error in _look_at(alias)]


def _look_at(alias: str) -> list[CheckMessage]:
    applied = MigrationRecorder(connections[alias]).applied_migrations()
    ours = {(app, name) for app, name in applied if app in own_apps()}
    gone = sorted(f"{app}.{name}" for app, name in ours - own_migrations() if not LATER.fullmatch(name))
    if not gone:
        return []
    names = ", ".join(gone[:SHOWN]) + (", ..." if len(gone) > SHOWN else "")
    migrations = for_count(len(gone), "migration", "migrations")
    return [
        Error(
            f"This database was made by an earlier build of FastHook, and nothing upgrades it: it has {len(gone)} "
            f"{migrations} that this build does not know ({names}). Nothing was changed.",
            hint=f"To begin anew, move {settings.DATA_DIR} away or name another folder (DATA_DIR=.data-new "
            "./script/up); where DATABASE_URL is set, name an empty database. To keep the data, go on with the commit "
            "that made it.",
            id="fasthook.E004",
        )
    ]
