"""M/M/c with non-preemptive priorities: the mean wait of each class (Cobham 1954; Davis 1966, in closed form).

All classes have the same exponential handling time; class 0 goes first. A class waits for a finite time as long as it
and all classes before it leave the agents some idle time, whatever comes behind.
"""

import math
from dataclasses import dataclass

from simulator.oracles.erlang import Load, erlang_c


@dataclass(slots=True, kw_only=True)
class ClassWait:
    """`mean_wait_s` over all calls of the class; all classes share `probability_of_wait`."""

    calls_per_hour: float
    probability_of_wait: float
    mean_wait_s: float


def priorities(agents: int, calls_per_hour: list[float], aht_s: float) -> list[ClassWait]:
    """One entry per class, first class first."""
    together = Load(calls_per_hour=math.fsum(calls_per_hour), aht_s=aht_s)
    delayed = erlang_c(agents, together, 0.0).probability_of_wait
    first_free = aht_s / agents  # mean time to the next free agent when all are busy
    waits = []
    before = 0.0  # the share of the agents' time that earlier classes take
    for rate in calls_per_hour:
        upto = before + rate / 3600 * aht_s / agents
        wait = delayed * first_free / ((1 - before) * (1 - upto)) if upto < 1 else math.inf
        waits.append(ClassWait(calls_per_hour=rate, probability_of_wait=delayed, mean_wait_s=wait))
        before = upto
    return waits
