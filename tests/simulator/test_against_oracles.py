"""The simulator against exact answers, as z-scores over independent seeds: a mean that lies within its own sampling
error. The short forms run always; the long ones (``prove``) have millions of calls where the load is critical.

A deviation of four standard errors would be met by chance once in 300 such checks (Student, 12 degrees of freedom), and
seeds are fixed: a test that fails here has found something.
"""

from collections.abc import Callable, Mapping, Sequence
from math import inf

import numpy as np
import pytest
from scipy import stats

from acd.core.settings import Queue, Settings
from simulator.distributions import Constant, Distribution, Erlang, Exponential, Lognormal, Weibull
from simulator.lean import Counts, Lane, Run, run
from simulator.oracles import Load, Steady, erlang_a, erlang_b, priorities
from simulator.oracles.patience import erlang_g
from simulator.oracles.transient import transient
from simulator.results import Replication
from simulator.statistics import Estimate
from simulator.world import play
from tests.simulator.hotlines import hotline, markov, scenario

AHT, WITHIN = 300.0, 20.0
FAR = 4.0


def z_scores(measured: Mapping[str, Sequence[float]], expected: Mapping[str, float]) -> dict[str, float]:
    """Print and return how many standard errors each mean is from what it should be."""
    scores = {}
    for name, values in measured.items():
        estimate = Estimate.of(list(values))
        scores[name] = estimate.z(expected[name])
        spread = f"{estimate.mean:12.6f} ± {estimate.ci95:.6f}"
        print(f"{name:24} {spread}  exact {expected[name]:12.6f}  z {scores[name]:+.2f}")
    return scores


def assert_near(scores: dict[str, float]) -> None:
    assert {name: z for name, z in scores.items() if abs(z) > FAR} == {}


def of_steady(steady: Steady) -> dict[str, float]:
    return {
        "probability_of_wait": steady.probability_of_wait,
        "probability_of_abandon": steady.probability_of_abandon,
        "mean_wait_s": steady.mean_wait_s,
        "service_level": steady.service_level,
    }


def of_counts(runs: Sequence[Counts]) -> dict[str, Sequence[float]]:
    return {
        "probability_of_wait": [one.delayed / one.offered for one in runs],
        "probability_of_abandon": [one.abandoned / one.offered for one in runs],
        "mean_wait_s": [one.mean_wait_s for one in runs],
        "service_level": [one.in_time / one.offered for one in runs],
    }


# ------------------------------------------------------------------------------------- the engine and its world


def engine_runs(settings: Settings, **how: object) -> list[Replication]:
    given = markov(**how)  # type: ignore[arg-type] # passed on as they are
    return [Replication.of(n, play(settings, given, n)) for n in range(given.model.run.replications)]


def of_replications(runs: Sequence[Replication], names: Sequence[str]) -> dict[str, Sequence[float]]:
    return {name: [float(one.total[name] or 0) for one in runs] for name in names}


@pytest.mark.parametrize(
    ("agents", "rho", "patience_s", "hours"), [(5, 0.8, inf, 24), (20, 1.0, 180, 8), (60, 0.9, 300, 3)]
)
def test_the_whole_engine_is_erlangs(agents: int, rho: float, patience_s: float, hours: float) -> None:
    rate = agents * rho * 3600 / AHT
    patience = "never" if patience_s == inf else f"{{exponential: {{mean_s: {patience_s}}}}}"
    runs = engine_runs(
        hotline(agents), calls_per_hour=rate, patience=patience, length_s=hours * 3600, replications=10, seed=3
    )
    exact = erlang_a(agents, Load(calls_per_hour=rate, aht_s=AHT), patience_s, WITHIN)
    names: tuple[str, ...] = (
        "probability_of_wait",
        "mean_wait_s",
        "service_level/20/of_queued",
        "occupancy",
        "mean_queue_length",
    )
    expected = {name: getattr(exact, name.split("/")[0]) for name in names}
    if patience_s < inf:
        names, expected = (
            (*names, "probability_of_abandon"),
            expected | {"probability_of_abandon": exact.probability_of_abandon},
        )
    assert_near(z_scores(of_replications(runs, names), expected))


def test_the_whole_engine_blocks_as_erlang_b_says() -> None:
    """As many lines as agents: whoever finds them all busy is refused, and counted as blocked."""
    settings = hotline(8, max_calls=8)
    runs = engine_runs(settings, calls_per_hour=96, length_s=14 * 3600, replications=10, seed=4)
    measured = {"blocked": [float(one.total["blocked"] or 0) / float(one.total["offered"] or 1) for one in runs]}
    exact = erlang_b(8, Load(calls_per_hour=96, aht_s=AHT))
    assert_near(z_scores(measured, {"blocked": exact.probability_of_blocking}))


# ----------------------------------------------------------------------------------------- the dispatcher alone


def lean_runs(
    agents: int, lanes: Sequence[Lane], seeds: range, hours: float, queues: dict[str, Queue] | None = None
) -> list[Run]:
    settings = hotline(agents, queues=queues)
    warm_up_s = min(7200.0, hours * 900)
    return [run(settings, list(lanes), length_s=hours * 3600, warm_up_s=warm_up_s, seed=seed) for seed in seeds]


def one_lane(agents: int, rho: float, patience: Distribution, talk: Distribution | None = None) -> Lane:
    talk = talk or Exponential(AHT)
    return Lane("main", agents * rho * 3600 / talk.mean, talk, patience)


def check_steady(agents: int, rho: float, patience_s: float, hours: float, seeds: int) -> None:
    patience = Constant(inf) if patience_s == inf else Exponential(patience_s)
    lane = one_lane(agents, rho, patience)
    runs = [one.lanes[0] for one in lean_runs(agents, [lane], range(seeds), hours)]
    exact = erlang_a(agents, Load(calls_per_hour=lane.calls_per_hour, aht_s=AHT), patience_s, WITHIN)
    print(f"{agents} agents, ρ {rho}, {sum(one.offered for one in runs):,} calls")
    assert_near(z_scores(of_counts(runs), of_steady(exact)))


@pytest.mark.parametrize(("agents", "rho", "patience_s", "hours"), [(10, 0.7, inf, 40), (100, 0.95, 300, 3)])
def test_the_dispatcher_is_erlangs(agents: int, rho: float, patience_s: float, hours: float) -> None:
    check_steady(agents, rho, patience_s, hours, 13)


@pytest.mark.prove
@pytest.mark.parametrize(
    ("agents", "rho", "patience_s", "hours"),
    [
        (5, 0.8, inf, 3300),
        (20, 0.9, inf, 720),
        (100, 0.97, inf, 140),
        (400, 0.985, inf, 34),
        (1600, 0.99, inf, 9),
        (5, 1.0, 300, 2600),
        (20, 1.1, 300, 600),
        (100, 0.95, 300, 140),
        (100, 1.05, 120, 130),
        (1600, 1.0, 300, 9),
    ],
)
def test_the_dispatcher_is_erlangs_over_millions(agents: int, rho: float, patience_s: float, hours: float) -> None:
    check_steady(agents, rho, patience_s, hours, 13)


def check_priorities(agents: int, shares: Sequence[float], rho: float, hours: float, seeds: int) -> None:
    rates = [agents * rho * 3600 / AHT * share for share in shares]
    names = [f"class{i}" for i in range(len(shares))]
    queues = {name: Queue(name, tier=i, nobody_signed_on="wait", max_length=10**6) for i, name in enumerate(names)}
    lanes = [Lane(name, rate, Exponential(AHT), Constant(inf)) for name, rate in zip(names, rates, strict=True)]
    runs = lean_runs(agents, lanes, range(seeds), hours, queues)
    measured = {name: [one.lanes[i].mean_wait_s for one in runs] for i, name in enumerate(names)}
    expected = {name: one.mean_wait_s for name, one in zip(names, priorities(agents, rates, AHT), strict=True)}
    assert_near(z_scores(measured, expected))


@pytest.mark.parametrize("shares", [(0.3, 0.7), (0.2, 0.3, 0.5)])
def test_tiers_are_non_preemptive_priorities(shares: Sequence[float]) -> None:
    check_priorities(10, shares, 0.85, 36, 13)


@pytest.mark.prove
@pytest.mark.parametrize("shares", [(0.3, 0.7), (0.2, 0.3, 0.5)])
def test_tiers_are_non_preemptive_priorities_over_millions(shares: Sequence[float]) -> None:
    check_priorities(20, shares, 0.95, 1000, 13)


def check_general_patience(
    agents: int, rho: float, patience: Distribution, survival: Callable[..., object], hours: float, seeds: int
) -> None:
    lane = one_lane(agents, rho, patience)
    runs = [one.lanes[0] for one in lean_runs(agents, [lane], range(seeds), hours)]
    load = Load(calls_per_hour=lane.calls_per_hour, aht_s=AHT)
    assert_near(z_scores(of_counts(runs), of_steady(erlang_g(agents, load, survival, WITHIN))))  # type: ignore[arg-type] # numpy's


SIGMA = float(np.sqrt(np.log1p(1.5**2)))
PATIENCES: dict[str, tuple[Distribution, Callable[..., object]]] = {
    "lognormal": (Lognormal(200, 300), stats.lognorm(SIGMA, scale=200 * np.exp(-(SIGMA**2) / 2)).sf),
    "weibull": (Weibull(200, 0.6), stats.weibull_min(0.6, scale=Weibull(200, 0.6)._scale).sf),
    "erlang": (Erlang(200, 3), stats.gamma(3, scale=200 / 3).sf),
}


@pytest.mark.parametrize("which", PATIENCES)
def test_patience_of_other_shapes(which: str) -> None:
    check_general_patience(30, 1.05, *PATIENCES[which], hours=8, seeds=13)


@pytest.mark.prove
@pytest.mark.parametrize("which", PATIENCES)
def test_patience_of_other_shapes_over_millions(which: str) -> None:
    check_general_patience(100, 1.02, *PATIENCES[which], hours=130, seeds=13)


# --------------------------------------------------------------------------------------------------- over a day

DAY = """\
version: 1
run: {{start: "2026-03-02T00:00:00+00:00", length_s: {length}, seed: 5, replications: {replications}, drain_s: 36000}}
arrivals: {{caller: {{intervals: {{every_s: 1800, calls: {calls}, shape: linear}}}}}}
callers: {{caller: {{number: main, patience: {{exponential: {{mean_s: 240}}}}}}}}
handling: [{{talk: {{exponential: {{mean_s: 300}}}}}}]
agents: {{behaviour: [{{ring_delay: 0}}], roster: [
  {{agents: {early}, start: "00:00", end: "23:00"}}, {{agents: {late}, start: "01:00", end: "23:00"}}]}}
world: {{latency: 0}}
measure: {{interval_s: 1800}}
"""


def check_a_day(replications: int) -> None:
    """A morning that rises and falls, with ten more agents from the second hour on, against the forward equations."""
    calls = [40, 90, 130, 160, 120, 70]
    early, late = [f"a{i}" for i in range(15)], [f"a{i}" for i in range(15, 25)]
    day = scenario(DAY.format(length=10800, replications=replications, calls=calls, early=early, late=late))
    settings = hotline(25)
    middles = [(i + 0.5) * 1800 for i in range(6)]
    exact = transient(
        lambda t: float(np.interp(t, middles, calls)) / 1800,
        lambda t: 15 if t < 3600 else 25,
        aht_s=300,
        patience_s=240,
        bounds_s=[i * 1800.0 for i in range(7)],
        most=140,
    )
    runs = [Replication.of(n, play(settings, day, n)) for n in range(replications)]
    measured, expected = {}, {}
    for i, interval in enumerate(exact):
        shares = [one.intervals[i] for one in runs]
        for name, value in (
            ("offered", interval.offered),
            ("mean_queue_length", interval.mean_queue_length),
        ):
            measured[f"{i} {name}"] = [float(one[name] or 0) for one in shares]
            expected[f"{i} {name}"] = value
        # Not the share: the mean of shares is below that of the means, since busy days have more calls and more waits.
        measured[f"{i} delayed"] = [
            float(one["probability_of_wait"] or 0) * float(one["queued"] or 0) for one in shares
        ]
        expected[f"{i} delayed"] = interval.delayed
    assert_near(z_scores(measured, expected))


def test_a_day_that_rises_and_falls() -> None:
    check_a_day(25)


@pytest.mark.prove
def test_a_day_that_rises_and_falls_many_times() -> None:
    check_a_day(1500)
