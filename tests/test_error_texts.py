"""Every error answer of the code base is shown by a test: its code, and what is fixed of its text."""

from __future__ import annotations

import ast
from functools import lru_cache
from pathlib import Path

from tests.error_texts import APPS, ROOT, ErrorSite, error_codes, error_sites

# Programs of an installation's own refuse on the command line, not in an answer.
COMMANDS = ("seeding/",)
# Caught where the faults of the whole are gathered: nobody is answered with them.
GATHERED = {"the rule has faults", ": has faults"}


@lru_cache(maxsize=1)
def texts_in_tests() -> tuple[str, ...]:
    """Every string of every test, f-strings by their fixed pieces; parts that follow each other are one."""
    found: set[str] = set()
    for path in _tests():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return tuple(found)


def _tests() -> list[Path]:
    folders = [ROOT / app for app in APPS]
    inside = [path for folder in folders for path in folder.rglob("*.py") if "tests" in path.parts]
    return [*inside, *(ROOT / "tests").rglob("*.py")]


def is_shown(site: ErrorSite) -> bool:
    longest = max(site.pieces, key=len).strip()
    return any(longest in text for text in texts_in_tests())


def test_the_text_of_every_error_is_in_a_test() -> None:
    sites = [
        site
        for site in error_sites()
        if site.pieces and not site.place.startswith(COMMANDS) and not GATHERED.intersection(site.pieces)
    ]
    assert len(sites) > 250
    unseen = [f"{site.place} {max(site.pieces, key=len)!r}" for site in sites if not is_shown(site)]
    assert unseen == [], "show them with a case in tests/refusals, or in the test of the part"


def test_the_code_of_every_error_is_in_a_test() -> None:
    codes = error_codes()
    assert len(codes) > 25
    assert codes - set(texts_in_tests()) == set()


def test_every_code_is_in_the_documentation() -> None:
    documented = (ROOT / "docs" / "errors.md").read_text()
    assert [code for code in sorted(error_codes()) if f"`{code}`" not in documented] == []


def test_a_text_that_no_test_shows_would_be_found() -> None:
    assert not is_shown(ErrorSite("nowhere.py:1", None, (str(Path(__file__)),)))
    assert is_shown(ErrorSite("nowhere.py:1", None, ("must be a list of rules",)))
