"""Source addresses: the slug of a source in the address of a call, by the form of INGRESS_URL_TEMPLATE."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from events.ingress.body import Scope, header_of

# Stands for the slug while the template is taken apart; no host name or path holds it by chance.
_SLUG = "slug0000000000"


class SourceAddress:
    """Finds the slug in a call's address, by the form of INGRESS_URL_TEMPLATE: in the path, or in the host name.

    A host that the template names is part of the address: on other hosts, such as the admin's, there are no sources.
    """

    def __init__(self, template: str) -> None:
        url = urlsplit(template.format(base="http://base", slug=_SLUG))
        before, slug, after = (url.hostname or "").partition(_SLUG)
        self._slug_is_in_host = bool(slug)
        named = f"{re.escape(before)}{'([a-z0-9]+)' if slug else ''}{re.escape(after)}"
        self._host = re.compile(named) if not template.startswith("{base}") else None
        self._prefix = url.path.partition(_SLUG)[0]

    def split(self, scope: Scope) -> tuple[str, str] | None:
        """(slug, the rest of the path as it came) or None when the call is not for a source."""
        path: str = scope["raw_path"].decode("latin-1")
        if self._host is not None:
            host = header_of(scope, b"host").rpartition(":")[0] or header_of(scope, b"host")
            match = self._host.fullmatch(host.lower())
            if match is None:
                return None
            if self._slug_is_in_host:
                return match[1], _rest(path)
        if not path.startswith(self._prefix):
            return None
        slug, slash, rest = path[len(self._prefix) :].partition("/")
        return slug, _rest(slash + rest)


def _rest(path: str) -> str:
    return "" if path == "/" else path
