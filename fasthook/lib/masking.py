"""Secrets inside a configuration's `auth`: masked when shown, kept when a masked one is sent back unchanged."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from fasthook.lib.crypto import mask
from fasthook.lib.errors import invalid

# What `mask` makes: never a secret that somebody meant to set.
_MASKED = re.compile(r"(?:[^_]{1,6}_)?\*{4}.{0,4}", re.DOTALL)


def mask_auth(auth: Mapping[str, Any] | None, secret_fields: Collection[str]) -> dict[str, Any] | None:
    """`auth` as it may be shown: each secret field masked, each element of a list of secrets too."""
    if auth is None:
        return None
    return {name: _mask_value(value) if name in secret_fields else value for name, value in auth.items()}


def unmask_auth(
    given: Mapping[str, Any], stored: Mapping[str, Any] | None, secret_fields: Collection[str], *, at: str
) -> dict[str, Any]:
    """`given` with masked secrets replaced by the stored ones that they stand for.

    Raises InvalidInput naming `<at>.<field>` for a mask that stands for none of them.
    """
    restored = dict(given)
    for name in secret_fields:
        if name not in given:
            continue
        known = (stored or {}).get(name)
        originals = known if isinstance(known, list) else [known]
        value = given[name]
        if isinstance(value, list):
            # Short secrets all look alike masked: the one at the same place is meant first.
            restored[name] = [
                _unmask(each, [*originals[index : index + 1], *originals], at=f"{at}.{name}[{index}]")
                for index, each in enumerate(value)
            ]
        else:
            restored[name] = _unmask(value, originals, at=f"{at}.{name}")
    return restored


def _mask_value(value: Any) -> Any:
    if isinstance(value, list):
        return [_mask_value(each) for each in value]
    return mask(value) if isinstance(value, str) else value


def _unmask(value: Any, originals: list[Any], *, at: str) -> Any:
    if not isinstance(value, str) or not _MASKED.fullmatch(value):
        return value
    for original in originals:
        if isinstance(original, str) and value in (original, mask(original)):
            return original
    raise invalid(at, "is a masked value of another secret; send the secret itself")
