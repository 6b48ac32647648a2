"""Why a contact waits: `Dispatcher.may_match` taken apart, for one agent and for all.

Everything here reads what the dispatcher itself goes by, as the last `match` left it, and changes nothing.
"""

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from acd.core.activity import doing
from acd.core.agents import Presence
from acd.core.dispatch import Dispatcher
from acd.core.ids import AgentId
from acd.core.matching import Market
from acd.core.pools import Demand, Member, Pool, blocked, serves
from acd.core.values import value
from acd.core.waiting import Place, Waiting

CAUSES: Final = (
    "nobody_signed_on",  # no agent of its channel at all
    "no_skill",  # of those signed on nobody may ever serve it, in whichever ring
    "ring",  # an agent who could be rung is not yet within the queue's ring, or nobody who is signed on is
    "level_delay",  # … his preference level for the queue is not active yet
    "own_site",  # … he is not at the caller's own site
    "preferred",  # … it is kept for the caller's preferred agent
    "excluded",  # … he has just rejected this very call
    "penalty",  # … an offer to him came to nothing a moment ago
    "reserve",  # … he is kept for an earlier lane
    "ringing",  # an agent is being rung for it
    "went_elsewhere",  # an agent came free meanwhile, and is being rung for another call
    "all_busy",  # whoever may serve it now is at something else
    "in_flow",  # between two queues
    "engine_down",
)
"""Of each instant of waiting the first that holds is its cause."""
NO_LEVEL: Final = 10
_FIRST: Final = {cause: rank for rank, cause in enumerate(CAUSES)}


@value
class Cause:
    why: str
    about: str = ""  # who, for whom, why him first
    did: tuple[tuple[str, int], ...] = ()  # all_busy: agents by what they do


def standing(dispatcher: Dispatcher, w: Waiting, now: float) -> Place:
    """Where a contact stands, or would if it were not being rung for."""
    room = dispatcher._room
    placed = room.placed.get(w.contact)
    if placed is not None:
        return placed
    plan = room.plan(w)
    stage = sum(now >= w.joined_at + offset_s for offset_s in plan.offsets_s)
    preferred = dispatcher.agents.states.get(w.preferred) if w.preferred is not None else None
    kept = preferred is not None and now < w.preferred_until and preferred.presence is Presence.READY
    return Place(w, plan.demands[stage], w.preferred if kept else None)


def barrier(demand: Demand, pool: Pool) -> str | None:
    """Why agents of a pool may not serve a demand whatever they do: channel, no_skill, ring, level_delay, own_site."""
    if demand.level(pool) is not None:
        return None
    if pool.channel != demand.channel:
        return "channel"
    if not demand.plan.reaches(pool):
        return "no_skill"
    if not serves(pool, demand.needs, demand.teams, demand.sites):
        return "ring"
    level, delays_s = pool.queues.get(demand.queue.id, 1), demand.queue.level_delays_s
    return "level_delay" if level <= len(delays_s) and delays_s[level - 1] > demand.elapsed_s else "own_site"


def why_not(place: Place, member: Member, now: float, rung: Sequence[Member] = ()) -> str | None:
    """Why `may_match` does not hold for a contact and an agent: a cause, or what he does. None if it does. `rung`: as
    it was before these were rung, as far as reserves go."""
    demand = place.demand
    pools = [seat.pool for seat in member.seats if seat.pool.channel == demand.channel]
    if not pools:
        return "channel"
    why = hindrance(place, member, pools[0])
    if why is not None:
        return why
    seat = next(seat for seat in member.seats if seat.pool is pools[0])
    if seat.entry is None:
        return doing(member.state, now)[0]
    for held in demand.held:
        taken = sum(held in seat.pool.held and not seat.free for other in rung for seat in other.seats)
        if held in pools[0].held and held.free + taken <= held.keep:
            return "reserve"
    return None


def level_of(place: Place, member: Member) -> int:
    """The preference level at which an agent may serve a contact; one behind all others if he may not."""
    levels = (place.demand.level(seat.pool) for seat in member.seats)
    return next((level for level in levels if level is not None), NO_LEVEL)


def hindrance(place: Place, member: Member, pool: Pool) -> str | None:
    """What keeps an agent from a contact beside his own doings and reserves."""
    why = barrier(place.demand, pool)
    if why is None and place.only not in (None, member.id):
        return "preferred"
    return "excluded" if why is None and member.id in place.waiting.excluded else why


_Known: TypeAlias = tuple[str | None, tuple[tuple[str, int], ...]]
"""The cause of all who want the same, or None and what their agents do."""


class Doings:
    """What everybody does, by pool: kept up with the agents who are touched, so that no cause need look at all."""

    def __init__(self) -> None:
        self._market: Market | None = None
        self._at: dict[AgentId, tuple[list[Pool], str]] = {}
        self._doing: dict[Pool, dict[str, int]] = {}
        self._signed_on: dict[str, int] = {}  # by channel
        self.rung: dict[AgentId, Member] = {}  # whose phones ring, in the order they began to
        self._known: dict[tuple[object, ...], _Known] = {}  # of this step

    def keep_up(self, dispatcher: Dispatcher, now: float, touched: Mapping[AgentId, None]) -> None:
        """Take in a step."""
        self._known.clear()
        members = dispatcher._market.members
        if dispatcher._market is not self._market:
            self._market = dispatcher._market
            self._at, self._doing, self._signed_on, self.rung = {}, {}, {}, {}
            touched = dict.fromkeys(members)
        for agent in touched:
            for pool in self._at.get(agent, ([], ""))[0]:
                self._count(pool, self._at[agent][1], -1)
            self._at.pop(agent, None)
            member = members.get(agent)
            word = doing(member.state, now)[0] if member is not None else str(Presence.SIGNED_OFF)
            if word != "ringing":
                self.rung.pop(agent, None)
            if member is None or member.state.presence is Presence.SIGNED_OFF:
                continue
            if word == "ringing":
                self.rung[agent] = member
            self._at[agent] = ([seat.pool for seat in member.seats], word)
            for seat in member.seats:
                self._count(seat.pool, word, 1)

    def _count(self, pool: Pool, word: str, more: int) -> None:
        words = self._doing.setdefault(pool, {})
        words[word] = words.get(word, 0) + more
        self._signed_on[pool.channel] = self._signed_on.get(pool.channel, 0) + more

    def cause(self, dispatcher: Dispatcher, w: Waiting, now: float) -> Cause:
        """Why it waits at this instant."""
        if w.rung:
            return Cause("ringing", ", ".join(w.rung))
        place = standing(dispatcher, w, now)
        alike = (place.demand, place.only, *place.waiting.excluded)
        known = self._known.get(alike)
        if known is None:
            known = self._known[alike] = self._of_demand(place)
        why, did = known
        if why is not None:
            return Cause(why)
        return self._elsewhere(dispatcher, place, now) or Cause("all_busy", "", did)

    def _of_demand(self, place: Place) -> _Known:
        """The cause if it is the same for all who want the same, and else what their agents do."""
        demand = place.demand
        if not self._signed_on.get(demand.channel):
            return "nobody_signed_on", ()
        reach = [pool for pool in demand.plan.reach if pool.signed_on]
        if not reach:
            return "no_skill", ()
        why = min(self._kept(place, reach), key=_FIRST.__getitem__, default=None)
        did: dict[str, int] = {}
        for pool in reach if why is None else ():
            if demand.level(pool) is not None:
                for word, count in self._doing.get(pool, {}).items():
                    did[word] = did.get(word, 0) + count
        return why, tuple((word, did[word]) for word in sorted(did) if did[word])

    def _kept(self, place: Place, reach: list[Pool]) -> list[str]:
        """What keeps from it those who can be rung, or everybody who is signed on."""
        demand = place.demand
        barriers = {pool: barrier(demand, pool) for pool in reach}
        kept = [why for pool, why in barriers.items() if why is not None and pool.line.entries]
        within = [pool for pool, why in barriers.items() if why is None]
        if not within:
            kept += [why for why in barriers.values() if why is not None]
        for pool in within:
            free = len(pool.line.entries)
            if place.only is not None:
                own = self._can_ring(place.only, pool)
                kept += ["preferred"] * (free > own)
                free = own
            if free and any(self._can_ring(a, pool) for a in place.waiting.excluded if place.only in (None, a)):
                kept.append("excluded")
            elif free:
                kept.append("reserve")  # nothing else is left
            if self._doing.get(pool, {}).get("penalty"):
                kept.append("penalty")
        return kept

    def _can_ring(self, agent: AgentId, pool: Pool) -> int:
        """1 if the agent is of that pool and can be rung."""
        member = self._market.members.get(agent) if self._market is not None else None
        return sum(seat.pool is pool and seat.entry is not None for seat in member.seats) if member is not None else 0

    def _elsewhere(self, dispatcher: Dispatcher, place: Place, now: float) -> Cause | None:
        """Somebody came free while it waited, and rings for another."""
        w, demand = place.waiting, place.demand
        for agent, member in self.rung.items():
            _, task = doing(member.state, now)
            pools = [seat.pool for seat in member.seats if seat.pool.channel == demand.channel]
            if task is None or not pools or hindrance(place, member, pools[0]) not in (None, "preferred"):
                continue
            other = dispatcher.waiting.get(task.contact)
            if other is not None and agent in other.rung and other.rung[agent] > w.joined_at:
                return Cause("went_elsewhere", f"{agent} for {other.contact}: {_why_first(other, w, place, pools[0])}")
        return None


def _why_first(other: Waiting, w: Waiting, place: Place, pool: Pool) -> str:
    """Why another contact came before this one for an agent of a pool."""
    if blocked(tuple(held for held in place.demand.held if held in pool.held)):
        return "he was reserved for it"
    if other.tier < w.tier:
        return f"tier {other.tier} before tier {w.tier}"
    if other.queue != w.queue and pool.queues.get(other.queue, 1) < pool.queues.get(w.queue, 1):
        return "he prefers its queue"
    if other.preferred is not None and other.preferred in other.rung:
        return "it was kept for him"
    if other.joined_at < w.joined_at:
        return "it had waited longer"
    if other.key < w.key:
        return "it has more credit"
    return "it joined first" if other.serial < w.serial else "it was more urgent"
