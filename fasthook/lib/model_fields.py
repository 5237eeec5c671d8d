"""Model fields of ours: time-ordered ids and values that are encrypted at rest."""

from __future__ import annotations

import json
from typing import Any

from django.db import models

from fasthook.lib.crypto import decrypt, encrypt
from fasthook.lib.ids import new_id


class IdField(models.TextField):
    """A prefixed time-ordered id in `text COLLATE "C"`, so that byte order is time order."""

    def __init__(self, *, prefix: str, **kwargs: Any) -> None:
        self.prefix = prefix
        kwargs.setdefault("db_collation", "C")
        kwargs.setdefault("editable", False)
        super().__init__(**kwargs)

    def deconstruct(self) -> tuple[str, str, Any, Any]:
        name, path, args, kwargs = super().deconstruct()
        return name, path, args, {**kwargs, "prefix": self.prefix}

    def has_default(self) -> bool:
        return self.primary_key

    def get_default(self) -> str | None:
        return new_id(self.prefix) if self.primary_key else None


class RefField(models.TextField):
    """The id of a row elsewhere, without a foreign key: evidence outlives the configuration that it names."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("db_collation", "C")
        super().__init__(**kwargs)


class JSONTextField(models.TextField):
    """Any JSON value, kept as text: unlike jsonb it gives objects back with their keys in the order they came."""

    # Read by the type checker's Django plugin.
    _pyi_private_get_type: Any
    _pyi_private_set_type: Any

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return None if value is None else json.loads(value)

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def to_python(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj)) or ""


class EncryptedJSONField(models.TextField):
    """Any JSON value, encrypted at rest. It cannot be filtered on."""

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> Any:
        return unseal(value)

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else encrypt(json.dumps(value, separators=(",", ":")))

    def to_python(self, value: Any) -> Any:
        return value

    def value_to_string(self, obj: models.Model) -> str:
        return self.get_prep_value(self.value_from_object(obj)) or ""


def unseal(token: str | None) -> Any:
    """The value of an EncryptedJSONField read as text. UndecryptableSecret when its key is gone."""
    return None if token is None else json.loads(decrypt(token))
