"""The `config` of a source as columns: defaults, merging with what is stored, masked secrets kept.

Authentication and the custom response have their own rules, in `sources.verification`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from fasthook.lib.config_fields import closest, read_choice
from fasthook.lib.errors import invalid
from fasthook.lib.masking import unmask_auth
from sources.methods import DEFAULT_METHODS, METHODS
from sources.models import Source
from sources.types import GENERIC_TYPE, SOURCE_TYPES
from sources.verification.config import SECRET_FIELDS, infer_auth_type, normalise_auth
from sources.verification.custom_response.response import normalise_custom_response
from sources.verification.providers import PROVIDER_SIGNATURE, PROVIDERS


class SourceColumns(TypedDict, total=False):
    type: str
    auth_type: str | None
    auth: dict[str, Any] | None
    allowed_http_methods: list[str]
    custom_response: dict[str, Any] | None


def read_source_columns(
    *, source_type: str | None, config: Mapping[str, Any] | None, stored: Source | None, merge: bool, at: str = ""
) -> SourceColumns:
    """The columns that `type` and `config` set. None leaves the stored value; without a stored row, the default.

    With `merge` a key that `config` lacks stays as it is, otherwise it gets its default. `at` is put before the
    paths of faults. Raises InvalidInput.
    """
    columns = SourceColumns()
    if source_type is not None or stored is None:
        columns["type"] = read_choice(source_type or GENERIC_TYPE, SOURCE_TYPES, at=f"{at}type")
    effective_type = columns.get("type") or (stored.type if stored else GENERIC_TYPE)
    if config is None and stored is not None:
        _check_type_fits(effective_type, stored, at=f"{at}type")
        return columns
    given: Mapping[str, Any] = config or {}
    kept = stored if merge else None
    says_auth = "auth_type" in given or "auth" in given
    if says_auth or (kept is None and not _has_learned_secret(stored, effective_type)):
        columns["auth_type"] = _meant_auth_type(effective_type, given, kept)
        columns["auth"] = _read_auth(
            effective_type, columns["auth_type"], given.get("auth"), stored=stored, merge=merge, at=f"{at}config"
        )
    elif stored is not None:
        _check_type_fits(effective_type, stored, at=f"{at}type")
    if kept is None or "allowed_http_methods" in given:
        columns["allowed_http_methods"] = _read_methods(
            given.get("allowed_http_methods"), at=f"{at}config.allowed_http_methods"
        )
    if kept is None or "custom_response" in given:
        columns["custom_response"] = normalise_custom_response(
            given.get("custom_response"), at=f"{at}config.custom_response"
        )
    return columns


def _meant_auth_type(source_type: str, given: Mapping[str, Any], kept: Source | None) -> str | None:
    before = kept.auth_type if kept is not None else None
    auth_type = given.get("auth_type", before)
    # What is merged into stored authentication of a type is of that type.
    return before if before and auth_type == before else infer_auth_type(source_type, auth_type, given.get("auth"))


def _read_auth(
    source_type: str,
    auth_type: str | None,
    auth: Mapping[str, Any] | None,
    *,
    stored: Source | None,
    merge: bool,
    at: str,
) -> dict[str, Any] | None:
    same = stored is not None and stored.auth_type == auth_type
    before: Any = stored.auth if stored is not None and same else None
    if auth is not None:
        auth = unmask_auth(auth, before, SECRET_FIELDS.get(auth_type or "", frozenset()), at=f"{at}.auth")
    if before and not _is_same_provider(source_type, before, auth):
        before = None
    if merge and before:
        auth = {**before, **(auth or {})}
    elif before and auth_type == PROVIDER_SIGNATURE and _has_learned_secret(stored, source_type):
        auth = {"secret": before["secret"], **(auth or {})}
    return normalise_auth(source_type, auth_type, auth, at=at)


def _is_same_provider(source_type: str, before: Mapping[str, Any], auth: Mapping[str, Any] | None) -> bool:
    named = (auth or {}).get("provider") or (source_type if source_type != GENERIC_TYPE else None)
    return named is None or "provider" not in before or before["provider"] == named


def _has_learned_secret(stored: Source | None, source_type: str) -> bool:
    """Whether the secret came by the provider's handshake: who replaces the configuration cannot know it, and keeps it
    unless they say `auth_type: null`."""
    auth: Any = stored.auth if stored is not None and stored.auth_type == PROVIDER_SIGNATURE else None
    if not auth or "secret" not in auth:
        return False
    provider = PROVIDERS.get(auth["provider"])
    return provider is not None and provider.learns_secret and source_type in (GENERIC_TYPE, provider.name)


def _check_type_fits(source_type: str, stored: Source, *, at: str) -> None:
    """A new type must not leave another provider's secret behind."""
    if stored.auth_type != PROVIDER_SIGNATURE or source_type in (GENERIC_TYPE, stored.type):
        return
    auth: Any = stored.auth
    if auth["provider"] != source_type:
        raise invalid(
            at, f"the source verifies {auth['provider']}; send the config.auth of {source_type} as well, or null"
        )


def _read_methods(methods: list[str] | None, *, at: str) -> list[str]:
    if methods is None:
        return list(DEFAULT_METHODS)
    if not methods:
        raise invalid(at, "must name at least one method; disable the source to accept nothing")
    upper = {method.upper() for method in methods}
    for index, method in enumerate(methods):
        if method.upper() not in METHODS:
            near = closest(method, METHODS)
            hint = f", did you mean {near}?" if near else ""
            raise invalid(f"{at}[{index}]", f"must be one of {', '.join(METHODS)}{hint}")
    return [method for method in METHODS if method in upper]
