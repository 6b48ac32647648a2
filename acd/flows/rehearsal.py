"""A flow tried with the real engine and no telephone: one caller, a script, virtual time.

A script is what the caller would notice and do, line by line (see docs/ivr-designer.md). The engine is the one that
serves calls; around it stands a world that answers at once: prompts end when the script goes on, agents do what it
says.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from zoneinfo import ZoneInfo

from pydantic import Field

from acd.config.explain import check
from acd.config.hours import instants
from acd.config.load import load
from acd.config.problem import ConfigError, Problem, did_you_mean, one_of, shown
from acd.config.shell import Hotline
from acd.config.words import Strict
from acd.config.yaml import Document, Step, read
from acd.core import commands as do
from acd.core import events as ev
from acd.core.engine import Engine

PATIENCE_S: Final = 3600.0  # a script that waits longer for something waits in vain
CALL: Final = "1-1"
CALLER: Final = "1-1.0"


class CallFrom(Strict):
    """Who calls."""

    caller: str = Field(default="13800000000", alias="from")
    to: str | None = Field(default=None, description="number called (default: the first of the hotline)")
    trunk: str | None = Field(default=None, description="default: the first of the hotline")
    name: str = ""
    attributes: dict[str, str | int | float | bool | None] = Field(default={})
    at: str | None = Field(default=None, description="when, in the hotline's time zone (default: everything is open)")


class Trial(Strict):
    """One test: a call and its script."""

    test: str = Field(description="what it shows")
    call: CallFrom = CallFrom.model_construct()
    agents: Literal["all", "none"] = Field(default="all", description="who is signed on")
    surges: list[str] = Field(default=[], description="surges that are on")
    script: Annotated[list[Any], Field(min_length=1)]


class TestFile(Strict):
    """A flow's tests: ``main.test.yaml`` beside ``main.yaml``."""

    __test__ = False  # not one of pytest's own

    hotline: str = Field(description="configuration, relative to this file")
    tests: list[Trial]


class Fails(Exception):
    """The script says one thing, the engine did another."""


def rehearse(path: Path) -> tuple[int, list[Problem]]:
    """Run every test of a file: how many there are, and for each that fails where and why. Raises `ConfigError` when
    the file or its hotline cannot be read."""
    document = read(path, shown(path))
    found = check(TestFile, document.value, document)
    if isinstance(found, list):
        raise ConfigError(found)
    hotline = load(path.parent / found.hotline)
    problems = [
        problem
        for index, trial in enumerate(found.tests)
        if (problem := _trial(document, ("tests", index), trial, hotline)) is not None
    ]
    return len(found.tests), problems


def _trial(document: Document, path: tuple[Step, ...], trial: Trial, hotline: Hotline) -> Problem | None:
    at: tuple[Step, ...] = (*path, "test")
    try:
        stage = Stage(hotline, trial)
        for index, line in enumerate(trial.script):
            at = (*path, "script", index)
            name, given = next(iter(line.items())) if isinstance(line, dict) and len(line) == 1 else (line, None)
            if not isinstance(name, str) or name not in LINES:
                return document.problem(at, f"unknown line {name!r}", did_you_mean(str(name), LINES, one_of(LINES)))
            at = (*at, name)
            LINES[name](stage, given)
        stage.leave()
    except Fails as failed:
        return document.problem(at, f"{trial.test}: {failed}", at="key")
    return None


@dataclass(slots=True)
class Stage:
    """The engine, and the little world around it."""

    hotline: Hotline
    trial: Trial
    engine: Engine = field(default_factory=Engine)
    now: float = 0.0
    inbox: deque[ev.Event] = field(default_factory=deque)
    playing: do.Play | None = None
    heard: bool = False  # the script has spoken of what is playing
    collecting: do.Collect | None = None
    listening: bool = False
    ahead: list[str] = field(default_factory=list)  # keys pressed that nobody has asked for yet
    seen: list[do.Command] = field(default_factory=list)  # all that the engine wanted, for who watches
    ringing: list[str] = field(default_factory=list)  # agents' legs, the newest last
    talking: str | None = None
    outcome: str | None = None

    def __post_init__(self) -> None:
        settings, call = self.hotline.settings, self.trial.call
        wall_s = 0.0 if call.at is None else _instant(call.at, self.hotline.timezone)
        self.tell(ev.Started(1, wall_s, 1))
        if call.at is None:
            self.tell(ev.HoursSet({name: [(0.0, True)] for name in self.hotline.hours}))
        else:
            self.tell(ev.HoursSet(instants(self.hotline.hours, wall_s)))
        self.tell(ev.Configured(settings))
        for name in self.trial.surges:
            if name not in settings.surges:
                raise Fails(f"there is no surge {name!r}: {one_of(settings.surges)}")
            self.tell(ev.SetSurge(name, "rehearsal", name, True))
        for name in settings.devices:
            self.tell(ev.DeviceUp(name))
        for name, agent in settings.agents.items():
            if self.trial.agents == "none":
                self.tell(ev.SignOff(name, "rehearsal", name))
            elif agent.device is not None and agent.sign_on == "manual":
                self.tell(ev.SignOn(name, "rehearsal", name))
        trunk = call.trunk or next(iter(settings.trunks), "")
        called = call.to or next(iter(settings.numbers), "")
        trusted = trunk in settings.trunks and settings.trunks[trunk].trusted
        attributes = dict(call.attributes)
        self.tell(
            ev.LegArrived(CALLER, CALL, f"trunk:{trunk}", called, call.caller, call.name, trusted, "voice", attributes)
        )

    # ------------------------------------------------------------------------------------------- the world

    def tell(self, event: ev.Event) -> None:
        """An event, and whatever comes of it."""
        self.inbox.append(event)
        while self.inbox:
            for command in self.engine.step(self.inbox.popleft(), self.now):
                self.seen.append(command)
                react = _REACTIONS.get(type(command))
                if react is not None:
                    react(self, command)

    def wait(self, until: Callable[[], bool], what: str) -> None:
        """Let time pass until something happens. A prompt the script did not speak of must not be passed over."""
        end = self.now + PATIENCE_S
        while not until():
            deadline = self.engine.deadline()
            if self.playing is not None and self.heard:
                self.finish_prompt()
            elif self.playing is not None or deadline is None or deadline > end:
                raise Fails(f"{what}, but {self.state()}")
            else:
                self.now = max(self.now, deadline)
                self.tell(ev.Woke())

    def finish_prompt(self) -> None:
        if self.playing is not None:
            op, self.playing = self.playing.op, None
            self.now += 1.0
            self.tell(ev.PlayEnded(op, "finished"))

    def state(self) -> str:
        """What is the case instead."""
        if self.outcome is not None:
            return f"the call has ended: {self.outcome}"
        if self.playing is not None:
            return f"the caller hears {', '.join(self.playing.prompts)}"
        if self.talking is not None:
            return "the caller talks to an agent"
        if (queue := self.queue()) is not None:
            return f"the caller waits in {queue}"
        return "digits are waited for" if self.collecting is not None else "nothing happens"

    def queue(self) -> str | None:
        """Where he waits."""
        calls = self.engine.view(self.now).calls
        return calls[0].queue if calls and calls[0].state in ("waiting", "offered") else None

    def leave(self) -> None:
        """The script is over: so is the call."""
        if self.outcome is None:
            self.tell(ev.LegEnded(CALLER, "peer", "hangup"))

    # ------------------------------------------------------------------------------------ lines of a script

    def hears(self, given: object) -> None:
        wanted = (given,) if isinstance(given, str) else tuple(given) if isinstance(given, list) else ()
        what = f"expected to hear {', '.join(map(str, wanted))}"
        self.wait(lambda: self.playing is not None and not self.heard, what)
        if self.playing is None or self.playing.prompts != wanted:
            raise Fails(f"{what}, but {self.state()}")
        self.heard = True

    def presses(self, given: object) -> None:
        """A key stops a prompt that lets it, and waits until somebody asks for it."""
        self.ahead += str(given)
        if self.playing is not None and self.playing.barge_in:
            op, self.playing = self.playing.op, None
            self.tell(ev.PlayEnded(op, "barged"))
        self._hand_over()

    def _hand_over(self) -> None:
        """Keys pressed ahead go to whoever asks: digits one by one, or all that a collect takes."""
        while self.ahead and (self.listening or self.collecting is not None):
            if self.collecting is not None:
                wanted = self.collecting
                digits = "".join(self.ahead[: wanted.max])
                end = digits.find(wanted.end) if wanted.end else -1
                del self.ahead[: end + 1 if end >= 0 else wanted.max]
                self._type(digits[:end] if end >= 0 else digits)
            else:
                self.listening = False
                self.tell(ev.Digit(CALLER, self.ahead.pop(0)))

    def types(self, given: object) -> None:
        self.wait(lambda: self.collecting is not None, "expected to be asked for digits")
        self._type(str(given or ""))

    def _type(self, digits: str) -> None:
        assert self.collecting is not None
        op, self.collecting = self.collecting, None
        value = f"secret:{op.op}" if op.secret else digits
        self.tell(ev.Collected(op.op, CALLER, value, len(digits), "end_key" if digits else "no_input"))

    def waits(self, given: object) -> None:
        if isinstance(given, (int, float)):
            end = self.now + given
            self.finish_prompt()
            while (deadline := self.engine.deadline()) is not None and deadline <= end:
                self.now = deadline
                self.tell(ev.Woke())
            self.now = end
            return
        self.wait(lambda: self.queue() is not None, f"expected to wait in {given}")
        if self.queue() != given:
            raise Fails(f"expected to wait in {given}, but {self.state()}")

    def agent(self, given: object) -> None:
        if given == "answers":
            self.wait(lambda: bool(self.ringing), "expected an agent's telephone to ring")
            self.talking = self.ringing[-1]
            self.ringing.remove(self.talking)
            self.now += 1.0
            self.tell(ev.LegAnswered(self.talking))
        elif given == "hangs up":
            if self.talking is None:
                raise Fails(f"no agent talks to the caller: {self.state()}")
            leg, self.talking = self.talking, None
            self.now += 60.0
            self.tell(ev.LegEnded(leg, "peer", "hangup"))
        elif given == "rejects":
            self.wait(lambda: bool(self.ringing), "expected an agent's telephone to ring")
            self.tell(ev.LegEnded(self.ringing.pop(), "peer", "rejected", 603))
        else:
            raise Fails(f"an agent answers, rejects or hangs up, not {given!r}")

    def hangs_up(self, given: object) -> None:
        self.tell(ev.LegEnded(CALLER, "peer", "hangup"))

    def ends(self, given: object) -> None:
        self.wait(lambda: self.outcome is not None, f"expected the call to end: {given}")
        if self.outcome != given:
            raise Fails(f"expected the call to end: {given}, but it ended: {self.outcome}")

    # -------------------------------------------------------------------------------- what the engine wants

    def _answer(self, command: do.AnswerLeg) -> None:
        self.inbox.append(ev.LegAnswered(command.leg))

    def _end(self, command: do.EndLeg) -> None:
        if command.leg in self.ringing:
            self.ringing.remove(command.leg)
        if command.leg == self.talking:
            self.talking = None
        self.inbox.append(ev.LegEnded(command.leg, "us", command.cause, command.status))

    def _start(self, command: do.StartLeg) -> None:
        self.ringing.append(command.leg)
        self.inbox.append(ev.LegRinging(command.leg))

    def _play(self, command: do.Play) -> None:
        if command.leg != CALLER:
            return  # a whisper is the agent's
        self.playing, self.heard = command, False
        if self.ahead and command.barge_in:  # he knows what is asked
            self.playing = None
            self.inbox.append(ev.PlayEnded(command.op, "barged"))

    def _listen(self, command: do.Listen) -> None:
        if command.leg == CALLER:
            self.listening = command.how != "off"
            if self.listening and self.ahead:
                self.listening = False
                self.inbox.append(ev.Digit(CALLER, self.ahead.pop(0)))

    def _collect(self, command: do.Collect) -> None:
        self.collecting = command

    def _stop(self, command: do.Stop) -> None:
        if self.playing is not None and self.playing.op == command.op:
            self.playing = None

    def _record(self, command: do.WriteRecord) -> None:
        self.outcome = command.record.outcome


def _instant(text: str, timezone: str) -> float:
    """``2026-10-01 09:30`` there, as seconds since the epoch. Raises `Fails`."""
    try:
        return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(timezone)).timestamp()
    except ValueError:
        raise Fails(f"{text!r} is no date and time: write 2026-10-01 09:30") from None


_REACTIONS: Final[dict[type[Any], Callable[[Stage, Any], None]]] = {
    do.AnswerLeg: Stage._answer,
    do.EndLeg: Stage._end,
    do.StartLeg: Stage._start,
    do.Play: Stage._play,
    do.Collect: Stage._collect,
    do.Listen: Stage._listen,
    do.Stop: Stage._stop,
    do.WriteRecord: Stage._record,
}

LINES: Final[dict[str, Callable[[Stage, object], None]]] = {
    "hears": Stage.hears,
    "presses": Stage.presses,
    "types": Stage.types,
    "waits": Stage.waits,
    "agent": Stage.agent,
    "hangs_up": Stage.hangs_up,
    "ends": Stage.ends,
}
"""What a line of a script may say."""
