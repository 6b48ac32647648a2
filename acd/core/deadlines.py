"""The core's own timers: named instants, the earliest first, ties by serial.

A name is a tuple such as ``("ring", leg)``; setting it again moves it, so there is never more than one per name. The
heap forgets lazily: `at` is the truth, an entry of the heap that disagrees with it is dead. Its first never is.
"""

from collections.abc import Iterable
from heapq import heapify, heappop, heappush
from typing import Any, TypeAlias

Name: TypeAlias = tuple[str, ...]


class Deadlines:
    __slots__ = ("_serial", "at", "heap")

    def __init__(self, at: dict[Name, tuple[float, int]] | None = None) -> None:
        self.at: dict[Name, tuple[float, int]] = at if at is not None else {}
        self._serial = max((serial for _, serial in self.at.values()), default=0)
        self.heap: list[tuple[Any, ...]] = []  # (when, serial, name); for how they are typed see `pools.Entry`
        self._build()

    def __len__(self) -> int:
        return len(self.at)

    def set(self, name: Name, when: float) -> None:
        """Let `name` fall due at `when` (seconds, the engine's `now`)."""
        self._serial = serial = self._serial + 1
        at, heap = self.at, self.heap
        before = at.get(name)
        at[name] = (when, serial)
        heappush(heap, (when, serial, name))
        if before is not None:
            self._clear()
        if not serial % 64 and len(heap) > 64 and len(heap) > 4 * len(at):
            self._build()

    def cancel(self, name: Name) -> None:
        """Forget `name`; nothing happens if it is not set."""
        gone = self.at.get(name)
        if gone is not None:
            del self.at[name]
            if self.heap[0][1] == gone[1]:
                self._clear()

    def cancel_each(self, kinds: Iterable[str], of: str) -> None:
        """Forget the names ``(kind, of)``."""
        for kind in kinds:
            self.cancel((kind, of))

    def next(self) -> float | None:
        """The earliest instant, or None."""
        return self.heap[0][0] if self.heap else None

    def due(self, now: float) -> Name | None:
        """Take out and return the earliest name that is due at `now`, or None."""
        heap = self.heap
        if not heap or heap[0][0] > now:
            return None
        name: Name = heappop(heap)[2]
        del self.at[name]
        self._clear()
        return name

    def _build(self) -> None:
        self.heap = [(when, serial, name) for name, (when, serial) in self.at.items()]
        heapify(self.heap)

    def _clear(self) -> None:
        """Let a name that stands come first."""
        heap, at = self.heap, self.at
        while heap:
            _, serial, name = heap[0]
            stands = at.get(name)
            if stands is not None and stands[1] == serial:
                return
            heappop(heap)
