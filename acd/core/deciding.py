"""Who is rung for whom: the decisions of the dispatcher (DESIGN §6), over pools and demands.

The best pair first: among all pairs for which `may_match` holds the smallest (tier, preference level, key, call serial,
strategy tuple, agent serial); again until there is none. After a match no such pair is left, so the next one looks only
at agents and contacts for whom something has changed.
"""

import heapq
from dataclasses import replace
from itertools import count
from typing import Final, TypeAlias

from acd.core.agents import Presence
from acd.core.eligibility import Link, first, fits, level_for
from acd.core.floor import RINGING, Floor, Offer, Withdraw
from acd.core.ids import AgentId, CallId
from acd.core.matching import Market
from acd.core.pools import Entry, Member, blocked
from acd.core.settings import Queue, Settings
from acd.core.strategies import BY, choose, longest_idle_for
from acd.core.waiting import Place, Room, Waiting

Rank: TypeAlias = tuple[float, ...]
"""Tier, preference level, urgency if that is the order, key, serial: the smallest is next."""

_READY: Final = Presence.READY  # a name of its own: see `calls`


class Decider(Floor):
    """Takes the decisions; `Dispatcher` is what others see of it."""

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
            self._lane(waiting.queue)
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
        agents, room = self.agents, self._room
        if agents.timers and agents.timers[0][0] <= now:
            agents.wake(now)
        if room.timers and room.timers[0][0] <= now:
            self._look_again(room.expired(now))
        done: list[Offer | Withdraw] = []
        if agents.changed:
            if self._came_free(now, done):
                return done
            self._absorb(now)
        fresh, freed = self._fresh, self._freed
        if not (fresh or freed or self._touched or self._ringing):
            return done  # of most steps
        if self._ringing or len(freed) + len(fresh) > 1:
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
        return place is not None and member is not None and fits(place, member)

    def deadline(self) -> float | None:
        """The next instant at which `may_match` can change for somebody by time alone."""
        timers = self._room.timers
        return timers[0][0] if timers else None

    def _came_free(self, now: float, done: list[Offer | Withdraw]) -> bool:
        """What happens most: nothing but that one agent, who does one thing at a time and counts for no reserve, came
        free. He is offered whoever waits for him, without having been idle; if nobody does, he is idle. False if more
        has happened: then nothing is done."""
        agents, room = self.agents, self._room
        changed = agents.changed
        if len(changed) > 1 or agents.reskilled or self._fresh or self._freed or not self._simply:
            return False
        (agent,) = changed
        member = self._market.members.get(agent)
        if member is None or (room.preferring and (room.only or agent in room.preferring)):
            return False
        seat, state = member.sole, member.state
        if (
            seat is None
            or seat.free
            or state.tasks  # without any he has no wish, and is gone if he was to leave
            or state.presence is not _READY
            or member.presence is not _READY
            or now < state.not_before
            or seat.pool.held
        ):
            return False
        head = None
        if room.placed:
            for _, links in seat.pool.ranks:
                head = first(member, links)
                if head is not None:
                    self._book(room.take_up(head[2]), member, now, done)
                    break
        if head is None:
            self._market.rests(seat)
        changed.clear()
        if self._touched:
            self._settle(now)
        return True

    def _for_contact(self, w: Waiting, now: float, done: list[Offer | Withdraw]) -> None:
        """One contact is new, no agent."""
        place = self._room.stand(w, now)
        if not self._decide(place, now, done):
            self._room.put(place, now)
            self._left_waiting(w)
        elif not self._rings:
            self._room.cancel_deadline(w.contact)  # it has not come to stand anywhere

    def _for_agent(self, member: Member, now: float, done: list[Offer | Withdraw]) -> None:
        """One agent can be rung, no contact is new: what he may match nobody else may."""
        while place := self._next_for(member, now):
            self._room.take_up(place)
            if place.demand.queue.strategy in RINGING:
                self._decide(place, now, done)
            else:
                self._offer(place, member, now, done)

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
                self._decide(self._room.take_up(found[1]), now, done)
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
                head = self._most_urgent(member, links, now) if self._urgency else first(member, links)
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
                    head = first(member, links)
                    if head is not None:
                        place: Place = head[2]
                        return place
        return None

    def _most_urgent(self, member: Member, links: list[Link], now: float) -> Entry | None:
        heads = [head for link in links if (head := first(member, [link])) is not None]
        return min(heads, key=lambda head: self._order(head[2], now), default=None)

    def _best_level(self, place: Place) -> int | None:
        """The best preference level at which an agent who can be rung may serve it."""
        demand, excluded = place.demand, place.waiting.excluded
        if place.only is not None:
            member = self._market.members.get(place.only)
            return level_for(place, member) if member is not None and fits(place, member) else None
        for level, links in demand.ranks:
            for line, _, held in links:
                if line.head and not (held and blocked(held)) and not (excluded and not line.first_but(excluded)):
                    return level
        return None

    def _decide(self, place: Place, now: float, done: list[Offer | Withdraw]) -> bool:
        """Ring whom the strategy chooses for a contact that has been taken up. False if there is nobody."""
        w, demand = place.waiting, place.demand
        if demand.rings_all:
            everybody = self._can_be_rung(place)
            if everybody and self._alone(w, everybody, self._being_rung(now)):
                self._ring(place, everybody, now, done)
                return True
        if place.only is not None:
            member = self._market.members.get(place.only)
            chosen = member if member is not None and fits(place, member) else None
        else:
            if demand.crowds and self._market.idle:
                self._market.gather()
            if demand.plainly and not w.excluded:
                chosen = longest_idle_for(demand)
            else:
                chosen = choose(demand, w.excluded, now, self.lanes[w.queue].last_serial, self._random)
        if chosen is None:
            return False
        self._offer(place, chosen, now, done)
        return True
