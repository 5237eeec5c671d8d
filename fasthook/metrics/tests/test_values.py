"""The numbers of processes: who owns a file, what outlives a process, and how many files there come to be."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fasthook.metrics.values import CELL_BYTES, HEADER_CELLS, PID, Cells, Published, read_published

LAYOUT = "layout"
COUNT = HEADER_CELLS + 2
FIRST, SECOND = HEADER_CELLS, HEADER_CELLS + 1
KEPT = [True] * COUNT

CHILD = """
import sys
from pathlib import Path
from fasthook.metrics.values import Cells
cells = Cells()
place = cells.extend(2)
cells.publish(Path(sys.argv[1]), "web", layout="layout", kept=[True] * 6)
cells.view[place] += 5
print("published", flush=True)
sys.stdin.read()
"""

FORK = """
import os, sys
from pathlib import Path
from fasthook.metrics.values import Cells
cells = Cells()
place = cells.extend(2)
cells.publish(Path(sys.argv[1]), "web", layout="layout", kept=[True] * 6)
cells.view[place] += 1
if os.fork() == 0:
    cells.view[place] += 100
    print("child:", cells.view[place], cells.is_published, flush=True)
    sys.stdin.read()
os._exit(0)
"""


def make_cells(first: float = 0.0) -> Cells:
    cells = Cells()
    assert cells.extend(2) == FIRST
    cells.view[FIRST] = first
    return cells


def published(folder: Path) -> list[Published]:
    return read_published(folder, layout=LAYOUT, count=COUNT)


def test_what_was_counted_before_is_published_along(tmp_path: Path) -> None:
    cells = make_cells(3)
    cells.publish(tmp_path, "web", layout=LAYOUT, kept=KEPT)
    cells.view[FIRST] += 4
    (found,) = published(tmp_path)
    assert (found.name, found.number, found.is_alive) == ("web", 0, True)
    assert (found.cells[FIRST], found.cells[SECOND], found.cells[PID]) == (7, 0, os.getpid())


def test_processes_of_one_name_have_a_file_each(tmp_path: Path) -> None:
    several = [make_cells(number) for number in (1, 2, 4)]
    for cells in several:
        cells.publish(tmp_path, "web", layout=LAYOUT, kept=KEPT)
    assert [(found.number, found.cells[FIRST]) for found in published(tmp_path)] == [(0, 1), (1, 2), (2, 4)]


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
    assert alive.cells[FIRST] == dead.cells[FIRST] == 5
    successor = make_cells(1)
    successor.publish(tmp_path, "web", layout=LAYOUT, kept=KEPT)
    (found,) = published(tmp_path)
    assert (found.is_alive, found.cells[FIRST], found.cells[PID]) == (True, 6, os.getpid())


def test_a_successor_takes_over_only_what_is_kept(tmp_path: Path) -> None:
    predecessor = make_cells(5)
    predecessor.view[SECOND] = 9
    predecessor.publish(tmp_path, "web", layout=LAYOUT, kept=KEPT)
    predecessor.withdraw()
    make_cells().publish(tmp_path, "web", layout=LAYOUT, kept=[*KEPT[:-1], False])
    assert [published(tmp_path)[0].cells[place] for place in (FIRST, SECOND)] == [5, 0]


def test_restarts_without_end_make_no_more_files(tmp_path: Path) -> None:
    for _ in range(50):
        two = [make_cells(1), make_cells(1)]
        for cells in two:
            cells.publish(tmp_path, "web", layout=LAYOUT, kept=KEPT)
        for cells in two:
            cells.withdraw()
    assert [(found.number, found.cells[FIRST]) for found in published(tmp_path)] == [(0, 50), (1, 50)]
    assert len(list(tmp_path.iterdir())) == 3


def test_another_name_does_not_take_over(tmp_path: Path) -> None:
    gone = make_cells(5)
    gone.publish(tmp_path, "web", layout=LAYOUT, kept=KEPT)
    gone.withdraw()
    make_cells(1).publish(tmp_path, "route", layout=LAYOUT, kept=KEPT)
    assert [(found.name, found.cells[FIRST], found.is_alive) for found in published(tmp_path)] == [
        ("route", 1, True),
        ("web", 5, False),
    ]


def test_files_of_an_earlier_release_go_when_their_owners_have(tmp_path: Path) -> None:
    gone, alive = make_cells(5), make_cells(7)
    gone.publish(tmp_path, "web", layout="earlier", kept=KEPT)
    alive.publish(tmp_path, "web", layout="earlier", kept=KEPT)
    gone.withdraw()
    make_cells(1).publish(tmp_path, "web", layout=LAYOUT, kept=KEPT)
    assert [found.cells[FIRST] for found in published(tmp_path)] == [1]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["earlier.web.1", "layout.web.0", "lock"]


def test_a_file_that_is_too_short_is_left_out(tmp_path: Path) -> None:
    make_cells(1).publish(tmp_path, "web", layout=LAYOUT, kept=KEPT)
    (tmp_path / "layout.route.0").write_bytes(bytes(CELL_BYTES))
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
    assert (found.is_alive, found.cells[FIRST]) == (False, 1)


def test_a_folder_that_cannot_be_written_leaves_the_numbers_where_they_are(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("not a folder")
    cells = make_cells(3)
    with pytest.raises(OSError, match="file"):
        cells.publish(file, "web", layout=LAYOUT, kept=KEPT)
    assert (cells.view[FIRST], cells.is_published) == (3, False)
