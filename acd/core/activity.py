"""What each agent does, second by second: seen in an engine that is watched, and made into the lines of a book."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, TypeAlias, get_args

from acd.core.agents import AgentState, Presence, Task, Work
from acd.core.calls import Call
from acd.core.commands import Command, Listen, StartLeg, WriteRecord
from acd.core.context import Core
from acd.core.events import Configured, Event, Started
from acd.core.ids import AgentId, CallId, QueueId
from acd.core.metrics import Book
from acd.core.pools import Pool, at_stage, serves
from acd.core.record import Record
from acd.core.settings import Agent, Queue
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


# What is seen of agents, in the order in which it is seen: enough to fill a book without the engine.


@value
class Seen:
    """What an agent does from now on. `doing` is "" when he is not at work."""

    agent: AgentId
    doing: str
    now: float
    wall: float
    contact: CallId | None = None
    queue: QueueId | None = None
    offered_at: float | None = None  # when the contact joined the queue; wall clock
    serves: tuple[QueueId, ...] = ()  # the queues he may be rung for before a ring widens them


@value
class Rung:
    """An agent is rung for a call."""

    agent: AgentId
    queue: QueueId
    offered_at: float


@value
class Known:
    """Settings in force from now on."""

    now: float
    agents: dict[AgentId, Agent]
    queues: dict[QueueId, Queue]


@value
class Lasted:
    """Nothing else was seen up to now."""

    now: float


@value
class Resumed:
    """Another engine goes on from here: what was going on ended when the last one did."""


@value
class Restarted:
    """It is a restart: nobody was at work while there was no engine."""


Sighting: TypeAlias = Seen | Rung | Known | Lasted | Resumed | Restarted | Record
SIGHTINGS: Final[tuple[type[Any], ...]] = get_args(Sighting)


class Observer:
    """A watcher that tells what it sees of agents, and each record. `continues`: the next engine that begins is, in
    truth, the one that was there before, led to where it was by others."""

    done = False  # a call may end at any time

    def __init__(self, tell: Callable[[Sighting], None]) -> None:
        self.tell = tell
        self.continues = False
        self._core: Core | None = None
        self._last: dict[AgentId, tuple[str, CallId | None, tuple[QueueId, ...]]] = {}
        self._known: dict[AgentId, Agent] = {}
        self._offered: dict[tuple[AgentId, CallId], float] = {}
        self._serves: dict[Pool, tuple[QueueId, ...]] = {}
        self._now = 0.0
        self._begun = False

    def begin(self, core: Core) -> None:
        if not self.continues:
            self.end()
            self.tell(Resumed())
        self._core, self._now, self._begun = core, core.now, True
        self.all()

    def all(self) -> None:
        """Tell everything that holds now: somebody may begin to listen here."""
        core = self._core
        if core is None:
            return
        self._serves.clear()
        self._last.clear()
        self._known = dict(core.agents.settings)
        self.tell(Known(self._now, self._known, core.state.settings.queues))
        for agent in core.agents.states:
            self._look(core, agent, self._now)

    def end(self) -> None:
        if self._core is not None:
            self.tell(Lasted(self._now))

    def after(
        self, core: Core, now: float, event: Event, commands: Sequence[Command], touched: Mapping[AgentId, None]
    ) -> None:
        self._now = now
        if self._begun:
            self._begun = False
            if type(event) is Started:
                self._last.clear()
                self.tell(Restarted())
        if type(event) is Configured:
            self._configured(core, now)
        for command in commands:
            if type(command) is WriteRecord:
                self.tell(command.record)
            elif type(command) is StartLeg or (type(command) is Listen and command.how == "forget"):
                leg = core.legs.get(command.leg)  # rung, or told on the line that is up
                if leg is not None and leg.agent is not None and leg.role == "agent":
                    self.tell(Rung(leg.agent, leg.queue or "", _offered_at(core.state.calls[leg.call])))
        for agent in touched:
            self._look(core, agent, now)

    def _configured(self, core: Core, now: float) -> None:
        """What is new; what has changed of an agent is seen when he is."""
        self._serves.clear()
        fresh = {agent: known for agent, known in core.agents.settings.items() if agent not in self._known}
        self._known |= fresh
        self.tell(Known(now, fresh, core.state.settings.queues))

    def _look(self, core: Core, agent: AgentId, now: float) -> None:
        settings, known = core.agents.settings.get(agent), self._known.get(agent)
        if settings is not None and settings is not known and settings != known:
            self._known[agent] = settings
            self._last.pop(agent, None)
            self.tell(Known(now, {agent: settings}, {}))
        state = core.agents.states.get(agent)
        if state is None or state.presence is Presence.SIGNED_OFF:
            if self._last.pop(agent, None) is not None:
                self.tell(Seen(agent, "", now, now + core.state.wall_offset_s))
            return
        word, task = doing(state, now)
        contact = task.contact if task is not None else None
        seen = (word, contact, self._queues(core, agent))
        before = self._last.get(agent)
        if before == seen:
            return
        self._last[agent] = seen
        if before is not None and before[1] is not None and before[1] not in state.tasks:
            self._offered.pop((agent, before[1]), None)
        queue, offered_at = (task.queue, self._joined(core, agent, task.contact)) if task is not None else (None, None)
        self.tell(Seen(agent, word, now, now + core.state.wall_offset_s, contact, queue, offered_at, seen[2]))

    def _joined(self, core: Core, agent: AgentId, contact: CallId) -> float | None:
        """When the contact joined its queue; remembered, for a wrap-up outlives its call."""
        call = core.state.calls.get(contact)
        if (agent, contact) not in self._offered and call is not None:
            self._offered[agent, contact] = _offered_at(call)
        return self._offered.get((agent, contact))

    def _queues(self, core: Core, agent: AgentId) -> tuple[QueueId, ...]:
        member = core.dispatcher._market.members.get(agent)
        if member is None:
            return ()
        found = [self._of_pool(core, seat.pool) for seat in member.seats]
        return found[0] if len(found) == 1 else tuple(dict.fromkeys(queue for queues in found for queue in queues))

    def _of_pool(self, core: Core, pool: Pool) -> tuple[QueueId, ...]:
        if pool not in self._serves:
            queues = core.dispatcher.queues.values()
            self._serves[pool] = tuple(q.id for q in queues if serves(pool, *at_stage(q, 0)))
        return self._serves[pool]


class Shifts:
    """Fills a book with what was seen: agents' spells and offers, and records if it is to."""

    def __init__(self, book: Book, *, records: bool) -> None:
        self._book = book
        self._open: dict[AgentId, Seen] = {}
        self._now = 0.0
        self._take: dict[type[Sighting], Callable[[Any], None]] = {
            Seen: self._seen,
            Rung: lambda rung: book.rung(rung.agent, rung.queue, rung.offered_at),
            Known: self._know,
            Lasted: self._lasted,
            Resumed: lambda resumed: self.end(),
            Restarted: lambda restarted: self._open.clear(),
        }
        if records:
            self._take[Record] = book.record

    def wants(self, kind: type[Sighting]) -> bool:
        return kind in self._take

    def take(self, sighting: Sighting) -> None:
        if (take := self._take.get(type(sighting))) is not None:
            take(sighting)

    def end(self) -> None:
        """What is going on has lasted so far."""
        for spell in self._open.values():
            self._close(spell)
        self._open.clear()

    def _lasted(self, lasted: Lasted) -> None:
        self._now = lasted.now

    def _know(self, known: Known) -> None:
        self._now = known.now
        for agent, settings in known.agents.items():
            if agent in self._open and self._book.agents.get(agent) != settings:
                self._close(self._open.pop(agent))  # what he did so far was his old team's
        self._book.agents |= known.agents
        self._book.queues |= known.queues

    def _seen(self, seen: Seen) -> None:
        self._now = seen.now
        before = self._open.get(seen.agent)
        if before is not None:
            if (before.doing, before.contact, before.serves) == (seen.doing, seen.contact, seen.serves):
                return
            if (before.doing, seen.doing, before.contact) == ("releasing", "wrap_up", seen.contact):
                seen = replace(seen, now=before.now, wall=before.wall)  # wrap-up counts from the hang-up
            else:
                self._close(before)
        if seen.doing:
            self._open[seen.agent] = seen
        else:
            self._open.pop(seen.agent, None)

    def _close(self, spell: Seen) -> None:
        ended = spell.wall + self._now - spell.now
        self._book.spell(spell.agent, spell.doing, spell.wall, ended, spell.serves, spell.queue, spell.offered_at)


def _offered_at(call: Call) -> float:
    """When a call joined the queue it is served from, wall clock seconds."""
    joined = [segment.started_at for segment in call.record.segments if segment.kind == "queue"]
    return joined[-1] if joined else call.record.started_at
