"""Watching an engine from within while a journal is replayed: after each step, who has changed.

`Observed` is the engine itself and decides nothing of its own. Watching costs time: the engine in service is not one.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

from acd.core.commands import Command
from acd.core.context import Core
from acd.core.engine import Engine, Snapshot
from acd.core.events import Event
from acd.core.ids import AgentId


class Enough(Exception):
    """Every watcher has seen what it wanted: the rest need not be replayed."""


class Watcher(Protocol):
    @property
    def done(self) -> bool:
        """Nothing that it wants can come any more."""

    def begin(self, core: Core) -> None:
        """Another engine goes on from here: the first, or after a restart."""

    def after(
        self, core: Core, now: float, event: Event, commands: Sequence[Command], touched: Mapping[AgentId, None]
    ) -> None:
        """A step was taken. `touched`: every agent whose presence, work or skills may have changed in it."""

    def end(self) -> None:
        """Nothing comes any more."""


class Observed(Engine):
    """An engine that is watched."""

    def __init__(self, snapshot: Snapshot | None, watchers: Sequence[Watcher]) -> None:
        super().__init__(snapshot)
        agents = self._core.agents
        agents.changed = self._noted = _Noted(agents.changed)
        self._noted.seen = dict.fromkeys(agents.states)
        agents.worked = {}
        self._watchers = watchers
        for watcher in watchers:
            watcher.begin(self._core)

    def step(self, event: Event, now: float) -> list[Command]:
        """One step. Raises `Enough` behind the last one that anybody wanted."""
        commands = super().step(event, now)
        core, noted, wanted = self._core, self._noted, False
        touched = noted.seen
        if core.agents.worked:
            touched.update(core.agents.worked)
            core.agents.worked.clear()
        if touched:
            noted.seen = {}
        for watcher in self._watchers:
            watcher.after(core, now, event, commands, touched)
            wanted = wanted or not watcher.done
        if not wanted:
            raise Enough
        return commands


class _Noted(dict[AgentId, None]):
    """`Agents.changed`, which the dispatcher empties within the step, and what had been in it."""

    seen: dict[AgentId, None]

    def __setitem__(self, agent: AgentId, nothing: None) -> None:
        super().__setitem__(agent, nothing)
        self.seen[agent] = None
