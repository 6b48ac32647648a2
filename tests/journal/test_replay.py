"""A journal replays to the last command, and one altered event is found."""

import json
from pathlib import Path

import pytest

from acd.core.commands import WriteRecord
from acd.core.events import Digit, LegArrived
from acd.core.record import Record
from acd.journal import JournalError, replay
from acd.journal.codec import encode_turn
from acd.journal.segments import segments
from tests.journal.shift import Told, shift, writer_of, written


def test_a_shift_replays_to_the_last_command(tmp_path: Path) -> None:
    turns = shift()
    written(tmp_path, turns)
    result = replay([tmp_path])
    assert result.exact
    assert result.events == len(turns)
    assert result.commands == sum(len(commands) for _, _, commands in turns)
    assert result.records == sum(isinstance(one, WriteRecord) for _, _, commands in turns for one in commands) > 10
    assert result.notes == []


def test_several_turns_in_one_write_are_the_same_journal(tmp_path: Path) -> None:
    written(tmp_path / "one by one", shift())
    writer = writer_of(tmp_path / "at once", Told())
    writer.open(boot=1, seed=1, now=0.0, wall_offset_s=1e6)
    for turn in shift():
        writer.turn(*turn)
    writer.close()
    (one,), (other,) = segments(tmp_path / "one by one"), segments(tmp_path / "at once")
    assert one.read_bytes() == other.read_bytes()


@pytest.mark.parametrize("seed", range(3))
def test_one_altered_event_is_found(tmp_path: Path, seed: int) -> None:
    """A digit that was another, a caller with another number: the first line that differs is named."""
    turns = list(shift(seed=seed))
    at = next(
        number
        for number, (_, event, given) in enumerate(turns)
        if isinstance(event, Digit) and event.digit == "1" and given
    )
    now, event, commands = turns[at]
    assert isinstance(event, Digit)
    turns[at] = (now, Digit(event.leg, "2", event.duration_s), commands)
    written(tmp_path, turns)
    difference = replay([tmp_path]).difference
    assert difference is not None
    assert difference.line >= at + 2  # the header is line 1
    assert difference.expected != difference.got
    text = str(difference)
    assert f"{difference.path}:{difference.line}: at " in text
    assert "command 1 was" in text or "is   " in text


def test_a_caller_with_another_number_is_found_where_it_first_matters(tmp_path: Path) -> None:
    turns = list(shift())
    at = next(number for number, (_, event, _) in enumerate(turns) if isinstance(event, LegArrived))
    now, event, commands = turns[at]
    assert isinstance(event, LegArrived)
    altered = LegArrived(event.leg, event.call, event.source, event.called, "999", asserted=event.asserted)
    turns[at] = (now, altered, commands)
    written(tmp_path, turns)
    difference = replay([tmp_path]).difference
    assert difference is not None
    assert any("999" in command for command in difference.got)
    assert not any("999" in command for command in difference.expected)


def test_an_altered_command_and_an_altered_instant_are_found(tmp_path: Path) -> None:
    written(tmp_path, shift())
    (path,) = segments(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    record = next(number for number, line in enumerate(lines) if b'["WriteRecord"' in line)
    changed = lines[record].replace(b'"wait_s":', b'"wait_s":1')
    path.write_bytes(b"".join([*lines[:record], changed, *lines[record + 1 :]]))
    difference = replay([path]).difference
    assert difference is not None
    assert difference.line == record + 1
    turn = json.loads(lines[record])
    turn[0] += 0.5
    late = json.dumps(turn, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
    path.write_bytes(b"".join([*lines[:record], late, *lines[record + 1 :]]))
    assert replay([path]).difference is not None


def test_an_integer_where_a_float_is_declared_is_the_same_number(tmp_path: Path) -> None:
    written(tmp_path, shift())
    (path,) = segments(tmp_path)
    text = path.read_bytes()
    assert b'"hold_s":0.0' in text
    path.write_bytes(text.replace(b'"hold_s":0.0', b'"hold_s":0'))
    assert replay([path]).exact


def test_a_last_line_cut_off_by_a_crash_is_dropped_and_said(tmp_path: Path) -> None:
    turns = shift()
    written(tmp_path, turns)
    (path,) = segments(tmp_path)
    whole = path.read_bytes()
    for tail in (
        whole[: whole.rindex(b"\n", 0, -1) + 20],
        whole + b"\0\0\0\0",
        whole + b'[9.5,"Woke",{},[',
        whole + b"{}\n",
    ):
        path.write_bytes(tail)
        result = replay([path])
        assert result.exact
        assert result.events in (len(turns), len(turns) - 1)
        assert len(result.notes) == 1
        assert result.notes[0].endswith("the last line, dropped")


def test_damage_in_the_middle_is_an_error_that_names_the_line(tmp_path: Path) -> None:
    written(tmp_path, shift())
    (path,) = segments(tmp_path)
    lines = path.read_bytes().splitlines(keepends=True)
    lines[10] = b"\x00" + lines[10]
    path.write_bytes(b"".join(lines))
    with pytest.raises(JournalError, match=r"\.journal:11: not a journal line"):
        replay([path])


def test_what_is_no_journal_is_said(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "letter.journal").write_text("Dear aunt,\n")
    (tmp_path / "cut.journal").write_text('{"journal":1')
    for name, says in [
        ("nothing", "no such journal"),
        ("empty", r"holds no \*\.journal file"),
        ("letter.journal", "letter.journal:1: not a journal header"),
        ("cut.journal", "the header is cut off"),
    ]:
        with pytest.raises(JournalError, match=says):
            replay([tmp_path / name])


def test_a_segment_that_goes_on_cannot_be_replayed_alone_without_its_snapshot(tmp_path: Path) -> None:
    written(tmp_path, shift(), segment_bytes=20_000)
    first, second, *_ = segments(tmp_path)
    assert replay([first]).exact
    assert replay([first, second]).exact
    with pytest.raises(JournalError, match="goes on from the segment before"):
        replay([second])


def test_a_record_in_a_texts_clothing_is_not_counted(tmp_path: Path) -> None:
    call = LegArrived("1-1.0", "1-1", "trunk:carrier", "95588", '["WriteRecord",')
    assert b'["WriteRecord",' not in encode_turn(0.0, call, [])
    assert b'["WriteRecord",' in encode_turn(0.0, call, [WriteRecord(Record("1-1", "", "", "", 0.0))])


def test_another_version_is_said(tmp_path: Path) -> None:
    written(tmp_path, shift())
    (path,) = segments(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"engine":"', b'"engine":"9.', 1))
    result = replay([path])
    assert result.exact
    (note,) = result.notes
    assert "written by engine 9." in note
