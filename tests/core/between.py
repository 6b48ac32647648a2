"""What must be true from one step of a whole engine to the next (DESIGN §6), in books kept apart from the engine's own:
nobody overtakes his like, a break and a wrap-up hold in every queue, a reload changes no live call and no counter."""

from dataclasses import replace
from typing import Any, ClassVar, Final

from acd.core import commands as c
from acd.core import events as e
from acd.core.agents import Task, Work
from acd.core.calls import CallState
from acd.core.ids import AgentId, CallId, QueueId
from acd.core.invariants import Broken
from acd.core.waiting import Waiting
from tests.core.world import World

AWAY: Final = (e.Break, e.SignOff)
BACK: Final = (e.Ready, e.SignOn)
SERVED: Final = (CallState.TALKING, CallState.CONSULTING, CallState.TRANSFERRING)


class Watched(World):
    """A world whose every step is compared with the one before. Raises `Broken`."""

    steps: ClassVar = 0  # of all of them

    def __init__(self, *args: Any, **more: Any) -> None:
        self.away: dict[AgentId, str] = {}
        super().__init__(*args, **more)

    def send(self, event: e.Event) -> list[c.Command]:
        Watched.steps += 1
        rung, working, wraps = self._rung(), self._working(), self._wraps_up()
        books = self._books() if type(event) is e.Configured and self.now > 0.0 else None
        given = super().send(event)
        self._note(event, given)
        for call, agent in sorted(self._rung() - rung):
            self._must(agent not in self.away, f"{agent} was rung for {call} after {self.away.get(agent)}")
            self._overtook_nobody(call, agent)
        for agent, call in sorted(working.keys() - self._working().keys()):
            task = working[agent, call]
            by_himself = task.work is Work.WRAP_UP and isinstance(event, (*AWAY, *BACK))
            none_due = task.queue not in wraps & self._wraps_up()
            ended = by_himself or none_due or self._has_him_still(agent, task)
            self._must(ended, f"{agent} was {task.work} in {call}, of {task.queue}, and has nothing to wrap up")
        if books is not None:
            self._must(books == self._books(), f"a reload made {self._books()} of {books}")
        return given

    def _must(self, holds: bool, what: str) -> None:
        if not holds:
            raise Broken(f"at {self.now:g}: {what}")

    def _note(self, event: e.Event, given: list[c.Command]) -> None:
        """Who asked for a break or went home; whoever is configured anew, or starts with the engine, is back."""
        granted = any(isinstance(command, c.Reply) and command.ok for command in given)
        if isinstance(event, AWAY) and granted:
            self.away[event.agent] = type(event).__name__
        elif isinstance(event, BACK) and granted:
            self.away.pop(event.agent, None)
        elif isinstance(event, e.Configured):
            self.away = {agent: why for agent, why in self.away.items() if agent in event.settings.agents}
        elif isinstance(event, e.Started):
            self.away = {agent: why for agent, why in self.away.items() if why == "Break"}

    def _overtook_nobody(self, call: CallId, agent: AgentId) -> None:
        """Of those who are alike and might have had that agent, none comes first by key and waits on."""
        waiting = self.engine._core.dispatcher.waiting
        chosen = waiting[call]
        for other in waiting.values():
            if _alike(other, chosen) and not other.rung and agent not in other.excluded:
                behind = (chosen.key, chosen.serial) < (other.key, other.serial)
                self._must(behind, f"{call} overtook {other.contact}")

    def _rung(self) -> set[tuple[CallId, AgentId]]:
        return {(w.contact, agent) for w in self.engine._core.dispatcher.waiting.values() for agent in w.rung}

    def _working(self) -> dict[tuple[AgentId, CallId], Task]:
        """Who has a caller, or wraps him up for a while yet."""
        return {
            (state.id, task.contact): replace(task)
            for state in self.engine._core.state.agents.values()
            for task in state.tasks.values()
            if task.answered_at is not None and (task.until is None or task.until > self.now)
        }

    def _has_him_still(self, agent: AgentId, task: Task) -> bool:
        """The caller came back to him at once, or goes on with him in another call."""
        tasks = self.engine._core.state.agents[agent].tasks
        return task.contact in tasks or any(other.answered_at == task.answered_at for other in tasks.values())

    def _wraps_up(self) -> set[QueueId | None]:
        return {id for id, queue in self.engine._core.agents.queues.items() if queue.wrap_up.kind != "none"}

    def _books(self) -> tuple[object, ...]:
        state = self.engine._core.state
        served = {call.id: (call.state, call.agent_leg) for call in state.calls.values() if call.state in SERVED}
        return state.offered, served, {id: (n.answered, n.abandoned) for id, n in state.counts.items()}


def _alike(one: Waiting, other: Waiting) -> bool:
    """They want the same; of whoever prefers an agent nothing is promised."""
    traits = ("queue", "tier", "needs", "site", "channel")
    return one is not other and not one.preferred and all(getattr(one, t) == getattr(other, t) for t in traits)
