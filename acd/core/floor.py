"""The floor: who may serve, who waits and who is being rung, and what a decision does to them.

An offer is booked, withdrawn, put beside others where a strategy rings several phones at once; lanes are counted. Who
is rung for whom is decided in `deciding`.
"""

from collections.abc import Iterable
from random import Random
from typing import Final

from acd.core.agents import Agents, Input, Work
from acd.core.eligibility import eligible, fits
from acd.core.expected_wait import Lane
from acd.core.ids import AgentId, CallId, QueueId
from acd.core.matching import Market
from acd.core.pools import Member, blocked
from acd.core.settings import Queue
from acd.core.values import value
from acd.core.waiting import Place, Room, Waiting

RINGING: Final = ("ring_all", "ring_progressively")


@value
class Offer:
    """The dispatcher's decision: ring this agent for this contact. With ring all there are several of one contact."""

    contact: CallId
    queue: QueueId
    agent: AgentId


@value
class Withdraw:
    """Stop ringing this agent for this contact: somebody else accepted it, or another contact needs him. He has been
    freed already (`Agents.advance` with `WITHDRAWN` once more does nothing)."""

    contact: CallId
    agent: AgentId


class Floor:
    """Keeps, beside the plain values, who is free and who waits in the order in which they are looked at."""

    def __init__(
        self,
        agents: Agents,
        waiting: dict[CallId, Waiting] | None,
        random: Random,
        lanes: dict[QueueId, Lane] | None = None,
        queues: dict[QueueId, Queue] | None = None,
    ) -> None:
        self.agents = agents
        self.waiting = waiting if waiting is not None else {}
        self.lanes = lanes if lanes is not None else {}
        self.queues = queues if queues is not None else {}
        self._random = random
        self._urgency = False
        self._serial = max((lane.joined for lane in self.lanes.values()), default=0)
        self._now = 0.0
        self._market = Market(agents, {}, ordered=False)
        self._room = Room(agents, self._market, self.queues)
        self._freed: dict[AgentId, Member] = {}  # can be rung, and could not at the last match
        self._fresh: dict[CallId, Waiting] = {}  # waits, and nobody has looked for an agent yet
        self._rings = False  # some strategy rings several
        self._simply = True  # none does, and the order is by key
        self._ringing: dict[CallId, Waiting] = {}  # rung for by such a strategy
        self._rung: dict[CallId, Waiting] = {}  # rung for by any, where some strategy rings several
        self._length: dict[QueueId, int] = {}
        self._touched: dict[QueueId, None] = {}  # lanes to settle

    # ------------------------------------------------------------------------------------- who has to be looked at

    def _absorb(self, now: float) -> None:
        """Take in what `Agents` says has changed."""
        agents, market, preferring = self.agents, self._market, self._room.preferring
        if agents.reskilled:
            for agent in agents.reskilled:
                self._freed.pop(agent, None)
                market.enrol(agent)
            agents.changed |= agents.reskilled
            agents.reskilled.clear()
        for agent in agents.changed:
            member = market.members.get(agent)
            if member is not None:
                market.refresh(member, now, self._freed)
            if agent in preferring:
                self._look_again(list(preferring[agent]))
        agents.changed.clear()

    def _look_again(self, contacts: Iterable[CallId]) -> None:
        """They stand elsewhere, or may."""
        for contact in contacts:
            place = self._room.placed.get(contact)
            if place is not None:
                self._fresh[contact] = self._room.take_up(place).waiting

    # ------------------------------------------------------------------------------------------------- booking

    def _offer(self, place: Place, member: Member, now: float, done: list[Offer | Withdraw]) -> None:
        """Ring him for a contact that has been taken up."""
        self._book(place, member, now, done)
        self._market.refresh(member, now, self._freed)
        self.agents.changed.pop(member.id, None)

    def _book(self, place: Place, member: Member, now: float, done: list[Offer | Withdraw]) -> None:
        """The same, of one whose seats need no change."""
        w, queue, agent = place.waiting, place.demand.queue, member.id
        if w.queued and not w.rung:
            lane = self.lanes[queue.id]
            lane.backlog -= 1
            if not lane.backlog:
                self._touched[queue.id] = None
        self.agents.offer(agent, w.contact, queue.id, now, w.channel)
        w.rung[agent] = now
        w.next_ring_at = now + queue.ring_step_s
        if queue.strategy == "round_robin":
            self.lanes[queue.id].last_serial = member.serial
        if self._rings:
            self._rings_for(w)
        done.append(Offer(w.contact, queue.id, agent))

    # -------------------------------------------------------------------------------------- ringing several at once

    def _can_be_rung(self, place: Place) -> list[Member]:
        """Everybody who may be rung for it now, the best first."""
        if place.only is not None:
            member = self._market.members.get(place.only)
            return [member] if member is not None and fits(place, member) else []
        found = [
            (level, seat.member.state.idle_since, seat.member.serial, seat.member)
            for level, links in place.demand.ranks
            for _, pool, held in links
            if not (held and blocked(held))
            for _, _, seat in pool.line.entries
            if seat.member.id not in place.waiting.excluded
        ]
        return [member for *_, member in sorted(found)]

    def _ring(self, place: Place, members: list[Member], now: float, done: list[Offer | Withdraw]) -> None:
        for member in members:
            if fits(place, member):  # each one rung may leave a reserve short
                self._offer(place, member, now, done)

    def _ring_fewer(self, now: float, done: list[Offer | Withdraw]) -> None:
        """To ring several is for a contact that waits alone for those agents: else as longest idle."""
        rung = self._being_rung(now)
        for w in [w for w in self._in_order() if len(w.rung) > 1 and not self._alone(w, self._phones(w), rung)]:
            done += self._withdraw(w, self._beside_the_longest_idle(w), now)
        if self.agents.changed:
            self._absorb(now)

    def _ring_more(self, now: float, done: list[Offer | Withdraw]) -> None:
        """Agents who came free, or the next one when it is time, while nobody else waits for them."""
        rung = self._being_rung(now)
        places = {place.waiting.contact: place for place in rung}
        for w in self._in_order():
            progressively = self.queues[w.queue].strategy == "ring_progressively"
            if progressively and now < w.next_ring_at:
                continue
            place = places[w.contact]
            free = [member for member in self._can_be_rung(place) if member.id not in w.rung]
            if free and self._alone(w, [*self._phones(w), *free], rung):
                self._ring(place, free[:1] if progressively else free, now, done)
                if progressively:
                    self._room.set_deadline(w, w.next_ring_at)

    def _rings_for(self, w: Waiting) -> None:
        self._rung[w.contact] = w
        if self.queues[w.queue].strategy in RINGING:
            self._ringing[w.contact] = w

    def _rings_no_more(self, contact: CallId) -> None:
        if self._rung.pop(contact, None) is not None:
            self._ringing.pop(contact, None)
            self._room.cancel_deadline(contact)

    def _being_rung(self, now: float) -> list[Place]:
        """Where those rung for would stand, and until when: whom they might ring, too, changes with time."""
        places = []
        for w in self._rung.values():
            places.append(self._room.stand(w, now))
            if now < w.next_ring_at and self.queues[w.queue].strategy == "ring_progressively":
                self._room.set_deadline(w, min(w.next_ring_at, self._room.due(w.contact)))
        return places

    def _in_order(self) -> list[Waiting]:
        return sorted(self._ringing.values(), key=lambda w: (w.tier, w.key, w.serial))

    def _phones(self, w: Waiting) -> list[Member]:
        members = self._market.members
        return [members[agent] for agent in w.rung if agent in members]

    def _alone(self, w: Waiting, members: list[Member], rung: list[Place]) -> bool:
        """Whether no other contact waits for those agents, be they busy or not; one being rung for waits still."""
        others = [place for place in rung if place.waiting is not w]
        for member in members:
            for seat in member.seats:
                for _, links in seat.pool.ranks:
                    for line, demand, _ in links:
                        if line.head or any(member.id not in excluded for excluded in demand.odd):
                            return False
            if any(eligible(place, member) for place in self._room.only.get(member.id, {}).values()):
                return False
            if any(eligible(place, member) for place in others):
                return False
        return True

    def _beside_the_longest_idle(self, w: Waiting) -> list[AgentId]:
        """Whom to withdraw: all phones that still ring save one; none rings on if somebody has picked up."""
        ringing = [self.agents.states[a] for a in w.rung]
        ringing = [s for s in ringing if w.contact in s.tasks and s.tasks[w.contact].work is Work.OFFERED]
        ringing.sort(key=lambda s: (s.idle_since, s.serial))
        return [s.id for s in (ringing[1:] if len(ringing) == len(w.rung) else ringing)]

    def _withdraw(self, w: Waiting, losers: list[AgentId], now: float) -> list[Withdraw]:
        for agent in losers:
            del w.rung[agent]
            self.agents.advance(agent, w.contact, Input.WITHDRAWN, now)
        return [Withdraw(w.contact, agent) for agent in losers]

    # ------------------------------------------------------------------------------------------------- counting

    def _left_waiting(self, w: Waiting) -> None:
        if not w.queued:
            w.queued = True
            self._backlog(w, 1)

    def _backlog(self, w: Waiting, more: int) -> None:
        lane = self.lanes[w.queue]
        lane.backlog = backlog = lane.backlog + more
        if backlog < 2:  # it may have formed or gone
            self._touched[w.queue] = None

    def _settle(self, now: float) -> None:
        for id in self._touched:
            lane = self._lane(id)
            if (lane.backlog > 0) != (lane.settled_at is not None):
                lane.settle(now)
        self._touched.clear()

    def _lane(self, queue: QueueId) -> Lane:
        lane = self.lanes.get(queue)
        if lane is None:
            lane = self.lanes[queue] = Lane()
        return lane
