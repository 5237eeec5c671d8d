"""Reading a document of routes: references first, then shapes, every fault under its path.

A document names things by name, never by id, and says nothing of what operators switch: paused and disabled.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from connections.routes.document.references import Substituted, Variables, read_variables, refuse_unused, substitute
from connections.serializers import RulesField
from destinations.models import DestinationType
from destinations.serializers import DestinationConfigInput
from fasthook.api.fields import (
    MAX_DESCRIPTION_LENGTH,
    ChoiceField,
    InputSerializer,
    IntegerField,
    NameField,
    ObjectField,
    TextField,
    read_input,
)
from fasthook.lib.errors import InvalidInput, invalid
from sources.serializers import SourceConfigInput

VERSION: Final = 1
SECTIONS: Final = ("sources", "destinations", "transformations", "connections")
MAX_ENTRIES: Final = 2000
MAX_FAULTS: Final = 50
# Where a reference may stand whose variable is not given: what is stored there may be kept.
_MAY_BE_SECRET: Final = {"sources": "config.auth", "destinations": "config.auth", "transformations": "env"}


class SourceEntry(InputSerializer):
    name = NameField()
    description = TextField(required=False, allow_blank=True, max_length=MAX_DESCRIPTION_LENGTH)
    type = TextField(required=False)
    config = SourceConfigInput(required=False)


class DestinationEntry(InputSerializer):
    name = NameField()
    description = TextField(required=False, allow_blank=True, max_length=MAX_DESCRIPTION_LENGTH)
    type = ChoiceField(choices=DestinationType.choices, required=False)
    config = DestinationConfigInput(required=False)


class TransformationEntry(InputSerializer):
    name = NameField()
    description = TextField(required=False, allow_blank=True, max_length=MAX_DESCRIPTION_LENGTH)
    code = TextField()
    env = ObjectField(required=False)


class ConnectionEntry(InputSerializer):
    name = NameField()
    description = TextField(required=False, allow_blank=True, max_length=MAX_DESCRIPTION_LENGTH)
    source = NameField(help_text="The name of a source.")  # type: ignore[assignment]
    destination = NameField(help_text="The name of a destination.")
    rules = RulesField(required=False)


class DocumentInput(InputSerializer):
    """Sections that are left out are left alone."""

    version = IntegerField(required=False, min_value=VERSION, max_value=VERSION)
    sources = SourceEntry(many=True, required=False)
    destinations = DestinationEntry(many=True, required=False)
    transformations = TransformationEntry(many=True, required=False)
    connections = ConnectionEntry(many=True, required=False)


class _Body(InputSerializer):
    document = DocumentInput()


@dataclass(frozen=True, slots=True)
class Document:
    """`sections` hold the entries by section; `found` says where references stood."""

    sections: Mapping[str, list[dict[str, Any]]]
    found: Substituted


def read_document(given: Mapping[str, Any], variables: Mapping[str, Any]) -> Document:
    """InvalidInput with the path of every fault, such as `document.sources[0].config.url` or `variables.NAME`."""
    values, found = read_variables(variables), Substituted()
    for name, section in given.items():
        if isinstance(section, list) and len(section) > MAX_ENTRIES:
            raise invalid(f"document.{name}", f"must have at most {MAX_ENTRIES} entries")
    resolved = {name: _resolve(name, section, values, found) for name, section in given.items()}
    for path, name in found.absent.items():
        if not _may_be_kept(path):
            found.faults[path] = [f"the variable {name} is not given"]
    raise_faults(found.faults)
    refuse_unused(values, found.used)
    sections: dict[str, Any] = read_input(_Body, {"document": resolved})["document"]
    sections.pop("version", None)
    _refuse_repeated(sections)
    return Document(sections, found)


def raise_faults(faults: Mapping[str, list[str]]) -> None:
    """InvalidInput with all of them, the first in words; nothing when there are none."""
    if faults:
        path, told = next(iter(faults.items()))
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        raise InvalidInput(f"{path}: {told[0]}{more}", fields=dict(list(faults.items())[:MAX_FAULTS]))


def _resolve(name: str, section: Any, variables: Variables, found: Substituted) -> Any:
    at = f"document.{name}"
    if name not in SECTIONS or not isinstance(section, list):
        return section
    return [
        substitute(each, variables, found, at=f"{at}[{index}]", verbatim={"code"}) for index, each in enumerate(section)
    ]


def _may_be_kept(path: str) -> bool:
    section, _, rest = path.removeprefix("document.").partition("[")
    prefix = _MAY_BE_SECRET.get(section)
    return prefix is not None and rest.partition("].")[2].startswith(f"{prefix}.")


def _refuse_repeated(sections: Mapping[str, list[dict[str, Any]]]) -> None:
    for section, entries in sections.items():
        seen: set[tuple[str, str]] = set()
        for index, each in enumerate(entries):
            key = (each.get("source", ""), each["name"])
            if key in seen:
                raise invalid(f"document.{section}[{index}].name", "is listed twice; names are unique")
            seen.add(key)
