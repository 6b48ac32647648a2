"""Going through a journal with watchers: what reports and explanations are made from."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path

from acd.core.engine import Engine, Snapshot
from acd.core.ids import CallId
from acd.core.observe import Enough, Observed, Watcher
from acd.journal.codec import JournalError
from acd.journal.replay import Follow, ReplayResult
from acd.journal.segments import is_start, read_header, read_turns, segments_of


def watch(
    paths: Sequence[Path],
    watchers: Sequence[Watcher],
    *,
    since: float = -math.inf,
    before: Callable[[Path], None] = lambda segment: None,
    behind: Callable[[], None] = lambda: None,
) -> list[str]:
    """Replay segments, or directories of them, with these watchers, from the last start before `since` (wall clock
    seconds) on. Returns what was not as usual; where the engine would command something else than it did then, the
    rest is left out, for what would be seen did not happen. `before` is called at the beginning of each segment,
    `behind` at its end if it replayed. Raises `JournalError`."""

    def engine(snapshot: Snapshot | None) -> Engine:
        return Observed(snapshot, watchers)

    follow, result = Follow(engine, compare=True), ReplayResult()
    try:
        for path in needed(segments_of(list(paths)), since):
            before(path)
            follow.segment(path, result)
            if (difference := result.difference) is not None:
                where = f"{difference.path}:{difference.line}"
                result.notes.append(f"{where}: does not replay with this version; what follows is left out")
                break
            behind()
    except Enough:
        pass
    except (JournalError, OSError):
        raise
    except Exception as problem:  # an engine that cannot follow what another did
        raise JournalError(f"cannot be replayed by this version ({type(problem).__name__}: {problem})") from problem
    for watcher in watchers:
        watcher.end()
    return result.notes


def needed(segments: list[Path], since: float) -> list[Path]:
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
