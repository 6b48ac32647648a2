"""The contacts that wait: what is kept of each, and the room in which agents find them.

A contact stands at one `Place` at a time: with all others of its demand, with those of them from whom the same agents
are excluded, or with its preferred agent alone. When an instant passes at which that changes, it is taken up and put
down anew.
"""

from bisect import bisect_left, insort
from collections.abc import Mapping
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from typing import Any

from acd.core.agents import Agents, Presence
from acd.core.ids import AgentId, CallId, QueueId
from acd.core.matching import Market
from acd.core.pools import Demand, Entry, Line, Needs, Plan
from acd.core.settings import Queue


@dataclass(slots=True)
class Waiting:
    """A contact that waits in a queue, or is being rung for. `key`, `serial`, `joined_at` are kept when put back."""

    contact: CallId
    queue: QueueId
    needs: Needs  # the caller's own, beside the queue's; sorted by skill
    tier: int
    key: float  # joined_at − credit
    serial: int
    joined_at: float
    preferred: AgentId | None = None
    preferred_until: float = 0.0
    site: str = ""
    channel: str = "voice"
    excluded: dict[AgentId, float] = field(default_factory=dict)  # agent → until
    rung: dict[AgentId, float] = field(default_factory=dict)  # being offered to, since; not empty: it does not wait
    next_ring_at: float = 0.0  # ring progressively: when one more is rung
    queued: bool = False  # some match left it waiting


class Place:
    """Where a contact stands until its next deadline."""

    __slots__ = ("demand", "entry", "line", "only", "waiting")

    def __init__(self, waiting: Waiting, demand: Demand, only: AgentId | None = None) -> None:
        self.waiting = waiting
        self.demand = demand
        self.only = only  # in his window nobody else is asked
        self.line: Line | None = None
        self.entry: Entry | None = None


class Room:
    """Every contact that waits and is not being rung for, by where it stands."""

    def __init__(self, agents: Agents, market: Market, queues: Mapping[QueueId, Queue]) -> None:
        self.placed: dict[CallId, Place] = {}
        self.only: dict[AgentId, dict[CallId, Place]] = {}  # by the agent in whose window they are
        self.preferring: dict[AgentId, dict[CallId, None]] = {}  # the same, and those whose window is void for now
        self._agents, self._market, self._queues = agents, market, queues
        self._plain: dict[QueueId, Plan] = {}  # of most contacts: those with nothing of their own
        self._due: dict[CallId, float] = {}
        self.timers: list[tuple[Any, ...]] = []  # (when, serial, contact); lazy: `_due` decides; the first stands
        self._order: dict[QueueId, list[tuple[int, float, int]]] = {}  # of queues whose positions are asked for

    def stand(self, w: Waiting, now: float) -> Place:
        """Where it would stand now. Its next deadline is set."""
        plan = self.plan(w)
        if not plan.offsets_s and w.preferred is None and not w.excluded:
            return Place(w, plan.demands[0])
        stage, due, only = 0, inf, None
        for offset_s in plan.offsets_s:
            if now < w.joined_at + offset_s:
                due = w.joined_at + offset_s
                break
            stage += 1
        if w.preferred is not None and now < w.preferred_until:
            due = min(due, w.preferred_until)
            preferred = self._agents.states.get(w.preferred)
            if preferred is not None and preferred.presence is Presence.READY:
                only = w.preferred
        if w.excluded:
            w.excluded = {agent: until for agent, until in w.excluded.items() if now < until}
            due = min(due, min(w.excluded.values(), default=inf))
        if due < inf:
            self.set_deadline(w, due)
        else:
            self.cancel_deadline(w.contact)
        return Place(w, plan.demands[stage], only)

    def plan(self, w: Waiting) -> Plan:
        plan = self._plain.get(w.queue)
        if plan is not None and not w.needs and not w.site and w.tier == plan.tier and w.channel == "voice":
            return plan
        queue = self._queues[w.queue]
        plan = self._market.plan(queue, w.tier, w.channel, w.needs, w.site)
        if not (w.needs or w.site or w.tier != queue.tier or w.channel != "voice"):
            self._plain[w.queue] = plan
            plan.kept = True
        return plan

    def put(self, place: Place, now: float) -> None:
        """Let it wait there."""
        w, demand = place.waiting, place.demand
        self.placed[w.contact] = place
        if place.only is not None:
            demand.plan.windows += 1
            self.only.setdefault(place.only, {})[w.contact] = place
        else:
            line = demand.odd.setdefault(tuple(w.excluded), Line()) if w.excluded else demand.line
            place.line = line
            entry: Entry = (w.key, w.serial, place)
            place.entry = entry
            line.push(entry)
        if w.preferred is not None and now < w.preferred_until:
            self.preferring.setdefault(w.preferred, {})[w.contact] = None
        if self._order and w.queue in self._order:
            insort(self._order[w.queue], (w.tier, w.key, w.serial))

    def take_up(self, place: Place) -> Place:
        """The reverse of `stand` and `put`."""
        w, demand, line, entry = place.waiting, place.demand, place.line, place.entry
        contact = w.contact
        del self.placed[contact]
        if line is not None and entry is not None:
            line.drop(entry)
            if line is not demand.line and not line.entries:
                del demand.odd[tuple(w.excluded)]
        elif place.only is not None:
            demand.plan.windows -= 1
            _discard(self.only, place.only, contact)
        if self._due:
            self.cancel_deadline(contact)
        if self.preferring and w.preferred is not None:
            _discard(self.preferring, w.preferred, contact)
        if self._order and w.queue in self._order:
            order = self._order[w.queue]
            del order[bisect_left(order, (w.tier, w.key, w.serial))]
        return place

    def ahead(self, w: Waiting) -> int:
        """How many of its queue stand before it."""
        order = self._order.get(w.queue)
        if order is None:
            here = [p.waiting for p in self.placed.values() if p.waiting.queue == w.queue]
            order = self._order[w.queue] = sorted((o.tier, o.key, o.serial) for o in here)
        return bisect_left(order, (w.tier, w.key, w.serial))

    def set_deadline(self, w: Waiting, when: float) -> None:
        before = self._due.get(w.contact)
        if before != when:
            self._due[w.contact] = when
            heappush(self.timers, (when, w.serial, w.contact))
            if before is not None:
                self._clear()

    def due(self, contact: CallId) -> float:
        return self._due.get(contact, inf)

    def cancel_deadline(self, contact: CallId) -> None:
        if self._due.pop(contact, None) is not None:
            self._clear()

    def expired(self, now: float) -> list[CallId]:
        """Contacts whose instant has come: forgotten with this."""
        done: list[CallId] = []
        timers = self.timers
        while timers and timers[0][0] <= now:
            contact = timers[0][2]
            del self._due[contact]
            done.append(contact)
            self._clear()
        return done

    def _clear(self) -> None:
        """Let a timer that `_due` agrees with come first."""
        timers, due = self.timers, self._due
        while timers and due.get(timers[0][2]) != timers[0][0]:
            heappop(timers)


def _discard(
    index: dict[AgentId, dict[CallId, Place]] | dict[AgentId, dict[CallId, None]], at: AgentId, contact: CallId
) -> None:
    inner = index.get(at)
    if inner is not None:
        inner.pop(contact, None)
        if not inner:
            del index[at]
