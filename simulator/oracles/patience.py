"""M/M/n+G: Poisson arrivals, exponential handling, patience of any distribution.

Baccelli & Hebuterne (1981), in the form of Zeltyn & Mandelbaum (2005): the wait V a caller of endless patience would
meet has a density proportional to exp(λ∫₀ᵗ Ḡ − nµt), where Ḡ(t) is the share of callers who would wait longer than t.
It is summed here on a fine grid by the trapezoidal rule.
"""

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from simulator.oracles.erlang import Load, Steady, blocking

Floats = npt.NDArray[np.float64]


def erlang_g(
    agents: int, load: Load, survival: Callable[[Floats], Floats], within_s: float, *, points: int = 200_001
) -> Steady:
    """`survival(t)` is the share of callers still willing to wait after t seconds, vectorised; it may jump only at 0.

    Raises ValueError if the patience is so long for the load that no end of the wait is found within a year.
    """
    drain = agents / load.aht_s
    end = _horizon(load.rate, drain, survival)
    grid = np.union1d(np.linspace(0.0, end, points), [min(within_s, end)])
    willing = survival(grid)
    patience_used = _running_integral(willing, grid)  # ∫₀ᵗ Ḡ: the mean of min(patience, t)
    log_density = load.rate * patience_used - drain * grid
    peak = float(log_density.max())
    density = np.exp(log_density - peak)
    mass = _integral(density, grid)
    # P(V > 0) = λJ / (1/B(n − 1) + λJ), J the integral of the unscaled density; B may underflow, J overflow.
    free = blocking(agents - 1, load.erlangs)
    log_odds = math.log(load.rate * mass) + peak + math.log(free) if free > 0 else -math.inf
    waits = 1 / (1 + math.exp(-log_odds)) if log_odds > -700 else 0.0
    share = waits / mass
    served = share * _integral(density * willing, grid)
    in_time = grid <= within_s
    early = share * _integral((density * willing)[in_time], grid[in_time])
    wait = share * _integral(density * patience_used, grid)
    wait_served = share * _integral(density * willing * grid, grid)
    answered = 1 - waits + served
    return Steady(
        agents=agents,
        offered_erlangs=load.erlangs,
        probability_of_wait=waits,
        probability_of_abandon=waits - served,
        mean_wait_s=wait,
        mean_wait_answered_s=wait_served / answered,
        service_level=1 - waits + early,
        mean_queue_length=load.rate * wait,
        occupancy=load.erlangs * answered / agents,
    )


def _horizon(rate: float, drain: float, survival: Callable[[Floats], Floats]) -> float:
    """A time beyond which the density is negligible: e⁻⁴⁰ of its peak."""
    end = 60.0
    while end < 366 * 86400:
        grid = np.linspace(0.0, end, 20_001)
        log_density = rate * _running_integral(survival(grid), grid) - drain * grid
        if log_density[-1] < log_density.max() - 40:
            return end
        end *= 1.5
    raise ValueError("the agents cannot carry the load and too few abandon: the queue grows for ever")


def _running_integral(y: Floats, x: Floats) -> Floats:
    steps = (y[1:] + y[:-1]) / 2 * np.diff(x)
    return np.concatenate(([0.0], np.cumsum(steps)))


def _integral(y: Floats, x: Floats) -> float:
    """Trapezoid: with the grid this fine its error is far below the sampling error of any simulation."""
    return float(np.sum((y[1:] + y[:-1]) / 2 * np.diff(x)))
