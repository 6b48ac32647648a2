"""When a caller is asked for a key, and when he joins a queue: found out by a rehearsal under virtual time.

A telephone hears prompts but does not understand them. So the scenario is simulated first, with the same flows and
prompts, and it is noted how long after which moment the engine listens. The live callers count from the same moments.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

from acd.core import commands as c
from acd.core import events as e
from acd.core.commands import Command
from acd.core.engine import Engine
from acd.core.events import Event
from simulator.workload import REACTS_S, Caller

Moment: TypeAlias = Literal["caller", "agent_gone"]
Who: TypeAlias = tuple[object, ...]


@dataclass(slots=True, frozen=True)
class Cue:
    """When he is asked, or joins the first queue: so long after the latest of the call, its answer, and the caller's
    keys – or after the agent has hung up."""

    moment: Moment
    after_s: float
    asked: int = 0  # how often he was asked for keys before
    queue: str = ""


@dataclass(slots=True, frozen=True)
class Wait:
    """A queue he joins when he is not served: so long after the first, and the keys that lead out of it."""

    after_s: float
    keys: frozenset[str]


def who(caller: Caller) -> Who:
    """Callers who are alike in this are led through the same flow in the same way."""
    attributes = sorted((name, str(value)) for name, value in caller.attributes.items())
    return caller.number, caller.kind, *attributes, *(press for press, _ in caller.keys)


@dataclass(slots=True)
class _Heard:
    """A caller in the rehearsal."""

    who: Who
    at: float  # the latest moment
    moment: Moment = "caller"
    asked: int = 0
    waiting: bool = False
    joined_at: float | None = None  # the first queue
    joined: int = 0  # how many
    served: bool = False


class Rehearsal(Engine):
    """The engine in a simulation, noting the cues. `callers` are by calling number."""

    def __init__(self, callers: Mapping[str, Who]) -> None:
        super().__init__()
        self.asks: dict[tuple[Who, int], Cue] = {}
        self.joins: dict[Who, Cue] = {}  # the first queue
        self.waits: dict[tuple[Who, int], Wait] = {}  # the first queue, the next …
        self._callers = callers
        self._heard: dict[str, _Heard] = {}  # by leg

    def step(self, event: Event, now: float) -> list[Command]:
        self._before(event, now)
        commands = super().step(event, now)
        self._after(commands, now)
        return commands

    def leaves(self, who: Who, key: str, after_s: float) -> float | None:
        """How long after joining his first queue he presses this key, which he has in mind from `after_s` on: in the
        queue he is in then, or the next that has it; None if none has."""
        place = 0
        while (wait := self.waits.get((who, place))) is not None:
            place += 1
            following = self.waits.get((who, place))
            begins = after_s if place == 1 else max(wait.after_s + REACTS_S, after_s)
            if key in wait.keys and (following is None or begins < following.after_s):
                return begins
        return None

    def _before(self, event: Event, now: float) -> None:
        if isinstance(event, e.LegArrived):
            self._heard[event.leg] = _Heard(self._callers[event.caller], now)
        elif isinstance(event, e.Digit | e.Collected):
            if event.leg in self._heard:
                self._heard[event.leg].at = now
        elif isinstance(event, e.LegEnded) and self._heard.pop(event.leg, None) is None:
            heard = self._heard.get(f"{event.leg.rpartition('.')[0]}.0")
            if heard is not None and not heard.waiting:
                heard.moment, heard.at = "agent_gone", now

    def _after(self, commands: Iterable[Command], now: float) -> None:
        for command in commands:
            if isinstance(command, c.Publish):
                if command.topic == "call/waiting":
                    self._joins(str(command.facts["call"]), str(command.facts["queue"]), now)
            elif isinstance(command, c.AnswerLeg):
                self._heard[command.leg].at = now
            elif isinstance(command, c.Hears):
                if command.source.kind == "leg" and command.leg in self._heard:
                    self._heard[command.leg].waiting = False
                    self._heard[command.leg].served = True
            elif isinstance(command, c.Collect) or (isinstance(command, c.Listen) and command.how != "off"):
                caller = self._heard.get(command.leg)
                if caller is not None and not (caller.waiting and self.keys_out(command.leg.removesuffix(".0"))):
                    caller.waiting = False
                    self.asks.setdefault((caller.who, caller.asked), Cue(caller.moment, now - caller.at, caller.asked))
                    caller.asked += 1

    def _joins(self, call: str, queue: str, now: float) -> None:
        heard = self._heard[f"{call}.0"]
        heard.waiting = True
        if heard.joined_at is None:
            heard.joined_at = now
            self.joins.setdefault(heard.who, Cue(heard.moment, now - heard.at, heard.asked, queue))
        if not heard.served:
            wait = Wait(now - heard.joined_at, frozenset(self.keys_out(call)))
            self.waits.setdefault((heard.who, heard.joined), wait)
            heard.joined += 1
