"""Finding by an id, an address, a source URL or a name: the pages that it can mean.

Looks only where an index answers. What somebody may not view does not exist for them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.contrib.admin import ModelAdmin
from django.contrib.admin.utils import quote
from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse

from fasthook.admin.staff import FoundById
from sources.models import Source
from teams.models import ProjectSecrets, Team, User

MAX_FOUND: Final = 20
_ID: Final = re.compile(r"([a-z]{2,4})_[0-9a-zA-Z]{1,100}")
# Where what was given is in a source's URL, whatever INGRESS_URL_TEMPLATE is: slugs are words of their own.
_WORDS: Final = re.compile(r"[0-9A-Za-z-]{3,40}")
Registry = dict[type[Model], ModelAdmin]


@dataclass(frozen=True, slots=True)
class Found:
    kind: str
    name: str
    identifier: str
    url: str


def find(registry: Registry, request: HttpRequest, term: str) -> list[Found]:
    """The pages, the likeliest first; one only when it is an id."""
    term = term.strip().replace("\0", "")
    if not term:
        return []
    return list(_viewable(registry, request, _rows(registry, request, term=term)))


def prefixes(registry: Registry) -> list[str]:
    """Of the ids that lead to a page."""
    return sorted(each.id_prefix for each in registry.values() if isinstance(each, FoundById) and each.id_prefix)


def _rows(registry: Registry, request: HttpRequest, *, term: str) -> Iterator[Model]:
    named = _ID.fullmatch(term)
    if named:
        yield from _by_id(registry, request, named[1], identifier=term)
    elif "@" in term and "/" not in term:
        yield from User.objects.filter(email=term.lower())
    else:
        yield from Source.objects.filter(slug__in=_WORDS.findall(term))[:MAX_FOUND]
        yield from Team.objects.filter(name__icontains=term).order_by("-id")[:MAX_FOUND]


def _by_id(registry: Registry, request: HttpRequest, prefix: str, *, identifier: str) -> Iterator[Model]:
    for page in registry.values():
        if isinstance(page, FoundById) and page.id_prefix == prefix:
            yield from page.get_queryset(request).filter(pk=identifier)
    # Credentials have ids of their own, and the page of their team's.
    column = {"key": "api_key_id", "sig": "signing_secret_id"}.get(prefix)
    if column:
        yield from ProjectSecrets.objects.filter(**{column: identifier}).only("team_id")


def _viewable(registry: Registry, request: HttpRequest, rows: Iterator[Any]) -> Iterator[Found]:
    for row in rows:
        page = registry.get(type(row))
        if page is not None and page.has_view_permission(request, row):
            opts = row._meta
            url = reverse(f"admin:{opts.app_label}_{opts.model_name}_change", args=[quote(row.pk)])
            yield Found(str(opts.verbose_name), str(row), str(row.pk), url)
