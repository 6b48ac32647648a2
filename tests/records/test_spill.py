"""Records wait in a file, and nothing that happens to the file loses another's or makes two of one."""

from pathlib import Path

import pytest

from acd.records.schema import COLUMNS, LEG_COLUMNS, Row
from acd.records.spill import Kept, Spill


def row(number: int) -> Kept:
    values: Row = (f"3-{number}", *[None] * (len(COLUMNS) - 2), "[]")
    return "calls", values


def taken(spill: Spill, most: int = 10) -> list[Kept]:
    """All that waits, some at a time."""
    found = []
    while spill.rows:
        rows, end = spill.first(most)
        spill.taken(len(rows), end)
        found += rows
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "waiting"


def test_what_is_added_is_taken_in_its_order_and_the_file_is_gone(path: Path) -> None:
    spill = Spill(path)
    leg: Kept = ("legs", ("3-1", "3-1.0", *[None] * (len(LEG_COLUMNS) - 2)))
    spill.add([row(1), row(2), leg])
    spill.add([row(3)])
    assert spill.rows == 4
    assert taken(spill, most=2) == [row(1), row(2), leg, row(3)]
    assert not path.exists()


def test_what_waits_at_a_crash_is_there_at_the_next_start(path: Path) -> None:
    Spill(path).add([row(1), row(2)])
    after = Spill(path)
    assert after.rows == 2
    assert after.first(1)[0] == [row(1)]
    assert taken(Spill(path)) == [row(1), row(2)]  # what was read, but not taken, is read again


def test_more_may_be_added_while_some_are_being_taken(path: Path) -> None:
    spill = Spill(path)
    spill.add([row(1), row(2)])
    rows, end = spill.first(1)
    spill.add([row(3)])
    spill.taken(len(rows), end)
    assert taken(spill) == [row(2), row(3)]


def test_a_line_cut_off_is_left_out_and_harms_no_other(path: Path) -> None:
    Spill(path).add([row(1), row(2)])
    path.write_bytes(path.read_bytes()[:-9])
    spill = Spill(path)
    spill.add([row(3)])
    assert taken(spill) == [row(1), row(3)]
    assert not path.exists()


def test_a_row_of_an_earlier_version_has_nothing_in_the_columns_it_did_not_know(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b'["calls",{"call":"3-1","segments":"[]","of_a_later_version":1}]\n')
    assert taken(Spill(path)) == [row(1)]


def test_beyond_its_bound_none_is_taken_in(path: Path) -> None:
    spill = Spill(path, max_bytes=1500)
    spill.add([row(1)])
    with pytest.raises(OSError, match="full"):
        spill.add([row(number) for number in range(10)])
    assert taken(spill) == [row(1)]
