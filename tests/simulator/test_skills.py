"""Skill-based routing: six kinds of calls, agents with k skills each, as in Wallace & Whitt (2005).

The tables of that paper are not at hand, so their figures are not used. What is checked instead: one skill each is six
separate queues and six skills each is one, both exact by Erlang; two skills each are nearly as good as six, the paper's
point (over 1.9 million calls at 95 % load the second skill gives 0.836 ± 0.012 of what five more would); and for any k
each single decision is that of an independent, naive model written here.
"""

import heapq
import math
from random import Random

import pytest
from scipy import stats

from acd.core.settings import Agent, Queue, Settings
from simulator.distributions import Exponential, Lognormal
from simulator.lean import Counts, Lane, run
from simulator.oracles import Load, erlang_a
from simulator.oracles.patience import erlang_g
from simulator.results import Replication
from simulator.statistics import Estimate
from simulator.world import play
from tests.simulator.hotlines import hotline, markov

KINDS, AGENTS, AHT, PATIENCE = 6, 60, 300.0, 200.0
NAMES = [f"q{i}" for i in range(KINDS)]


def staffed(k: int, agents: int = AGENTS) -> Settings:
    """Agents whose first skill goes round, and whose further ones are spread as evenly as can be."""
    people = []
    for i in range(agents):
        first = i % KINDS
        skills = [NAMES[(first + j * (1 + i // KINDS % (KINDS - 1))) % KINDS] for j in range(k)] if k < KINDS else NAMES
        order = [NAMES[first], *(name for name in skills if name != NAMES[first])]
        levels = {name: 1 if j == 0 else 2 for j, name in enumerate(order)}
        people.append(Agent(f"a{i}", device=f"d{i}", skills=dict.fromkeys(levels, 5), queues=levels))
    queues = {name: Queue(name, {name: 1}, nobody_signed_on="wait", max_length=10**6) for name in NAMES}
    return hotline(people=people, queues=queues)


def lanes(rho: float, agents: int = AGENTS) -> list[Lane]:
    rate = agents * rho * 3600 / AHT / KINDS
    return [Lane(name, rate, Exponential(AHT), Exponential(PATIENCE)) for name in NAMES]


class Naive:
    """Lists, and a look at everybody for each decision: nothing shared with the code under test but the rules.

    A call takes the agent of the best level for it, of these the longest idle; a freed agent takes the call of the
    level that is best for him, of these the oldest. At most `room` wait in a queue.
    """

    def __init__(self, settings: Settings, given: list[Lane], length_s: float, seed: int) -> None:
        self.given, self.length_s = given, length_s
        self.levels = {name: agent.queues for name, agent in settings.agents.items()}
        self.idle = [(0.0, i, name) for i, name in enumerate(settings.agents)]
        self.waiting: list[tuple[float, int, int]] = []  # (joined, name, lane)
        self.counts = [Counts() for _ in given]
        self.draw = {
            cause: [Random(f"{seed}/{i}/{cause}").random for i in range(len(given))]
            for cause in ("arrival", "talk", "patience")
        }
        self.room = {name: queue.max_length for name, queue in settings.queues.items()}
        self.heap: list[tuple[float, int, str, object]] = []
        self.serial = self.made = 0

    def at(self, when: float, what: str, argument: object) -> None:
        self.serial += 1
        heapq.heappush(self.heap, (when, self.serial, what, argument))

    def comes(self, lane: int, now: float) -> None:
        when = now - 3600 / self.given[lane].calls_per_hour * math.log1p(-self.draw["arrival"][lane]())
        if when < self.length_s:
            self.at(when, "arrives", lane)

    def play(self) -> list[Counts]:
        for lane in range(len(self.given)):
            self.comes(lane, 0.0)
        while self.heap:
            now, _, what, argument = heapq.heappop(self.heap)
            getattr(self, what)(now, argument)
        return self.counts

    def arrives(self, now: float, lane: int) -> None:
        self.made += 1
        self.counts[lane].offered += 1
        self.comes(lane, now)
        patience_s = self.given[lane].patience.quantile(self.draw["patience"][lane]())
        queue = self.given[lane].queue
        able = [(self.levels[name][queue], *entry) for entry in self.idle if queue in self.levels[name := entry[2]]]
        if able:
            chosen = min(able)[1:]
            self.idle.remove(chosen)
            self.serve(now, now, lane, chosen[1:])
        elif sum(other == lane for _, _, other in self.waiting) >= self.room[queue]:
            self.counts[lane].turned_away += 1
        else:
            call = (now, self.made, lane)
            self.waiting.append(call)
            self.at(now + patience_s, "gives_up", call)

    def gives_up(self, now: float, call: tuple[float, int, int]) -> None:
        if call in self.waiting:
            self.waiting.remove(call)
            counts = self.counts[call[2]]
            counts.abandoned += 1
            counts.delayed += 1
            counts.wait_s += now - call[0]

    def serve(self, now: float, joined: float, lane: int, agent: tuple[int, str]) -> None:
        counts = self.counts[lane]
        counts.answered += 1
        counts.delayed += now > joined
        counts.in_time += now - joined <= 20
        counts.wait_s += now - joined
        self.at(now + self.given[lane].talk.quantile(self.draw["talk"][lane]()), "free", agent)

    def free(self, now: float, agent: tuple[int, str]) -> None:
        levels = self.levels[agent[1]]
        able = [(levels[queue], *call) for call in self.waiting if (queue := self.given[call[2]].queue) in levels]
        if able:
            _, joined, name, lane = min(able)
            self.waiting.remove((joined, name, lane))
            self.serve(now, joined, lane, agent)
        else:
            self.idle.append((now, *agent))


@pytest.mark.parametrize("k", [1, 2, 3, 6])
@pytest.mark.parametrize("seed", [1, 2])
def test_every_decision_is_the_naive_models(k: int, seed: int) -> None:
    given = lanes(1.0, agents=24)
    ours = run(staffed(k, 24), given, length_s=5 * 3600, seed=seed).lanes
    theirs = Naive(staffed(k, 24), given, 5 * 3600, seed).play()
    assert ours == theirs
    assert sum(one.delayed for one in ours) > 100


@pytest.mark.parametrize("seed", [3, 4])
def test_general_service_and_patience_with_bounded_room(seed: int) -> None:
    """Whitt (2005), M/GI/s/r+GI with lognormal service and patience: no formula, but every decision agrees."""
    queue = Queue("main", max_length=8, nobody_signed_on="wait")
    people = [Agent(f"a{i}", device=f"d{i}", queues={"main": 1}) for i in range(20)]
    settings = hotline(people=people, queues={"main": queue})
    given = [Lane("main", 20 * 1.1 * 18, Lognormal(200, 248), Lognormal(120, 150))]
    [ours] = run(settings, given, length_s=8 * 3600, seed=seed).lanes
    assert [ours] == Naive(settings, given, 8 * 3600, seed).play()
    assert min(ours.turned_away, ours.abandoned, ours.delayed) > 50


@pytest.mark.prove
@pytest.mark.parametrize("sd_s", [200.0, 400.0], ids=["LN(1,1)", "LN(1,4)"])
def test_whitts_basic_call_center_over_millions(sd_s: float) -> None:
    """Whitt (2005), M/LN(1,1)/100/200+LN at λ = 102: a hundred agents, a hundred places to wait. Every decision of a
    million calls is the naive model's; and his finding holds, that the approximation with exponential service times and
    the true patience (M/M/n+G, exact here) misses the share who give up by little."""
    agents, aht_s, rate = 100, 200.0, 102 * 18.0
    queue = Queue("main", max_length=100, nobody_signed_on="wait")
    people = [Agent(f"a{i}", device=f"d{i}", queues={"main": 1}) for i in range(agents)]
    settings = hotline(people=people, queues={"main": queue})
    given = [Lane("main", rate, Lognormal(aht_s, aht_s), Lognormal(aht_s, sd_s))]
    gave_up = []
    for seed in range(13):
        [ours] = run(settings, given, length_s=42 * 3600, seed=seed).lanes
        assert [ours] == Naive(settings, given, 42 * 3600, seed).play()
        gave_up.append(ours.abandoned / ours.offered)
    sigma = math.sqrt(math.log1p((sd_s / aht_s) ** 2))
    survival = stats.lognorm(sigma, scale=aht_s * math.exp(-(sigma**2) / 2)).sf
    load = Load(calls_per_hour=rate, aht_s=aht_s)
    approximated = erlang_g(agents, load, survival, 20).probability_of_abandon
    found = Estimate.of(gave_up)
    print(f"gave up: {found}, as approximated {approximated:.5f}")
    assert abs(found.mean - approximated) < 0.1 * approximated


def waits(k: int, seeds: int, hours: float, rho: float) -> list[float]:
    """Mean wait over all six kinds, one for each seed."""
    means = []
    for seed in range(seeds):
        counts = run(staffed(k), lanes(rho), length_s=hours * 3600, warm_up_s=3600, seed=seed).lanes
        means.append(sum(one.wait_s for one in counts) / sum(one.offered for one in counts))
    return means


def check_skills(seeds: int, hours: float, rho: float) -> None:
    found = {k: Estimate.of(waits(k, seeds, hours, rho)) for k in (1, 2, 6)}
    rate = AGENTS * rho * 3600 / AHT
    separate = erlang_a(AGENTS // KINDS, Load(calls_per_hour=rate / KINDS, aht_s=AHT), PATIENCE, 20).mean_wait_s
    pooled = erlang_a(AGENTS, Load(calls_per_hour=rate, aht_s=AHT), PATIENCE, 20).mean_wait_s
    print(f"k = 1: {found[1]} (exact {separate:.3f}), k = 2: {found[2]}, k = 6: {found[6]} (exact {pooled:.3f})")
    assert abs(found[1].z(separate)) < 4
    assert abs(found[6].z(pooled)) < 4
    assert found[2].mean - pooled < 0.2 * (separate - pooled)  # the second skill gives four fifths of what six give


def test_two_skills_are_nearly_as_good_as_six() -> None:
    check_skills(8, 4, 0.95)


@pytest.mark.prove
def test_two_skills_are_nearly_as_good_as_six_over_millions() -> None:
    check_skills(20, 140, 0.95)


def test_blocking_with_lines_to_wait_on() -> None:
    """Ten agents and four lines more, through the whole engine: M/M/10/14 with abandonment, exactly."""
    given = markov(
        calls_per_hour=140, patience="{exponential: {mean_s: 250}}", length_s=8 * 3600, replications=12, seed=9
    )
    runs = [Replication.of(n, play(hotline(10, max_calls=14), given, n)).total for n in range(12)]
    exact = erlang_a(10, Load(calls_per_hour=140, aht_s=AHT), 250, 20, lines=14)
    blocked = Estimate.of([float(one["blocked"] or 0) / float(one["offered"] or 1) for one in runs])
    abandoned = Estimate.of([float(one["abandoned"] or 0) / float(one["offered"] or 1) for one in runs])
    assert abs(blocked.z(exact.probability_of_blocking)) < 4
    assert abs(abandoned.z(exact.probability_of_abandon)) < 4
