"""What the documentation copies from the code, and which of its own files it points to."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from events.states import diagram
from fasthook.testing import ROOT

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]


def test_the_state_diagram_is_the_table() -> None:
    found = re.search(r"```mermaid\n(.*?)\n```", (ROOT / "docs" / "architecture.md").read_text(), re.DOTALL)
    assert found is not None
    assert found[1] == diagram()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


ROOMS = "alerts|bench|connections|destinations|docs|events|fasthook|local|metrics|script|seeding|sources|teams|tests"
NAMED = re.compile(rf"`((?:{ROOMS})/[\w/.-]+)`")


@pytest.mark.parametrize("page", [page for page in PAGES if page.name != "CHANGELOG.md"], ids=lambda page: page.name)
def test_every_file_that_a_page_names_exists(page: Path) -> None:
    assert [name for name in sorted(set(NAMED.findall(page.read_text()))) if not (ROOT / name).exists()] == []


def test_files_that_pages_name_are_found() -> None:
    assert len(NAMED.findall((ROOT / "docs" / "architecture.md").read_text())) > 15


def test_every_file_that_the_code_names_exists() -> None:
    """In comments, docstrings and statements: what was moved since would send a reader nowhere."""
    named = re.compile(rf"(?<![\w/.])((?:{ROOMS})/[\w/-]+\.(?:py|sql|md|js))\b")
    files = [file for room in ROOMS.split("|") for kind in ("py", "sql") for file in (ROOT / room).rglob(f"*.{kind}")]
    found = {(str(file.relative_to(ROOT)), name) for file in files for name in named.findall(file.read_text())}
    assert len(found) > 40
    assert [(file, name) for file, name in sorted(found) if not (ROOT / name).exists()] == []
