"""What each agent does, second by second, from an engine that is watched."""

from collections.abc import Mapping, Sequence
from typing import Final

from acd.core.agents import AgentState, Presence, Task, Work
from acd.core.calls import Call
from acd.core.commands import Command, StartLeg, WriteRecord
from acd.core.context import Core
from acd.core.events import Configured, Event, Started
from acd.core.ids import AgentId, CallId, QueueId
from acd.core.matching import Pool, at_stage, serves
from acd.core.metrics import Book
from acd.core.values import value

WORDS: Final[dict[Work, str]] = {
    Work.TALKING: "talking",
    Work.CONSULTING: "consulting",
    Work.HELD: "held",
    Work.OFFERED: "ringing",
    Work.ANSWERED: "ringing",  # picked up, not yet accepted
    Work.RELEASING: "releasing",  # his phone has not answered our BYE yet
    Work.WRAP_UP: "wrap_up",
}
"""What he does with a contact; of several the first of these is what he does."""
_RANK: Final = {work: rank for rank, work in enumerate(WORDS)}


def doing(state: AgentState, now: float) -> tuple[str, Task | None]:
    """One word for what an agent does, and the contact it is about: a word of `WORDS`, idle, penalty (ready, but not
    rung for a while after an offer that came to nothing), or his presence."""
    if state.tasks:
        task = min(state.tasks.values(), key=lambda task: _RANK[task.work])
        return WORDS[task.work], task
    if state.presence is Presence.READY:
        return "penalty" if now < state.not_before else "idle", None
    return str(state.presence), None


@value
class _Open:
    doing: str
    contact: CallId | None
    queue: QueueId | None
    offered_at: float | None
    began: float  # `now`
    wall: float
    serves: tuple[QueueId, ...]


class Shifts:
    """A watcher that fills a book with agents' spells and offers, and with records if it is to."""

    done = False  # a call may end at any time

    def __init__(self, book: Book, *, records: bool) -> None:
        self._book = book
        self._records = records
        self._open: dict[AgentId, _Open] = {}
        self._offered: dict[tuple[AgentId, CallId], float] = {}
        self._serves: dict[Pool, tuple[QueueId, ...]] = {}
        self._now = 0.0
        self._begun = False

    def begin(self, core: Core) -> None:
        """What was going on ended when the engine did; what a snapshot says goes on, unless it is a restart's."""
        self.end()
        self._know(core)
        self._now, self._begun = core.now, True
        for agent in core.agents.states:
            self._look(core, agent, core.now)

    def end(self) -> None:
        """What is going on has lasted so far."""
        for agent, spell in self._open.items():
            self._close(agent, spell)
        self._open.clear()

    def after(
        self, core: Core, now: float, event: Event, commands: Sequence[Command], touched: Mapping[AgentId, None]
    ) -> None:
        self._now = now
        if self._begun and type(event) is Started:
            self._open.clear()  # nobody was at work while there was no engine
        self._begun = False
        if type(event) is Configured:
            self._know(core)
        for command in commands:
            if type(command) is WriteRecord and self._records:
                self._book.record(command.record)
            elif type(command) is StartLeg:
                leg = core.legs.get(command.leg)
                if leg is not None and leg.agent is not None and leg.role == "agent":
                    self._book.rung(leg.agent, leg.queue or "", _offered_at(core.state.calls[leg.call]))
        for agent in touched:
            self._look(core, agent, now)

    def _look(self, core: Core, agent: AgentId, now: float) -> None:
        state = core.agents.states.get(agent)
        before = self._open.get(agent)
        if before is not None and self._regrouped(core, agent):
            self._close(agent, self._open.pop(agent))  # what he did so far was his old team's
            before = None
        if agent in core.agents.settings:
            self._book.agents[agent] = core.agents.settings[agent]
        if state is None or state.presence is Presence.SIGNED_OFF:
            if before is not None:
                self._close(agent, self._open.pop(agent))
            return
        word, task = doing(state, now)
        contact = task.contact if task is not None else None
        queues = self._queues(core, agent)
        wall = now + core.state.wall_offset_s
        if before is not None and (before.doing, word, before.contact) == ("releasing", "wrap_up", contact):
            now, wall = before.began, before.wall  # wrap-up counts from the hang-up
        elif before is not None:
            if (before.doing, before.contact, before.serves) == (word, contact, queues):
                return
            self._close(agent, before)
            if before.contact is not None and before.contact not in state.tasks:
                self._offered.pop((agent, before.contact), None)
        queue = task.queue if task is not None else None
        self._open[agent] = _Open(word, contact, queue, self._owner(core, agent, contact), now, wall, queues)

    def _regrouped(self, core: Core, agent: AgentId) -> bool:
        known, settings = self._book.agents.get(agent), core.agents.settings.get(agent)
        return settings is not None and settings is not known and settings != known

    def _owner(self, core: Core, agent: AgentId, contact: CallId | None) -> float | None:
        """When the contact joined its queue; remembered, for a wrap-up outlives its call."""
        if contact is None:
            return None
        call = core.state.calls.get(contact)
        if (agent, contact) not in self._offered and call is not None:
            self._offered[agent, contact] = _offered_at(call)
        return self._offered.get((agent, contact))

    def _queues(self, core: Core, agent: AgentId) -> tuple[QueueId, ...]:
        """The queues he may be rung for before a ring widens them."""
        member = core.dispatcher._market.members.get(agent)
        found: dict[QueueId, None] = {}
        for seat in member.seats if member is not None else ():
            if seat.pool not in self._serves:
                queues = core.dispatcher.queues.values()
                self._serves[seat.pool] = tuple(q.id for q in queues if serves(seat.pool, *at_stage(q, 0)))
            found |= dict.fromkeys(self._serves[seat.pool])
        return tuple(found)

    def _close(self, agent: AgentId, spell: _Open) -> None:
        ended = spell.wall + self._now - spell.began
        self._book.spell(agent, spell.doing, spell.wall, ended, spell.serves, spell.queue, spell.offered_at)

    def _know(self, core: Core) -> None:
        self._book.agents = core.agents.settings | self._book.agents  # what is new of the others is seen in `_look`
        self._book.queues |= core.state.settings.queues
        self._serves.clear()


def _offered_at(call: Call) -> float:
    """When a call joined the queue it is served from, wall clock seconds."""
    joined = [segment.started_at for segment in call.record.segments if segment.kind == "queue"]
    return joined[-1] if joined else call.record.started_at
