"""A world made of plain Python around the core: phones, prompts and callers under virtual time.

It executes every command as a shell would, tells the core what came of it, and writes down the story as a person would
tell it. After each step the invariants are checked.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field
from textwrap import dedent
from typing import Any, Literal

from acd.core import commands as c
from acd.core import events as e
from acd.core.engine import Engine, Snapshot
from acd.core.ids import CallId, DeviceId, LegId
from acd.core.invariants import check_invariants
from acd.core.record import Record
from acd.core.settings import Settings

PROMPT_S = 2.0


@dataclass
class Phone:
    """How a device behaves when it is rung. Times in seconds after the INVITE."""

    answers_after_s: float | None = 3.0
    rings: bool = True
    refuses: int | None = None  # with this status, at once
    ends_when_told: bool = True  # it answers our BYE or CANCEL


@dataclass
class Leg:
    id: LegId
    name: str  # in the story
    phone: Phone
    up: bool = False
    gone: bool = False
    listening: Literal["clear", "secret", "off"] = "off"
    ahead: list[str] = field(default_factory=list)
    collecting: c.Collect | None = None
    gathered: str = ""
    playing: c.Play | None = None
    hears: str = "silence"


class World:
    """`story` is what happened; `events` and `commands` hold all that went in and out."""

    def __init__(self, settings: Settings, *, boot: int = 1, seed: int = 1, snapshot: Snapshot | None = None) -> None:
        self.engine = Engine(snapshot)
        self.now = 0.0
        self.boot = boot
        self.phones: dict[DeviceId, Phone] = {device: Phone() for device in settings.devices}
        self.legs: dict[LegId, Leg] = {}
        self.secrets: dict[str, str] = {}
        self.story: list[str] = []
        self.events: list[tuple[float, e.Event]] = []
        self.commands: list[list[c.Command]] = []
        self.records: list[Record] = []
        self.replies: list[c.Reply] = []
        self.probed: list[DeviceId] = []
        self.checked = True
        self._calls = 0
        self._requests = 0
        self._agenda: list[tuple[float, int, Callable[[], object]]] = []
        self._serial = 0
        self.send(e.Started(boot, 1_000_000.0, seed))
        self.send(e.Configured(settings))
        for device, settings_of in settings.devices.items():
            if settings_of.number is None:
                self.send(e.DeviceUp(device))

    # --------------------------------------------------------------------------------------------------- the clock

    def at(self, delay_s: float, what: Callable[[], object]) -> None:
        self._serial += 1
        heapq.heappush(self._agenda, (self.now + delay_s, self._serial, what))

    def later(self, delay_s: float, event: e.Event) -> None:
        self.at(delay_s, lambda: self.send(event))

    def run(self, seconds: float = 0.0) -> "World":
        """Let so much time go by."""
        until = self.now + seconds
        while True:
            due = self.engine.deadline()
            next_at = self._agenda[0][0] if self._agenda else None
            if next_at is not None and next_at <= until and (due is None or next_at <= due):
                self.now = next_at
                heapq.heappop(self._agenda)[2]()
            elif due is not None and due <= until:
                self.now = max(self.now, due)
                self.send(e.Woke())
            else:
                self.now = until
                return self

    def send(self, event: e.Event) -> list[c.Command]:
        """One step."""
        self.events.append((self.now, event))
        given = self.engine.step(event, self.now)
        self.commands.append(given)
        for command in given:
            self._do(command)
        if self.checked:
            check_invariants(self.engine, self.now)
        return given

    # ------------------------------------------------------------------------------------------------- what people do

    def call(
        self, called: str = "95588", caller: str = "13800000001", source: str = "trunk:carrier", **more: Any
    ) -> CallId:
        """Somebody calls."""
        self._calls += 1
        call = f"{self.boot}-{self._calls}"
        leg = f"{call}.0"
        self.legs[leg] = Leg(leg, "caller" if self._calls == 1 else f"caller{self._calls}", Phone())
        self.tell(f"{caller} calls {called}")
        self.send(e.LegArrived(leg, call, source, called, caller, **more))
        self.run()
        return call

    def press(self, who: str, digits: str) -> None:
        """Keys on the phone of ``caller``, or of a device."""
        self.tell(f"{who} presses {digits}")
        for digit in digits:
            self._key(self.leg(who), digit)
        self.run()

    def hang_up(self, who: str) -> None:
        """The party on this leg hangs up, or its phone rejects what rings."""
        leg = self.leg(who)
        self.tell(f"{who} hangs up")
        inbound = leg.id.endswith(".0")
        cause = "hangup" if leg.up else ("cancelled" if inbound else "rejected")
        self._end(leg, "peer", cause, 0 if leg.up or inbound else 603)
        self.run()

    def hold(self, who: str, on: bool = True) -> None:
        self.tell(f"{who} {'holds' if on else 'takes back'}")
        self.send(e.LegHeld(self.leg(who).id, on))
        self.run()

    def refer(self, who: str, to: str, replaces: str | None = None) -> None:
        """The transfer key of this phone; `replaces` is the party on the other leg."""
        self.tell(f"{who} transfers to {to or replaces}")
        other = replaces and self.leg(replaces).id
        self.send(e.LegReferred(self.leg(who).id, "refer", to, other))
        self.run()

    def ask(self, kind: type, **what: Any) -> c.Reply:
        """Make a request; returns its one reply."""
        self._requests += 1
        request = f"r{self._requests}"
        before = len(self.replies)
        self.send(kind(request=request, by="test", **what))
        replies = self.replies[before:]
        assert [reply.request for reply in replies] == [request], "each request gets one reply"
        self.run()
        return replies[0]

    def leg(self, who: str) -> Leg:
        """The latest leg of that name which is not gone."""
        return next(leg for leg in reversed(self.legs.values()) if leg.name == who and not leg.gone)

    def hears(self, who: str) -> str:
        return self.leg(who).hears

    # ------------------------------------------------------------------------------------------------------ the story

    def tell(self, line: str) -> None:
        self.story.append(f"{self.now:g}s {line}")

    def told(self, since: float = 0.0) -> list[str]:
        return [line for line in self.story if float(line.split("s ", 1)[0]) >= since]

    # ----------------------------------------------------------------------------------------------------- the shell

    def _do(self, command: c.Command) -> None:
        DO[type(command)](self, command)

    def _name(self, leg: LegId) -> str:
        return self.legs[leg].name

    def _progress(self, command: c.ProgressLeg) -> None:
        self.tell(f"{self._name(command.leg)} gets {command.status}")

    def _answer(self, command: c.AnswerLeg) -> None:
        leg = self.legs[command.leg]
        self.tell(f"{leg.name} is answered")
        self.at(0.0, lambda: self._answered(leg))

    def _answered(self, leg: Leg) -> None:
        if not leg.gone:
            leg.up = True
            self.send(e.LegAnswered(leg.id))

    def _end_leg(self, command: c.EndLeg) -> None:
        leg = self.legs.get(command.leg)
        if leg is None:  # of an earlier boot, never confirmed
            self.later(0.1, e.LegEnded(command.leg, "us", command.cause))
            return
        retry = f", retry after {command.retry_after_s:g} s" if command.retry_after_s else ""
        status = f" {command.status}" if command.status and not leg.up else ""
        self.tell(f"{leg.name} is released: {command.cause}{status}{retry}")
        if leg.phone.ends_when_told:
            self.at(0.1, lambda: self._end(leg, "us", command.cause))

    def _end(self, leg: Leg, by: e.Party, cause: str, status: int = 0, reason: str | None = None) -> None:
        if not leg.gone:
            leg.gone = True
            self.send(e.LegEnded(leg.id, by, cause, status, reason=reason))

    def _start(self, command: c.StartLeg) -> None:
        device = command.to.device or command.to.number or ""
        leg = self.legs[command.leg] = Leg(command.leg, device, self.phones.setdefault(device, Phone()))
        self.tell(f"{device} rings, {command.caller} calling")
        phone = leg.phone
        if phone.refuses is not None:
            status = phone.refuses
            self.at(0.1, lambda: self._end(leg, "peer", "busy" if status in (486, 600) else "rejected", status))
            return
        if phone.rings:
            self.later(0.1, e.LegRinging(leg.id))
        if phone.answers_after_s is not None:
            self.at(phone.answers_after_s, lambda: self._pick_up(leg))

    def _pick_up(self, leg: Leg) -> None:
        if not leg.gone:
            self.tell(f"{leg.name} picks up")
            self._answered(leg)

    def _hears(self, command: c.Hears) -> None:
        source = command.source
        names = [self._name(leg) for leg, _ in source.legs]
        leg = self.legs[command.leg]
        leg.hears = " ".join([source.kind if not names else "", source.name, *names]).strip()
        self.tell(f"{leg.name} hears {leg.hears}")

    def _play(self, command: c.Play) -> None:
        leg = self.legs[command.leg]
        leg.playing = command
        self.tell(f"{leg.name} is played {' '.join(command.prompts)}")
        if command.barge_in and leg.ahead:
            self._play_over(leg, command, "barged")
        else:
            self.at(PROMPT_S * len(command.prompts) * command.repeat, lambda: self._play_over(leg, command, "finished"))

    def _play_over(self, leg: Leg, play: c.Play, reason: Literal["finished", "barged", "stopped"]) -> None:
        if leg.playing is play:
            leg.playing = None
            self.later(0.0, e.PlayEnded(play.op, reason))

    def _stop(self, command: c.Stop) -> None:
        for leg in self.legs.values():
            if leg.playing is not None and leg.playing.op == command.op:
                self._play_over(leg, leg.playing, "stopped")

    def _listen(self, command: c.Listen) -> None:
        leg = self.legs[command.leg]
        if command.how == "forget":
            leg.ahead.clear()
        leg.listening = command.how if command.how != "forget" else "off"
        self._replay(leg)

    def _collect(self, command: c.Collect) -> None:
        leg = self.legs[command.leg]
        leg.collecting, leg.gathered = command, ""
        self.tell(f"digits of {leg.name} are collected{' in secret' if command.secret else ''}")
        self._replay(leg)
        self.at(command.first_s, lambda: self._give_up(leg, command))

    def _give_up(self, leg: Leg, collect: c.Collect) -> None:
        if leg.collecting is collect:
            self._collected(leg, "timeout" if leg.gathered else "no_input")

    def _key(self, leg: Leg, digit: str) -> None:
        if leg.playing is not None and leg.playing.barge_in:
            self._play_over(leg, leg.playing, "barged")
        leg.ahead.append(digit)
        self._replay(leg)

    def _replay(self, leg: Leg) -> None:
        """What the keypad of a leg gives out: into a collect, or one digit to a core that listens."""
        while leg.ahead and leg.collecting is not None:
            digit = leg.ahead.pop(0)
            if digit in leg.collecting.end:
                self._collected(leg, "end_key")
                continue
            leg.gathered += digit
            if leg.collecting.secret:
                self.later(0.0, e.Digit(leg.id, "•"))
            if len(leg.gathered) >= leg.collecting.max:
                self._collected(leg, "max")
        if leg.ahead and leg.listening != "off":
            digit = leg.ahead.pop(0) if leg.listening == "clear" else "•"
            leg.listening = "off"
            self.later(0.0, e.Digit(leg.id, digit))

    def _collected(self, leg: Leg, how: Literal["end_key", "max", "timeout", "no_input"]) -> None:
        assert leg.collecting is not None
        collect, value = leg.collecting, leg.gathered
        leg.collecting = None
        length = len(value)
        if collect.secret:
            handle = f"secret:{collect.op}"
            self.secrets[handle], value = value, handle
        self.later(0.0, e.Collected(collect.op, leg.id, value, length, how))

    def _write(self, command: c.WriteRecord) -> None:
        record = command.record
        self.records.append(record)
        self.tell(f"record {record.call}: {record.outcome}, by {record.released_by}")

    def _reply(self, command: c.Reply) -> None:
        self.replies.append(command)
        self.tell(
            f"{command.request}: {'yes' if command.ok else 'no'}{', ' + command.detail if command.detail else ''}"
        )

    def _alarm(self, command: c.Alarm) -> None:
        self.tell(f"alarm {command.name} {'on' if command.on else 'off'}")

    def _answer_refer(self, command: c.AnswerRefer) -> None:
        self.tell(f"{self._name(command.leg)} is told {command.status}")

    def _probe(self, command: c.ProbeDevice) -> None:
        self.probed.append(command.device)
        self.tell(f"{command.device} is probed")

    def _nothing(self, command: c.Command) -> None:
        pass


DO: dict[type, Callable[[World, Any], None]] = {
    c.ProgressLeg: World._progress,
    c.AnswerLeg: World._answer,
    c.EndLeg: World._end_leg,
    c.StartLeg: World._start,
    c.Hears: World._hears,
    c.Play: World._play,
    c.Stop: World._stop,
    c.Listen: World._listen,
    c.Collect: World._collect,
    c.WriteRecord: World._write,
    c.Reply: World._reply,
    c.Alarm: World._alarm,
    c.ProbeDevice: World._probe,
    c.Publish: World._nothing,
    c.WriteLeg: World._nothing,
    c.HoldLeg: World._nothing,
    c.AnswerRefer: World._answer_refer,
    c.SendDigits: World._nothing,
    c.LookUp: World._nothing,
}


def story(text: str) -> list[str]:
    """A transcript as it stands in a test."""
    return [line.strip() for line in dedent(text).strip().splitlines()]
