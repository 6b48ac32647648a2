"""The journal of a simulation, as the engine in service writes one: `acd replay`, `acd explain` and `acd report` read
it, the last by what is kept beside it of agents' doings."""

from pathlib import Path
from types import TracebackType

from acd.core.commands import Command
from acd.core.events import Event
from acd.core.observe import Observed
from acd.journal.codec import Header, encode_header, encode_turn
from acd.journal.shifts import Keeping


class Journalled(Observed):
    """The engine, with every turn written down. Raises `OSError` when the file cannot be written."""

    def __init__(self, path: Path, seed: int, wall_offset_s: float) -> None:
        self._keeping = Keeping()
        super().__init__(None, [self._keeping.observer])
        self._path = path
        self._header = Header(segment=1, boot=1, seed=seed, now=0.0, wall_offset_s=wall_offset_s)

    def __enter__(self) -> "Journalled":
        self._file = self._path.open("wb")
        self._file.write(encode_header(self._header))
        self._file.flush()
        self._keeping.begin(self._path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        with self._keeping:
            if kind is None:
                self._keeping.end()

    def step(self, event: Event, now: float) -> list[Command]:
        commands = super().step(event, now)
        self._file.write(encode_turn(now, event, commands))
        return commands
