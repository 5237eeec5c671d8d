"""A source: the public URL that a provider calls, and how its callers are verified."""

from __future__ import annotations

from collections.abc import Collection

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models

from fasthook.lib.model_fields import EncryptedJSONField, IdField
from sources.verification.config import SECRET_FIELDS
from teams.models import Resource, list_indexes


class Source(Resource):
    id = IdField(prefix="src", primary_key=True)
    type = models.CharField(max_length=40, default="WEBHOOK")
    # Readers of its index: making a slug, which must be new; the admin's search. Ingress has all slugs in its catalog.
    slug = models.CharField(max_length=40, unique=True)
    auth_type = models.CharField(max_length=40, null=True, blank=True)
    auth = EncryptedJSONField(null=True, blank=True)
    allowed_http_methods = ArrayField(models.CharField(max_length=7), default=list)
    custom_response = models.JSONField(null=True, blank=True)

    shown_as = {
        **Resource.shown_as,
        "type": "type",
        "auth_type": "config.auth_type",
        "auth": "config.auth",
        "allowed_http_methods": "config.allowed_http_methods",
        "custom_response": "config.custom_response",
    }

    class Meta:
        constraints = [
            # Readers: a source asked for by name; the team's list by name.
            models.UniqueConstraint(
                fields=["team", "name"], condition=models.Q(deleted_at=None), name="source_name_once_per_team"
            ),
        ]
        indexes = list_indexes("source")

    @property
    def url(self) -> str:
        return settings.INGRESS_URL_TEMPLATE.format(base=settings.BASE_URL, slug=self.slug)

    def secret_keys(self, column: str) -> Collection[str]:
        return SECRET_FIELDS.get(self.auth_type or "", ()) if column == "auth" else ()
