"""Who is rung for whom: the decisions of the dispatcher (DESIGN §6), over pools and demands.

The best pair first: among all pairs for which `may_match` holds the smallest (tier, preference level, key, call serial,
strategy tuple, agent serial); again until there is none. After a match no such pair is left, so the next one looks only
at agents and contacts for whom something has changed.
"""

import heapq
from collections.abc import Iterable
from dataclasses import replace
from itertools import count
from random import Random
from typing import Final, TypeAlias

from acd.core.agents import Agents, Input, Work
from acd.core.expected_wait import Lane
from acd.core.ids import AgentId, CallId, QueueId
from acd.core.matching import Market
from acd.core.pools import Demand, Entry, Held, Member, blocked
from acd.core.settings import Queue, Settings
from acd.core.strategies import BY, choose
from acd.core.values import value
from acd.core.waiting import Place, Room, Waiting

Rank: TypeAlias = tuple[float, ...]
"""Tier, preference level, urgency if that is the order, key, serial: the smallest is next."""

Link: TypeAlias = tuple[list[Entry], Demand, tuple[Held, ...]]

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


class Decider:
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

    def configure(self, settings: Settings, now: float) -> None:
        """After `Agents.configure`. A queue that is no longer configured takes no new contacts and lives until it is
        empty."""
        self._length = {}
        for waiting in self.waiting.values():
            self._length[waiting.queue] = self._length.get(waiting.queue, 0) + 1
        known = self.queues | settings.queues
        left = {id: known.get(id, Queue(id)) for id in self._length if id not in settings.queues}
        self.queues = settings.queues | {id: replace(q, blocked=True, reserve=None) for id, q in left.items()}
        self._urgency = settings.order_by == "urgency"
        self._rings = any(queue.strategy in RINGING for queue in self.queues.values())
        self._simply = not (self._rings or self._urgency)
        ordered = any(BY[queue.strategy] == "order" for queue in self.queues.values())
        self._market = Market(self.agents, self.queues, ordered)
        self._room = Room(self.agents, self._market, self.queues)
        self._freed, self._fresh, self._ringing, self._rung = {}, {}, {}, {}
        for waiting in self.waiting.values():
            if not waiting.rung:
                self._fresh[waiting.contact] = waiting
            elif self._rings:
                self._rings_for(waiting)
                self._room.set_deadline(waiting, max(now, waiting.next_ring_at))
        self._touched = dict.fromkeys(self.lanes)
        for agent in self.agents.states:
            self.agents.reskilled[agent] = None
        self._absorb(now)

    # ------------------------------------------------------------------------------------------------- deciding

    def match(self, now: float) -> list[Offer | Withdraw]:
        """Decide. Every offer returned has been booked with `Agents.offer`; call it after every change, once a step."""
        self._now = now
        agents, timers = self.agents, self._room.timers
        if agents.timers and agents.timers[0][0] <= now:
            agents.wake(now)
        if timers and timers[0][0] <= now:
            self._look_again(self._room.expired(now))
        done: list[Offer | Withdraw] = []
        if agents.changed and not self._came_free(now, done):
            self._absorb(now)
        fresh, freed = self._fresh, self._freed
        if not (fresh or freed or self._touched or self._ringing):
            return done  # of most steps
        if self._ringing or (freed and fresh) or len(freed) > 1 or len(fresh) > 1:
            self._for_all(now, done)
        elif fresh:
            self._for_contact(fresh.popitem()[1], now, done)
        elif freed:
            self._for_agent(freed.popitem()[1], now, done)
        if self._ringing:
            self._ring_more(now, done)
        if self._touched:
            self._settle(now)
        return done

    def may_match(self, contact: CallId, agent: AgentId, now: float) -> bool:
        """The only predicate, of a contact that waits and an agent, as the last `match` left them."""
        place, member = self._room.placed.get(contact), self._market.members.get(agent)
        return place is not None and member is not None and _fits(place, member)

    def deadline(self) -> float | None:
        """The next instant at which `may_match` can change for somebody by time alone."""
        timers = self._room.timers
        return timers[0][0] if timers else None

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
            if contact in self._room.placed:
                self._fresh[contact] = self._room.take_up(contact).waiting

    def _came_free(self, now: float, done: list[Offer | Withdraw]) -> bool:
        """What happens most: nothing but that one agent came free. He is offered whoever waits for him, without having
        been idle; if nobody does, he is idle. False if more has happened: then nothing is done."""
        agents, room = self.agents, self._room
        if len(agents.changed) > 1 or agents.reskilled or self._fresh or self._freed or not self._simply:
            return False
        (agent,) = agents.changed
        member = self._market.members.get(agent)
        if member is None or agent in room.preferring or room.only or not member.is_free(now):
            return False
        agents.changed.clear()
        if room.placed:
            for _, links in member.seats[0].pool.ranks:
                head = _first(member, links)
                if head is not None:
                    self._book(room.take_up(head[2].waiting.contact).waiting, member, now, done)
                    return True
        self._market.rests(member)
        return True

    def _for_contact(self, w: Waiting, now: float, done: list[Offer | Withdraw]) -> None:
        """One contact is new, no agent."""
        place = self._room.stand(w, now)
        if not self._decide(place, now, done):
            self._room.put(place, now)
            self._left_waiting(w)

    def _for_agent(self, member: Member, now: float, done: list[Offer | Withdraw]) -> None:
        """One agent can be rung, no contact is new: what he may match nobody else may."""
        while place := self._next_for(member, now):
            self._room.take_up(place.waiting.contact)
            if place.demand.queue.strategy in RINGING:
                self._decide(place, now, done)
            else:
                self._offer(place.waiting, member, now, done)

    def _for_all(self, now: float, done: list[Offer | Withdraw]) -> None:
        """The best pair first. Nothing gets better meanwhile, so that the best proposal, if it still stands, is it."""
        places = self._put_fresh(now)
        if self._ringing:
            self._ring_fewer(now, done)
            places += self._put_fresh(now)
        proposals: list[tuple[Rank, int, Member | Place]] = []
        serial = count()
        proposers: list[Member | Place] = [*self._freed.values(), *places]
        self._freed.clear()
        while proposers or proposals:
            for proposer in proposers:
                found = self._best(proposer, now)
                if found is not None:
                    heapq.heappush(proposals, (found[0], next(serial), proposer))
            if not proposals:
                break
            rank, _, proposer = heapq.heappop(proposals)
            proposers = [proposer]
            found = self._best(proposer, now)
            if found is not None and found[0] == rank:
                self._decide(self._room.take_up(found[1].waiting.contact), now, done)
        for place in places:
            if place.waiting.contact in self._room.placed:
                self._left_waiting(place.waiting)

    def _put_fresh(self, now: float) -> list[Place]:
        places = []
        for w in self._fresh.values():
            place = self._room.stand(w, now)
            self._room.put(place, now)
            places.append(place)
        self._fresh.clear()
        return places

    def _best(self, proposer: Member | Place, now: float) -> tuple[Rank, Place] | None:
        if isinstance(proposer, Member):
            return self._best_contact(proposer, now)
        if self._room.placed.get(proposer.waiting.contact) is not proposer:
            return None
        level = self._best_level(proposer)
        return None if level is None else ((proposer.demand.tier, level, *self._order(proposer, now)), proposer)

    def _order(self, place: Place, now: float) -> Rank:
        w = place.waiting
        if self._urgency:
            return ((w.key - now) / place.demand.queue.target_s, w.key, w.serial)
        return (w.key, w.serial)

    def _best_contact(self, member: Member, now: float) -> tuple[Rank, Place] | None:
        """The contact an agent would take, and its rank; None if he cannot be rung or nobody waits for him."""
        best: tuple[Rank, Place] | None = None
        for seat in member.seats:
            if seat.entry is None:
                continue
            for rank, links in seat.pool.ranks:
                head = self._most_urgent(member, links, now) if self._urgency else _first(member, links)
                if head is not None:
                    place: Place = head[2]
                    found = (*rank, *self._order(place, now))
                    if best is None or found < best[0]:
                        best = (found, place)
                    break
        for place in self._room.only.get(member.id, {}).values() if self._room.only else ():
            level = self._best_level(place)
            if level is not None:
                found = (place.demand.tier, level, *self._order(place, now))
                if best is None or found < best[0]:
                    best = (found, place)
        return best

    def _next_for(self, member: Member, now: float) -> Place | None:
        """The same without its rank, which is faster for an agent of one channel."""
        if len(member.seats) > 1 or self._urgency or self._room.only:
            found = self._best_contact(member, now)
            return None if found is None else found[1]
        for seat in member.seats:
            if seat.entry is not None:
                for _, links in seat.pool.ranks:
                    head = _first(member, links)
                    if head is not None:
                        place: Place = head[2]
                        return place
        return None

    def _most_urgent(self, member: Member, links: list[Link], now: float) -> Entry | None:
        heads = [head for link in links if (head := _first(member, [link])) is not None]
        return min(heads, key=lambda head: self._order(head[2], now), default=None)

    def _best_level(self, place: Place) -> int | None:
        """The best preference level at which an agent who can be rung may serve it."""
        demand, excluded = place.demand, place.waiting.excluded
        if place.only is not None:
            member = self._market.members.get(place.only)
            return _level(place, member) if member is not None and _fits(place, member) else None
        for level, links in demand.ranks:
            for heap, pool, held in links:
                if heap and not (held and blocked(held)) and not (excluded and not pool.line.first_but(excluded)):
                    return level
        return None

    def _decide(self, place: Place, now: float, done: list[Offer | Withdraw]) -> bool:
        """Ring whom the strategy chooses for a contact that has been taken up. False if there is nobody."""
        w, demand = place.waiting, place.demand
        if not demand.plainly and demand.queue.strategy == "ring_all":
            everybody = self._can_be_rung(place)
            if everybody and self._alone(w, everybody, self._being_rung(now)):
                self._ring(place, everybody, now, done)
                return True
        if place.only is not None:
            member = self._market.members.get(place.only)
            chosen = member if member is not None and _fits(place, member) else None
        else:
            if self._market.idle:
                self._market.gather()
            last = -1 if demand.plainly else self._lane(w.queue).last_serial
            chosen = choose(demand, w.excluded, now, last, self._random)
        if chosen is None:
            return False
        self._offer(w, chosen, now, done)
        return True

    def _offer(self, w: Waiting, member: Member, now: float, done: list[Offer | Withdraw]) -> None:
        self._book(w, member, now, done)
        self._market.refresh(member, now, self._freed)

    def _book(self, w: Waiting, member: Member, now: float, done: list[Offer | Withdraw]) -> None:
        queue, agent = self.queues[w.queue], member.id
        if w.queued and not w.rung:
            self._backlog(w, -1)
        self.agents.offer(agent, w.contact, w.queue, now, w.channel)
        self.agents.changed.pop(agent, None)
        w.rung[agent] = now
        if queue.strategy == "round_robin":
            self._lane(w.queue).last_serial = member.serial
        w.next_ring_at = now + queue.ring_step_s
        if self._rings:
            self._rings_for(w)
        done.append(Offer(w.contact, w.queue, agent))

    # -------------------------------------------------------------------------------------- ringing several at once

    def _can_be_rung(self, place: Place) -> list[Member]:
        """Everybody who may be rung for it now, the best first."""
        if place.only is not None:
            member = self._market.members.get(place.only)
            return [member] if member is not None and _fits(place, member) else []
        found = [
            (level, member.state.idle_since, member.serial, member)
            for level, links in place.demand.ranks
            for _, pool, held in links
            if not (held and blocked(held))
            for member in pool.line.items()
            if member.id not in place.waiting.excluded
        ]
        return [member for *_, member in sorted(found)]

    def _ring(self, place: Place, members: list[Member], now: float, done: list[Offer | Withdraw]) -> None:
        for member in members:
            if _fits(place, member):  # each one rung may leave a reserve short
                self._offer(place.waiting, member, now, done)

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
                    for heap, demand, _ in links:
                        if heap or any(member.id not in excluded for excluded in demand.odd):
                            return False
            if any(_eligible(place, member) for place in self._room.only.get(member.id, {}).values()):
                return False
            if any(_eligible(place, member) for place in others):
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
        lane = self.lanes.get(w.queue) or self._lane(w.queue)
        lane.backlog += more
        if (lane.backlog > 0) != (lane.settled_at is not None):
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


def _first(member: Member, links: list[Link]) -> Entry | None:
    """The first contact among those whom an agent may serve at one rank."""
    best: Entry | None = None
    for heap, demand, held in links:
        if heap and (best is None or heap[0] < best) and not (held and blocked(held)):
            best = heap[0]
        if demand.odd:
            for excluded, line in demand.odd.items():
                odd = line.heap[0]
                if member.id not in excluded and (best is None or odd < best) and not (held and blocked(held)):
                    best = odd
    return best


def _level(place: Place, member: Member) -> int | None:
    """The preference level at which an agent may serve a contact, or None."""
    levels = (place.demand.level(seat.pool) for seat in member.seats)
    return next((level for level in levels if level is not None), None)


def _eligible(place: Place, member: Member) -> bool:
    """All of `may_match` that does not depend on what agents are doing."""
    if place.only not in (None, member.id) or member.id in place.waiting.excluded:
        return False
    return _level(place, member) is not None


def _fits(place: Place, member: Member) -> bool:
    """`may_match`: he can be rung on its channel, and nothing of this contact is in the way."""
    demand = place.demand
    for seat in member.seats:
        pool = seat.pool
        if pool.channel == demand.channel:
            return (
                seat.entry is not None
                and place.only in (None, member.id)
                and member.id not in place.waiting.excluded
                and demand.level(pool) is not None
                and not blocked(tuple(held for held in demand.held if held in pool.held))
            )
    return False
