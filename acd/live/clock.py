"""The two clocks of DESIGN §2: `now` is monotonic seconds since the journal began; wall time is `now` + an offset."""

import time
from typing import Final

MOVED: Final = 0.25
"""Seconds by which wall and monotonic clock must part before we say that the wall clock was moved."""


class Clock:
    def __init__(self, begin_at: float = 0.0, wall_offset_s: float | None = None) -> None:
        """`begin_at`: the last instant of the journal we go on with; with its `wall_offset_s` the time we were down is
        counted too."""
        if wall_offset_s is not None:
            begin_at = max(begin_at, time.time() - wall_offset_s)
        self._origin = time.monotonic() - begin_at
        self.wall_offset_s = time.time() - self.now()

    def now(self) -> float:
        """Seconds since the journal began."""
        return time.monotonic() - self._origin

    def moved(self) -> bool:
        """Whether the wall clock was set since we looked; `wall_offset_s` is then the new one."""
        offset = time.time() - self.now()
        if abs(offset - self.wall_offset_s) < MOVED:
            return False
        self.wall_offset_s = offset
        return True
