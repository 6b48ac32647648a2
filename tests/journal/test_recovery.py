"""After a crash: the state, the clock and the records come back; what cannot be read is said and keeps nobody down."""

from pathlib import Path

import pytest

from acd.core.commands import WriteRecord
from acd.core.engine import Engine, Snapshot
from acd.core.events import Started
from acd.journal import recover, replay
from acd.journal.segments import segments
from tests.journal.shift import Told, TurnOf, shift, writer_of, written


def state_after(turns: tuple[TurnOf, ...]) -> Snapshot:
    engine = Engine()
    for now, event, _ in turns:
        engine.step(event, now)
    return engine.snapshot()


def records_in(turns: tuple[TurnOf, ...]) -> list[str]:
    return [one.record.call for _, _, commands in turns for one in commands if isinstance(one, WriteRecord)]


def test_nothing_there_is_a_first_start(tmp_path: Path) -> None:
    found = recover(tmp_path / "none")
    assert (found.boot, found.now, found.snapshot, found.notes) == (0, 0.0, None, [])


@pytest.mark.parametrize("cut", [5, 60, 150])
def test_killed_at_any_line_the_state_is_that_after_it(tmp_path: Path, cut: int) -> None:
    turns = shift()[:cut]
    written(tmp_path, turns)
    found = recover(tmp_path)
    assert found.snapshot == state_after(turns)
    assert (found.boot, found.seed, found.wall_offset_s, found.notes) == (1, 1, 1e6, [])
    assert found.now == turns[-1][0]
    assert [record.call for record in found.records] == records_in(turns)


def test_killed_within_a_line_the_state_is_that_before_it(tmp_path: Path) -> None:
    turns = shift()[:100]
    written(tmp_path, turns)
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes()[:-7])
    found = recover(tmp_path)
    assert found.snapshot == state_after(turns[:-1])
    (note,) = found.notes
    assert note.startswith(f"{path}:101: cut off")


def test_a_second_boot_goes_on_from_the_first_and_the_whole_journal_replays(tmp_path: Path) -> None:
    written(tmp_path, shift()[:150], segment_bytes=20_000)
    found = recover(tmp_path)
    told = Told()
    told.engine = Engine(found.snapshot)
    writer = writer_of(tmp_path, told)
    writer.open(
        boot=found.boot + 1,
        seed=2,
        now=found.now + 5.0,
        wall_offset_s=found.wall_offset_s,
        settings=found.settings,
        snapshot=found.snapshot,
    )
    started = Started(found.boot + 1, found.wall_offset_s, 2)
    ended = told.engine.step(started, found.now + 5.0)
    assert any(isinstance(command, WriteRecord) and command.record.outcome == "interrupted" for command in ended)
    writer.turn(found.now + 5.0, started, ended)
    writer.close()
    assert replay([tmp_path]).exact
    again = recover(tmp_path)
    assert (again.boot, again.now) == (2, found.now + 5.0)
    assert again.snapshot == told.engine.snapshot()
    assert {record.call for record in again.records} >= {
        command.record.call for command in ended if isinstance(command, WriteRecord)
    }


def test_a_journal_that_cannot_be_replayed_still_gives_boot_clock_and_records(tmp_path: Path) -> None:
    """A later version whose engine stumbles over what an earlier one wrote."""

    class Stumbling(Engine):
        def step(self, event: object, now: float) -> list[object]:  # type: ignore[override] # it never returns
            raise KeyError("a table without this pair")

    turns = shift()[:150]
    written(tmp_path, turns)
    found = recover(tmp_path, Stumbling)
    assert found.snapshot is None
    assert (found.boot, found.now) == (1, turns[-1][0])
    assert [record.call for record in found.records] == records_in(turns)
    (note,) = found.notes
    assert note.startswith("the state cannot be recovered, beginning with none: KeyError")


def test_a_segment_without_a_header_is_left_out(tmp_path: Path) -> None:
    turns = shift()[:50]
    written(tmp_path, turns)
    (tmp_path / "00000002.journal").write_bytes(b'{"journal":1,"boo')
    found = recover(tmp_path)
    assert (found.boot, found.now) == (1, turns[-1][0])
    assert found.snapshot == state_after(turns)
    (note,) = found.notes
    assert note.endswith("the header is cut off; segment left out")


def test_damage_in_the_middle_gives_no_state_but_the_clock(tmp_path: Path) -> None:
    turns = shift()[:50]
    written(tmp_path, turns)
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"LegAnswered"', b'"LegAn\0wered"', 1))
    found = recover(tmp_path)
    assert found.snapshot is None
    assert found.now == turns[-1][0]
    assert "the state cannot be recovered" in found.notes[0]
