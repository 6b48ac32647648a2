"""Supply and demand as values: agents who are all alike to the dispatcher, contacts that want the same.

Agents with the same skills, teams, site, preference levels and capacity are one `Pool` per channel; waiting contacts
with the same requirements at this moment are one `Demand`. Whether a pool may serve a demand is found out once, and
each then knows the other (`matching`). What is left of `may_match` is of one contact (exclusions, preferred agent) or
a count (reserve). All that changes with a contact's time changes at fixed offsets from its joining: a `Plan` lists
them, and each stretch between two of them has a demand of its own.
"""

import heapq
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from acd.core.agents import AgentState, Presence
from acd.core.ids import AgentId, SkillId
from acd.core.settings import Agent, Queue, Strategy

Needs: TypeAlias = tuple[tuple[SkillId, int], ...]
# Order, serial, item; in a crowd: dead once the item has another. Of any length to the type checker: a compiled core
# takes tuples of known length apart, and could not tell one from another that is equal.
Entry: TypeAlias = tuple[Any, ...]

BOUND_S: Final = 10.0  # for so long a bound of `Shares` holds: shorter, it is closer; longer, it is seldom made anew


class Line:
    """Who waits, or who is idle, the first first.

    Nearly everybody comes last and leaves first, so it is no heap, whose every change at the head looks at entries all
    over the memory. Whoever was there before (put back, other credit) or leaves from the midst is found by halving.
    """

    __slots__ = ("entries", "head")

    def __init__(self) -> None:
        self.entries: deque[Entry] = deque()
        self.head: Entry | None = None  # the first of them, which is what is asked for

    def push(self, entry: Entry) -> None:
        entries = self.entries
        if self.head is None:
            self.head = entry
            entries.append(entry)
        elif entry < entries[-1]:
            insort(entries, entry)
            self.head = entries[0]
        else:
            entries.append(entry)

    def drop(self, entry: Entry) -> None:
        entries = self.entries
        if entry is self.head:
            entries.popleft()
            self.head = entries[0] if entries else None
        else:
            del entries[bisect_left(entries, entry)]

    def first_but(self, excluded: Mapping[AgentId, float]) -> "Member | None":
        """Of idle agents, the first who is not excluded."""
        for _, _, seat in self.entries:
            if seat.member.id not in excluded:
                member: Member = seat.member
                return member
        return None


class Crowd:
    """The idle agents of many pools at one level of a demand, those of the same standing and under the same reserves:
    with a pool for nearly every agent nobody goes through the pools. Entries come when somebody is looked for
    (`Market.gather`); the dead stay behind, passed over, until there are many."""

    __slots__ = ("entries", "head", "most", "plan")

    def __init__(self, plan: "Plan") -> None:
        self.plan = plan
        self.entries: list[Entry] = []
        self.head = 0  # all before are dead
        self.most = 64  # entries, before the dead are cleared out

    def push(self, entry: Entry) -> None:
        entries = self.entries
        if entries and entry < entries[-1]:
            insort(entries, entry, self.head)
        else:
            entries.append(entry)
        if len(entries) > self.most:
            entries[:] = [e for e in entries if e[2].entry is e]
            self.head = 0
            self.most = max(64, 2 * len(entries))

    def first(self) -> Entry | None:
        entries = self.entries
        for head in range(self.head, len(entries)):
            entry = entries[head]
            seat: Seat = entry[2]
            if seat.entry is entry:
                self.head = head
                return entry
        self.head = 0
        entries.clear()
        return None


class Shares:
    """The idle agents of a pool by the least that a share of their signed-on time (busy time, calls) can be for a
    while: it falls as they are idle, for each at a pace of his own. Only those whom that bound lets come first are
    asked for their share of this instant."""

    __slots__ = ("_fresh", "_heap", "_until")

    def __init__(self) -> None:
        self._heap: list[tuple[float, float, int, Entry]] = []  # bound, idle since, serial
        self._fresh: list[Entry] = []  # came free, and have no bound yet
        self._until = -1.0  # until when the bounds hold

    def push(self, entry: Entry) -> None:
        self._fresh.append(entry)

    def first(
        self,
        idle: Line,
        excluded: Mapping[AgentId, float],
        now: float,
        share: Callable[[AgentState, float, float], float],
    ) -> "Member | None":
        """The smallest by (share, idle since, serial) at this instant. ``share(agent, now, later)`` is of what he has
        done by `now` in his signed-on time up to `later`."""
        heap, fresh = self._heap, self._fresh
        if now > self._until or len(heap) + len(fresh) > 4 * len(idle.entries) + 64:
            self._until = until = now + BOUND_S
            heap[:] = [(share(e[2].member.state, now, until), e[0], e[1], e) for e in idle.entries]
            heapq.heapify(heap)
            fresh.clear()
        for entry in fresh:
            if entry[2].entry is entry:
                heapq.heappush(heap, (share(entry[2].member.state, now, self._until), entry[0], entry[1], entry))
        fresh.clear()
        best: tuple[float, float, int] | None = None
        found: Member | None = None
        asked: list[tuple[float, float, int, Entry]] = []
        while heap and (best is None or heap[0] < best):
            bound = heapq.heappop(heap)
            if bound[3][2].entry is not bound[3]:
                continue
            member: Member = bound[3][2].member
            asked.append(bound)
            rank = (share(member.state, now, now), bound[1], bound[2])
            if member.id not in excluded and (best is None or rank < best):
                best, found = rank, member
        for bound in asked:
            heapq.heappush(heap, bound)
        return found


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
        "reached_by",
        "shares",
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
        self.ranks: list[tuple[tuple[int, int], list[tuple[Line, Demand, tuple[Held, ...]]]]] = []
        """(tier, preference level), smallest first, with the demands he may serve at it, and reserves in the way."""
        self.crowds: list[Crowd] = []  # in which its members are too while they can be rung
        self.shares: dict[Strategy, Shares] = {}  # the same, of strategies that go by a share of signed-on time
        self.reached_by: list[Plan] = []  # whose contacts its agents may serve
        self.held: tuple[Held, ...] = ()  # the reserves its free agents count for
        self.agents = 0
        self.signed_on = 0


class Seat:
    """An agent in a pool."""

    __slots__ = ("entry", "free", "member", "pool", "single")

    def __init__(self, member: "Member", pool: Pool, single: bool) -> None:
        self.member = member
        self.pool = pool
        self.single = single  # he does one thing at a time: any work at all takes his capacity
        self.entry: Entry | None = None  # while he can be rung
        self.free = False  # the same, or but for a penalty

    def __lt__(self, other: "Seat") -> bool:
        return False  # only ever asked by the entry it was itself before, or its agent before other skills


class Member:
    """An agent as the dispatcher knows him: a seat for each channel."""

    __slots__ = ("id", "presence", "seats", "serial", "sole", "state")

    def __init__(self, state: AgentState, pools: list[Pool], single: bool) -> None:
        self.id = state.id
        self.serial = state.serial
        self.state = state
        self.presence = Presence.SIGNED_OFF
        self.seats = [Seat(self, pool, single) for pool in pools]
        self.sole = self.seats[0] if single and len(pools) == 1 else None  # of who does one thing at a time


class Demand:
    """Contacts that want the same at this moment."""

    __slots__ = (
        *("channel", "crowds", "elapsed_s", "held", "line", "needs", "odd", "plainly", "plan", "queue"),
        *("by_idle", "ranks", "rings_all", "site", "sites", "teams", "tier"),
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
        self.rings_all = queue.strategy == "ring_all"
        self.by_idle = queue.strategy in STANDINGS
        self.line = Line()
        self.odd: dict[tuple[AgentId, ...], Line] = {}  # those from whom some agents are excluded
        self.ranks: list[tuple[int, list[tuple[Line, Pool, tuple[Held, ...]]]]] = []
        """Preference level, smallest first, with the pools that may serve at it, and reserves in the way."""
        self.crowds: dict[int, dict[tuple[Standing, tuple[Held, ...]], Crowd]] = {}
        """Of levels with many pools, where the strategy goes by standing: by that and those reserves."""

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
        *("channel", "demands", "kept", "needs", "offsets_s", "queue", "reach", "signed_on", "site", "tier"),
        "windows",
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
        self.signed_on = 0  # agents of those pools
        self.kept = False  # never forgotten
        self.windows = 0  # contacts that wait for their preferred agents alone

    @property
    def waiting(self) -> bool:
        """Whether somebody waits by it, or it is kept in any case."""
        return self.kept or self.windows > 0 or any(demand.line.entries or demand.odd for demand in self.demands)

    def reaches(self, pool: Pool) -> bool:
        stages = range(len(self.queue.rings) + 1)
        return self.channel == pool.channel and any(
            serves(pool, *at_stage(self.queue, stage, self.needs)) for stage in stages
        )


def blocked(held: tuple[Held, ...]) -> bool:
    """Whether a reserve keeps an agent, who counts among its free ones himself."""
    return any([h.free <= h.keep for h in held])  # noqa: C419 - there is one, as a rule: a generator takes longer


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


Standing: TypeAlias = tuple[int, ...]
"""How the agents of a pool stand with a demand before idle time is asked: the smallest first."""


def fit(demand: Demand, pool: Pool) -> tuple[int, int]:
    """The sum of the pool's levels in the skills needed (in all of its skills if none is), and how many it has."""
    skills = pool.skills
    needed = [skills[skill] for skill, _ in demand.needs] or list(skills.values())
    return sum(needed), len(skills)


STANDINGS: Final[dict[Strategy, Callable[[Demand, Pool], Standing]]] = {
    "longest_idle": lambda demand, pool: (),
    "most_skilled": lambda demand, pool: (-fit(demand, pool)[0],),
    "least_skilled": fit,
    "ring_all": lambda demand, pool: (),
    "ring_progressively": lambda demand, pool: (),
}
"""The strategies that go by standing, then by idle time: what does not change while an agent is idle."""
