"""How long a caller will wait (DESIGN §6): by the calls ahead of him, the rate at which his lane's calls are taken, and
the patience of those ahead. The queue-length form beats last-caller and rolling-mean estimators."""

import math
from dataclasses import dataclass
from typing import Final

SMOOTHING_S: Final = 300.0
MEASURED_AFTER: Final = 5.0  # takes that must still weigh in before the measured rate is believed


@dataclass(slots=True)
class Lane:
    """What the dispatcher remembers of a queue beside its contacts. Plain values: a snapshot holds it."""

    backlog: int = 0  # contacts that a match left waiting
    backlog_since: float | None = None  # up to when the rate has been settled; None while nobody waits
    taken_now: int = 0  # accepted since then
    taken: float = 0.0  # accepted while some waited, smoothed
    span_s: float = 0.0  # over this time, smoothed alike
    last_serial: int = -1  # round robin: the agent rung last

    def settle(self, now: float) -> None:
        """Bring the smoothed rate up to `now`; to be called after each change of `backlog` or `taken_now`."""
        if self.backlog_since is not None:
            kept = math.exp((self.backlog_since - now) / SMOOTHING_S)
            self.taken *= kept
            self.span_s = self.span_s * kept + SMOOTHING_S * (1.0 - kept)
        self.taken += self.taken_now
        self.taken_now = 0
        self.backlog_since = now if self.backlog else None

    def rate(self) -> float | None:
        """Contacts per second taken while some waited; None until measured."""
        return self.taken / self.span_s if self.taken >= MEASURED_AFTER and self.span_s > 0.0 else None


def expected_wait_s(ahead: int, rate: float, patience_s: float) -> float:
    """Σ i=0..ahead of 1/(rate + i/patience): seconds, rounded up to a whole one. `rate` in contacts per second."""
    return float(math.ceil(sum(1.0 / (rate + i / patience_s) for i in range(ahead + 1))))
