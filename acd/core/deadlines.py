"""The core's own timers: named instants, the earliest first, ties by serial.

A name is a tuple such as ``("ring", leg)``; setting it again moves it, so there is never more than one per name. The
heap forgets lazily: `at` is the truth, a heap entry that disagrees with it is stale.
"""

import heapq
from typing import TypeAlias

Name: TypeAlias = tuple[str, ...]


class Deadlines:
    def __init__(self, at: dict[Name, tuple[float, int]] | None = None) -> None:
        self.at: dict[Name, tuple[float, int]] = at if at is not None else {}
        self._serial = max((serial for _, serial in self.at.values()), default=0)
        self._heap = [(when, serial, name) for name, (when, serial) in self.at.items()]
        heapq.heapify(self._heap)

    def __len__(self) -> int:
        return len(self.at)

    def set(self, name: Name, when: float) -> None:
        """Let `name` fall due at `when` (seconds, the engine's `now`)."""
        self._serial += 1
        self.at[name] = (when, self._serial)
        heapq.heappush(self._heap, (when, self._serial, name))
        if len(self._heap) > 64 and len(self._heap) > 4 * len(self.at):
            self._heap = [(w, s, n) for n, (w, s) in self.at.items()]
            heapq.heapify(self._heap)

    def cancel(self, name: Name) -> None:
        """Forget `name`; nothing happens if it is not set."""
        self.at.pop(name, None)

    def next(self) -> float | None:
        """The earliest instant, or None."""
        heap = self._heap
        while heap:
            when, serial, name = heap[0]
            stands = self.at.get(name)
            if stands is not None and stands[1] == serial:
                return when
            heapq.heappop(heap)
        return None

    def due(self, now: float) -> Name | None:
        """Take out and return the earliest name that is due at `now`, or None."""
        when = self.next()
        if when is None or when > now:
            return None
        name = heapq.heappop(self._heap)[2]
        del self.at[name]
        return name
