"""Distributions by their quantile functions: one uniform number gives one value, so that a caller who is met by two
configurations brings the same patience and the same talk into both (common random numbers).

All are of times in seconds. `quantile(u)` takes 0 ≤ u < 1; `mean` is exact.
"""

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from statistics import NormalDist, fmean

_inverse_normal = NormalDist().inv_cdf
_TINY = 2.0**-54  # half the smallest step of random(): keeps u off 0


class Distribution:
    mean: float

    def quantile(self, u: float) -> float:
        raise NotImplementedError


class Constant(Distribution):
    """Always the same; `math.inf` is a patience without end."""

    def __init__(self, value: float) -> None:
        self.mean = value

    def quantile(self, u: float) -> float:
        return self.mean


class Exponential(Distribution):
    def __init__(self, mean: float) -> None:
        self.mean = mean

    def quantile(self, u: float) -> float:
        return -self.mean * math.log1p(-u)


class Lognormal(Distribution):
    """By its own mean and standard deviation, not those of its logarithm."""

    def __init__(self, mean: float, sd: float) -> None:
        self.mean = mean
        self._sigma = math.sqrt(math.log1p((sd / mean) ** 2))
        self._mu = math.log(mean) - self._sigma**2 / 2

    def quantile(self, u: float) -> float:
        return math.exp(self._mu + self._sigma * _inverse_normal(max(u, _TINY)))


class Weibull(Distribution):
    """`shape` below 1: who has waited long waits on; above 1: patience wears out."""

    def __init__(self, mean: float, shape: float) -> None:
        self.mean = mean
        self._scale = mean / math.gamma(1 + 1 / shape)
        self._power = 1 / shape

    def quantile(self, u: float) -> float:
        return float(self._scale * (-math.log1p(-u)) ** self._power)


class Erlang(Distribution):
    """The sum of `stages` exponentials."""

    def __init__(self, mean: float, stages: int) -> None:
        self.mean = mean
        self._stages = stages
        self._scale = mean / stages

    def quantile(self, u: float) -> float:
        """Newton's method on the distribution function, from Wilson and Hilferty's approximation."""
        k, u = self._stages, max(u, _TINY)
        ninth = 1 / (9 * k)
        x = k * max(1 - ninth + _inverse_normal(u) * math.sqrt(ninth), 0.05) ** 3
        for _ in range(100):
            below, density = self._below(x)
            step = (below - u) / density if density else math.copysign(math.inf, below - u)
            after = min(max(x - step, x / 4), x * 4)
            if abs(after - x) <= 1e-12 * x:
                break
            x = after
        return x * self._scale

    def _below(self, x: float) -> tuple[float, float]:
        """P(X ≤ x) and the density, of stages of mean 1: Poisson terms, summed from the side that is not close to 1."""
        k = self._stages
        density = term = math.exp((k - 1) * math.log(x) - x - math.lgamma(k))
        total, i = 0.0, k
        if x < k:
            while term > total * 1e-17:
                term *= x / i
                total += term
                i += 1
            return total, density
        while i > 0:
            total += term
            i -= 1
            term *= i / x
        return 1 - total, density


class Empirical(Distribution):
    """What was observed, each value as likely as the next; between two of them it is interpolated."""

    def __init__(self, values: Sequence[float]) -> None:
        self._values = sorted(values)
        ends = (self._values[0] + self._values[-1]) / 2
        spans = len(self._values) - 1
        self.mean = fmean(self._values) if spans == 0 else (math.fsum(self._values) - ends) / spans

    def quantile(self, u: float) -> float:
        place = u * (len(self._values) - 1)
        below = int(place)
        if below + 1 >= len(self._values):
            return self._values[-1]
        low, high = self._values[below], self._values[below + 1]
        return low + (high - low) * (place - below)


class Hazard(Distribution):
    """A piecewise constant hazard: `steps` are (from second, hazard per second), the first from 0, the last for ever.

    So a patience is written that often ends in the first seconds and when an announcement tells of a long wait.
    """

    def __init__(self, steps: Sequence[tuple[float, float]]) -> None:
        self._starts = [start for start, _ in steps]
        self._rates = [rate for _, rate in steps]
        widths = [after - start for start, after in zip(self._starts, self._starts[1:], strict=False)]
        used = (rate * width for rate, width in zip(self._rates, widths, strict=False))
        self._used = [0.0, *accumulate(used)]  # the hazard used up at each start
        self.mean = self._mean(widths)

    def _mean(self, widths: list[float]) -> float:
        last = math.exp(-self._used[-1]) / self._rates[-1] if self._rates[-1] else math.inf
        pieces = (
            math.exp(-used) * (-math.expm1(-rate * width) / rate if rate else width)
            for used, rate, width in zip(self._used, self._rates, widths, strict=False)
        )
        return math.fsum(pieces) + last

    def quantile(self, u: float) -> float:
        left = -math.log1p(-u)
        i = bisect_right(self._used, left) - 1
        rate = self._rates[i]
        return self._starts[i] + (left - self._used[i]) / rate if rate else math.inf
