"""The sidebar of the support staff's site: what they may view, grouped as they think of it."""

from __future__ import annotations

from typing import Any, Final

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse

# Title, and the models in it with their Material symbols.
_GROUPS: Final = (
    (
        "Teams",
        (
            ("teams.Team", "groups"),
            ("teams.User", "person"),
            ("teams.Membership", "badge"),
            ("teams.Invitation", "mail"),
            ("teams.ProjectSecrets", "key"),
            ("teams.SessionToken", "login"),
            ("teams.AuditEntry", "history"),
        ),
    ),
    (
        "Configuration",
        (
            ("sources.Source", "input"),
            ("destinations.Destination", "output"),
            ("connections.Connection", "route"),
            ("connections.Transformation", "code"),
        ),
    ),
    (
        "Evidence",
        (
            ("events.Request", "call_received"),
            ("events.Event", "bolt"),
            ("events.Attempt", "send"),
            ("events.TransformationExecution", "terminal"),
        ),
    ),
    (
        "Alerts",
        (
            ("alerts.Alert", "notifications"),
            ("alerts.AlertRule", "rule"),
            ("alerts.AlertChannel", "campaign"),
            ("alerts.AlertNotification", "outgoing_mail"),
        ),
    ),
    (
        "Work",
        (
            ("events.BulkOperation", "playlist_play"),
            ("events.Backtest", "science"),
            ("events.RouteJob", "pending"),
            ("events.DeliveryJob", "schedule_send"),
            ("events.DestinationLease", "speed"),
        ),
    ),
)


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """Models that no group names come last, under their own names, so that none is out of reach."""
    pages = {page.model._meta.label: page for page in admin.site._registry.values()}
    named = {label for _, items in _GROUPS for label, _ in items}
    others = tuple((label, "label") for label in pages if label not in named)
    return [
        {
            "title": title,
            "separator": True,
            "items": [_item(pages[label], icon) for label, icon in items if label in pages],
        }
        for title, items in (*_GROUPS, ("More", others))
    ]


def _item(page: Any, icon: str) -> dict[str, Any]:
    return {
        "title": str(page.opts.verbose_name_plural).capitalize(),
        "icon": icon,
        "link": reverse(f"admin:{page.opts.app_label}_{page.opts.model_name}_changelist"),
        "permission": lambda request, page=page: page.has_view_permission(request),
    }
