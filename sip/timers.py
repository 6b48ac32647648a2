"""Timers without a clock, for a whole endpoint: what is near in a heap, what is far in spans of time that are put into
the heap when they begin. So nearly every timer of a call – which is cancelled long before it is due – costs an entry in
a dictionary and leaves nothing behind.

A `Timer` has at most one instant, `due`, which is the truth; a heap entry that disagrees with it is stale and is
dropped when it surfaces, within `SPAN_S`.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

T1 = 0.5  # s, the round trip (RFC 3261 §17.1.1.1)
T2 = 4.0  # s, the longest interval between retransmissions
T4 = 5.0  # s, how long a message may stay in the network
LONG = 64 * T1  # timers B, D, F, H, J, L, M
SPAN_S = T1  # what is set to T1 is far, then


class Timer:
    """Something that falls due. Subclass and give `fire`, or pass a function to `Alarm`."""

    __slots__ = ("due", "far")

    due: float | None
    far: dict[Timer, None] | None  # the span it is in, while it is due and far

    def __init__(self) -> None:
        self.due = None

    def fire(self, now: float) -> None:
        raise NotImplementedError


class Alarm(Timer):
    """A timer that calls a function."""

    __slots__ = ("_ring",)

    def __init__(self, ring: Callable[[float], None]) -> None:
        self.due = None
        self._ring = ring

    def fire(self, now: float) -> None:
        self._ring(now)


class Timers:
    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Timer | None]] = []  # None: a span begins
        self._serial = 0
        self._spans: dict[int, dict[Timer, None]] = {}  # by their beginning, in multiples of SPAN_S
        self._begun = 0  # the last of them that is in the heap

    def __len__(self) -> int:
        near = {timer for when, _, timer in self._heap if timer is not None and timer.due == when}
        return len(near) + sum(map(len, self._spans.values()))

    def set(self, timer: Timer, when: float) -> None:
        """Let `timer` fall due at `when`, instead of whenever it was to."""
        if timer.due is not None and timer.far is not None:
            del timer.far[timer]
        timer.due = when
        number = int(when / SPAN_S)
        if number <= self._begun:
            timer.far = None
            self._push(when, timer)
            return
        span = self._spans.get(number)
        if span is None:
            span = self._spans[number] = {}
            self._push(number * SPAN_S, None)
        span[timer] = None
        timer.far = span

    def cancel(self, timer: Timer) -> None:
        if timer.due is not None:
            timer.due = None
            if timer.far is not None:
                del timer.far[timer]

    def next(self) -> float | None:
        """When to `run` next at the latest: nothing is due before."""
        heap = self._heap
        while heap:
            when, _, timer = heap[0]
            if timer is not None:
                if timer.due == when:
                    return when
            elif self._spans[int(when / SPAN_S)]:
                return when
            else:
                del self._spans[int(when / SPAN_S)]
            heapq.heappop(heap)
        return None

    def run(self, now: float) -> None:
        """Fire all that is due, in order. One that sets itself again for `now` or earlier fires in this same run."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            when, _, timer = heapq.heappop(heap)
            if timer is None:
                self._begin(int(when / SPAN_S))
            elif timer.due == when:
                timer.due = None
                timer.fire(now)

    def _push(self, when: float, timer: Timer | None) -> None:
        self._serial += 1
        heapq.heappush(self._heap, (when, self._serial, timer))

    def _begin(self, number: int) -> None:
        """Its timers are near from now on."""
        self._begun = number
        for timer in self._spans.pop(number):
            assert timer.due is not None
            timer.far = None
            self._push(timer.due, timer)
