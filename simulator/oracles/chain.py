"""The number of calls in an M/M/n/K+M system: a birth-and-death chain, summed outward from its mode.

Outward from the mode every term is smaller than the last, so nothing overflows, and a system of 10,000 agents needs
only the few thousand states that matter.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass

NEGLIGIBLE = 1e-30  # of the largest term


@dataclass(slots=True)
class Chain:
    """`birth` calls/s arrive; k calls in the system leave at `death(k)` a second; at most `most` are let in."""

    birth: float
    agents: int
    service: float  # per agent and second
    patience: float  # abandonment rate of one waiting caller, per second
    most: float  # calls in the system, `math.inf` for no limit

    def death(self, k: int) -> float:
        return min(k, self.agents) * self.service + max(k - self.agents, 0) * self.patience

    def mode(self) -> int:
        """The likeliest number of calls. Raises ValueError when there is none: the queue grows for ever."""
        spare = self.birth - self.agents * self.service
        if spare < 0:
            mode = math.floor(self.birth / self.service)
        elif self.patience > 0:
            mode = self.agents + math.floor(spare / self.patience)
        elif self.most < math.inf:
            mode = int(self.most)
        else:
            raise ValueError("the agents cannot carry the load and nobody abandons: the queue grows for ever")
        return int(min(mode, self.most))

    def probabilities(self) -> dict[int, float]:
        """State → probability, negligible states left out."""
        mode = self.mode()
        terms = dict(self._down(mode))
        terms.update(self._up(mode))
        total = math.fsum(terms.values())
        return {k: terms[k] / total for k in sorted(terms)}

    def _down(self, k: int) -> Iterator[tuple[int, float]]:
        term = 1.0
        while k >= 0 and term > NEGLIGIBLE:
            yield k, term
            term *= self.death(k) / self.birth
            k -= 1

    def _up(self, k: int) -> Iterator[tuple[int, float]]:
        term = 1.0
        while k <= self.most and term > NEGLIGIBLE:
            yield k, term
            k += 1
            term *= self.birth / self.death(k)
