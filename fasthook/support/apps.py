"""The admin site of support staff in the place of Django's."""

from __future__ import annotations

from django.contrib.admin.apps import AdminConfig


class SupportAdminConfig(AdminConfig):
    default_site = "fasthook.support.site.SupportSite"
