"""Means over replications and how far to trust them."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

# Student's t, 97.5 %, for 1 … 30 degrees of freedom
_T = (
    12.706205, 4.302653, 3.182446, 2.776445, 2.570582, 2.446912, 2.364624, 2.306004, 2.262157, 2.228139,
    2.200985, 2.178813, 2.160369, 2.144787, 2.131450, 2.119905, 2.109816, 2.100922, 2.093024, 2.085963,
    2.079614, 2.073873, 2.068658, 2.063899, 2.059539, 2.055529, 2.051831, 2.048407, 2.045230, 2.042272,
)  # fmt: skip


def student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t, to five places."""
    if freedom <= len(_T):
        return _T[freedom - 1]
    z = 1.959963985  # Cornish and Fisher's expansion
    return z + 2.3722712 / freedom + 2.8224986 / freedom**2 + 2.5558497 / freedom**3


@dataclass(slots=True, frozen=True)
class Estimate:
    """A mean over replications with the half width of its 95 % confidence interval (None for a single one)."""

    mean: float
    ci95: float | None
    n: int

    @classmethod
    def of(cls, values: Sequence[float]) -> "Estimate":
        """Raises ValueError when there is no value."""
        n = len(values)
        if not n:
            raise ValueError("no replication has this value")
        mean = math.fsum(values) / n
        if n == 1:
            return cls(mean, None, n)
        variance = math.fsum((v - mean) ** 2 for v in values) / (n - 1)
        return cls(mean, student(n - 1) * math.sqrt(variance / n), n)

    def z(self, expected: float) -> float:
        """How many standard errors the mean lies from `expected`."""
        if self.ci95 is None:
            raise ValueError("one replication proves nothing")
        error = self.ci95 / student(self.n - 1)
        off = self.mean - expected
        return off / error if error else math.copysign(math.inf, off) if off else 0.0
