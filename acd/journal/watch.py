"""Going through a journal with watchers: what reports and explanations are made from."""

import math
from collections.abc import Sequence
from pathlib import Path

from acd.core.engine import Engine, Snapshot
from acd.core.ids import CallId
from acd.core.observe import Enough, Observed, Watcher
from acd.journal.replay import Follow, ReplayResult
from acd.journal.segments import is_start, read_header, read_turns, segments_of


def watch(paths: Sequence[Path], watchers: Sequence[Watcher], *, since: float = -math.inf) -> list[str]:
    """Replay segments, or directories of them, with these watchers, from the last start before `since` (wall clock
    seconds) on. Returns what was not as usual. Raises `JournalError`."""

    def engine(snapshot: Snapshot | None) -> Engine:
        return Observed(snapshot, watchers)

    follow, result = Follow(engine, compare=False), ReplayResult()
    try:
        for path in _from(segments_of(list(paths)), since):
            follow.segment(path, result)
    except Enough:
        pass
    for watcher in watchers:
        watcher.end()
    return result.notes


def _from(segments: list[Path], since: float) -> list[Path]:
    """Those needed to know what happened from `since` on."""
    start = 0
    for number, path in enumerate(segments):
        header = read_header(path)
        if is_start(path, header) and header.now + header.wall_offset_s <= since:
            start = number
    return segments[start:]


def arrival_of(paths: Sequence[Path], call: CallId) -> float | None:
    """When the segment began in which a call came in, wall clock seconds; None if it did in none. Raises
    `JournalError`."""
    named = f'"{call}"'.encode()
    for path in segments_of(list(paths)):
        for line in read_turns(path):
            if b'"LegArrived"' in line.data[:60] and named in line.data:
                header = read_header(path)
                return header.now + header.wall_offset_s
    return None
