"""Timers without a clock: one heap for a whole endpoint, forgetting lazily.

A `Timer` has at most one instant, `due`, which is the truth; a heap entry that disagrees with it is stale and is
dropped when it surfaces, or by a sweep when the stale ones outnumber the live, so cancelled timers never pile up.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable

T1 = 0.5  # s, the round trip (RFC 3261 §17.1.1.1)
T2 = 4.0  # s, the longest interval between retransmissions
T4 = 5.0  # s, how long a message may stay in the network
LONG = 64 * T1  # timers B, D, F, H, J, L, M


class Timer:
    """Something that falls due. Subclass and give `fire`, or pass a function to `Alarm`."""

    __slots__ = ("due",)

    def __init__(self) -> None:
        self.due: float | None = None

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
        self._heap: list[tuple[float, int, Timer]] = []
        self._serial = 0
        self._live = 0

    def __len__(self) -> int:
        return self._live

    def set(self, timer: Timer, when: float) -> None:
        """Let `timer` fall due at `when`, instead of whenever it was to."""
        if timer.due is None:
            self._live += 1
        timer.due = when
        self._serial += 1
        heap = self._heap
        heapq.heappush(heap, (when, self._serial, timer))
        if len(heap) > 256 and len(heap) > 3 * self._live:
            self._sweep()

    def cancel(self, timer: Timer) -> None:
        if timer.due is not None:
            timer.due = None
            self._live -= 1

    def next(self) -> float | None:
        heap = self._heap
        while heap:
            when, _, timer = heap[0]
            if timer.due == when:
                return when
            heapq.heappop(heap)
        return None

    def run(self, now: float) -> None:
        """Fire all that is due, in order. One that sets itself again for `now` or earlier fires in this same run."""
        heap = self._heap
        while heap and heap[0][0] <= now:
            when, _, timer = heapq.heappop(heap)
            if timer.due == when:
                timer.due = None
                self._live -= 1
                timer.fire(now)
                heap = self._heap  # a sweep may have replaced it

    def _sweep(self) -> None:
        seen: set[int] = set()
        live: list[tuple[float, int, Timer]] = []
        for entry in self._heap:
            timer = entry[2]
            if timer.due == entry[0] and id(timer) not in seen:
                seen.add(id(timer))
                live.append(entry)
        heapq.heapify(live)
        self._heap = live
