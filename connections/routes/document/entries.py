"""Entries of a document: one row by names, without its state, texts escaped, secrets as the caller says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from connections.models import Connection, Transformation
from connections.routes.document.references import escape
from destinations.config import shown_target
from destinations.models import Destination, DestinationType
from sources.models import Source
from sources.verification.providers import PROVIDER_SIGNATURE, PROVIDERS

# Takes the row, the key of a secret and its value (an index after the key for one of a list), gives what is written.
SecretOf = Callable[[Any, str, str], str]


def stored_secret(row: Any, key: str, value: str) -> str:
    return value


def source_entry(row: Source, secret_of: SecretOf) -> dict[str, Any]:
    auth: Any = row.auth
    if auth and row.auth_type == PROVIDER_SIGNATURE:
        provider = PROVIDERS.get(auth["provider"])
        if provider is not None and provider.learns_secret:
            # The provider's handshake brought it, and brings another one to another source.
            auth = {name: value for name, value in auth.items() if name != "secret"}
    config = {
        "auth_type": row.auth_type,
        "auth": _auth(row, auth, secret_of),
        "allowed_http_methods": row.allowed_http_methods,
        "custom_response": escape(row.custom_response),
    }
    return {
        "name": row.name,
        "description": escape(row.description),
        "type": row.type,
        "config": _without_nulls(config),
    }


def destination_entry(row: Destination, secret_of: SecretOf) -> dict[str, Any]:
    target = shown_target(row)
    config = {
        "path" if row.type == DestinationType.MOCK_API else "url": escape(
            target["path" if row.type == DestinationType.MOCK_API else "url"]
        ),
        "http_method": row.http_method,
        "rate_limit": row.rate_limit,
        "rate_limit_period": row.rate_limit_period,
        "max_concurrency": row.max_concurrency,
        "timeout": row.timeout_s,
        "path_forwarding_disabled": row.path_forwarding_disabled,
        "auth_type": row.auth_type,
        "auth": _auth(row, row.auth, secret_of),
    }
    return {
        "name": row.name,
        "description": escape(row.description),
        "type": row.type,
        "config": _without_nulls(config),
    }


def transformation_entry(row: Transformation, secret_of: SecretOf) -> dict[str, Any]:
    env: Any = row.env
    return {
        "name": row.name,
        "description": escape(row.description),
        "code": row.code,
        "env": {name: secret_of(row, name, value) for name, value in env.items()},
    }


def connection_entry(row: Connection, names: Mapping[str, str]) -> dict[str, Any]:
    """`names` are those of its ends and of the transformations, by id."""
    return {
        "name": row.name,
        "description": escape(row.description),
        "source": names[row.source_id],
        "destination": names[row.destination_id],
        "rules": [_rule(rule, names) for rule in row.rules],
    }


def _rule(rule: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    if rule["type"] == "transform":
        return {"type": "transform", "transformation": names[rule["transformation_id"]]}
    return {key: escape(value) for key, value in rule.items()}


def _auth(row: Source | Destination, auth: Any, secret_of: SecretOf) -> dict[str, Any] | None:
    if auth is None:
        return None
    secret_keys = row.secret_keys("auth")
    return {
        key: _secret(row, key, value, secret_of) if key in secret_keys else escape(value) for key, value in auth.items()
    }


def _secret(row: Any, key: str, value: Any, secret_of: SecretOf) -> Any:
    if isinstance(value, list):
        return [secret_of(row, f"{key}_{index}", each) for index, each in enumerate(value, start=1)]
    return secret_of(row, key, value) if value else value


def _without_nulls(config: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if value is not None}
