"""Feed a journal to a fresh engine and compare, command by command, with what was commanded then."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from acd.core.commands import Command
from acd.core.engine import Engine, Snapshot
from acd.core.record import Record
from acd.journal.codec import Header, JournalError, Turn, decode_turn, encode_commands
from acd.journal.segments import is_start, read_header, read_snapshot, read_turns, segments_of

EngineFactory = Callable[[Snapshot | None], Engine]


@dataclass(slots=True)
class Difference:
    """The first turn in which the engine commanded something else."""

    path: str
    line: int
    now: float
    event: str
    expected: tuple[str, ...]  # as in the journal, one text a command
    got: tuple[str, ...]

    def __str__(self) -> str:
        lines = [
            f"{self.path}:{self.line}: at {self.now:.6f} s, given {self.event}, the engine commands something else"
        ]
        for number in range(max(len(self.expected), len(self.got))):
            was = self.expected[number] if number < len(self.expected) else "nothing"
            is_now = self.got[number] if number < len(self.got) else "nothing"
            if was != is_now:
                lines += [f"  command {number + 1} was  {was}", f"  command {number + 1} is   {is_now}"]
        return "\n".join(lines)


@dataclass(slots=True)
class ReplayResult:
    """`notes`: what was not as usual and yet no difference, such as a last line cut off by a crash."""

    segments: int = 0
    events: int = 0
    commands: int = 0
    records: int = 0
    difference: Difference | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def exact(self) -> bool:
        return self.difference is None


def replay(paths: Sequence[Path], engine: EngineFactory = Engine) -> ReplayResult:
    """Replay segments (or directories of them) in their order, up to the first difference.

    Raises `JournalError` for a journal that cannot be read: not one, of another format, damaged in the middle, or
    beginning in a segment whose state at the start is not known.
    """
    result = ReplayResult()
    follow = Follow(engine, compare=True)
    for path in segments_of(list(paths)):
        follow.segment(path, result)
        if result.difference is not None:
            break
    return result


class Follow:
    """An engine led through segments. `compare`: check its commands, and stop at the first that differ."""

    def __init__(self, engine: EngineFactory, *, compare: bool) -> None:
        self._factory = engine
        self._compare = compare
        self.engine: Engine | None = None
        self.records: list[Record] = []
        self.now = 0.0
        self._last = -1  # the segment last read

    def segment(self, path: Path, result: ReplayResult) -> None:
        """Take the engine through one segment. Raises `JournalError`."""
        header = read_header(path)
        if not (header.follows and self.engine is not None and header.segment == self._last + 1):
            if not is_start(path, header):
                raise JournalError(
                    f"{path}: goes on from the segment before, and there is no snapshot beside it; begin with one"
                    " that opens a boot, or name the whole directory"
                )
            self.engine = self._factory(read_snapshot(path, header))
        self._last = header.segment
        self.now = max(self.now, header.now)
        result.segments += 1
        this = Header(boot=0, seed=0, now=0.0, wall_offset_s=0.0)
        if self._compare and (header.engine, header.python) != (this.engine, this.python):
            then, today = f"{header.engine} on Python {header.python}", f"{this.engine} on Python {this.python}"
            result.notes.append(f"{path}: written by engine {then}, replayed by {today}")
        torn = ""
        for number, data, whole in read_turns(path):
            if torn:
                raise JournalError(torn)
            try:
                if not whole:
                    raise JournalError("cut off")
                turn = decode_turn(data)
            except JournalError as problem:
                torn = f"{path}:{number}: {problem}"
                continue
            self._turn(path, number, turn, result)
            if result.difference is not None:
                return
        if torn:
            result.notes.append(f"{torn}; the last line, dropped")

    def _turn(self, path: Path, number: int, turn: Turn, result: ReplayResult) -> None:
        assert self.engine is not None
        self.now = turn.now
        commands = self.engine.step(turn.event, turn.now)
        result.events += 1
        result.commands += len(commands)
        result.records += turn.commands.count(b'["WriteRecord",')
        if self._compare and not same(turn, commands):
            result.difference = Difference(
                str(path),
                number,
                turn.now,
                repr(turn.event)[:400],
                tuple(map(repr, turn.read_commands())),
                tuple(map(repr, commands)),
            )


def same(turn: Turn, commands: list[Command]) -> bool:
    """Whether these are the commands in the journal, to the byte. An integer where a float is declared is the same
    number read back as a float, so both sides are compared as they read back."""
    written = encode_commands(commands)
    if written == turn.commands:
        return True
    try:
        expected = turn.read_commands()
        got = Turn(turn.now, turn.event, written).read_commands()
    except JournalError:
        return False
    return encode_commands(expected) == encode_commands(got)
