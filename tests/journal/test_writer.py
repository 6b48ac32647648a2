"""The journal as it is written: whole turns, segments, and a disk that fails."""

import errno
import os
from pathlib import Path

import pytest

from acd.core.engine import Engine
from acd.core.events import Configured, Event, StorageTrouble, WallClockSet
from acd.core.settings import Settings
from acd.journal import JournalError, JournalWriter, recover, replay
from acd.journal.follower import follow_all
from acd.journal.segments import SNAPSHOT, read_header, segments
from tests.journal.shift import Told, shift, writer_of, written
from tests.live.harness import wait_until


class Disk:
    """Stands in for `os.write`: takes `room` bytes, then fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.room: int | None = None
        self.error = errno.ENOSPC
        self.writes: list[int] = []
        self._write = os.write
        monkeypatch.setattr(os, "write", self.write)

    def write(self, fd: int, data: bytes) -> int:
        if self.room is not None:
            if self.room == 0:
                raise OSError(self.error, os.strerror(self.error))
            data = data[: self.room]
            self.room -= len(data)
        self.writes.append(len(data))
        return self._write(fd, data)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


class Service:
    """An engine at work whose turns are journalled, with a clock for the retries."""

    def __init__(self, directory: Path, **more: object) -> None:
        self.time = 0.0
        self.told = Told()
        self.writer = writer_of(directory, self.told, clock=lambda: self.time, **more)
        self.writer.open(boot=1, seed=1, now=0.0, wall_offset_s=1e6)
        self.taken = 0

    def take(self, number: int) -> None:
        """So many of the shift's turns."""
        for now, event, _ in shift()[self.taken : self.taken + number]:
            self.step(event, now)
        self.taken += number

    def step(self, event: Event, now: float) -> None:
        self.writer.turn(now, event, self.told.engine.step(event, now))
        self.writer.flush()


def test_a_turn_is_one_write_before_its_commands_act(tmp_path: Path, disk: Disk) -> None:
    service = Service(tmp_path)
    before = len(disk.writes)
    for now, event, commands in shift()[:5]:
        service.writer.turn(now, event, commands)
    assert len(disk.writes) == before
    service.writer.flush()
    assert len(disk.writes) == before + 1
    assert segments(tmp_path)[0].read_bytes().count(b"\n") == 1 + 5
    service.writer.flush()
    assert len(disk.writes) == before + 1
    service.writer.close()


def test_segments_change_by_size_and_by_age_and_go_on_from_one_another(tmp_path: Path) -> None:
    written(tmp_path / "size", shift(), segment_bytes=20_000)
    written(tmp_path / "age", shift(), segment_s=30.0)
    for directory in (tmp_path / "size", tmp_path / "age"):
        paths = segments(directory)
        assert len(paths) > 3
        headers = [read_header(path) for path in paths]
        assert [header.segment for header in headers] == list(range(1, len(paths) + 1))
        assert [header.follows for header in headers] == [False] + [True] * (len(paths) - 1)
        assert all(header.settings is not None for header in headers[1:])
        assert replay([directory]).exact
    assert max(path.stat().st_size for path in segments(tmp_path / "size")) < 60_000


def test_a_later_segment_opens_with_the_configuration_and_the_clock_of_that_time(tmp_path: Path) -> None:
    told = Told()
    writer = writer_of(tmp_path, told, segment_s=10.0)
    writer.open(boot=2, seed=5, now=100.0, wall_offset_s=1.0)
    writer.turn(101.0, Configured(Settings("v7")), [])
    writer.turn(111.0, WallClockSet(3.5), [])
    writer.flush()
    writer.close()
    first, second = map(read_header, segments(tmp_path))
    assert (first.boot, first.seed, first.now, first.wall_offset_s, first.settings) == (2, 5, 100.0, 1.0, None)
    assert (second.now, second.wall_offset_s, second.settings) == (111.0, 3.5, Settings("v7"))


def test_lines_wait_while_the_disk_is_full_and_nothing_is_missing_after(tmp_path: Path, disk: Disk) -> None:
    service = Service(tmp_path)
    service.take(20)
    disk.room = 300  # the middle of a line
    service.take(40)
    assert service.told.troubles == [(True, f"{tmp_path}: No space left on device")]
    assert service.writer.waiting_bytes > 0
    service.time = 1.0
    service.take(1)
    assert len(service.told.troubles) == 1
    disk.room = None
    service.take(1)
    assert service.writer.waiting_bytes > 0, "not tried again before its time"
    service.time = 2.0
    service.writer.flush()
    assert service.told.troubles[1:] == [(False, "the journal is written again")]
    service.take(10_000)
    service.writer.close()
    result = replay([tmp_path])
    assert (result.exact, result.events, result.notes) == (True, len(shift()), [])


def test_past_the_bound_lines_are_lost_and_a_new_segment_opens_with_the_state(tmp_path: Path, disk: Disk) -> None:
    service = Service(tmp_path, waiting_bytes=2_000)
    service.take(30)
    disk.room, disk.error = 0, errno.EIO
    service.take(60)
    assert service.writer.waiting_bytes == 0
    disk.room = None
    service.time = 1.0
    service.take(1)
    (notice,) = service.told.notices
    assert notice.endswith("journal lines were lost; segment 2 begins with a snapshot")
    service.take(10_000)
    service.writer.close()
    first, second = segments(tmp_path)
    assert replay([first]).exact
    assert replay([second]).exact
    assert replay([tmp_path]).exact
    found = recover(tmp_path)
    assert found.snapshot == service.told.engine.snapshot()


def test_the_engine_may_journal_the_trouble_it_is_told_of(tmp_path: Path, disk: Disk) -> None:
    """`trouble` becomes an event, whose turn is taken while `flush` is on the stack."""
    service = Service(tmp_path)

    def trouble(on: bool, detail: str) -> None:
        service.told.trouble(on, detail)
        service.step(StorageTrouble("journal", on, detail), shift()[service.taken][0])

    service.writer._trouble = trouble
    service.take(30)
    disk.room = 0
    service.taken = 30
    service.take(1)
    disk.room = None
    service.time = 1.0
    service.writer.flush()
    service.take(20)
    service.writer.close()
    result = replay([tmp_path])
    assert (result.exact, result.events) == (True, 30 + 1 + 20 + 2)
    assert [on for on, _ in service.told.troubles] == [True, False]


def test_a_disk_full_from_the_start_delays_the_first_segment(tmp_path: Path, disk: Disk) -> None:
    disk.room = 10
    service = Service(tmp_path)
    service.take(40)
    assert segments(tmp_path) == []
    assert service.told.troubles == [(True, f"{tmp_path}: No space left on device")]
    disk.room = None
    service.time = 1.0
    service.take(10_000)
    service.writer.close()
    assert len(service.told.troubles) == 2
    assert (replay([tmp_path]).exact, replay([tmp_path]).events) == (True, len(shift()))


def test_a_new_segment_that_cannot_be_made_leaves_the_old_one_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service(tmp_path, segment_s=30.0)

    def no_more(*_: object) -> int:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", no_more)
        service.take(10_000)
    assert service.told.notices == ["no new journal segment: Too many open files"]
    assert len(segments(tmp_path)) == 1
    service.time = 1.0
    service.writer.flush()
    assert len(segments(tmp_path)) == 2
    service.writer.close()
    assert replay([tmp_path]).exact


def test_what_cannot_be_a_journal_directory_is_an_error_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalError, match="file: File exists"):
        Service(tmp_path / "file")
    with pytest.raises(JournalError, match="Not a directory"):
        Service(tmp_path / "file" / "below")


def test_a_second_engine_is_kept_out(tmp_path: Path) -> None:
    service = Service(tmp_path)
    with pytest.raises(JournalError, match="another engine writes this journal"):
        Service(tmp_path)
    service.writer.close()
    Service(tmp_path).writer.close()
    assert len(segments(tmp_path)) == 2


def test_the_follower_gives_each_segment_the_state_at_its_start(tmp_path: Path) -> None:
    written(tmp_path, shift(), segment_bytes=20_000)
    count = len(segments(tmp_path))
    assert follow_all(tmp_path) == count - 1
    assert follow_all(tmp_path) == 0
    for path in segments(tmp_path):
        assert replay([path]).exact
    engine = Engine()
    for now, event, _ in shift():
        engine.step(event, now)
    for path in segments(tmp_path)[:-2]:
        path.unlink()
    assert recover(tmp_path).snapshot == engine.snapshot()


def test_the_follower_makes_no_snapshot_of_what_does_not_replay(tmp_path: Path) -> None:
    written(tmp_path, shift(), segment_bytes=20_000)
    first = segments(tmp_path)[0]
    first.write_bytes(first.read_bytes().replace(b'"digit":"1"', b'"digit":"2"'))
    with pytest.raises(JournalError, match="the engine commands something else"):
        follow_all(tmp_path)
    assert not list(tmp_path.glob("*" + SNAPSHOT))


def test_the_writer_starts_the_follower_on_a_closed_segment(tmp_path: Path) -> None:
    told = Told()
    writer = JournalWriter(
        tmp_path, trouble=told.trouble, snapshot=told.engine.snapshot, notice=told.notices.append, segment_s=100.0
    )
    writer.open(boot=1, seed=1, now=0.0, wall_offset_s=1e6)
    for turn in shift():
        writer.turn(*turn)
        writer.flush()
    left = tmp_path / f"00000002{SNAPSHOT}"
    wait_until(left.exists, "it has left a snapshot", 600)  # at nice 19: on a busy machine everybody else goes first
    writer.close()
    assert told.notices == []
