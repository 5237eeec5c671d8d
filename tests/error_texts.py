"""Every error that the code can answer with, found in its source: where it is made, its code, and what is fixed of its
text. Read with `ast`, so that what nobody raised in a test is seen as well."""

from __future__ import annotations

import ast
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
APPS = ("fasthook", "teams", "sources", "destinations", "connections", "events", "metrics", "alerts")
FAMILY = "FastHookError"
# They make an error, or its text, without being one of the family. `refused` of a verdict is what ingress answers with.
MAKERS = frozenset(
    {"invalid", "refused", "ValidationError", "Rejection", "envelope", "answer_error", "answer_unavailable", "_answer"}
)
# Shorter pieces occur everywhere and prove nothing.
SHORTEST_PIECE = 6
_CODE = re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)+")
# Enumerations whose members are codes, and the table of those that REST framework's errors get.
CODE_ENUMS = frozenset({"Refusal"})
CODE_TABLES = frozenset({"_CODES"})
# Of the family's own classes: whoever raises them gives a code.
NEVER_BARE = frozenset({"CONFLICT", "MALFORMED_INPUT"})
# A bulk operation counts it; no call is answered with it.
COUNTED = frozenset({"ALREADY_IN_OPERATION"})
# Why ingress counts a refusal; the caller hears UNAVAILABLE.
REASONS = frozenset({"STARTING", "SOURCE_UNUSABLE", "STORAGE_AWAY", "PROVIDER_AWAY", "OVERLOADED"})


@dataclass(frozen=True, slots=True)
class ErrorSite:
    """`pieces`: what of the text does not depend on the call. `code` is None where the class says it."""

    place: str
    code: str | None
    pieces: tuple[str, ...]


@lru_cache(maxsize=1)
def error_sites() -> tuple[ErrorSite, ...]:
    trees = {path: ast.parse(path.read_text()) for path in _sources()}
    makers = MAKERS | _family(trees.values())
    return tuple(site for path, tree in trees.items() for site in _sites(path, tree, makers))


@lru_cache(maxsize=1)
def error_codes() -> frozenset[str]:
    """Codes that are named where an error is made, where its class is defined, or in a table of them."""
    codes = {site.code for site in error_sites() if site.code}
    codes |= {text for site in error_sites() for text in site.pieces if _CODE.fullmatch(text)}
    trees = [ast.parse(path.read_text()) for path in _sources()]
    family = _family(trees)
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.ClassDef) and node.name in family:
                codes |= {text for statement in node.body for text in _assigned(statement, {"code"})}
            elif isinstance(node, ast.ClassDef) and node.name in CODE_ENUMS:
                codes |= {text for each in node.body if isinstance(each, ast.Assign) for text in _pieces(each.value)}
            elif isinstance(node, ast.stmt):
                codes |= set(_assigned(node, CODE_TABLES))
    return frozenset(codes) - NEVER_BARE - COUNTED - REASONS


def _sources() -> list[Path]:
    found = [path for app in APPS for path in sorted((ROOT / app).rglob("*.py"))]
    return [path for path in found if not {"tests", "migrations"} & set(path.parts) and path.name != "testing.py"]


def _family(trees: Iterable[ast.Module]) -> frozenset[str]:
    bases = {
        node.name: [base.id for base in node.bases if isinstance(base, ast.Name)]
        for tree in trees
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef)
    }
    family = {FAMILY}
    while more := {name for name, above in bases.items() if family & set(above)} - family:
        family |= more
    return frozenset(family)


def _sites(path: Path, tree: ast.Module, makers: frozenset[str]) -> Iterator[ErrorSite]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _name(node.func) in makers:
            texts = [text for each in [*node.args, *_keyword(node, "message")] for text in _pieces(each)]
            code = next((text for each in _keyword(node, "code") for text in _pieces(each)), None)
            place = f"{path.relative_to(ROOT)}:{node.lineno}"
            yield ErrorSite(place, code, tuple(text for text in texts if _is_piece(text)))
        elif isinstance(node, ast.Dict):
            for key, value in zip(node.keys, node.values, strict=True):
                if isinstance(key, ast.Attribute) and isinstance(key.value, ast.Name) and key.value.id in CODE_ENUMS:
                    place = f"{path.relative_to(ROOT)}:{key.lineno}"
                    yield ErrorSite(place, key.attr, tuple(text for text in _pieces(value) if _is_piece(text)))


def _is_piece(text: str) -> bool:
    return len(text.strip()) >= SHORTEST_PIECE and text not in REASONS


def _name(function: ast.expr) -> str:
    return (
        function.attr if isinstance(function, ast.Attribute) else function.id if isinstance(function, ast.Name) else ""
    )


def _keyword(call: ast.Call, name: str) -> list[ast.expr]:
    return [keyword.value for keyword in call.keywords if keyword.arg == name]


def _pieces(node: ast.expr) -> Iterator[str]:
    """The fixed texts of a string, an f-string, a sum, a choice, a list or a mapping of them."""
    if isinstance(node, ast.Constant):
        if isinstance(node.value, str):
            yield node.value
    elif isinstance(node, ast.JoinedStr):
        for part in node.values:
            if isinstance(part, ast.Constant):
                yield str(part.value)
    elif isinstance(node, ast.BinOp | ast.IfExp | ast.List | ast.Tuple | ast.Dict):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.expr):
                yield from _pieces(child)


def _assigned(statement: ast.stmt, names: Collection[str]) -> Iterator[str]:
    if isinstance(statement, ast.Assign) and {_name(target) for target in statement.targets} & set(names):
        yield from _pieces(statement.value)
