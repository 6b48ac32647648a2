"""M(t)/M/n(t)+M: one queue over a day, by Kolmogorov's forward equations.

The state is the number of calls in the system; its distribution is carried forward by the classical Runge-Kutta method
in steps short enough to be stable. When the roster shrinks, calls in service beyond it go back to the head of the
queue; where nobody can be cut off in a call, compare only with rosters that do not shrink under load.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


@dataclass(slots=True, kw_only=True)
class Interval:
    """What is expected of one interval. Counts are expected numbers of calls."""

    start_s: float
    offered: float
    delayed: float  # of those offered in it, how many find all agents busy
    abandoned: float  # abandonments that happen in it
    mean_queue_length: float
    mean_busy: float


def transient(
    rate: Callable[[float], float],
    agents: Callable[[float], int],
    *,
    aht_s: float,
    patience_s: float,
    bounds_s: list[float],
    most: int,
) -> list[Interval]:
    """Start empty at `bounds_s[0]`; one `Interval` between each two bounds.

    `rate(t)` is in calls a second, `agents(t)` constant between bounds (asked at their middle); `most` calls in the
    system must be practically never reached (raises ValueError if the last state has more than 1e-9).
    """
    p = np.zeros(most + 1)
    p[0] = 1.0
    day = []
    for begin, end in pairwise(bounds_s):
        p, interval = _carry(p, rate, agents((begin + end) / 2), 1 / aht_s, 1 / patience_s, begin, end)
        day.append(interval)
        if p[-1] > 1e-9:
            raise ValueError(f"{most} calls in the system are too few a bound at {end:g} s")
    return day


def _carry(
    p: Floats, rate: Callable[[float], float], n: int, service: float, patience: float, begin: float, end: float
) -> tuple[Floats, Interval]:
    k = np.arange(p.size, dtype=np.float64)
    busy = np.minimum(k, n)
    queue = k - busy
    death = busy * service + queue * patience
    # The method is stable up to 2.78 ÷ (the largest eigenvalue ≤ twice the fastest state's rate).
    fastest = max(rate(begin), rate(end), rate((begin + end) / 2)) + float(death[-1])
    steps = max(1, int(np.ceil((end - begin) * fastest / 1.3)))
    h = (end - begin) / steps

    def flow(t: float, p: Floats) -> Floats:
        birth = rate(t)
        out = -death * p
        out[:-1] -= birth * p[:-1]
        out[1:] += birth * p[:-1]
        out[:-1] += death[1:] * p[1:]
        return out

    offered = delayed = queued = served = 0.0
    for i in range(steps):
        t = begin + i * h
        a = flow(t, p)
        b = flow(t + h / 2, p + h / 2 * a)
        c = flow(t + h / 2, p + h / 2 * b)
        d = flow(t + h, p + h * c)
        after = p + h / 6 * (a + 2 * b + 2 * c + d)
        middle, now = (p + after) / 2 + h / 8 * (a - d), rate(t + h / 2)  # Hermite's mid-point
        for weight, at, r in ((h / 6, p, rate(t)), (4 * h / 6, middle, now), (h / 6, after, rate(t + h))):
            offered += weight * r
            delayed += weight * r * float(at[n:].sum())
            queued += weight * float(queue @ at)
            served += weight * float(busy @ at)
        p = after
    length = end - begin
    return p, Interval(
        start_s=begin,
        offered=offered,
        delayed=delayed,
        abandoned=patience * queued,
        mean_queue_length=queued / length,
        mean_busy=served / length,
    )
