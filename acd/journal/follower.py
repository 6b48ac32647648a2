"""Writes the snapshot of each segment's start by replaying the segment before, in a process of its own; and, since it
is replaying anyhow, what was seen of agents in it, for reports.

The engine in service never stops to write its state down; and each closed segment is thereby proved to replay.
``python -m acd.journal.follower DIRECTORY`` does what there is to do and ends: 0 if all is well, 1 with a word on
standard error if a segment did not replay (no snapshot is then made of it).
"""

import os
import subprocess
import sys
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

from acd.core.observe import Observed
from acd.journal.codec import JournalError, encode_snapshot
from acd.journal.replay import Follow, ReplayResult
from acd.journal.segments import SNAPSHOT, is_start, read_header, segments
from acd.journal.shifts import Keeping


class Follower:
    """The follower as a child process, out of the engine's way (nice 19)."""

    def __init__(self, directory: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "acd.journal.follower", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            close_fds=True,
        )

    def ended(self) -> str | None:
        """None while it runs; then what it had to say, nothing if all was well."""
        if self._process.poll() is None:
            return None
        return self._said()

    def stop(self) -> None:
        self._process.terminate()
        self._said()

    def _said(self) -> str:
        said = self._process.communicate()[1].decode("utf-8", "replace").strip()
        return said[-2000:] if self._process.returncode else ""


def snapshot_of(segment: Path) -> bytes:
    """The encoded state at the end of a segment, by replaying it from its start. Raises `JournalError` if it does not
    replay exactly."""
    result = ReplayResult()
    with Keeping() as keeping:
        follow = Follow(lambda snapshot: Observed(snapshot, [keeping.observer]), compare=True)
        keeping.begin(segment)
        follow.segment(segment, result)
        if result.difference is not None:
            raise JournalError(str(result.difference))
        keeping.end()
    assert follow.engine is not None
    return encode_snapshot(follow.engine.snapshot())


def follow_all(directory: Path) -> int:
    """Make every snapshot that is missing, oldest first. Returns how many. Raises `JournalError`."""
    made = 0
    for before, path in pairwise(segments(directory)):
        if is_start(path, read_header(path)) or not is_start(before, read_header(before)):
            continue
        target = path.with_suffix(SNAPSHOT)
        part = target.with_suffix(".part")
        with part.open("wb") as file:
            file.write(snapshot_of(before))
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
        made += 1
    return made


def main() -> int:
    with suppress(OSError):
        os.nice(19)
    try:
        follow_all(Path(sys.argv[1]))
    except (JournalError, OSError) as problem:
        print(f"journal: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
