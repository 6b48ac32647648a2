"""The keys of one leg, before the core sees them (DESIGN §2, Secrets).

Digits reach the core only while it listens. Until then they wait here as type-ahead, bounded; while it listens in
secret each is ``•``; while it collects they are gathered here, and of a secret collect only a handle leaves. Pure: the
shell keeps the two time-outs and says when one has run out.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final, Literal

from acd.core.commands import Collect
from acd.core.events import Collected, Digit

TYPE_AHEAD: Final = 32
SECRET: Final = "•"


@dataclass(slots=True)
class Keypad:
    leg: str
    listening: Literal["clear", "secret", "off"] = "off"
    ahead: deque[tuple[str, float]] = field(default_factory=lambda: deque(maxlen=TYPE_AHEAD))
    collecting: Collect | None = None
    gathered: str = ""

    def pressed(self, digit: str, duration_s: float, secrets: dict[str, str]) -> Digit | Collected | None:
        """A key was pressed. Returns what the core is told, if anything; a secret's value goes into `secrets`."""
        if self.collecting is not None:
            return self._gather(self.collecting, digit, secrets)
        if self.listening == "off":
            self.ahead.append((digit, duration_s))
            return None
        shown = SECRET if self.listening == "secret" else digit
        self.listening = "off"  # one digit a wish: what is typed ahead of a PIN stays here
        return Digit(self.leg, shown, duration_s)

    def listen(
        self, how: Literal["clear", "secret", "off", "forget"], secrets: dict[str, str]
    ) -> list[Digit | Collected]:
        """The core listens for one digit, or stops to; the oldest typed ahead is given out."""
        if how == "forget":
            self.ahead.clear()
            how = "off"
        self.listening = how
        return [] if how == "off" else self._replay(secrets)

    def collect(self, command: Collect, secrets: dict[str, str]) -> list[Digit | Collected]:
        """Begin to gather; type-ahead may end it at once."""
        self.collecting, self.gathered = command, ""
        return self._replay(secrets)

    def timed_out(self, secrets: dict[str, str]) -> Collected | None:
        """The first or next digit did not come in time."""
        if self.collecting is None:
            return None
        return self._collected(self.collecting, "timeout" if self.gathered else "no_input", secrets)

    def stop(self, op: str) -> None:
        """The core wants this collect no more: nothing is reported of it."""
        if self.collecting is not None and self.collecting.op == op:
            self.collecting, self.gathered = None, ""

    def _replay(self, secrets: dict[str, str]) -> list[Digit | Collected]:
        waiting, told = list(self.ahead), []
        self.ahead.clear()
        for digit, duration_s in waiting:  # a collect that ends on the way leaves the rest for whoever listens next
            what = self.pressed(digit, duration_s, secrets)
            if what is not None:
                told.append(what)
        return told

    def _gather(self, command: Collect, digit: str, secrets: dict[str, str]) -> Collected | None:
        if digit in command.end:
            return self._collected(command, "end_key", secrets)
        self.gathered += digit
        if len(self.gathered) >= command.max:
            return self._collected(command, "max", secrets)
        return None

    def _collected(
        self, command: Collect, how: Literal["end_key", "max", "timeout", "no_input"], secrets: dict[str, str]
    ) -> Collected:
        value, length = self.gathered, len(self.gathered)
        self.collecting, self.gathered = None, ""
        if command.secret:
            handle = f"secret:{command.op}"
            secrets[handle], value = value, handle
        return Collected(command.op, self.leg, value, length, how)
