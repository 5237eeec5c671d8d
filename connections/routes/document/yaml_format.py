"""YAML in and out: the JSON of the API in another spelling, nothing of YAML besides.

No anchors, tags, or dates; plain scalars mean what YAML 1.2's core schema says, so `no` and `on` are texts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import yaml
from django.conf import settings
from rest_framework.renderers import BaseRenderer

from fasthook.api.parsers import MAX_DEPTH, JSONParser
from fasthook.lib.errors import MalformedInput, invalid

MEDIA_TYPE: Final = "application/yaml"
_CONSTANTS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}
# What YAML takes for line breaks besides \n, and its mark of byte order: told from each other only where escaped.
_BREAKS: Final = re.compile("[\r\x85\u2028\u2029\ufeff]")
_INTEGER: Final = re.compile(r"-?(?:0|[1-9][0-9]{0,19})")
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][-+]?[0-9]+)?")


class YAMLParser(JSONParser):
    """A body that is one object in YAML, at most MAX_API_BODY_BYTES long."""

    media_type = MEDIA_TYPE

    def limit_bytes(self) -> int:
        return settings.MAX_API_BODY_BYTES

    def decode(self, body: bytes) -> Any:
        try:
            return _build(body.decode())
        except (yaml.YAMLError, UnicodeDecodeError) as fault:
            mark = getattr(fault, "problem_mark", None)
            place = {"line": mark.line + 1, "column": mark.column + 1} if mark else {}
            told = getattr(fault, "problem", None) or "it is not UTF-8 text"
            where = f" at line {place['line']} column {place['column']}" if place else ""
            raise MalformedInput(f"the body is not YAML: {told}{where}", code="MALFORMED_YAML", data=place) from None


class YAMLRenderer(BaseRenderer):
    media_type = MEDIA_TYPE
    format = "yaml"
    charset = None
    render_style = "binary"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        if data is None:
            return b""
        text: str = yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=10_000)
        return text.encode()


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    if _BREAKS.search(text):
        style: str | None = '"'
    elif "\n" in text:
        style = "|"
    else:
        style = None if isinstance(_plain(text), str) else "'"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _represent_text)


def _build(text: str) -> Any:
    """From the parser's events, without recursion, aliases or objects."""
    root: list[Any] = []
    # Open collections, and of mappings the key that waits for its value.
    stack: list[Any] = [root]
    keys: list[Any] = [None]
    for event in yaml.parse(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)):
        if isinstance(event, yaml.AliasEvent):
            raise invalid("body", "must not have YAML aliases (*name)")
        if isinstance(event, yaml.MappingEndEvent | yaml.SequenceEndEvent):
            stack.pop()
            keys.pop()
            continue
        if not isinstance(event, yaml.NodeEvent):
            continue
        value = _value(event)
        if isinstance(stack[-1], dict) and keys[-1] is None:
            keys[-1] = _key(event, stack[-1])
            continue
        if isinstance(stack[-1], dict):
            stack[-1][keys[-1]] = value
            keys[-1] = None
        else:
            stack[-1].append(value)
        if isinstance(value, dict | list):
            if len(stack) > MAX_DEPTH + 1:
                raise invalid("body", f"is nested deeper than {MAX_DEPTH} levels")
            stack.append(value)
            keys.append(None)
    if len(root) != 1:
        raise invalid("body", "must be one YAML document")
    return root[0]


def _key(event: Any, mapping: dict[str, Any]) -> str:
    line = event.start_mark.line + 1
    if not isinstance(event, yaml.ScalarEvent):
        raise invalid("body", f"must have texts as keys (line {line})")
    name: str = event.value
    if name in mapping:
        raise invalid("body", f"has the key {name[:100]!r} twice in one mapping (line {line})")
    return name


def _value(event: Any) -> Any:
    if event.tag is not None:
        raise invalid("body", f"must not have YAML tags such as {event.tag[:40]}")
    if isinstance(event, yaml.MappingStartEvent):
        return {}
    if isinstance(event, yaml.SequenceStartEvent):
        return []
    return _plain(event.value) if event.implicit[0] else event.value


def _plain(text: str) -> Any:
    """Numbers as JSON's reader takes them: an integer that 64 bits do not hold is a float."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**64:
        return int(text)
    return float(text) if _NUMBER.fullmatch(text) else text
