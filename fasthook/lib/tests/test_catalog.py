from __future__ import annotations

from collections.abc import Iterable

import pytest

from fasthook.lib.catalog import Catalog, Row

pytestmark = pytest.mark.django_db  # a refresh looks after its thread's connection


class Table:
    """Rows as a table would give them: those newer than a version, in its order."""

    def __init__(self) -> None:
        self.rows: dict[str, Row[str]] = {}
        self.reads: list[int] = []

    def save(self, identifier: str, version: int, entry: str | None) -> None:
        self.rows[identifier] = Row(identifier, version, entry)

    def load(self, version: int) -> Iterable[Row[str]]:
        self.reads.append(version)
        return sorted((row for row in self.rows.values() if row.version > version), key=lambda row: row.version)


def test_a_refresh_reads_only_what_is_newer() -> None:
    table = Table()
    table.save("a", 1, "a1")
    table.save("b", 2, "b2")
    catalog = Catalog(table.load)
    assert catalog.refresh(2)
    assert catalog.entries == {"a": "a1", "b": "b2"}
    table.save("a", 3, "a3")
    table.save("c", 4, "c4")
    assert catalog.refresh(4)
    assert catalog.entries == {"a": "a3", "b": "b2", "c": "c4"}
    assert table.reads == [-1, 2]


def test_an_unchanged_version_reads_nothing() -> None:
    table = Table()
    catalog = Catalog(table.load)
    assert catalog.refresh(0)
    assert not catalog.refresh(0)
    assert table.reads == [-1]


def test_rows_that_committed_after_the_version_was_read_are_not_read_twice() -> None:
    table = Table()
    table.save("a", 7, "a7")
    catalog = Catalog(table.load)
    catalog.refresh(5)
    assert catalog.version == 7
    assert not catalog.refresh(7)


def test_a_deleted_row_goes() -> None:
    table = Table()
    table.save("a", 1, "a1")
    catalog = Catalog(table.load)
    catalog.refresh(1)
    table.save("a", 2, None)
    catalog.refresh(2)
    assert catalog.get("a") is None


def test_a_read_that_breaks_off_is_done_again() -> None:
    table = Table()
    table.save("a", 1, "a1")
    broken = [True]

    def load(version: int) -> Iterable[Row[str]]:
        yield from table.load(version)
        if broken.pop():
            raise ConnectionError

    catalog = Catalog(load)
    try:
        catalog.refresh(1)
    except ConnectionError:
        broken.append(False)
    assert catalog.version == -1
    assert catalog.refresh(1)
    assert (catalog.entries, catalog.version) == ({"a": "a1"}, 1)


def test_forgetting_empties_it_until_the_next_refresh_reads_everything() -> None:
    table = Table()
    table.save("a", 1, "a1")
    catalog = Catalog(table.load)
    catalog.refresh(1)
    catalog.forget()
    assert catalog.entries == {}
    catalog.refresh(1)
    assert (catalog.entries, table.reads) == ({"a": "a1"}, [-1, -1])
