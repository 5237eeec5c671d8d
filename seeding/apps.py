"""Seeded history as a Django app: `manage.py seed_history`."""

from __future__ import annotations

from django.apps import AppConfig


class SeedingConfig(AppConfig):
    name = "seeding"
