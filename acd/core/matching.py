"""Supply and demand, so that nobody has to be looked at who cannot matter.

Agents with the same skills, teams, site, preference levels and capacity are one `Pool` per channel; waiting contacts
with the same requirements at this moment are one `Demand`. Whether a pool may serve a demand is found out once, and
each then knows the other. What is left of `may_match` is of one contact (exclusions, preferred agent) or a count
(reserve). All that changes with a contact's time changes at fixed offsets from its joining: a `Plan` lists them, and
each stretch between two of them has a demand of its own.
"""

import heapq
from bisect import bisect_left, insort
from collections.abc import Mapping
from typing import Any, Final, TypeAlias, TypeVar

from acd.core.agents import Agents, AgentState, Presence
from acd.core.ids import AgentId, QueueId, SkillId
from acd.core.settings import Agent, Queue

Needs: TypeAlias = tuple[tuple[SkillId, int], ...]
R = TypeVar("R", int, tuple[int, int])
L = TypeVar("L")
Entry: TypeAlias = list[Any]  # [order, serial, item]: dead once its item is None

WIDE: Final = 8  # from so many pools at one level on, their idle agents are kept together
_PLANS: Final = 2048  # from so many on, those by which nobody waits are forgotten
_EMPTY_POOLS: Final = 64
_UNHEARD: Final = 1024


class Line:
    """Who waits, or who is idle, the first first: a heap whose first entry is always alive.

    Items are compared only when one meets its own former entry, dead but not yet gone: any order will do.
    """

    __slots__ = ("heap", "live")

    def __init__(self) -> None:
        self.heap: list[Entry] = []  # never replaced: links hold it
        self.live = 0

    def push(self, entry: Entry) -> None:
        self.live += 1
        heapq.heappush(self.heap, entry)

    def drop(self, entry: Entry) -> None:
        """Forget an entry: at once at the head, else when it gets there."""
        entry[2] = None
        self.live -= 1
        heap = self.heap
        if heap[0] is entry:
            heapq.heappop(heap)
            while heap and heap[0][2] is None:
                heapq.heappop(heap)
        elif len(heap) > 64 and len(heap) > 4 * self.live:
            heap[:] = [e for e in heap if e[2] is not None]
            heapq.heapify(heap)

    def items(self) -> list[Any]:
        return [e[2] for e in self.heap if e[2] is not None]

    def first_but(self, excluded: Mapping[AgentId, float]) -> Entry | None:
        """The first whose item's `id` is not excluded."""
        heap = self.heap
        aside: list[Entry] = []
        while heap and (heap[0][2] is None or heap[0][2].id in excluded):
            entry = heapq.heappop(heap)
            if entry[2] is not None:
                aside.append(entry)
        found = heap[0] if heap else None
        for entry in aside:
            heapq.heappush(heap, entry)
        return found


class Crowd:
    """The idle agents of many pools at one level of a demand, those under the same reserves: with a pool for nearly
    every agent nobody goes through the pools. Entries come when somebody is looked for (`Market.gather`) and go once
    they are dead at the head."""

    __slots__ = ("heap", "most", "plan")

    def __init__(self, plan: "Plan") -> None:
        self.plan = plan
        self.heap: list[Entry] = []
        self.most = 64  # entries, before the dead are cleared out

    def push(self, entry: Entry) -> None:
        heap = self.heap
        heapq.heappush(heap, entry)
        if len(heap) > self.most:
            heap[:] = [e for e in heap if e[2] is not None]
            heapq.heapify(heap)
            self.most = max(64, 2 * len(heap))

    def first(self) -> Entry | None:
        heap = self.heap
        while heap and heap[0][2] is None:
            heapq.heappop(heap)
        return heap[0] if heap else None


class Held:
    """A lane's reserve on one channel: while no more than `keep` of its agents are free, later tiers get none."""

    __slots__ = ("channel", "free", "keep", "lapses_s", "pools", "queue")

    def __init__(self, queue: Queue, channel: str, keep: int) -> None:
        self.queue = queue
        self.channel = channel
        self.keep = keep
        self.lapses_s = queue.reserve.reserve_for_s if queue.reserve is not None else 0.0
        self.free = 0
        self.pools: list[Pool] = []


class Pool:
    """Agents who are all alike to the dispatcher, on one channel."""

    __slots__ = (
        "agents",
        "channel",
        "crowds",
        "held",
        "line",
        "order",
        "queues",
        "ranks",
        "signed_on",
        "site",
        "skills",
        "teams",
    )

    def __init__(self, settings: Agent, skills: dict[SkillId, int], channel: str) -> None:
        self.channel = channel
        self.skills = skills
        self.teams = settings.teams
        self.site = settings.site
        self.queues = settings.queues
        self.line = Line()  # of members who can be rung
        self.order: list[tuple[int, Member]] = []  # the same by serial, where a strategy asks for it
        self.ranks: list[tuple[tuple[int, int], list[tuple[list[Entry], Demand, tuple[Held, ...]]]]] = []
        """(tier, preference level), smallest first, with the demands he may serve at it, and reserves in the way."""
        self.crowds: list[Crowd] = []  # in which its members are too while they can be rung
        self.held: tuple[Held, ...] = ()  # the reserves its free agents count for
        self.agents = 0
        self.signed_on = 0


class Seat:
    """An agent in a pool."""

    __slots__ = ("entry", "free", "pool", "single")

    def __init__(self, pool: Pool, single: bool) -> None:
        self.pool = pool
        self.single = single  # he does one thing at a time: any work at all takes his capacity
        self.entry: Entry | None = None  # while he can be rung
        self.free = False  # the same, or but for a penalty


class Member:
    """An agent as the dispatcher knows him: a seat for each channel."""

    __slots__ = ("id", "presence", "seats", "serial", "state")

    def __init__(self, state: AgentState, pools: list[Pool], single: bool) -> None:
        self.id = state.id
        self.serial = state.serial
        self.state = state
        self.presence = Presence.SIGNED_OFF
        self.seats = [Seat(pool, single) for pool in pools]

    def __lt__(self, other: "Member | None") -> bool:
        return other is not None and self.serial < other.serial

    def __gt__(self, other: "Member | None") -> bool:
        return other is not None and self.serial > other.serial


class Demand:
    """Contacts that want the same at this moment."""

    __slots__ = (
        *("channel", "crowds", "elapsed_s", "held", "line", "needs", "odd", "plainly", "plan", "queue", "ranks"),
        *("site", "sites", "teams", "tier"),
    )

    def __init__(self, plan: "Plan", elapsed_s: float, held: tuple[Held, ...]) -> None:
        queue = plan.queue
        stage = sum(ring.after_s <= elapsed_s for ring in queue.rings)
        self.plan, self.queue, self.tier, self.channel = plan, queue, plan.tier, plan.channel
        self.elapsed_s = elapsed_s
        self.needs, self.teams, self.sites = at_stage(queue, stage, plan.needs)
        self.site = plan.site if elapsed_s < queue.own_site_for_s else ""  # his own site only
        self.held = held
        self.plainly = queue.strategy == "longest_idle"
        self.line = Line()
        self.odd: dict[tuple[AgentId, ...], Line] = {}  # those from whom some agents are excluded
        self.ranks: list[tuple[int, list[tuple[list[Entry], Pool, tuple[Held, ...]]]]] = []
        """Preference level, smallest first, with the pools that may serve at it, and reserves in the way."""
        self.crowds: dict[int, dict[tuple[Held, ...], Crowd]] = {}  # of levels with many pools, by those reserves

    def level(self, pool: Pool) -> int | None:
        """The preference level at which the pool may serve it, or None."""
        if self.channel != pool.channel or (self.site and self.site != pool.site):
            return None
        level = pool.queues.get(self.queue.id, 1)
        delays_s = self.queue.level_delays_s
        if level <= len(delays_s) and delays_s[level - 1] > self.elapsed_s:
            return None
        return level if serves(pool, self.needs, self.teams, self.sites) else None


class Plan:
    """What one kind of contact wants, over its waiting."""

    __slots__ = (
        *("channel", "counted", "demands", "needs", "offsets_s", "queue", "reach", "signed_on", "site", "tier"),
        "waiting",
    )

    def __init__(self, queue: Queue, tier: int, channel: str, needs: Needs, site: str, held: tuple[Held, ...]) -> None:
        self.queue, self.tier, self.channel, self.needs, self.site = queue, tier, channel, needs, site
        offsets_s = {ring.after_s for ring in queue.rings} | set(queue.level_delays_s)
        offsets_s |= {h.lapses_s for h in held}
        if site:
            offsets_s.add(queue.own_site_for_s)
        self.offsets_s = sorted(offset_s for offset_s in offsets_s if offset_s > 0.0)
        self.demands = [
            Demand(self, elapsed_s, tuple(h for h in held if elapsed_s < h.lapses_s))
            for elapsed_s in [0.0, *self.offsets_s]
        ]
        self.reach: list[Pool] = []  # who may serve it, in whichever ring, delay or not
        self.signed_on = 0  # agents of those pools, as of the census `counted`
        self.counted = -1
        self.waiting = 0

    def reaches(self, pool: Pool) -> bool:
        stages = range(len(self.queue.rings) + 1)
        return self.channel == pool.channel and any(
            serves(pool, *at_stage(self.queue, stage, self.needs)) for stage in stages
        )


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
        self._census = 0  # goes up when somebody signs on or off, or may serve somebody else
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
        state = member.state
        presence = state.presence
        if presence is not member.presence:
            signed_on = (presence is not Presence.SIGNED_OFF) - (member.presence is not Presence.SIGNED_OFF)
            member.presence = presence
            self._census += 1
            for seat in member.seats:
                seat.pool.signed_on += signed_on
        ready = presence is Presence.READY and state.wish is None and not state.leaving
        for seat in member.seats:
            pool, entry = seat.pool, seat.entry
            free = ready and (not state.tasks or (not seat.single and self.agents.free(state, pool.channel)))
            if free and now >= state.not_before:
                if entry is None or entry[0] != state.idle_since:
                    if entry is not None:
                        self._take_out(pool, entry)
                    seat.entry = [state.idle_since, member.serial, member]
                    pool.line.push(seat.entry)
                    if pool.crowds:
                        self.idle.append((pool, seat.entry))
                        if len(self.idle) > _UNHEARD:
                            self.gather()
                    if self._ordered:
                        insort(pool.order, (member.serial, member))
                    freed[member.id] = member
            elif entry is not None:
                seat.entry = None
                self._take_out(pool, entry)
            if free is not seat.free:
                seat.free = free
                for held in pool.held:
                    held.free += 1 if free else -1
                    if free and held.free == held.keep + 1:
                        freed.update((m.id, m) for p in held.pools for m in p.line.items())

    def gather(self) -> None:
        """Let the crowds hear of those who came free and still are: most are offered the next contact at once."""
        for pool, entry in self.idle:
            if entry[2] is not None:
                for crowd in pool.crowds:
                    crowd.push(entry)
        self.idle.clear()

    def signed_on(self, plan: Plan) -> int:
        """How many are signed on who may serve it, in whichever ring."""
        if plan.counted != self._census:
            plan.counted, plan.signed_on = self._census, sum([pool.signed_on for pool in plan.reach])
        return plan.signed_on

    def _dismiss(self, agent: AgentId) -> None:
        member = self.members.pop(agent, None)
        if member is None:
            return
        for seat in member.seats:
            pool = seat.pool
            if seat.entry is not None:
                self._take_out(pool, seat.entry)
            for held in pool.held:
                held.free -= seat.free
            self._census += 1
            pool.signed_on -= member.presence is not Presence.SIGNED_OFF
            pool.agents -= 1
            self._empty += pool.agents == 0

    def _take_out(self, pool: Pool, entry: Entry) -> None:
        member = entry[2]
        pool.line.drop(entry)
        if self._ordered:
            del pool.order[bisect_left(pool.order, (member.serial, member))]

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
        self._census += 1
        for demand in plan.demands:
            level = demand.level(pool)
            if level is not None:
                held = tuple(h for h in demand.held if h in pool.held)
                links = _linked(demand.ranks, level)
                links.append((pool.line.heap, pool, held))
                if level in demand.crowds:
                    self._crowd(demand, level, links[-1:])
                elif demand.plainly and len(links) >= WIDE:
                    self._crowd(demand, level, links)
                _linked(pool.ranks, (demand.tier, level)).append((demand.line.heap, demand, held))

    def _crowd(self, demand: Demand, level: int, links: list[tuple[list[Entry], Pool, tuple[Held, ...]]]) -> None:
        """From now on the idle agents of these pools are in one heap, too."""
        self.gather()
        crowds = demand.crowds.setdefault(level, {})
        for heap, pool, held in links:
            crowd = crowds.get(held)
            if crowd is None:
                crowd = crowds[held] = Crowd(demand.plan)
            pool.crowds.append(crowd)
            for entry in heap:
                if entry[2] is not None:
                    crowd.push(entry)

    def _forget_idle_plans(self) -> None:
        gone = {key: plan for key, plan in self.plans.items() if not plan.waiting}
        self.plans = {key: plan for key, plan in self.plans.items() if plan.waiting}
        for plans in self._wanting.values():
            plans[:] = [plan for plan in plans if plan.waiting]
        for pool in {id(pool): pool for plan in gone.values() for pool in plan.reach}.values():
            pool.crowds[:] = [crowd for crowd in pool.crowds if crowd.plan.waiting]
            for _, links in pool.ranks:
                links[:] = [link for link in links if link[1].plan.waiting]


def blocked(held: tuple[Held, ...]) -> bool:
    """Whether a reserve keeps an agent, who counts among its free ones himself."""
    return any(h.free <= h.keep for h in held)


def serves(pool: Pool, needs: Needs, teams: tuple[str, ...], sites: tuple[str, ...]) -> bool:
    """Whether a pool has the skills and is in one of the teams and at one of the sites (none named: any)."""
    skills = pool.skills
    return (
        all(skills.get(skill, 0) >= level for skill, level in needs)
        and (not teams or any(team in teams for team in pool.teams))
        and (not sites or pool.site in sites)
    )


def at_stage(queue: Queue, stage: int, own: Needs = ()) -> tuple[Needs, tuple[str, ...], tuple[str, ...]]:
    """Needs (with the caller's own), teams and sites once so many rings have widened."""
    needs, teams, sites = queue.needs, queue.teams, queue.sites
    for ring in queue.rings[:stage]:
        needs = needs if ring.needs is None else ring.needs
        teams = teams if ring.teams is None else ring.teams
        sites = sites if ring.sites is None else ring.sites
    both = needs | {skill: max(level, needs.get(skill, 0)) for skill, level in own}
    return tuple(sorted(both.items())), teams, sites


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
