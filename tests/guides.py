"""Follows a guide: its curl commands in order, with host, token and ids replaced, and the fields that it names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.urls import Resolver404, resolve

from fasthook.testing import ApiCaller

_PLACE = re.compile(r"\{([a-z]\w*)\}")


@dataclass(frozen=True, slots=True)
class Curl:
    """One command. `{name}` in the call and in the body stands for an id; `keeps` is the name of the answer's own.

    `shows` are paths of fields that the answer has (`models.0.status`); `is_` what some of them are. `awaits` says that
    the route is still to come: once it is in the table, the command is made like the others.
    """

    call: str
    body: Any = None
    keeps: str = ""
    shows: Sequence[str] = ()
    is_: Mapping[str, Any] = field(default_factory=dict)
    session: bool = False
    awaits: bool = False


def follow(
    curls: Sequence[Curl], ids: dict[str, str], *, key: ApiCaller, session: ApiCaller | None = None
) -> list[Curl]:
    """Makes the commands; the ones whose route is not there yet are given back."""
    left_out = []
    for curl in curls:
        method, _, path = curl.call.partition(" ")
        if curl.awaits and not _has_route(path):
            left_out.append(curl)
            continue
        caller = session if curl.session and session is not None else key
        response = caller.call(method, filled(path, ids), filled(curl.body, ids))
        assert 200 <= response.status_code < 300, f"{curl.call}: {response.status_code} {response.content.decode()}"
        answer = response.json() if response.content else {}
        for name in curl.shows:
            _at(answer, name, curl.call)
        for name, value in curl.is_.items():
            assert _at(answer, name, curl.call) == filled(value, ids), f"{curl.call}: {name}"
        if curl.keeps:
            ids[curl.keeps] = answer["id"]
    return left_out


def _has_route(path: str) -> bool:
    try:
        match = resolve(f"/v1/{_PLACE.sub('x', path.partition('?')[0])}")
    except Resolver404:
        return False
    # An id of another route may stand where this path has a word.
    return hasattr(match.func, "actions") and len(match.kwargs) == len(_PLACE.findall(path.partition("?")[0]))


def filled(value: Any, ids: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _PLACE.sub(lambda found: ids[found[1]], value)
    if isinstance(value, dict):
        return {name: filled(each, ids) for name, each in value.items()}
    if isinstance(value, list):
        return [filled(each, ids) for each in value]
    return value


def _at(answer: Any, path: str, call: str) -> Any:
    found = answer
    for name in path.split("."):
        key: Any = int(name) if isinstance(found, list) else name
        has = 0 <= key < len(found) if isinstance(found, list) else key in found
        assert has, f"{call}: the answer has no {path}: {answer}"
        found = found[key]
    return found
