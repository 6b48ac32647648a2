"""The engine: events in, commands out, one deadline. See `events`, `commands`, DESIGN §2."""

from acd.core.commands import Command
from acd.core.events import Event
from acd.core.view import View


class Snapshot:
    """The whole state as plain values (dataclasses, dicts, lists, numbers, strings)."""


class Engine:
    """The pure core. Same events at the same instants, same commands, to the byte."""

    def __init__(self, snapshot: Snapshot | None = None) -> None: ...

    def step(self, event: Event, now: float) -> list[Command]:
        """Take one event. `now`: monotonic seconds since the journal began, never going back."""
        raise NotImplementedError

    def deadline(self) -> float | None:
        """When `Woke` must come at the latest, or None."""
        raise NotImplementedError

    def snapshot(self) -> Snapshot:
        """The state, a deep copy."""
        raise NotImplementedError

    def view(self, now: float) -> View:
        raise NotImplementedError
