"""The oracles against hand-worked values, limits that must meet, and each other's independent arithmetic."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import linalg

from simulator.oracles import Load, agents_needed, erlang_a, erlang_b, erlang_c, priorities
from simulator.oracles.patience import erlang_g
from simulator.oracles.transient import transient

HUNDRED = Load(calls_per_hour=1140, aht_s=300)  # 95 erlangs


def exact_blocking(agents: int, erlangs: Fraction) -> Fraction:
    """Erlang's first formula as he wrote it, in exact fractions."""
    term = total = Fraction(1)
    for k in range(1, agents + 1):
        term = term * erlangs / k
        total += term
    return term / total


@pytest.mark.parametrize(("agents", "erlangs"), [(1, 1), (5, 3), (40, 50), (100, 95), (300, 310)])
def test_b_is_the_formula_in_exact_fractions(agents: int, erlangs: int) -> None:
    b = erlang_b(agents, Load(calls_per_hour=erlangs * 12, aht_s=300))
    assert b.probability_of_blocking == pytest.approx(float(exact_blocking(agents, Fraction(erlangs))), rel=1e-13)


@pytest.mark.parametrize(("agents", "erlangs"), [(1, Fraction(1, 2)), (10, Fraction(15, 2)), (100, Fraction(95))])
def test_c_is_the_formula_in_exact_fractions(agents: int, erlangs: Fraction) -> None:
    lost = exact_blocking(agents, erlangs)
    delayed = agents * lost / (agents - erlangs * (1 - lost))
    c = erlang_c(agents, Load(calls_per_hour=float(erlangs * 12), aht_s=300), 20)
    assert c.probability_of_wait == pytest.approx(float(delayed), rel=1e-12)
    assert c.mean_wait_s == pytest.approx(float(delayed * 300 / (agents - erlangs)), rel=1e-12)


def test_m_m_1_by_hand() -> None:
    one = erlang_c(1, Load(calls_per_hour=6, aht_s=300), 60)  # half loaded
    assert (one.probability_of_wait, one.mean_wait_s, one.mean_queue_length) == pytest.approx((0.5, 300, 0.5))
    assert one.service_level == pytest.approx(1 - 0.5 * math.exp(-60 / 600))


def test_c_grows_for_ever_when_overloaded() -> None:
    lost = erlang_c(95, HUNDRED, 20)
    assert (lost.probability_of_wait, lost.mean_wait_s, lost.service_level) == (1.0, math.inf, 0.0)


def test_a_with_mortal_patience_equal_to_handling_is_poisson() -> None:
    """With θ = µ every call leaves at the same rate wherever it is: the number in the system is Poisson(a)."""
    a = erlang_a(100, HUNDRED, 300, 20)
    beyond = math.fsum(math.exp(k * math.log(95) - 95 - math.lgamma(k + 1)) for k in range(100, 400))
    assert a.probability_of_wait == pytest.approx(beyond, rel=1e-10)


def brute_force(agents: int, load: Load, patience_s: float, within_s: float, most: int) -> tuple[float, float]:
    """P(abandon) and the service level from the generator matrix: stationary vector by least squares, the caller's
    own wait by a matrix exponential. Slow, and shares no line with the code under test."""
    birth, service, patience = load.rate, 1 / load.aht_s, 1 / patience_s
    q = np.zeros((most + 1, most + 1))
    for k in range(most + 1):
        if k < most:
            q[k, k + 1] = birth
        if k:
            q[k, k - 1] = min(k, agents) * service + max(k - agents, 0) * patience
        q[k, k] = -q[k].sum()
    p = linalg.lstsq(np.vstack([q.T, np.ones(most + 1)]), np.append(np.zeros(most + 1), 1))[0]
    ahead = most - agents + 1
    own = np.zeros((ahead + 2, ahead + 2))  # j ahead; then served; then given up
    for j in range(ahead):
        own[j, j - 1 if j else ahead] = agents * service + j * patience
        own[j, ahead + 1] = patience
        own[j, j] = -own[j].sum()
    in_time = linalg.expm(own * within_s)[:, ahead]
    level = p[:agents].sum() + sum(p[agents + j] * in_time[j] for j in range(ahead - 1))
    queue = sum((k - agents) * p[k] for k in range(agents, most + 1))
    return float(queue * patience / birth), float(level)


@pytest.mark.parametrize(
    ("agents", "erlangs", "patience_s", "within_s"),
    [(1, 0.5, 60, 10), (5, 6, 120, 20), (20, 19, 400, 30), (10, 14, 90, 0)],
)
def test_a_is_the_generator_matrix(agents: int, erlangs: float, patience_s: float, within_s: float) -> None:
    load = Load(calls_per_hour=erlangs * 20, aht_s=180)
    a = erlang_a(agents, load, patience_s, within_s)
    abandon, level = brute_force(agents, load, patience_s, within_s, agents + 120)
    assert (a.probability_of_abandon, a.service_level) == pytest.approx((abandon, level), rel=1e-7)


def test_a_tends_to_c_as_patience_grows_and_to_b_when_there_is_no_line_to_wait_on() -> None:
    c, endless = erlang_c(100, HUNDRED, 20), erlang_a(100, HUNDRED, 1e9, 20)
    assert (endless.mean_wait_s, endless.service_level) == pytest.approx((c.mean_wait_s, c.service_level), rel=1e-5)
    b, no_line = erlang_b(100, HUNDRED), erlang_a(100, HUNDRED, 300, 20, lines=100)
    assert no_line.probability_of_blocking == pytest.approx(b.probability_of_blocking, rel=1e-12)
    assert no_line.service_level == pytest.approx(b.service_level, rel=1e-12)


@pytest.mark.parametrize(("agents", "rho"), [(5, 1.1), (100, 0.95), (1600, 0.99), (10_000, 1.02), (10_000, 0.5)])
def test_a_is_the_limit_of_general_patience(agents: int, rho: float) -> None:
    """The chain's sums against Zeltyn & Mandelbaum's integrals: two derivations of one thing, up to 10,000 agents."""
    load = Load(calls_per_hour=agents * rho * 12, aht_s=300)
    a, g = erlang_a(agents, load, 240, 20), erlang_g(agents, load, lambda t: np.exp(-t / 240), 20)
    for name in (
        "probability_of_wait",
        "probability_of_abandon",
        "mean_wait_s",
        "mean_wait_answered_s",
        "service_level",
    ):
        assert getattr(a, name) == pytest.approx(getattr(g, name), rel=2e-5, abs=1e-9), name


@settings(deadline=None, max_examples=60)
@given(st.integers(1, 10_000), st.floats(0.01, 3), st.floats(1, 20_000), st.floats(0, 600))
def test_a_is_sane_everywhere(agents: int, rho: float, patience_s: float, within_s: float) -> None:
    load = Load(calls_per_hour=agents * rho * 20, aht_s=180)
    a = erlang_a(agents, load, patience_s, within_s)
    for p in (a.probability_of_wait, a.probability_of_abandon, a.service_level, a.occupancy):
        assert -1e-12 <= p <= 1 + 1e-9
    assert a.probability_of_abandon <= a.probability_of_wait + 1e-12
    assert a.occupancy == pytest.approx(rho * (1 - a.probability_of_abandon), rel=1e-9)  # flow in is flow out
    assert a.probability_of_abandon == pytest.approx(a.mean_wait_s / patience_s, rel=1e-6, abs=1e-12)  # P = θ E[W]


@settings(deadline=None, max_examples=30)
@given(st.floats(1, 3_000), st.floats(0.05, 0.99), st.floats(1, 120))
def test_agents_needed_is_the_fewest(erlangs: float, level: float, within_s: float) -> None:
    load = Load(calls_per_hour=erlangs * 12, aht_s=300)
    found = agents_needed(lambda n: erlang_c(n, load, within_s), level)
    assert found.service_level >= level
    assert found.agents == 1 or erlang_c(found.agents - 1, load, within_s).service_level < level


def test_priorities_keep_the_mean_of_one_queue() -> None:
    """Who waits changes, how much is waited does not (a conservation law), when all have the same handling time."""
    rates = [300.0, 500.0, 340.0]
    classes = priorities(100, rates, 300)
    mean = sum(c.mean_wait_s * c.calls_per_hour for c in classes) / sum(rates)
    assert mean == pytest.approx(erlang_c(100, HUNDRED, 0).mean_wait_s, rel=1e-12)
    assert [c.mean_wait_s for c in classes] == sorted(c.mean_wait_s for c in classes)


def test_an_overloaded_last_class_does_not_hurt_the_first() -> None:
    first, last = priorities(10, [60, 120], 300)
    assert first.mean_wait_s == pytest.approx(300 / 10 / (1 - 0.5))
    assert last.mean_wait_s == math.inf


def test_a_constant_day_settles_at_the_steady_state() -> None:
    load = Load(calls_per_hour=228, aht_s=300)  # 19 erlangs
    day = transient(
        lambda t: load.rate, lambda t: 20, aht_s=300, patience_s=200, bounds_s=[i * 1800.0 for i in range(7)], most=90
    )
    a, last = erlang_a(20, load, 200, 20), day[-1]
    assert last.mean_queue_length == pytest.approx(a.mean_queue_length, rel=1e-6)
    assert last.delayed / last.offered == pytest.approx(a.probability_of_wait, rel=1e-6)
    assert last.abandoned / last.offered == pytest.approx(a.probability_of_abandon, rel=1e-6)
    assert day[0].mean_queue_length < last.mean_queue_length  # it started empty


def test_endless_agents_follow_the_rate_as_a_filter() -> None:
    """With more agents than calls the mean busy obeys m' = λ(t) − µm, whose solution for a ramp is known."""
    aht, slope = 300.0, 0.2 / 3600
    day = transient(lambda t: slope * t, lambda t: 120, aht_s=aht, patience_s=200, bounds_s=[0, 3600], most=140)
    mean = sum(slope * aht * (t - aht + aht * math.exp(-t / aht)) for t in np.arange(0.5, 3600)) / 3600
    assert day[0].mean_busy == pytest.approx(mean, rel=1e-6)


def test_too_small_a_bound_is_said() -> None:
    with pytest.raises(ValueError, match="25 calls in the system are too few a bound at 3600 s"):
        transient(lambda t: 0.2, lambda t: 20, aht_s=300, patience_s=300, bounds_s=[0, 3600], most=25)
