"""Which of the agents who may serve a contact: functions that return a sort tuple, the smallest is rung (DESIGN §6).

They are asked only between agents of the same preference level; ties go by the agent's serial. `random` draws, so it
is no such function. How the smallest is found without asking everybody depends on what a strategy goes by, `BY`.
"""

from bisect import bisect_left
from collections.abc import Callable, Mapping
from random import Random
from typing import Final, Literal, TypeAlias

from acd.core.agents import AgentState
from acd.core.ids import AgentId
from acd.core.pools import Crowd, Demand, Entry, Held, Line, Member, Pool, Shares, Standing, blocked, fit
from acd.core.settings import Strategy

Fit: TypeAlias = tuple[int, int]
"""The sum of his levels in the skills needed (in all of his if none is), and how many skills he has."""
Sort: TypeAlias = Callable[[AgentState, Fit, float, int], tuple[float, ...]]
"""Of an agent, how he fits, now, and the serial of the agent whom the queue rang last."""


def longest_idle(agent: AgentState, fit: Fit, now: float, last: int) -> tuple[float, ...]:
    return (agent.idle_since,)


def most_skilled(agent: AgentState, fit: Fit, now: float, last: int) -> tuple[float, ...]:
    return (-fit[0], agent.idle_since)


def least_skilled(agent: AgentState, fit: Fit, now: float, last: int) -> tuple[float, ...]:
    """The lowest levels that do, then the fewest skills: keeps the versatile free."""
    return (fit[0], fit[1], agent.idle_since)


def least_occupied(agent: AgentState, fit: Fit, now: float, last: int) -> tuple[float, ...]:
    """By the share of his signed-on time that was talking, holding or wrap-up."""
    return (busy_share(agent, now, now), agent.idle_since)


def fewest_calls(agent: AgentState, fit: Fit, now: float, last: int) -> tuple[float, ...]:
    """By calls per signed-on time, so that nobody who just signed on is flooded."""
    return (calls_share(agent, now, now), agent.idle_since)


def in_order(agent: AgentState, fit: Fit, now: float, last: int) -> tuple[float, ...]:
    return (agent.serial,)


def round_robin(agent: AgentState, fit: Fit, now: float, last: int) -> tuple[float, ...]:
    """In order, from the one after whom the queue rang last."""
    return (agent.serial <= last, agent.serial)


def busy_share(agent: AgentState, now: float, later: float) -> float:
    """The seconds he was busy by `now` per second signed on by `later`."""
    if now <= agent.signed_on_at:
        return 0.0
    busy_s = agent.busy_s if agent.busy_since is None else agent.busy_s + (now - agent.busy_since)
    return busy_s / (later - agent.signed_on_at)


def calls_share(agent: AgentState, now: float, later: float) -> float:
    """The calls he has taken by `now` per second signed on by `later`."""
    return agent.calls / (later - agent.signed_on_at) if now > agent.signed_on_at else 0.0


SORTS: Final[dict[Strategy, Sort]] = {
    "longest_idle": longest_idle,
    "most_skilled": most_skilled,
    "least_skilled": least_skilled,
    "least_occupied": least_occupied,
    "fewest_calls": fewest_calls,
    "round_robin": round_robin,
    "in_order": in_order,
    "ring_all": longest_idle,  # where it cannot apply
    "ring_progressively": longest_idle,
}

SHARES: Final[dict[Strategy, Callable[[AgentState, float, float], float]]] = {
    "least_occupied": busy_share,
    "fewest_calls": calls_share,
}
BY: Final[dict[Strategy, Literal["idle", "order", "share"]]] = {
    "longest_idle": "idle",  # among agents of the same skills: the longest idle
    "most_skilled": "idle",
    "least_skilled": "idle",
    "least_occupied": "share",  # falls as time goes by
    "fewest_calls": "share",
    "random": "order",
    "round_robin": "order",
    "in_order": "order",
    "ring_all": "idle",
    "ring_progressively": "idle",
}


def choose(demand: Demand, excluded: Mapping[AgentId, float], now: float, last: int, random: Random) -> Member | None:
    """The agent to ring for a contact of this demand: of the best preference level, by the queue's strategy."""
    for level, links in demand.ranks:
        if level in demand.crowds and not excluded:
            chosen = _first_of(demand.crowds[level])
        else:
            chosen = _choose(demand, links, excluded, now, last, random)
        if chosen is not None:
            return chosen
    return None


def longest_idle_for(demand: Demand) -> Member | None:
    """The same for what happens most: by idle time alone, nobody excluded."""
    crowds = demand.crowds
    for level, links in demand.ranks:
        if crowds and level in crowds:
            chosen = _first_of(crowds[level])
            if chosen is not None:
                return chosen
            continue
        best: Entry | None = None
        for line, _, held in links:
            head = line.head
            if head is not None and (best is None or head < best) and not (held and blocked(held)):
                best = head
        if best is not None:
            member: Member = best[2].member
            return member
    return None


def _first_of(crowds: Mapping[tuple[Standing, tuple[Held, ...]], Crowd]) -> Member | None:
    """The same as below by standing and idle time, whatever the number of pools."""
    best: Entry | None = None
    highest: Standing = ()
    for (standing, held), crowd in crowds.items():
        if (best is not None and standing > highest) or (held and blocked(held)):
            continue
        first = crowd.first()
        if first is not None and (best is None or standing < highest or first < best):
            best, highest = first, standing
    return best[2].member if best is not None else None


def _choose(
    demand: Demand,
    links: list[tuple[Line, Pool, tuple[Held, ...]]],
    excluded: Mapping[AgentId, float],
    now: float,
    last: int,
    random: Random,
) -> Member | None:
    strategy = demand.queue.strategy
    pools = [pool for line, pool, held in links if line.head and not (held and blocked(held))]
    if strategy == "random":
        return _drawn(pools, excluded, random)
    sort = SORTS[strategy]
    best: Member | None = None
    best_rank: tuple[tuple[float, ...], int] | None = None
    for pool in pools:
        how = fit(demand, pool)
        for member in _candidates(pool, strategy, excluded, now, last):
            rank = (sort(member.state, how, now, last), member.serial)
            if best_rank is None or rank < best_rank:
                best, best_rank = member, rank
    return best


def _candidates(
    pool: Pool, strategy: Strategy, excluded: Mapping[AgentId, float], now: float, last: int
) -> list[Member]:
    """Those of a pool among whom its best is."""
    by = BY[strategy]
    if by == "share":
        if strategy not in pool.shares:
            pool.shares[strategy] = Shares()
        member = pool.shares[strategy].first(pool.line, excluded, now, SHARES[strategy])
        return [member] if member is not None else []
    if by == "idle":
        member = pool.line.first_but(excluded) if excluded else pool.line.entries[0][2].member
        return [member] if member is not None else []
    order = pool.order
    after = bisect_left(order, (last + 1,))
    halves = (range(after, len(order)), range(after))
    return [
        m for half in halves for m in [next((order[i][1] for i in half if order[i][1].id not in excluded), None)] if m
    ]


def _drawn(pools: list[Pool], excluded: Mapping[AgentId, float], random: Random) -> Member | None:
    """Any of them, each as likely as the others; no number is drawn for one alone."""
    orders = [pool.order for pool in pools]
    if excluded:
        orders = [[one for one in order if one[1].id not in excluded] for order in orders]
        orders = [order for order in orders if order]
    count = sum([len(order) for order in orders])
    if count < 2:
        return orders[0][0][1] if count else None
    return _at(orders, int(random.random() * count))


def _at(orders: list[list[tuple[int, Member]]], index: int) -> Member:
    """The one at this index of them all, by serial."""
    if len(orders) == 1:
        return orders[0][index][1]
    low, high = min([order[0][0] for order in orders]), max([order[-1][0] for order in orders])
    while low < high:
        middle = (low + high) // 2
        if sum([bisect_left(order, (middle + 1,)) for order in orders]) > index:
            high = middle
        else:
            low = middle + 1
    return next(
        order[i][1] for order in orders if (i := bisect_left(order, (low,))) < len(order) and order[i][0] == low
    )
