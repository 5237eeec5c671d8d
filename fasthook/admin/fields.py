"""Columns in the admin: ids as links to what they name, JSON indented, secrets only as set or not set."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any
from urllib.parse import urlencode, urlsplit, urlunsplit

from django.contrib import admin
from django.db import models
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from fasthook.lib.clock import iso
from fasthook.lib.model_fields import EncryptedJSONField, JSONTextField, RefField

Shown = Callable[[Any], Any]
NOTHING = "-"


def show(field: models.Field[Any, Any]) -> str | Shown:
    """The field's name where Django's own way will do, else how it is shown."""
    if isinstance(field, EncryptedJSONField):
        return sealed(field.name, label=str(field.verbose_name))
    if isinstance(field, JSONTextField | models.JSONField):
        return indented(field.name, label=str(field.verbose_name))
    if isinstance(field, RefField) and not field.primary_key:
        return linked(field.name, label=str(field.verbose_name))
    if isinstance(field, models.DateTimeField):
        return moment(field.name, label=str(field.verbose_name))
    return field.name


def linked(name: str, *, label: str | None = None) -> Shown:
    """An id, as a link to the page of what it names."""

    @admin.display(description=label or name.replace("_", " "), empty_value=NOTHING)
    def display(row: Any) -> Any:
        identifier = getattr(row, name)
        return find_link(identifier) if identifier else None

    display.__name__ = name
    return display


def find_link(identifier: str) -> SafeString:
    url = f"{reverse('admin:find')}?{urlencode({'q': identifier})}"
    return format_html('<a class="text-link support-id" href="{}">{}</a>', url, identifier)


def moment(name: str, *, label: str | None = None) -> Shown:
    """A time to the millisecond, as the API and the logs write it, so that it can be looked for there."""

    @admin.display(description=label or name.replace("_", " "), empty_value=NOTHING)
    def display(row: Any) -> Any:
        return as_time(getattr(row, name))

    display.__name__ = name
    return display


def as_time(value: datetime | None) -> Any:
    return format_html('<time class="support-time">{}</time>', iso(value)) if value else None


def indented(name: str, *, label: str) -> Shown:
    @admin.display(description=label, empty_value=NOTHING)
    def display(row: Any) -> Any:
        value = getattr(row, name)
        if value in (None, [], {}):
            return None
        text = json.dumps(value, indent=2, ensure_ascii=False, default=str)
        return format_html('<pre class="support-json">{}</pre>', text)

    display.__name__ = name
    return display


def sealed(name: str, *, label: str) -> Shown:
    """Whether there is something, without reading it: the row has `<name>_is_set` from `is_set`."""

    @admin.display(description=label)
    def display(row: Any) -> str:
        return "Set. Secrets are never shown here." if getattr(row, f"{name}_is_set", False) else "Not set"

    display.__name__ = name
    return display


def is_set(names: Iterable[str]) -> dict[str, Any]:
    """Annotations that tell which of these columns hold something."""
    return {
        f"{name}_is_set": models.ExpressionWrapper(
            models.Q(**{f"{name}__isnull": False}), output_field=models.BooleanField()
        )
        for name in names
    }


def without_query(name: str) -> Shown:
    """A URL as far as it is no secret: people put keys into user info and query strings."""

    @admin.display(description=name.replace("_", " "), empty_value=NOTHING)
    def display(row: Any) -> str | None:
        url = getattr(row, name)
        if not url:
            return None
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")
        user = "***@" if host[1] else ""
        return str(urlunsplit((parts.scheme, user + host[2], parts.path, "***" if parts.query else "", "")))

    display.__name__ = name
    return display


def links(pairs: Iterable[tuple[str, str]]) -> SafeString:
    """(label, url) side by side."""
    inner = format_html_join("", '<a class="text-link" href="{1}">{0}</a>', pairs)
    return format_html('<span class="support-links">{}</span>', inner)
