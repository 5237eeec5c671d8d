"""The house: rooms that stay small enough to be read, and words that are true of the module that says them."""

from __future__ import annotations

import ast
import tomllib
from collections import Counter
from pathlib import Path

from fasthook.testing import ROOT

PRODUCT = "alerts connections destinations events fasthook local metrics seeding sources teams"
MODULES = sorted(
    file.relative_to(ROOT)
    for folder in PRODUCT.split()
    for file in (ROOT / folder).rglob("*.py")
    if not {"tests", "migrations"} & set(file.parts)
)
MAX_LINES = 300
MAX_MODULES = 14
# What everything stands on: many small modules that know nothing of each other.
MAX_MODULES_OF = {Path("fasthook/lib"): 20}


def docstring_of(module: Path) -> str:
    return ast.get_docstring(ast.parse((ROOT / module).read_text())) or ""


def test_the_modules_are_found() -> None:
    assert {Path("events/states.py"), Path("fasthook/lib/ids.py"), Path("teams/models.py")} <= set(MODULES)


def test_no_folder_holds_more_modules_than_can_be_taken_in_at_a_look() -> None:
    held = Counter(module.parent for module in MODULES)
    assert {folder: n for folder, n in held.items() if n > MAX_MODULES_OF.get(folder, MAX_MODULES)} == {}


def test_no_module_is_longer_than_it_may_be() -> None:
    lengths = {module: len((ROOT / module).read_text().splitlines()) for module in MODULES}
    assert {module: lines for module, lines in lengths.items() if lines > MAX_LINES} == {}


def test_the_data_plane_is_rooms_and_a_handful_of_files() -> None:
    files = [module for module in MODULES if module.parent == Path("events")]
    assert len(files) <= 8, files


def test_every_module_begins_by_saying_what_it_is() -> None:
    written = [module for module in MODULES if (ROOT / module).read_text().strip()]
    assert [module for module in written if not docstring_of(module)] == []


def test_what_calls_itself_pure_is_held_to_it() -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (pure,) = (contract["source_modules"] for contract in contracts if contract["name"].startswith("The pure cores"))
    names = {".".join(module.with_suffix("").parts).removesuffix(".__init__"): module for module in MODULES}
    says_so = {name for name, module in names.items() if "Pure" in docstring_of(module)}
    assert says_so
    assert {name for name in says_so if not any(f"{name}.".startswith(f"{core}.") for core in pure)} == set()


def test_the_packages_of_pure_modules_import_nothing() -> None:
    """A package runs before its modules; the contract does not see it (findings/import-linter-package-init.sh)."""
    pure = [module for module in MODULES if "Pure" in docstring_of(module)]
    packages = {ROOT / folder / "__init__.py" for module in pure for folder in module.parents if folder.name}
    importing = [node for file in packages for node in ast.walk(ast.parse(file.read_text())) if is_import(node)]
    assert importing == []


def is_import(node: ast.AST) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)
