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


def test_every_file_that_the_architecture_names_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    named = set(re.findall(r"`((?:fasthook|teams|sources|destinations|connections|events)/[\w/.]+)`", text))
    assert len(named) > 20
    assert [name for name in sorted(named) if not (ROOT / name).exists()] == []
