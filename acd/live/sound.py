"""What the legs hear and what is pressed on them: media legs, prompts, keys, and what offer/answer means for all that
(DESIGN §4)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Literal

from acd.core import commands as do
from acd.core import events as ev
from acd.core.ids import CallId, LegId, OpId, call_of
from acd.live.leg import Leg, quality
from acd.live.log import get
from acd.live.prompts import Prompts, UnknownPrompt
from media import plane
from sip import negotiation, sdp
from sip.endpoint import InfoDigit


class Sound:
    """The audio of `legs`, by a media plane. `post` takes an event for the core."""

    def __init__(
        self, legs: dict[LegId, Leg], media: plane.Plane, prompts: Prompts, post: Callable[[ev.Event], None]
    ) -> None:
        self.legs = legs
        self.media = media
        self.prompts = prompts
        self.post = post
        self.log = get("sound")  # not at import: the log is configured after that
        self.secrets: dict[str, str] = {}
        media.on_fact = self.on_fact
        self.carry_out: dict[type[Any], Callable[[Any], None]] = {
            do.Hears: self._hears,
            do.Play: self._play,
            do.Stop: self._stop,
            do.Listen: self._listen,
            do.Collect: self._collect,
            do.SendDigits: self._send_digits,
        }

    # ------------------------------------------------------------------------------------------------- commands

    def _hears(self, command: do.Hears) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None and not leg.ending and self.ready(leg):
            for other, _ in command.source.legs:
                self._bring(leg, self.legs.get(other))
            self.media.hears(leg.id, self._source(command.source))

    def _bring(self, leg: Leg, beside: Leg | None) -> None:
        """Legs that met in two calls may be in two workers: this one moves, and its party is told where by a
        re-INVITE. What it says until then is lost."""
        if beside is None or beside.port is None or leg.port is None or beside.port.worker == leg.port.worker:
            return
        self.media.delete(leg.id)
        leg.port = None
        if self.ready(leg, beside) and leg.agreed is not None and leg.session is not None:
            self.media.set(leg.id, leg.peer(leg.agreed))
            leg.session.reinvite(leg.offer())

    def _source(self, source: do.Source) -> plane.Source:
        if source.kind != "music":
            return plane.Source(source.kind, source.name, source.legs)
        file = self.prompts.music(source.name)
        return plane.Source("music", file) if file else plane.Source("silence")

    def _play(self, command: do.Play) -> None:
        leg = self.legs.get(command.leg)
        if leg is None or leg.ending or not self.ready(leg):
            return
        if leg.session is not None and leg.session.no_early_media:  # the flow goes on, or it would never be answered
            self.post(ev.PlayEnded(command.op, "failed"))
            return
        try:
            files = self.prompts.files(command.prompts)
        except UnknownPrompt as error:
            self.log.warning("prompt", call=call_of(leg.id), leg=leg.id, why=str(error))
            self.post(ev.PlayEnded(command.op, "failed"))
            return
        barge_in = command.barge_in
        if barge_in and leg.keypad.ahead:  # type-ahead stands for a key pressed now
            self.post(ev.PlayEnded(command.op, "barged"))
            return
        self.media.play(command.op, leg.id, files, command.repeat, barge_in)

    def _stop(self, command: do.Stop) -> None:
        self.media.stop(command.op)
        for leg in self._legs_of(command.op):
            leg.keypad.stop(command.op)
            self._collect_timer(leg)

    def _listen(self, command: do.Listen) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None:
            self._tell(leg.keypad.listen(command.how, self.secrets))

    def _collect(self, command: do.Collect) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None:
            self._tell(leg.keypad.collect(command, self.secrets))
            self._collect_timer(leg)

    def _send_digits(self, command: do.SendDigits) -> None:
        if command.leg in self.legs:
            self.media.send_digits(command.leg, command.digits)

    # ------------------------------------------------------------------------------------------------ from media

    def on_fact(self, fact: plane.Fact) -> None:
        match fact:
            case plane.DigitFact():
                self._pressed(fact.leg, fact.digit, fact.duration_s, "rtp")
            case plane.PlayEndedFact():
                self.post(ev.PlayEnded(fact.op, fact.reason))
            case plane.QualityFact():
                if fact.leg in self.legs:
                    self.legs[fact.leg].quality = quality(fact)
            case plane.LostFact():
                if fact.leg in self.legs:
                    self.log.warning("media lost", call=call_of(fact.leg), leg=fact.leg, how=fact.how)
                    self.post(ev.MediaLost(fact.leg, fact.how))

    def told_by_info(self, event: InfoDigit) -> None:
        self._pressed(event.session.name, event.digit, event.duration_s, "info")

    def _pressed(self, name: LegId, digit: str, duration_s: float, by: Literal["rtp", "info"]) -> None:
        leg = self.legs.get(name)
        if leg is None or leg.ending:
            return
        leg.keys_by = leg.keys_by or by
        if leg.keys_by != by:
            return
        told = leg.keypad.pressed(digit, duration_s, self.secrets)
        if told is not None:
            self.post(told)
        self._collect_timer(leg)

    def _collect_timer(self, leg: Leg) -> None:
        """(Re)start the time-out of a collect: `first_s` for the first digit, `next_s` between digits."""
        if leg.timer is not None:
            leg.timer.cancel()
            leg.timer = None
        command = leg.keypad.collecting
        if command is not None:
            delay = command.next_s if leg.keypad.gathered else command.first_s
            leg.timer = asyncio.get_running_loop().call_later(delay, self._collect_timed_out, leg)

    def _collect_timed_out(self, leg: Leg) -> None:
        leg.timer = None
        told = leg.keypad.timed_out(self.secrets)
        if told is not None:
            self.post(told)

    def _tell(self, told: list[ev.Digit | ev.Collected]) -> None:
        for event in told:
            self.post(event)

    def forget(self, call: CallId) -> None:
        """The call is over: no secret outlives it."""
        if self.secrets:
            for handle in [h for h in self.secrets if call_of(h.removeprefix("secret:")) == call]:
                del self.secrets[handle]

    # ---------------------------------------------------------------------------------------------- offer/answer

    def ready(self, leg: Leg, beside: Leg | None = None) -> bool:
        """Make sure that the leg has a port. False, and the core told, when there is none left."""
        if leg.port is not None:
            return True
        if leg.ending:
            return False
        try:
            leg.port = self.media.create(leg.id, leg.network.name, beside.id if beside else None)
        except plane.NoPorts:
            self.log.warning("no media ports", call=call_of(leg.id), leg=leg.id)
            if leg.session is not None:
                self.post(ev.MediaLost(leg.id, "no_ports"))
            return False
        return True

    def drop(self, leg: Leg) -> None:
        if leg.timer is not None:
            leg.timer.cancel()
            leg.timer = None
        if leg.port is not None:
            self.media.delete(leg.id)
            leg.port = None

    def first_body(self, leg: Leg) -> bytes:
        """The body of 183 or 200: the answer to their offer (made once), or our offer when they made none."""
        if leg.theirs is None:
            return b"" if leg.agreed is not None else leg.offer()
        body, agreed = leg.answer(leg.theirs)
        leg.version -= 1  # 200 repeats what 183 said
        self.apply(leg, agreed)
        return body

    def agree(self, leg: Leg, body: bytes) -> bool:
        """Their answer to our offer. False when it cannot be used."""
        try:
            self.apply(leg, leg.read_answer(body))
        except sdp.SdpError as error:
            self.log.info("bad answer", call=call_of(leg.id), leg=leg.id, why=str(error))
            return False
        return True

    def apply(self, leg: Leg, agreed: negotiation.Agreed) -> None:
        if agreed == leg.agreed:
            return
        leg.agreed = agreed
        self.media.set(leg.id, leg.peer(agreed))

    def _legs_of(self, op: OpId) -> list[Leg]:
        call = call_of(op)
        return [leg for leg in (self.legs.get(f"{call}.{n}") for n in range(8)) if leg is not None]
