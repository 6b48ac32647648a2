"""Each distribution against its textbook moments and, where there is one, scipy's own."""

import math
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from simulator.distributions import (
    Constant,
    Distribution,
    Empirical,
    Erlang,
    Exponential,
    Hazard,
    Lognormal,
    Weibull,
)
from simulator.statistics import Estimate, student

RATIO = (248 / 201) ** 2
PEAKS = Hazard([(0, 0.02), (5, 0.001), (60, 0.01), (65, 0.002)])
EVERY = [
    Exponential(300),
    Lognormal(201, 248),
    Lognormal(90, 30),
    Weibull(446, 0.7),
    Weibull(446, 2),
    Erlang(90, 1),
    Erlang(90, 4),
    Erlang(90, 30),
    Empirical([5, 1, 9, 2]),
    PEAKS,
]


@pytest.mark.parametrize("one", EVERY, ids=lambda d: type(d).__name__)
def test_the_mean_is_the_integral_of_the_quantiles(one: Distribution) -> None:
    mean, _ = integrate.quad(one.quantile, 0, 1 - 1e-13, limit=2000, epsabs=1e-6)
    assert one.mean == pytest.approx(mean, rel=1e-5)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (Exponential(300), stats.expon(scale=300)),
        (Erlang(90, 1), stats.expon(scale=90)),
        (Erlang(90, 4), stats.gamma(4, scale=22.5)),
        (Erlang(90, 50), stats.gamma(50, scale=1.8)),
        (Weibull(math.gamma(1.5), 2), stats.weibull_min(2)),
        (Lognormal(201, 248), stats.lognorm(math.sqrt(math.log1p(RATIO)), scale=201 / math.sqrt(1 + RATIO))),
    ],
    ids=lambda d: type(d).__name__,
)
@pytest.mark.parametrize("u", [1e-12, 1e-4, 0.03, 0.5, 0.9, 0.999, 1 - 1e-9])
def test_quantiles_are_scipys(ours: Distribution, theirs: stats.rv_continuous, u: float) -> None:
    assert ours.quantile(u) == pytest.approx(theirs.ppf(u), rel=1e-7)


@pytest.mark.parametrize("one", EVERY, ids=lambda d: type(d).__name__)
@settings(deadline=None, max_examples=50)
@given(u=st.floats(0, 1, exclude_max=True), v=st.floats(0, 1, exclude_max=True))
def test_quantiles_rise(one: Distribution, u: float, v: float) -> None:
    low, high = sorted((u, v))
    assert 0 <= one.quantile(low) <= one.quantile(high) * (1 + 1e-9)


def test_a_hazard_is_used_up_in_its_pieces() -> None:
    gone_at_5 = -math.expm1(-0.02 * 5)
    assert PEAKS.quantile(gone_at_5) == pytest.approx(5)
    assert PEAKS.quantile(gone_at_5 * 0.5) < 5 < PEAKS.quantile(gone_at_5 * 1.01) < 60
    assert Hazard([(0, 0.1), (10, 0)]).quantile(0.9) == math.inf  # who outlives ten seconds never goes


def test_constants() -> None:
    assert Constant(math.inf).quantile(0.3) == math.inf
    assert Empirical([7]).quantile(0.9) == Empirical([7]).mean == 7


@pytest.mark.parametrize("freedom", [1, 2, 7, 30, 31, 45, 100, 1000])
def test_student_is_scipys(freedom: int) -> None:
    assert student(freedom) == pytest.approx(stats.t.ppf(0.975, freedom), abs=2e-5)


def test_the_interval_covers_the_truth_nineteen_times_in_twenty() -> None:
    random = Random(5)
    samples = (Estimate.of([random.gauss(3, 2) for _ in range(6)]) for _ in range(2000))
    covered = sum(abs(e.mean - 3) <= (e.ci95 or 0) for e in samples)
    assert abs(covered - 1900) < 4 * math.sqrt(2000 * 0.05 * 0.95)


def test_z_scores() -> None:
    assert Estimate.of([1, 3]).z(1) == pytest.approx(1)
    assert (Estimate.of([2, 2]).z(2), Estimate.of([2, 2]).z(3)) == (0, -math.inf)


def test_one_replication_claims_nothing() -> None:
    assert Estimate.of([4.0]) == Estimate(4.0, None, 1)
    with pytest.raises(ValueError, match="no replication"):
        Estimate.of([])
    with pytest.raises(ValueError, match="one replication proves nothing"):
        Estimate.of([4.0]).z(3)
