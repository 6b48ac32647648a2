"""Erlang B, C and A: the steady state of one queue with Poisson arrivals and exponential handling times.

* B (Erlang 1917): a call that finds all agents busy is lost.
* C (Erlang 1917): it waits for ever.
* A (Palm 1957; Mandelbaum & Zeltyn 2007): it waits for an exponential time of mean `patience_s`, then abandons.

All are exact and stable up to 10,000 agents and more. Rates are per hour at the edge, as planners speak; times are
in seconds. `service_level` is the share of *all* calls, lost and abandoned ones included, that an agent answers within
`within_s` of joining.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import accumulate

from simulator.oracles.chain import Chain


@dataclass(slots=True, kw_only=True)
class Load:
    """What comes in: `calls_per_hour`, each keeping an agent busy for `aht_s` on average (talk, hold and wrap-up)."""

    calls_per_hour: float
    aht_s: float

    @property
    def rate(self) -> float:
        """Calls a second."""
        return self.calls_per_hour / 3600

    @property
    def erlangs(self) -> float:
        return self.rate * self.aht_s


@dataclass(slots=True, kw_only=True)
class Steady:
    """A steady state. `math.inf` where the queue grows for ever; probabilities are of all calls that arrive."""

    agents: int
    offered_erlangs: float
    probability_of_blocking: float = 0.0
    probability_of_wait: float
    probability_of_abandon: float = 0.0
    mean_wait_s: float  # over all callers let in, abandoned ones with the time they held on
    mean_wait_answered_s: float
    service_level: float
    mean_queue_length: float
    occupancy: float


def blocking(agents: int, erlangs: float) -> float:
    """Erlang B's probability, by the recursion B(n) = aB(n−1)/(n + aB(n−1)), which only ever shrinks rounding errors.

    >>> round(blocking(5, 3.0), 6)
    0.110054
    """
    lost = 1.0
    for n in range(1, agents + 1):
        lost = erlangs * lost / (n + erlangs * lost)
    return lost


def erlang_b(agents: int, load: Load) -> Steady:
    """Nobody waits; a caller who finds all `agents` busy is lost."""
    lost = blocking(agents, load.erlangs)
    return Steady(
        agents=agents,
        offered_erlangs=load.erlangs,
        probability_of_blocking=lost,
        probability_of_wait=0.0,
        mean_wait_s=0.0,
        mean_wait_answered_s=0.0,
        service_level=1 - lost,
        mean_queue_length=0.0,
        occupancy=load.erlangs * (1 - lost) / agents if agents else 0.0,
    )


def erlang_c(agents: int, load: Load, within_s: float) -> Steady:
    """Everybody waits until served. With no more agents than erlangs the wait grows for ever."""
    spare = agents - load.erlangs
    if spare <= 0:
        return _hopeless(agents, load)
    lost = blocking(agents, load.erlangs)
    delayed = agents * lost / (spare + load.erlangs * lost)
    wait = delayed * load.aht_s / spare
    return Steady(
        agents=agents,
        offered_erlangs=load.erlangs,
        probability_of_wait=delayed,
        mean_wait_s=wait,
        mean_wait_answered_s=wait,
        service_level=1 - delayed * math.exp(-spare * within_s / load.aht_s),
        mean_queue_length=load.rate * wait,
        occupancy=load.erlangs / agents,
    )


def _hopeless(agents: int, load: Load) -> Steady:
    return Steady(
        agents=agents,
        offered_erlangs=load.erlangs,
        probability_of_wait=1.0,
        mean_wait_s=math.inf,
        mean_wait_answered_s=math.inf,
        service_level=0.0,
        mean_queue_length=math.inf,
        occupancy=1.0 if agents else 0.0,
    )


def erlang_a(agents: int, load: Load, patience_s: float, within_s: float, lines: int | None = None) -> Steady:
    """Callers abandon after an exponential time of mean `patience_s` (`math.inf`: never). With `lines`, at most that
    many calls are in the system, waiting ones included, and further ones are blocked: M/M/n/K+M."""
    if lines is not None and lines < agents:
        raise ValueError(f"{lines} lines cannot keep {agents} agents busy")
    if agents < 1:
        raise ValueError("Erlang A needs at least one agent")
    if patience_s == math.inf and lines is None:
        return erlang_c(agents, load, within_s)
    service, patience = 1 / load.aht_s, 1 / patience_s
    most = math.inf if lines is None else lines
    chain = Chain(load.rate, agents, service, patience, most).probabilities()
    queueing = {k - agents: p for k, p in chain.items() if agents <= k < most}  # calls ahead of one that must wait
    blocked = chain.get(lines, 0.0) if lines is not None else 0.0
    served_late = _Served(agents * service, patience, within_s, max(queueing, default=0))
    waiting = math.fsum(queueing.values())
    at_once = math.fsum(p for k, p in chain.items() if k < agents)
    abandoned = math.fsum(p * (1 - served_late.ever[ahead]) for ahead, p in queueing.items())
    queue = math.fsum((k - agents) * p for k, p in chain.items() if k > agents)
    answered = at_once + waiting - abandoned
    waited = math.fsum(p * served_late.wait[ahead] for ahead, p in queueing.items())
    return Steady(
        agents=agents,
        offered_erlangs=load.erlangs,
        probability_of_blocking=blocked,
        probability_of_wait=waiting,
        probability_of_abandon=abandoned,
        mean_wait_s=queue / (load.rate * (1 - blocked)) if blocked < 1 else 0.0,
        mean_wait_answered_s=waited / answered if answered > 0 else 0.0,
        service_level=at_once + math.fsum(p * served_late.in_time[ahead] for ahead, p in queueing.items()),
        mean_queue_length=queue,
        occupancy=math.fsum(min(k, agents) * p for k, p in chain.items()) / agents,
    )


class _Served:
    """What becomes of a caller who finds j = 0, 1, … `most` callers waiting ahead of him.

    His wait V is a sum of exponentials of rates c, c + θ, … c + jθ (an agent comes free, or somebody ahead gives up),
    so X = exp(−θV) has the Beta(ν, j + 1) distribution, ν = c/θ; he is served within t with probability E[X; X ≥ x],
    x = exp(−θt), an incomplete beta function that grows by one positive term per j. With θ = 0 the same terms are
    Poisson's. Everything is indexed by j.
    """

    def __init__(self, service: float, patience: float, within_s: float, most: int) -> None:
        js = range(most + 1)
        gone = [1 / (service + (j + 1) * patience) for j in js]
        self.ever = [service * g for g in gone]  # served at all
        self.wait = [ever * mean for ever, mean in zip(self.ever, accumulate(gone), strict=True)]  # E[V; served]
        late = self._too_late(service + patience, patience, within_s, most)
        self.in_time = [ever * max(0.0, 1 - out) for ever, out in zip(self.ever, late, strict=True)]

    @staticmethod
    def _too_late(service: float, patience: float, within_s: float, most: int) -> list[float]:
        """P(Beta(c/θ, j + 1) < exp(−θt)) for each j: a negative binomial distribution function, in logarithms."""
        grown = -math.expm1(-patience * within_s) / patience if patience else within_s  # (1 − x)/θ
        if grown == 0:
            return [1.0] * (most + 1)
        log_term, terms = -service * within_s, []
        for b in range(1, most + 2):
            terms.append(math.exp(log_term))
            log_term += math.log(grown * (service + (b - 1) * patience) / b)
        return list(accumulate(terms))


def agents_needed(steady: Callable[[int], Steady], service_level: float, *, at_least: int = 1) -> Steady:
    """The fewest agents with which `steady(agents).service_level` reaches `service_level`, and that steady state.

    Raises ValueError for a level outside 0…1 (1 itself is never reached).
    """
    if not 0 < service_level < 1:
        raise ValueError(f"a service level lies between 0 and 1, not {service_level:g}")
    few, many = at_least - 1, max(at_least, 1)
    while steady(many).service_level < service_level:
        few, many = many, many * 2
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if steady(middle).service_level >= service_level else (middle, many)
    return steady(many)
