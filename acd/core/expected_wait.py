"""How long a caller will wait (DESIGN §6): by the calls ahead of him, the rate at which his lane's calls are taken, and
the patience of those ahead. The queue-length form beats last-caller and rolling-mean estimators."""

import math
from dataclasses import dataclass
from typing import Final

SMOOTHING_S: Final = 300.0
ONE_BY_ONE: Final = 64  # terms; the rest of a longer sum by its formula
MEASURED_AFTER: Final = 5.0  # takes that must still weigh in before the measured rate is believed


@dataclass(slots=True)
class Lane:
    """What the dispatcher remembers of a queue beside its contacts. Plain values: a snapshot holds it."""

    backlog: int = 0  # contacts that a match left waiting
    settled_at: float | None = None  # None while nobody waits
    taken_since: int = 0  # accepted since then, having waited
    taken: float = 0.0  # the same before then, smoothed
    span_s: float = 0.0  # over this time of waiting, smoothed alike
    last_serial: int = -1  # round robin: the agent rung last
    joined: int = 0  # serial of the contact that joined last

    def settle(self, now: float) -> None:
        """Bring the smoothed sums up to `now`; to be called when a backlog forms or is gone."""
        self.taken, self.span_s = self._sums(now)
        self.taken_since = 0
        self.settled_at = now if self.backlog else None

    def rate(self, now: float) -> float | None:
        """Contacts per second taken while some waited; None until measured."""
        taken, span_s = self._sums(now)
        return taken / span_s if taken >= MEASURED_AFTER and span_s > 0.0 else None

    def _sums(self, now: float) -> tuple[float, float]:
        """Both decay with the time waited. What was taken since counts as if evenly spread over it."""
        passed_s = now - self.settled_at if self.settled_at is not None else 0.0
        if passed_s <= 0.0:
            return self.taken + self.taken_since, self.span_s
        kept = math.exp(-passed_s / SMOOTHING_S)
        new_s = SMOOTHING_S * (1.0 - kept)
        return self.taken * kept + self.taken_since * new_s / passed_s, self.span_s * kept + new_s


def expected_wait_s(ahead: int, rate: float, patience_s: float) -> float:
    """Σ i=0..ahead of 1/(rate + i/patience): seconds, rounded up to a whole one. `rate` in contacts per second."""
    first = sum([1.0 / (rate + i / patience_s) for i in range(min(ahead + 1, ONE_BY_ONE))])
    if ahead < ONE_BY_ONE:
        return float(math.ceil(first))
    if patience_s == math.inf:
        return float(math.ceil((ahead + 1) / rate))
    x = rate * patience_s
    rest = patience_s * (_log_less_digamma(x + ONE_BY_ONE) - _log_less_digamma(x + ahead + 1))
    return float(math.ceil(first + patience_s * math.log((x + ahead + 1) / (x + ONE_BY_ONE)) + rest))


def _log_less_digamma(x: float) -> float:
    """ln x − ψ(x) for x ≥ 64, to the last digit of a float (Abramowitz & Stegun 6.3.18). Sums of 1/(x + i) are
    differences of ψ, so that ten thousand callers ahead cost no more than a hundred."""
    return (0.5 + (1 / 12 - 1 / (120 * x * x)) / x) / x
