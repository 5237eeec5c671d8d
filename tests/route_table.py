"""The route table, and what each route is called with in the walks over it.

A new route comes into every walk by itself; where it needs something that is not here, the walk fails and says what.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.urls import URLPattern

from fasthook import api_urls
from teams.auth.permissions import TeamPermission

_PARAMETER = re.compile(r"<str:(\w+)>")
NO_ID = "none_00000000000000000000000000"


@dataclass(frozen=True, slots=True)
class Route:
    """One method of one path, as the table has it: `connections/<str:id>/pause`."""

    method: str
    path: str
    view: Any
    action: str

    def __str__(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def places(self) -> list[str]:
        """The path up to and with each of its ids: what a sample is looked up by."""
        return [self.path[: found.end()] for found in _PARAMETER.finditer(self.path)]

    @property
    def template(self) -> str:
        """The path as OpenAPI writes it."""
        return "/v1/" + _PARAMETER.sub(r"{\1}", self.path)

    @property
    def is_open(self) -> bool:
        return not self.view.authentication_classes

    @property
    def is_of_a_team(self) -> bool:
        return any(issubclass(permission, TeamPermission) for permission in self.view.permission_classes)

    @property
    def repeats_put(self) -> bool:
        return self.method == "POST" and self.view_actions.get("put") == self.action

    @property
    def view_actions(self) -> dict[str, str]:
        return dict(_ACTIONS[self.path])

    def filled(self, samples: Mapping[str, str]) -> str:
        """The path with an id of `samples` at each place."""
        missing = [place for place in self.places if place not in samples]
        assert not missing, f"tests/world.py has no sample for {missing}: add one, so that the walks see {self}"
        ids = iter([samples[place] for place in self.places])
        return _PARAMETER.sub(lambda _: next(ids), self.path)


_ACTIONS: dict[str, dict[str, str]] = {}


def _routes() -> Iterator[Route]:
    for pattern in api_urls.urlpatterns:
        assert isinstance(pattern, URLPattern)
        path = str(pattern.pattern)
        callback: Any = pattern.callback
        _ACTIONS[path] = {method: name for method, name in callback.actions.items() if method != "head"}
        for method, name in _ACTIONS[path].items():
            yield Route(method.upper(), path, callback.cls, name)


ROUTES = list(_routes())
CLOSED = [route for route in ROUTES if not route.is_open]
OF_A_TEAM = [route for route in ROUTES if route.is_of_a_team]
WITH_ID = [route for route in OF_A_TEAM if route.places]
READS = [route for route in ROUTES if route.method == "GET"]
CHANGES = [route for route in OF_A_TEAM if route.method != "GET"]
