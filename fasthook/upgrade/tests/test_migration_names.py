"""A migration's name says whether it runs before or after the new code (CONTRIBUTING.md)."""

from __future__ import annotations

from collections import defaultdict

import pytest

from fasthook.upgrade.migration_names import INITIAL, LATER, own_apps, own_migrations


def test_every_app_with_tables_begins_with_one_initial_migration() -> None:
    initial = {app for app, name in own_migrations() if name == INITIAL}
    assert initial == {app for app, _ in own_migrations()}
    assert {"teams", "sources", "destinations", "connections", "events", "metrics", "alerts"} <= initial <= own_apps()


def test_every_later_one_says_before_or_after() -> None:
    later = {(app, name) for app, name in own_migrations() if name != INITIAL}
    assert {(app, name) for app, name in later if not LATER.fullmatch(name)} == set()


def test_their_numbers_follow_on() -> None:
    numbers: dict[str, list[int]] = defaultdict(list)
    for app, name in sorted(own_migrations()):
        numbers[app].append(int(name[:4]))
    assert {app: found for app, found in numbers.items() if found != list(range(1, len(found) + 1))} == {}


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("0002_before_add_x", "before"),
        ("0013_after_drop_y", "after"),
        ("0002_add_x", None),
        ("0002_before", None),
        ("2_before_add_x", None),
        ("0002_beforehand", None),
    ],
)
def test_what_a_name_says(name: str, says: str | None) -> None:
    found = LATER.fullmatch(name)
    assert (found and found[1]) == says
