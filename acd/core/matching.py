"""The market: pools and demands, who is in which, and which know each other. See `pools`."""

from bisect import bisect_left, insort
from collections.abc import Mapping
from typing import Final, TypeVar

from acd.core.agents import Agents, Presence
from acd.core.ids import AgentId, QueueId, SkillId
from acd.core.pools import (
    STANDINGS,
    Crowd,
    Demand,
    Entry,
    Held,
    Line,
    Member,
    Needs,
    Plan,
    Pool,
    Seat,
    at_stage,
    serves,
)
from acd.core.settings import Agent, Queue

R = TypeVar("R", int, tuple[int, int])
L = TypeVar("L")

WIDE: Final = 8  # from so many pools at one level on, their idle agents are kept together
_PLANS: Final = 2048  # from so many on, those by which nobody waits are forgotten
_EMPTY_POOLS: Final = 64
_UNHEARD: Final = 1024
_READY: Final = Presence.READY  # a name of its own: see `calls`
_SIGNED_OFF: Final = Presence.SIGNED_OFF


class Market:
    """Pools and demands, and who knows whom. Who is in which pool follows from `Agents`."""

    def __init__(self, agents: Agents, queues: Mapping[QueueId, Queue], ordered: bool) -> None:
        self.agents = agents
        self.queues = queues
        self.members: dict[AgentId, Member] = {}
        self.plans: dict[tuple[QueueId, int, str, Needs, str], Plan] = {}
        self._ordered = ordered  # some strategy goes by the agents' order
        self._pools: dict[tuple[object, ...], Pool] = {}
        self._by_skill: dict[SkillId | None, list[Pool]] = {None: []}  # pools by each of their skills; None: all
        self._wanting: dict[SkillId | None, list[Plan]] = {None: []}  # plans by one skill they cannot do without
        self._held: dict[tuple[QueueId, str], Held] = {}
        self._empty = 0
        self.idle: list[tuple[Pool, Entry]] = []  # can be rung, and the crowds have not heard of it

    # --------------------------------------------------------------------------------------------------- supply

    def enrol(self, agent: AgentId) -> Member | None:
        """Put an agent where he belongs now; what he was before is forgotten. None if he is no longer there."""
        self._dismiss(agent)
        state, settings = self.agents.states.get(agent), self.agents.settings.get(agent)
        if state is None or settings is None or state.leaving:
            return None
        skills = self.agents.skills(agent)
        pools = [self._pool(settings, skills, channel) for channel, most in settings.capacity.items() if most > 0]
        single = not settings.interrupts and sum(settings.capacity.values()) == 1
        member = self.members[agent] = Member(state, pools, single)
        for pool in pools:
            self._empty -= pool.agents == 0
            pool.agents += 1
        return member

    def refresh(self, member: Member, now: float, freed: dict[AgentId, Member]) -> None:
        """Bring an agent's seats up to what `Agents` says. Those who can be rung now but could not before, also by a
        reserve that is met again, are added to `freed`."""
        state, sole = member.state, member.sole
        presence = state.presence
        if sole is not None and state.tasks and presence is member.presence and not sole.pool.held:
            sole.free = False  # as most often: he was offered something
            if sole.entry is not None:
                self._take_out(sole)
            return
        if presence is not member.presence:
            signed_on = (presence is not _SIGNED_OFF) - (member.presence is not _SIGNED_OFF)
            member.presence = presence
            if signed_on:
                for seat in member.seats:
                    _sign_on(seat.pool, signed_on)
        ready = presence is _READY and state.wish is None and not state.leaving
        for seat in member.seats:
            pool = seat.pool
            free = ready and (not state.tasks or (not seat.single and self.agents.free(state, pool.channel)))
            if free and now >= state.not_before:
                if seat.entry is None or seat.entry[0] != state.idle_since or pool.shares:
                    if seat.entry is not None:
                        self._take_out(seat)
                    self._put_in(seat)
                    freed[member.id] = member
            elif seat.entry is not None:
                self._take_out(seat)
            if free is not seat.free:
                seat.free = free
                for held in pool.held:
                    held.free += 1 if free else -1
                    if free and held.free == held.keep + 1:
                        freed.update((s.member.id, s.member) for p in held.pools for _, _, s in p.line.entries)

    def rests(self, seat: Seat) -> None:
        """Nobody waits for whom came free."""
        seat.free = True
        self._put_in(seat)

    def _put_in(self, seat: Seat) -> None:
        pool, member = seat.pool, seat.member
        entry: Entry = (member.state.idle_since, member.serial, seat)
        seat.entry = entry
        pool.line.push(entry)
        if pool.crowds:
            self.idle.append((pool, entry))
            if len(self.idle) > _UNHEARD:
                self.gather()
        if pool.shares:
            for shares in pool.shares.values():
                shares.push(entry)
        if self._ordered:
            insort(pool.order, (member.serial, member))

    def gather(self) -> None:
        """Let the crowds hear of those who came free and still are: most are offered the next contact at once."""
        for pool, entry in self.idle:
            seat: Seat = entry[2]
            if seat.entry is entry:
                for crowd in pool.crowds:
                    crowd.push(entry)
        self.idle.clear()

    def _dismiss(self, agent: AgentId) -> None:
        member = self.members.pop(agent, None)
        if member is None:
            return
        for seat in member.seats:
            pool = seat.pool
            if seat.entry is not None:
                self._take_out(seat)
            for held in pool.held:
                held.free -= seat.free
            _sign_on(pool, -(member.presence is not _SIGNED_OFF))
            pool.agents -= 1
            self._empty += pool.agents == 0

    def _take_out(self, seat: Seat) -> None:
        assert seat.entry is not None
        seat.pool.line.drop(seat.entry)
        seat.entry = None
        if self._ordered:
            order, member = seat.pool.order, seat.member
            del order[bisect_left(order, (member.serial, member))]

    def _pool(self, settings: Agent, skills: dict[SkillId, int], channel: str) -> Pool:
        queues = tuple(sorted(settings.queues.items()))
        key = (channel, tuple(sorted(skills.items())), settings.teams, settings.site, queues)
        pool = self._pools.get(key)
        if pool is None:
            if self._empty > _EMPTY_POOLS:
                self._forget_empty_pools()
            pool = self._pools[key] = Pool(settings, dict(skills), channel)
            self._empty += 1
            for held in self._held.values():
                self._count_for(held, pool)
            for skill in (None, *sorted(skills)):
                self._by_skill.setdefault(skill, []).append(pool)
                for plan in self._wanting.get(skill, ()):
                    self._introduce(plan, pool)
        return pool

    def _forget_empty_pools(self) -> None:
        gone = [pool for pool in self._pools.values() if not pool.agents]
        self._pools = {key: pool for key, pool in self._pools.items() if pool.agents}
        for pools in self._by_skill.values():
            pools[:] = [pool for pool in pools if pool.agents]
        for held in self._held.values():
            held.pools = [pool for pool in held.pools if pool.agents]
        plans: dict[int, Plan] = {id(d.plan): d.plan for pool in gone for _, links in pool.ranks for _, d, _ in links}
        for plan in plans.values():
            plan.reach = [pool for pool in plan.reach if pool.agents]
            for demand in plan.demands:
                for _, links in demand.ranks:
                    links[:] = [link for link in links if link[1].agents]
        self._empty = 0

    # --------------------------------------------------------------------------------------------------- demand

    def plan(self, queue: Queue, tier: int, channel: str, needs: Needs, site: str) -> Plan:
        """The plan of a contact. `site`: its own, if the queue regards it."""
        key = (queue.id, tier, channel, needs, site if queue.own_site_for_s > 0.0 else "")
        plan = self.plans.get(key)
        if plan is None:
            if len(self.plans) >= _PLANS:
                self._forget_idle_plans()
            plan = self.plans[key] = Plan(queue, tier, channel, needs, key[-1], self._held_for(queue, tier, channel))
            pivot = _pivot(plan)
            self._wanting.setdefault(pivot, []).append(plan)
            for pool in self._by_skill.get(pivot, ()):
                self._introduce(plan, pool)
        return plan

    def deserted(self) -> bool:
        """Whether anybody could stand in a queue that those leave whom nobody signed on may serve."""
        return any(
            not plan.signed_on and plan.waiting and plan.queue.nobody_signed_on == "leave"
            for plan in self.plans.values()
        )

    def _held_for(self, queue: Queue, tier: int, channel: str) -> tuple[Held, ...]:
        """The reserves of earlier tiers: a lane is bound by those only."""
        lanes = [lane for lane in self.queues.values() if lane.reserve and lane.tier < tier and lane.id != queue.id]
        return tuple(self._hold(lane, channel) for lane in lanes)

    def _hold(self, lane: Queue, channel: str) -> Held:
        held = self._held.get((lane.id, channel))
        if held is None:
            assert lane.reserve is not None
            held = self._held[lane.id, channel] = Held(lane, channel, lane.reserve.agents)
            for pool in self._pools.values():
                self._count_for(held, pool)
            for member in self.members.values():
                held.free += sum(seat.free and held in seat.pool.held for seat in member.seats)
        return held

    def _count_for(self, held: Held, pool: Pool) -> None:
        if held.channel == pool.channel and serves(pool, *at_stage(held.queue, 0)):
            pool.held += (held,)
            held.pools.append(pool)

    def _introduce(self, plan: Plan, pool: Pool) -> None:
        if not plan.reaches(pool):
            return
        plan.reach.append(pool)
        pool.reached_by.append(plan)
        plan.signed_on += pool.signed_on
        for demand in plan.demands:
            level = demand.level(pool)
            if level is not None:
                held = tuple(h for h in demand.held if h in pool.held)
                links = _linked(demand.ranks, level)
                links.append((pool.line, pool, held))
                if level in demand.crowds:
                    self._crowd(demand, level, links[-1:])
                elif demand.by_idle and len(links) >= WIDE:
                    self._crowd(demand, level, links)
                _linked(pool.ranks, (demand.tier, level)).append((demand.line, demand, held))

    def _crowd(self, demand: Demand, level: int, links: list[tuple[Line, Pool, tuple[Held, ...]]]) -> None:
        """From now on the idle agents of these pools are in one heap, too."""
        self.gather()
        crowds = demand.crowds.setdefault(level, {})
        standing = STANDINGS[demand.queue.strategy]
        for line, pool, held in links:
            key = (standing(demand, pool), held)
            crowd = crowds.get(key)
            if crowd is None:
                crowd = crowds[key] = Crowd(demand.plan)
            pool.crowds.append(crowd)
            for entry in line.entries:
                crowd.push(entry)

    def _forget_idle_plans(self) -> None:
        gone = {id(plan): plan for plan in self.plans.values() if not plan.waiting}
        self.plans = {key: plan for key, plan in self.plans.items() if id(plan) not in gone}
        for plans in self._wanting.values():
            plans[:] = [plan for plan in plans if id(plan) not in gone]
        for pool in {id(pool): pool for plan in gone.values() for pool in plan.reach}.values():
            pool.crowds[:] = [crowd for crowd in pool.crowds if id(crowd.plan) not in gone]
            pool.reached_by[:] = [plan for plan in pool.reached_by if id(plan) not in gone]
            for _, links in pool.ranks:
                links[:] = [link for link in links if id(link[1].plan) not in gone]


def _sign_on(pool: Pool, more: int) -> None:
    pool.signed_on += more
    for plan in pool.reached_by:
        plan.signed_on += more


def _pivot(plan: Plan) -> SkillId | None:
    """A skill that whoever serves it must have in every ring, or None."""
    first, *others = [dict(demand.needs) for demand in plan.demands]
    return next((skill for skill in first if all(skill in needs for needs in others)), None)


def _linked(ranks: list[tuple[R, list[L]]], rank: R) -> list[L]:
    """The links at a rank; the ranks stay sorted."""
    at = bisect_left(ranks, rank, key=lambda r: r[0])
    if at == len(ranks) or ranks[at][0] != rank:
        ranks.insert(at, (rank, []))
    return ranks[at][1]
