"""What a restart needs of the journal: the state at its end, its clock, the records of its last calls."""

from dataclasses import dataclass, field
from pathlib import Path

from acd.core.commands import WriteRecord
from acd.core.engine import Engine, Snapshot
from acd.core.record import Record
from acd.core.settings import Settings
from acd.journal.codec import Header, JournalError, decode_turn
from acd.journal.replay import EngineFactory, Follow, ReplayResult
from acd.journal.segments import is_start, read_header, read_turns, segments


@dataclass(slots=True)
class Recovered:
    """`snapshot` is the state after the last whole line; None if there is no journal or it cannot be recovered, which
    `notes` then says. `boot` is the last one's number (0: none), `now` the last instant (seconds since the journal
    began), `wall_offset_s` what turns it into wall time (the new `now` is the wall clock less this, but not less than
    `now`). `records`: what the last two segments, and those replayed, wanted written: putting a record twice is
    harmless."""

    snapshot: Snapshot | None = None
    boot: int = 0
    seed: int = 0
    now: float = 0.0
    wall_offset_s: float = 0.0
    settings: Settings | None = None
    records: list[Record] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def recover(directory: Path, engine: EngineFactory = Engine) -> Recovered:
    """Read the journal's end: the newest snapshot, and what came after it. Never raises for what it finds there: the
    hotline must come up; `notes` holds what to tell the operator."""
    found = Recovered()
    paths = segments(directory)
    headers: dict[Path, Header] = {}
    for path in reversed(paths):
        try:
            headers[path] = read_header(path)
        except JournalError as problem:
            found.notes.append(f"{problem}; segment left out")
        except OSError as problem:
            found.notes.append(f"{path}: {problem.strerror}; segment left out")
        else:
            if len(headers) >= 2 and is_start(path, headers[path]):
                break
    if not headers:
        return found
    newest = next(iter(headers))
    latest = headers[newest]
    found.boot, found.seed, found.settings = latest.boot, latest.seed, latest.settings
    found.now, found.wall_offset_s = latest.now, latest.wall_offset_s
    readable = list(reversed(headers))
    found.records = [record for path in readable for record in _records(path)]
    start = next((path for path in headers if is_start(path, headers[path])), readable[0])
    follow = Follow(engine, compare=False)
    result = ReplayResult()
    try:
        for path in readable[readable.index(start) :]:
            follow.segment(path, result)
        if follow.engine is not None:
            found.snapshot = follow.engine.snapshot()
    except Exception as problem:  # an engine that cannot replay what another wrote must not keep the hotline down
        found.notes.append(f"the state cannot be recovered, beginning with none: {type(problem).__name__}: {problem}")
    found.notes += result.notes
    found.now = max(found.now, follow.now, _last_now(newest))
    return found


def _records(path: Path) -> list[Record]:
    found: list[Record] = []
    for _, data, whole in read_turns(path):
        if whole and b'["WriteRecord",' in data:
            try:
                commands = decode_turn(data).read_commands()
            except JournalError:
                continue
            found += [command.record for command in commands if isinstance(command, WriteRecord)]
    return found


def _last_now(path: Path) -> float:
    """The instant of the last line that can be read."""
    now = 0.0
    for _, data, _ in read_turns(path):
        head, comma, _ = data[1:40].partition(b",")
        if data[:1] == b"[" and comma:
            try:
                now = max(now, float(head))
            except ValueError:
                continue
    return now
