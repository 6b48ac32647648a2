"""Who guesses passwords is locked out for a while, longer each time; nobody else notices.

A wrong answer counts against the address it came from, and it counts only if the nonce was given to that address: a
forged source address cannot lock its owner out. An address where nobody has ever proved himself is locked as a whole;
one where others have – an office behind one address – only for the name that was guessed at.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

AT_ONE_NAME: Final = 8  # wrong answers within WITHIN_S
AT_ALL: Final = 24  # the same for one address, whatever the names
WITHIN_S: Final = 120.0
LOCK_S: Final = (60.0, 3600.0)  # doubling from the first to the last
MEMORY: Final = 10_000  # addresses and names
PROVEN_S: Final = 86_400.0  # an address is known for its last proof


@dataclass(slots=True)
class _Guesses:
    count: int = 0
    since: float = 0.0
    until: float = 0.0  # locked till then
    lock_s: float = LOCK_S[0]  # for how long the next time


class Lockout:
    def __init__(self) -> None:
        self._guesses: OrderedDict[tuple[str, str], _Guesses] = OrderedDict()  # (address, name or ""), oldest first
        self._proven: OrderedDict[str, float] = OrderedDict()

    def left_s(self, source: str, name: str, now: float) -> float:
        """For how many more seconds that name, or with "" everybody, is locked out at that address; 0: is not."""
        guesses = self._guesses.get((source, name)) if self._guesses else None
        return max(0.0, guesses.until - now) if guesses is not None else 0.0

    def right(self, source: str, name: str, now: float) -> None:
        """Somebody has proved himself there."""
        self._guesses.pop((source, name), None)
        self._proven[source] = now
        self._proven.move_to_end(source)
        if len(self._proven) > MEMORY:
            self._proven.popitem(last=False)

    def wrong(self, source: str, name: str, now: float) -> tuple[str, float] | None:
        """A wrong answer came. What it locks, if it does: the name, or "" for the whole address, and the seconds."""
        proven = now - self._proven.get(source, -PROVEN_S) < PROVEN_S
        for who, most in ((name, AT_ONE_NAME), ("", AT_ALL)):
            guesses = self._entry((source, who))
            if now - guesses.since > WITHIN_S:
                guesses.count, guesses.since = 0, now
            guesses.count += 1
            if guesses.count >= most and not (who == "" and proven):
                seconds = guesses.lock_s
                guesses.until, guesses.count = now + seconds, 0
                guesses.lock_s = min(2 * seconds, LOCK_S[1])
                return who, seconds
        return None

    def _entry(self, key: tuple[str, str]) -> _Guesses:
        guesses = self._guesses.setdefault(key, _Guesses())
        self._guesses.move_to_end(key)
        if len(self._guesses) > MEMORY:
            self._guesses.popitem(last=False)
        return guesses
