"""The fields of a provider's authentication: what forms show, and at the same time what validation asks for."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fasthook.lib.config_fields import ObjectReader, read_choice, read_text
from fasthook.lib.errors import invalid

MAX_VALUES: Final = 10
MAX_TOLERANCE_S: Final = 86_400

# What is wrong with a value, or None.
Check = Callable[[str], str | None]


@dataclass(frozen=True, slots=True)
class Field:
    """kind: secret, text, number (whole seconds), or choice. many: a list of up to 10 is legal too, so that an old and
    a new secret are good at once. multiline: PEM keeps its line breaks."""

    name: str
    label: str
    kind: str = "text"
    required: bool = True
    default: Any = None
    help: str = ""
    choices: tuple[str, ...] = ()
    many: bool = False
    multiline: bool = False
    check: Check | None = None

    def read(self, value: object, *, at: str) -> Any:
        """The stored form of a given value. Raises InvalidInput naming `at`."""
        if self.kind == "number":
            return read_tolerance(value, at=at)
        if self.kind == "choice":
            return read_choice(value, self.choices, at=at)
        return read_values(value, self._read_one, at=at) if self.many else self._read_one(value, at=at)

    def _read_one(self, value: object, *, at: str) -> str:
        if self.multiline and isinstance(value, str):
            lines = value.strip().splitlines()
            text = "\n".join(read_text(line, at=at) for line in lines if line.strip())
            text = read_text(text.replace("\n", " "), at=at, max_length=16_384) and text
        else:
            text = read_text(value, at=at)
        fault = self.check(text) if self.check else None
        if fault:
            raise invalid(at, fault)
        return text

    def describe(self) -> dict[str, Any]:
        described = {
            "name": self.name,
            "label": self.label,
            "kind": self.kind,
            "required": self.required,
            "default": self.default,
            "many": self.many,
            "multiline": self.multiline,
            "help": self.help,
        }
        return {**described, "choices": list(self.choices)} if self.choices else described


def read_values(value: object, read: Callable[..., str], *, at: str) -> str | list[str]:
    """One text, or a list of 1 to 10 of them."""
    if not isinstance(value, list):
        return read(value, at=at)
    if not 1 <= len(value) <= MAX_VALUES:
        raise invalid(at, f"must hold between 1 and {MAX_VALUES} values")
    return [read(each, at=f"{at}[{index}]") for index, each in enumerate(value)]


def read_tolerance(value: object, *, at: str) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise invalid(at, "must be a whole number of seconds")
    if not 1 <= value <= MAX_TOLERANCE_S:
        raise invalid(at, f"must be between 1 and {MAX_TOLERANCE_S} seconds")
    return value


def read_fields(auth: object, fields: Sequence[Field], *, at: str, also: Sequence[str] = ()) -> dict[str, Any]:
    """The stored form of `auth`: known fields only, none of the required ones missing."""
    reader = ObjectReader(auth, at=at, known=(*also, *(field.name for field in fields)))
    stored: dict[str, Any] = {}
    for field in fields:
        if reader.has(field.name):
            stored[field.name] = field.read(reader.get(field.name), at=reader.at(field.name))
        elif field.required:
            raise invalid(reader.at(field.name), "is required")
    return stored


def all_values(auth: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """Every value of a field that may be one text or a list."""
    value = auth.get(name)
    if value is None:
        return ()
    return (value,) if isinstance(value, str) else tuple(value)


def secret_field(label: str = "Signing secret", *, help: str = "", check: Check | None = None) -> Field:
    return Field("secret", label, "secret", many=True, help=help, check=check)


def tolerance_field(default_s: int | None) -> Field:
    return Field(
        "tolerance",
        "Tolerance (seconds)",
        "number",
        required=False,
        default=default_s,
        help="How far the time of sending may be from now.",
    )
