"""`${NAME}` in the texts of a document: what it stands for, and how a text that merely looks so is written (`$${`).

Pure. Which texts are secrets is not known here; code is never looked into, since `${` belongs to JavaScript.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from fasthook.lib.errors import InvalidInput, invalid

NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,249}")
_MARK: Final = re.compile(r"\$\$\{|\$\{([^}]*)(\}?)")

Variables = Mapping[str, str | int | float | bool]
_MAX_TOLD: Final = 50
# What all references of a document may put in their places: one long value in many places would fill the memory.
MAX_INSERTED_CHARACTERS: Final = 10_000_000


@dataclass(slots=True)
class Substituted:
    """`referenced` are the paths of texts that held a reference, `absent` of those that are one whole reference to a
    variable that was not given, and still stand as they were."""

    used: set[str] = field(default_factory=set)
    referenced: set[str] = field(default_factory=set)
    absent: dict[str, str] = field(default_factory=dict)
    faults: dict[str, list[str]] = field(default_factory=dict)
    inserted_characters: int = 0

    def insert(self, name: str, value: str | int | float | bool, *, at: str) -> None:
        """A reference was resolved. InvalidInput when that was one too many."""
        self.used.add(name)
        self.inserted_characters += len(str(value))
        if self.inserted_characters > MAX_INSERTED_CHARACTERS:
            raise invalid(
                at,
                f"makes the document too long: its references may add {MAX_INSERTED_CHARACTERS} characters altogether",
            )


def escape(value: Any) -> Any:
    """The value as a document holds it: no text in it is taken for a reference."""
    if isinstance(value, str):
        return value.replace("${", "$${")
    if isinstance(value, list):
        return [escape(each) for each in value]
    return {key: escape(each) for key, each in value.items()} if isinstance(value, dict) else value


def substitute(
    value: Any, variables: Variables, found: Substituted, *, at: str, verbatim: Collection[str] = frozenset()
) -> Any:
    """The value with its references resolved; what is found on the way is added to `found`.

    A text that is one reference becomes the variable with its type, a reference inside a text its text. `verbatim` are
    the keys of this object that are left alone.
    """
    if isinstance(value, str):
        return _substitute_text(value, variables, found, at)
    if isinstance(value, list):
        return [substitute(each, variables, found, at=f"{at}[{index}]") for index, each in enumerate(value)]
    if isinstance(value, dict):
        return {
            key: each if key in verbatim else substitute(each, variables, found, at=f"{at}.{key}")
            for key, each in value.items()
        }
    return value


def read_variables(given: Mapping[str, Any]) -> Variables:
    """InvalidInput naming `variables.<NAME>`."""
    for name, value in given.items():
        if not NAME.fullmatch(name):
            raise invalid(f"variables.{name[:100]}", "is no name: letters, digits and '_', not starting with a digit")
        if not isinstance(value, str | int | float | bool):
            raise invalid(f"variables.{name}", "must be text, a number, true or false")
    return dict(given)


def refuse_unused(variables: Variables, used: Collection[str]) -> None:
    unused = [name for name in variables if name not in used]
    if unused:
        fault = "is not used by the document"
        raise InvalidInput(
            f"variables.{unused[0]}: {fault}", fields={f"variables.{name}": [fault] for name in unused[:_MAX_TOLD]}
        )


def _substitute_text(text: str, variables: Variables, found: Substituted, at: str) -> Any:
    if "${" not in text:
        return text
    whole = _MARK.fullmatch(text)
    if whole and whole[1] is not None and whole[2] and NAME.fullmatch(whole[1]):
        name = whole[1]
        found.referenced.add(at)
        if name in variables:
            found.insert(name, variables[name], at=at)
            return variables[name]
        found.absent[at] = name
        return text
    return _MARK.sub(lambda mark: _part(mark, variables, found, at), text)


def _part(mark: re.Match[str], variables: Variables, found: Substituted, at: str) -> str:
    name = mark[1]
    if name is None:
        return "${"
    if not mark[2] or not NAME.fullmatch(name):
        found.faults[at] = [f"{mark[0][:40]!r} is no reference such as ${{NAME}}; write $${{ for a literal ${{"]
        return mark[0]
    found.referenced.add(at)
    if name not in variables:
        found.faults[at] = [f"the variable {name} is not given"]
        return mark[0]
    value = variables[name]
    found.insert(name, value, at=at)
    return str(value).lower() if isinstance(value, bool) else str(value)
