"""The inline form of a transform rule's transformation; whether its code runs is asked of the sandbox, later."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from connections.rules.fields import given, unknown_field
from connections.rules.json_value import check_text
from fasthook.lib.errors import invalid

MAX_CODE_BYTES: Final = 5_000_000
MAX_ENV_ENTRIES: Final = 100

_NAME = re.compile(r"[A-Za-z0-9._-]{1,155}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")


def normalise_inline_transformation(inline: Any, *, at: str) -> dict[str, Any]:
    """{name, code, env?} with only those keys. Raises InvalidInput naming the field."""
    if not isinstance(inline, Mapping):
        raise invalid(at, "must be an object with name and code")
    for key in inline:
        if key not in ("name", "code", "env"):
            raise unknown_field(key, ("name", "code", "env"), at=at)
    name, code = inline.get("name"), inline.get("code")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise invalid(f"{at}.name", "must be 1 to 155 letters, digits, '-', '_' or '.'")
    normalised: dict[str, Any] = {"name": name, "code": check_code(code, at=f"{at}.code")}
    if given(inline, "env"):
        normalised["env"] = normalise_env(inline["env"], at=f"{at}.env")
    return normalised


def check_code(code: Any, *, at: str) -> str:
    """Text that may be JavaScript. Raises InvalidInput naming `at`."""
    if not isinstance(code, str) or not code.strip():
        raise invalid(at, "must be JavaScript source")
    if len(check_text(code, at=at).encode()) > MAX_CODE_BYTES:
        raise invalid(at, f"must be at most {MAX_CODE_BYTES} bytes")
    return code


def normalise_env(env: Any, *, at: str) -> dict[str, str]:
    """Names and text values. Raises InvalidInput naming the name at fault."""
    if not isinstance(env, Mapping) or len(env) > MAX_ENV_ENTRIES:
        raise invalid(at, f"must be an object of at most {MAX_ENV_ENTRIES} names with text values")
    for name, value in env.items():
        if not isinstance(name, str) or not _ENV_NAME.fullmatch(name):
            raise invalid(at, "names must be letters, digits and '_', not starting with a digit")
        if not isinstance(value, str):
            raise invalid(f"{at}.{name}", "must be text")
        check_text(value, at=f"{at}.{name}")
    return dict(env)
