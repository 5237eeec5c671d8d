"""The numbers of processes: who owns a file, what outlives a process, and how many files there come to be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fasthook.metrics.values import HEADER_VALUES, PID, VALUE_BYTES, MetricValues, Published, read_published

LAYOUT = "layout"
COUNT = HEADER_VALUES + 2
FIRST, SECOND = HEADER_VALUES, HEADER_VALUES + 1
KEPT = [True] * COUNT

CHILD = """
import sys
from pathlib import Path
from fasthook.metrics.values import MetricValues
values = MetricValues()
place = values.extend(2)
values.publish(Path(sys.argv[1]), "web", layout="layout", kept=[True] * 6)
values.view[place] += 5
print("published", flush=True)
sys.stdin.read()
"""

FORK = """
import os, sys
from pathlib import Path
from fasthook.metrics.values import MetricValues
values = MetricValues()
place = values.extend(2)
values.publish(Path(sys.argv[1]), "web", layout="layout", kept=[True] * 6)
values.view[place] += 1
if os.fork() == 0:
    values.view[place] += 100
    print("child:", values.view[place], values.is_published, flush=True)
    sys.stdin.read()
os._exit(0)
"""


def make_cells(first: float = 0.0) -> MetricValues:
    values = MetricValues()
    assert values.extend(2) == FIRST
    values.view[FIRST] = first
    return values


def published(folder: Path) -> list[Published]:
    return read_published(folder, layout=LAYOUT, count=COUNT)


def test_what_was_counted_before_is_published_along(tmp_path: Path) -> None:
    values = make_cells(3)
    values.publish(tmp_path, "web", layout=LAYOUT, kept=KEPT)
    values.view[FIRST] += 4
    (found,) = published(tmp_path)
    assert (found.name, found.number, found.is_alive) == ("web", 0, True)
    assert (found.values[FIRST], found.values[SECOND], found.values[PID]) == (7, 0, os.getpid())


def test_processes_of_one_name_have_a_file_each(tmp_path: Path) -> None:
    several = [make_cells(number) for number in (1, 2, 4)]
    for values in several:
        values.publish(tmp_path, "web", layout=LAYOUT, kept=KEPT)
    assert [(found.number, found.values[FIRST]) for found in published(tmp_path)] == [(0, 1), (1, 2), (2, 4)]


def test_a_killed_process_leaves_its_counts_to_the_next(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "published\n"
        (alive,) = published(tmp_path)
        child.kill()
    (dead,) = published(tmp_path)
    assert (alive.is_alive, dead.is_alive) == (True, False)
    assert alive.values[FIRST] == dead.values[FIRST] == 5
    successor = make_cells(1)
    successor.publish(tmp_path, "web", layout=LAYOUT, kept=KEPT)
    (found,) = published(tmp_path)
    assert (found.is_alive, found.values[FIRST], found.values[PID]) == (True, 6, os.getpid())


def test_a_successor_takes_over_only_what_is_kept(tmp_path: Path) -> None:
    predecessor = make_cells(5)
    predecessor.view[SECOND] = 9
    predecessor.publish(tmp_path, "web", layout=LAYOUT, kept=KEPT)
    predecessor.withdraw()
    make_cells().publish(tmp_path, "web", layout=LAYOUT, kept=[*KEPT[:-1], False])
    assert [published(tmp_path)[0].values[place] for place in (FIRST, SECOND)] == [5, 0]


def test_restarts_without_end_make_no_more_files(tmp_path: Path) -> None:
    for _ in range(50):
        two = [make_cells(1), make_cells(1)]
        for values in two:
            values.publish(tmp_path, "web", layout=LAYOUT, kept=KEPT)
        for values in two:
            values.withdraw()
    assert [(found.number, found.values[FIRST]) for found in published(tmp_path)] == [(0, 50), (1, 50)]
    assert len(list(tmp_path.iterdir())) == 3


def test_another_name_does_not_take_over(tmp_path: Path) -> None:
    gone = make_cells(5)
    gone.publish(tmp_path, "web", layout=LAYOUT, kept=KEPT)
    gone.withdraw()
    make_cells(1).publish(tmp_path, "route", layout=LAYOUT, kept=KEPT)
    assert [(found.name, found.values[FIRST], found.is_alive) for found in published(tmp_path)] == [
        ("route", 1, True),
        ("web", 5, False),
    ]


def test_files_of_an_earlier_release_go_when_their_owners_have(tmp_path: Path) -> None:
    gone, alive = make_cells(5), make_cells(7)
    gone.publish(tmp_path, "web", layout="earlier", kept=KEPT)
    alive.publish(tmp_path, "web", layout="earlier", kept=KEPT)
    gone.withdraw()
    make_cells(1).publish(tmp_path, "web", layout=LAYOUT, kept=KEPT)
    assert [found.values[FIRST] for found in published(tmp_path)] == [1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["earlier.web.1", "layout.web.0", "lock"]


def test_a_file_that_is_too_short_is_left_out(tmp_path: Path) -> None:
    make_cells(1).publish(tmp_path, "web", layout=LAYOUT, kept=KEPT)
    (tmp_path / "layout.route.0").write_bytes(bytes(VALUE_BYTES))
    assert [found.name for found in published(tmp_path)] == ["web"]


def test_a_forked_child_counts_for_itself_and_does_not_keep_the_file(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FORK, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "child: 100.0 False\n"
        assert parent.wait(10) == 0
        # The child still reads its standard input.
        (found,) = published(tmp_path)
    assert (found.is_alive, found.values[FIRST]) == (False, 1)


def test_a_folder_that_cannot_be_written_leaves_the_numbers_where_they_are(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    values = make_cells(3)
    with pytest.raises(OSError, match="file"):
        values.publish(file, "web", layout=LAYOUT, kept=KEPT)
    assert (values.view[FIRST], values.is_published) == (3, False)
