"""Secrets in an entry: only ever references, and one without a variable keeps what is stored in that very place."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from connections.models import Transformation
from connections.routes.document.references import Substituted
from destinations.models import Destination
from destinations.outbound.auth.types import DESTINATION_SECRET_FIELDS
from sources.models import Source
from sources.types import GENERIC_TYPE
from sources.verification.config import SECRET_FIELDS, infer_auth_type

Faults = dict[str, list[str]]


class SecretKeeper:
    """Fills entries in; `kept` are the names whose stored secrets stay."""

    def __init__(self, found: Substituted) -> None:
        self._found = found
        self.kept: set[str] = set()
        self.faults: Faults = {}

    def fill_source(self, entry: dict[str, Any], row: Source | None, *, at: str) -> None:
        auth = entry.get("config", {}).get("auth")
        if not isinstance(auth, dict):
            return
        kind = entry.get("type") or (row.type if row else GENERIC_TYPE)
        auth_type = infer_auth_type(kind, entry["config"].get("auth_type"), auth)
        before: Any = row.auth if row is not None and row.auth_type == auth_type else None
        if before and before.get("provider") not in (None, str(auth.get("provider", kind)).upper()):
            before = None
        self._fill(auth, before or {}, SECRET_FIELDS.get(auth_type or "", frozenset()), at=f"{at}.config.auth")

    def fill_destination(self, entry: dict[str, Any], row: Destination | None, *, at: str) -> None:
        auth = entry.get("config", {}).get("auth")
        if not isinstance(auth, dict):
            return
        auth_type = entry["config"].get("auth_type")
        before: Any = row.auth if row is not None and row.auth_type == auth_type else None
        secret_keys = DESTINATION_SECRET_FIELDS.get(auth_type or "", frozenset())
        self._fill(auth, before or {}, secret_keys, at=f"{at}.config.auth")

    def fill_transformation(self, entry: dict[str, Any], row: Transformation | None, *, at: str) -> None:
        """Values of an env need not be secret, so they may stand in the document."""
        env = entry.get("env")
        if env is None:
            return
        before: Any = row.env if row is not None else {}
        for name, value in env.items():
            env[name] = self._one(value, before.get(name), at=f"{at}.env.{name}")

    def _fill(self, auth: dict[str, Any], before: Mapping[str, Any], secret_keys: Collection[str], *, at: str) -> None:
        for key, value in auth.items():
            path = f"{at}.{key}"
            if key not in secret_keys:
                self._refuse_absent(value, at=path)
            elif isinstance(value, list):
                auth[key] = self._several(value, before.get(key), at=path)
            else:
                auth[key] = self._secret(value, before.get(key), at=path)

    def _secret(self, value: Any, stored: Any, *, at: str) -> Any:
        if value not in (None, "") and at not in self._found.referenced:
            self.faults[at] = ["is a secret: write a reference such as ${NAME} here, and its value in variables"]
            return value
        return self._one(value, stored, at=at)

    def _several(self, values: list[Any], stored: Any, *, at: str) -> list[Any]:
        """Kept as a whole or given as a whole: by its place alone nobody can tell which one of several is meant."""
        paths = [f"{at}[{index}]" for index in range(len(values))]
        absent = [path for path in paths if path in self._found.absent]
        known = stored if isinstance(stored, list) else [stored]
        if not absent or (len(absent) == len(values) == len(known)):
            known = known if absent else [None] * len(values)
            return [
                self._secret(value, before, at=path) for value, before, path in zip(values, known, paths, strict=True)
            ]
        for path in absent:
            name = self._found.absent[path]
            self.faults[path] = [f"the variable {name} is not given; of several secrets give all that shall stay"]
        return values

    def _one(self, value: Any, stored: Any, *, at: str) -> Any:
        name = self._found.absent.get(at)
        if name is None:
            return value
        if not isinstance(stored, str):
            self.faults[at] = [f"the variable {name} is not given, and there is no stored secret to keep"]
            return value
        self.kept.add(name)
        return stored

    def _refuse_absent(self, value: Any, *, at: str) -> None:
        places = [f"{at}[{index}]" for index in range(len(value))] if isinstance(value, list) else [at]
        for place in places:
            if place in self._found.absent:
                self.faults[place] = [f"the variable {self._found.absent[place]} is not given"]
