"""The journal of a simulation, as the engine in service writes one: `acd replay` and `acd explain` read it."""

from pathlib import Path
from types import TracebackType

from acd.core.commands import Command
from acd.core.engine import Engine
from acd.core.events import Event
from acd.journal.codec import Header, encode_header, encode_turn


class Journalled:
    """The engine, with every turn written down. Raises `OSError` when the file cannot be written."""

    def __init__(self, path: Path, seed: int, wall_offset_s: float) -> None:
        self._engine = Engine()
        self._path = path
        self._header = Header(segment=1, boot=1, seed=seed, now=0.0, wall_offset_s=wall_offset_s)

    def __enter__(self) -> "Journalled":
        self._file = self._path.open("wb")
        self._file.write(encode_header(self._header))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def step(self, event: Event, now: float) -> list[Command]:
        commands = self._engine.step(event, now)
        self._file.write(encode_turn(now, event, commands))
        return commands

    def deadline(self) -> float | None:
        return self._engine.deadline()
