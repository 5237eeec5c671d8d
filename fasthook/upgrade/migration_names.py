"""Migration names: those that this release has, and what a name says of when it may run.

`0001_initial`, then `NNNN_before_...` (the previous release goes on while it runs and afterwards) or `NNNN_after_...`
(the previous release must have ended): CONTRIBUTING.md.
"""

from __future__ import annotations

import re
from pathlib import Path

from django.apps import apps
from django.conf import settings
from django.db.migrations.loader import MigrationLoader

INITIAL = "0001_initial"
LATER = re.compile(r"\d{4}_(before|after)_[a-z0-9_]+")


def own_apps() -> set[str]:
    """The labels of the apps that are folders of this project, not installed packages."""
    return {
        config.label for config in apps.get_app_configs() if Path(config.path).resolve().parent == settings.BASE_DIR
    }


def own_migrations() -> set[tuple[str, str]]:
    """App and name of each migration that this release has."""
    return {key for key in MigrationLoader(None).disk_migrations if key[0] in own_apps()}
