"""Tags, branches, Call-IDs: digits that nobody can guess, nor make twice (RFC 3261 §8.1.1.4, §19.3)."""

from __future__ import annotations

from random import Random

HELPING = 1024  # octets drawn at once: asking the system for each tag costs ten times as much as making it


class Identifiers:
    """Hexadecimal digits from `rng`, each given out once."""

    __slots__ = ("_at", "_digits", "_rng")

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._digits = ""
        self._at = 0

    def digits(self, count: int) -> str:
        """So many of them, no more than `HELPING`."""
        start = self._at
        self._at = end = start + count
        if end > len(self._digits):
            self._digits = self._rng.randbytes(HELPING).hex()
            start, self._at = 0, count
            end = count
        return self._digits[start:end]

    def uuid(self) -> str:
        """A random UUID (RFC 4122 §4.4) without its dashes."""
        digits = self.digits(32)
        return f"{digits[:12]}4{digits[13:16]}{'89ab'[ord(digits[16]) & 3]}{digits[17:]}"
