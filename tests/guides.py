"""Follows a guide: its curl commands in order, with host, token and ids replaced, and the fields that it names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fasthook.testing import ApiCaller

_PLACE = re.compile(r"\{([a-z]\w*)\}")


@dataclass(frozen=True, slots=True)
class Curl:
    """One command. `{name}` in the call and in the body stands for an id; `keeps` is the name of the answer's own.

    `shows` are paths of fields that the answer has (`models.0.status`); `is_` what some of them are.
    """

    call: str
    body: Any = None
    keeps: str = ""
    shows: Sequence[str] = ()
    is_: Mapping[str, Any] = field(default_factory=dict)
    session: bool = False


def follow(curls: Sequence[Curl], ids: dict[str, str], *, key: ApiCaller, session: ApiCaller | None = None) -> None:
    """Makes the commands; each must succeed, and what it answers keeps for those that follow."""
    for curl in curls:
        method, _, path = curl.call.partition(" ")
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
