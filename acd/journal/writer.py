"""The journal as it is written: a turn's lines in one `write` before its commands act.

The owning task calls `turn` for every step and `flush` before it lets the commands act. A thread of its own brings
what was written to the disk, at most once a second. What cannot be written waits in memory up to a bound while
`trouble` is told; beyond that bound the waiting lines are given up and the journal goes on, as soon as it can, in a new
segment that opens with the engine's state.
"""

import errno
import fcntl
import os
from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from threading import Event as Flag
from threading import Thread
from time import monotonic
from typing import Protocol

from acd.core.commands import Command
from acd.core.engine import Snapshot
from acd.core.events import Configured, Event, WallClockSet
from acd.core.settings import Settings
from acd.journal import follower
from acd.journal.codec import Header, JournalError, encode_header, encode_snapshot, encode_turn
from acd.journal.segments import segment_path, segments

PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EMFILE, errno.ENFILE)
"""What may be over in a while. Anything else at the start (no permission, not a directory) is a mistake to be told."""

_OF_HEADER = (Configured, WallClockSet)  # what the next segment opens with

SEGMENT_TURNS = 30_000
"""A restart replays what came after the last snapshot, two segments at the worst, at some 30 µs a turn: this bound,
not an hour or 256 MiB, is what lets a busy engine be up again within 5 s."""


class Trouble(Protocol):
    def __call__(self, on: bool, detail: str) -> None: ...


class JournalWriter:
    """Writes one journal; a lock keeps a second engine out of its directory.

    `trouble(on, detail)` says that the journal cannot be written, or can again; `notice(text)` is for the log. Both are
    called at the end of a `flush`, and may call `turn` and `flush` themselves. `snapshot()` gives the engine's state;
    it is asked for only after lines were lost.
    """

    def __init__(
        self,
        directory: Path,
        *,
        trouble: Trouble,
        snapshot: Callable[[], Snapshot],
        notice: Callable[[str], None] = lambda _text: None,
        segment_s: float = 3600.0,
        segment_bytes: int = 256 << 20,
        segment_turns: int = SEGMENT_TURNS,
        waiting_bytes: int = 16 << 20,
        retry_s: float = 0.5,
        follow: bool = True,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._directory = directory
        self._trouble = trouble
        self._snapshot = snapshot
        self._notice = notice
        self._segment_s = segment_s
        self._segment_bytes = segment_bytes
        self._segment_turns = segment_turns
        self._waiting_bytes = waiting_bytes
        self._retry_s = retry_s
        self._follow = follow
        self._clock = clock

        self._lines: list[bytes] = []
        self._waiting: deque[bytes] = deque()
        self._waits = 0  # bytes in `_waiting`
        self._lost = 0  # lines given up since the last that was written
        self._troubled = ""
        self._news: list[Callable[[], None]] = []  # told at the end of a flush, when all is in order again
        self._retry_at = 0.0
        self._fd = -1
        self._lock = -1
        self._size = 0
        self._turns = 0  # noted since the segment began
        self._serial = 0
        self._opened_at = 0.0
        self._now = 0.0
        self._header: Header
        self._disk: _Disk

    # ------------------------------------------------------------------------------------------------- the owner's

    def open(
        self,
        *,
        boot: int,
        seed: int,
        now: float,
        wall_offset_s: float,
        settings: Settings | None = None,
        snapshot: Snapshot | None = None,
    ) -> None:
        """Begin a boot: a new segment that opens with `snapshot` (the state recovered; None: a fresh engine).

        Raises `JournalError` if the directory cannot be used or another engine uses it. A full disk is no error: the
        lines wait.
        """
        try:
            self._directory.mkdir(parents=True, exist_ok=True)
            self._lock = os.open(self._directory / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._close_lock()
            raise JournalError(f"{self._directory}: another engine writes this journal") from None
        except OSError as problem:
            if problem.errno not in PASSING:
                raise JournalError(f"{self._directory}: {problem.strerror}") from None
        self._serial = max((int(path.stem) for path in segments(self._directory)), default=0)
        self._now = now
        self._header = Header(
            boot=boot,
            seed=seed,
            now=now,
            wall_offset_s=wall_offset_s,
            settings=settings,
            snapshot=encode_snapshot(snapshot) if snapshot is not None else None,
        )
        self._disk = _Disk(self._directory)
        try:
            self._begin_segment()
        except OSError as problem:
            if problem.errno not in PASSING:
                self.close()
                raise JournalError(f"{self._directory}: {problem.strerror}") from None
            self._fail(problem)

    def turn(self, now: float, event: Event, commands: Sequence[Command]) -> None:
        """Note what the engine was given and what it commanded. Nothing is written before `flush`."""
        self._now = now
        self._turns += 1
        self._lines.append(encode_turn(now, event, commands))
        if event.__class__ in _OF_HEADER:
            self._keep(event)

    def _keep(self, event: Event) -> None:
        if isinstance(event, Configured):
            self._header.settings = event.settings
        elif isinstance(event, WallClockSet):
            self._header.wall_offset_s = event.wall_offset_s

    def flush(self) -> None:
        """Write the turns noted, in one write; to be called before their commands act, and now and then (a second)
        while lines wait. Never raises for the disk's sake."""
        if self._lines:
            data = b"".join(self._lines)
            if self._waiting or self._lost or self._fd < 0:
                self._wait(data, len(self._lines))
            else:
                self._write(data, len(self._lines))
            self._lines.clear()
        if (self._waiting or self._lost or self._fd < 0) and self._clock() >= self._retry_at:
            self._retry()
        if self._fd >= 0 and (
            self._size >= self._segment_bytes
            or self._turns >= self._segment_turns
            or self._now - self._opened_at >= self._segment_s
        ):
            self._next_segment()
        if self._news or self._disk.news:
            self._tell()

    def close(self) -> None:
        """Write what is left, bring it to the disk, let the directory go."""
        self._retry_at = 0.0
        if self._fd >= 0 or self._lines:
            self.flush()
        self._disk.retire(self._fd)
        self._fd = -1
        self._disk.stop()
        self._close_lock()

    @property
    def waiting_bytes(self) -> int:
        """Bytes that could not be written yet."""
        return self._waits

    # ---------------------------------------------------------------------------------------------------- writing

    def _write(self, data: bytes, lines: int) -> None:
        try:
            written = os.write(self._fd, data)
            while written < len(data):
                self._size += written
                data = data[written:]
                written = os.write(self._fd, data)
        except OSError as problem:
            self._wait(data, lines)
            self._fail(problem)
        else:
            self._size += written
            self._disk.written = True

    def _wait(self, data: bytes, lines: int) -> None:
        """Keep `data` until it can be written. Past the bound everything that waits is given up: a journal with a gap
        cannot be replayed across it, so what came just before the gap is worth no more than the gap."""
        if self._lost or self._waits + len(data) > self._waiting_bytes:
            self._lost += lines + sum(waiting.count(b"\n") for waiting in self._waiting)
            self._waiting.clear()
            self._waits = 0
        else:
            self._waiting.append(data)
            self._waits += len(data)

    def _retry(self) -> None:
        self._retry_at = self._clock() + self._retry_s
        try:
            if self._lost or self._fd < 0:
                self._begin_anew()
            while self._waiting:
                data = self._waiting[0]
                written = os.write(self._fd, data)
                self._size += written
                self._waits -= written
                if written == len(data):
                    self._waiting.popleft()
                else:
                    self._waiting[0] = data[written:]
            self._disk.written = True
        except OSError as problem:
            self._fail(problem)
            return
        self._troubled = ""
        self._news.append(partial(self._trouble, False, "the journal is written again"))

    def _begin_anew(self) -> None:
        """After a loss: a segment that opens with the state as it is, in which every turn so far is contained. When
        the very first segment could not be made nothing is lost yet, and it opens as it would have."""
        if self._lost:
            self._header.snapshot = encode_snapshot(self._snapshot())
            self._header.follows = False
        self._begin_segment()
        if self._lost:
            self._say(f"{self._lost} journal lines were lost; segment {self._serial} begins with a snapshot")
            self._lost = 0

    def _fail(self, problem: OSError) -> None:
        self._retry_at = self._clock() + self._retry_s
        detail = f"{self._directory}: {problem.strerror}"
        if detail != self._troubled:
            self._troubled = detail
            self._news.append(partial(self._trouble, True, detail))

    # --------------------------------------------------------------------------------------------------- segments

    def _next_segment(self) -> None:
        if self._waiting or self._lost or self._clock() < self._retry_at:
            return
        self._header.follows = True
        self._header.snapshot = None
        try:
            self._begin_segment()
        except OSError as problem:  # the old segment serves on
            self._retry_at = self._clock() + self._retry_s
            self._say(f"no new journal segment: {problem.strerror}")
            return
        if self._follow:
            self._disk.follow = True

    def _begin_segment(self) -> None:
        """Open the next segment and write its header. Raises `OSError`, leaving no trace of it."""
        header = self._header
        header.segment = self._serial + 1
        header.now = self._now
        path = segment_path(self._directory, header.segment)
        fd = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC, 0o640)
        data = encode_header(header)
        size = len(data)
        try:
            while data:
                data = data[os.write(fd, data) :]
        except OSError:
            os.close(fd)
            path.unlink(missing_ok=True)
            raise
        self._disk.retire(self._fd)
        self._fd = self._disk.fd = fd
        self._size = size
        self._turns = 0
        self._serial = header.segment
        self._opened_at = self._now

    def _say(self, text: str) -> None:
        self._news.append(partial(self._notice, text))

    def _tell(self) -> None:
        """Whoever is told may well write a turn on it, so nothing may be half done here."""
        news, self._news = self._news, []
        while self._disk.news:
            news.append(partial(self._notice, self._disk.news.popleft()))
        for tell in news:
            tell()

    def _close_lock(self) -> None:
        if self._lock >= 0:
            os.close(self._lock)
        self._lock = -1


class _Disk:
    """The thread that waits for the disk, so that nobody else has to: it syncs what was `written` at most once a
    second, closes segments that were left, and starts the follower on them."""

    def __init__(self, directory: Path) -> None:
        self.fd = -1
        self.written = False
        self.follow = False
        self.news: deque[str] = deque(maxlen=16)
        self._directory = directory
        self._retired: deque[int] = deque()
        self._stop = Flag()
        self._follower: follower.Follower | None = None
        self._thread = Thread(target=self._run, name="journal", daemon=True)
        self._thread.start()

    def retire(self, fd: int) -> None:
        """Sync and close a descriptor; it is the thread that closes, since it may be syncing it at this moment."""
        if fd >= 0:
            self._retired.append(fd)

    def stop(self) -> None:
        """Bring everything to the disk and end. Waits for that."""
        self.fd = -1
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            self._round()
        self._round()
        if self._follower is not None:
            self._follower.stop()

    def _round(self) -> None:
        while self._retired:
            fd = self._retired.popleft()
            self._sync(fd)
            os.close(fd)
        if self.written and self.fd >= 0:
            self.written = False
            self._sync(self.fd)
        if self._follower is not None and (said := self._follower.ended()) is not None:
            self._follower = None
            if said:
                self.news.append(said)
        if self.follow and self._follower is None and not self._stop.is_set():
            self.follow = False
            self._follower = follower.Follower(self._directory)

    def _sync(self, fd: int) -> None:
        try:
            os.fdatasync(fd)
        except OSError as problem:
            self.news.append(f"{self._directory}: not brought to the disk ({problem.strerror})")
