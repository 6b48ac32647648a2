"""Legs in the shell: a SIP session and a media leg each, and the offer/answer that ties them (DESIGN §4).

`Legs` carries out the core's commands about legs and media and turns what SIP and media report into events. It decides
nothing about calls: what it decides alone (binding, trunk, port, codec) comes back to the core only as an event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, Literal

from acd.config.shell import DeviceShell, TrunkShell
from acd.core import commands as do
from acd.core import events as ev
from acd.core.ids import CallId, LegId, OpId, call_of
from acd.live import identity
from acd.live.leg import Leg, in_common, prefer, quality
from acd.live.log import get
from acd.live.prompts import Prompts, UnknownPrompt
from acd.live.saved import Saved
from acd.live.setup import Setup, Way, rewritten
from acd.live.trunks import Trunks
from media import plane
from sip import sdp
from sip.endpoint import (
    Answered,
    Confirmed,
    Credentials,
    Ended,
    Endpoint,
    FailedOver,
    Incoming,
    InfoDigit,
    LockedOut,
    Offered,
    Probed,
    Progress,
    Reanswered,
    Referred,
    Registered,
    RegistrationResult,
    SipEvent,
)
from sip.message import SipError

ANSWERED_ELSEWHERE: Final = 'SIP;cause=200;text="Call completed elsewhere"'
PROBE_S: Final = 2.0
"""Between two attempts to hear of a telephone that did not answer."""


class Legs:
    """Commands in, events out. `post` takes an event for the core."""

    def __init__(
        self,
        setup: Setup,
        endpoint: Endpoint,
        media: plane.Plane,
        prompts: Prompts,
        post: Callable[[ev.Event], None],
        boot: int,
        trunks: Trunks,
        saved: Saved | None = None,
    ) -> None:
        self.trunks = trunks
        self.on_session: Callable[[LegId, str, str], None] = lambda leg, call_id, session_id: None
        self.setup = setup
        self.endpoint = endpoint
        self.media = media
        self.prompts = prompts
        self.post = post
        self.boot = boot
        self.saved = saved
        self.log = get("legs")  # not at import: the log is configured after that
        self.legs: dict[LegId, Leg] = {}
        self.secrets: dict[str, str] = {}
        self.goodbyes: set[LegId] = set()  # legs of an earlier life whose BYE is on its way
        self.up: set[str] = set()  # devices the core believes to be up
        self.probed: set[str] = set()  # devices that are being asked whether they are there
        self.bindings_changed = False  # since they were last saved
        self._arrived = 0
        media.on_fact = self.on_fact
        self.carry_out: dict[type[Any], Callable[[Any], None]] = {
            do.ProgressLeg: self._progress,
            do.AnswerLeg: self._answer,
            do.EndLeg: self._end,
            do.StartLeg: self._start,
            do.HoldLeg: self._hold,
            do.AnswerRefer: self._answer_refer,
            do.Hears: self._hears,
            do.Play: self._play,
            do.Stop: self._stop,
            do.Listen: self._listen,
            do.Collect: self._collect,
            do.SendDigits: self._send_digits,
            do.ProbeDevice: self._probe,
        }
        self.on_event: dict[type[Any], Callable[[Any], None]] = {
            Incoming: self._incoming,
            Progress: self._progressed,
            FailedOver: self._failed_over,
            Answered: self._answered,
            Confirmed: self._confirmed,
            Offered: self._offered,
            Reanswered: self._reanswered,
            Referred: self._referred,
            InfoDigit: self._told_by_info,
            Ended: self._ended,
            Registered: self._registered,
            RegistrationResult: trunks.on_registration,
            LockedOut: lambda event: None,
            Probed: self._probed,
        }

    # ------------------------------------------------------------------------------------------------- from SIP

    def on_sip(self, events: list[SipEvent]) -> None:
        for event in events:
            try:
                self.on_event[type(event)](event)
            except Exception:  # one peer's message must not end the others' calls
                self.log.exception("a SIP event failed", what=type(event).__name__)

    def _incoming(self, event: Incoming) -> None:
        session, (kind, name) = event.session, event.source
        network = self.setup.network_of(session.hop.listener)
        party: TrunkShell | DeviceShell | None = None
        if kind == "trunk":
            party = self.setup.trunks.get(name)
        elif kind == "account":
            party = self.setup.devices.get(name)
        if party is None:
            self.log.info("refused", status=403, why="unknown source", host=session.hop.host, port=session.hop.port)
            session.end(403)
            return
        if kind == "trunk" and (retry_after_s := self.trunks.arrives(name)) is not None:
            self.log.info("refused", status=503, why="the trunk is blocked or at its limit", source=name)
            session.end(503, retry_after_s=retry_after_s)
            return
        trusted = kind == "trunk" and self.setup.trunks[name].trusted
        try:
            who = identity.read(event.request, trusted=trusted)
            theirs = sdp.parse(session.remote_sdp, party.srtp) if session.remote_sdp else None
        except (SipError, sdp.SdpError) as error:
            self.log.info("refused", status=error.status, why=str(error), source=name)
            session.end(error.status)
            return
        if kind == "account":
            who = identity.Identity(who.called, name, who.caller_name, True)
        codecs = self.setup.codecs(party)
        if theirs is not None and not in_common(theirs, codecs):
            self.log.info("refused", status=488, why="no codec in common", source=name)
            session.end(488)
            return
        trunk = party if isinstance(party, TrunkShell) else None
        if trunk is not None:
            rewrite = trunk.rewrite
            who = replace(
                who, called=rewritten(who.called, rewrite.called), caller=rewritten(who.caller, rewrite.caller)
            )
            self.trunks.began(name)
        self._arrived += 1
        call = f"{self.boot}-{self._arrived}"
        leg = Leg(f"{call}.0", network, codecs, session, theirs, self.setup.latch(party, session.hop), party.srtp)
        leg.trunk = name if trunk is not None else ""
        session.name = leg.id
        leg.session_id = session_id = session.ids.theirs if session.ids is not None else ""
        self.on_session(leg.id, session.call_id, session_id)
        self.legs[leg.id] = leg
        source = f"trunk:{name}" if kind == "trunk" else f"device:{name}"
        self.log.info(
            "arrived", call=call, source=source, called=who.called, caller=who.caller, sip=session.call_id,
            session_id=session_id,
        )  # fmt: skip
        known = identity.attributes(event.request, self.setup.hotline.attributes, trusted=trusted)
        number, why = identity.diverted(event.request) if trusted else (None, None)
        self.post(
            ev.LegArrived(
                leg.id, call, source, who.called, who.caller, who.caller_name, who.asserted, attributes=known,
                session_id=session_id, diverted_from=number, diverted_reason=why,
            )
        )  # fmt: skip

    def _progressed(self, event: Progress) -> None:
        leg = self.legs.get(event.session.name)
        if leg is not None and event.status in (180, 183):
            self.post(ev.LegRinging(leg.id, bool(event.sdp)))

    def _failed_over(self, event: FailedOver) -> None:
        leg = self.legs.get(event.session.name)
        if leg is not None and leg.trunk:
            place = f"{event.hop.host}:{event.hop.port}"
            self.log.info("next place", call=call_of(leg.id), leg=leg.id, failed=place, status=event.status)
            self.trunks.failed_over(leg.trunk, event)

    def _answered(self, event: Answered) -> None:
        leg = self.legs.get(event.session.name)
        if leg is None:
            return
        if leg.trunk:
            self.trunks.answered(leg.trunk, event.session.hop)
        if leg.ending:
            return
        if self._agree(leg, event.sdp):
            self._save(leg)
            self.post(ev.LegAnswered(leg.id))
        else:
            self._give_up(leg, "failed", 488)

    def _confirmed(self, event: Confirmed) -> None:
        """The ACK: it brings the answer when the offer was ours."""
        leg = self.legs.get(event.session.name)
        if leg is not None and event.sdp and leg.agreed is None and not self._agree(leg, event.sdp):
            self._give_up(leg, "failed", 488)

    def _offered(self, event: Offered) -> None:
        """A re-INVITE is answered on its own leg: hold, resume, a new address."""
        leg = self.legs.get(event.session.name)
        if leg is None or leg.port is None:
            event.session.refuse(488)
            return
        try:
            if not event.sdp:  # they ask for our offer
                event.session.accept(leg.offer())
                return
            theirs = leg.read_offer(event.sdp)
            body, agreed = leg.answer(theirs)
        except sdp.SdpError as error:
            event.session.refuse(error.status)
            return
        event.session.accept(body)
        self._apply(leg, agreed)
        held = theirs.direction in ("sendonly", "inactive")
        if held != leg.held:
            leg.held = held
            self.post(ev.LegHeld(leg.id, held))

    def _reanswered(self, event: Reanswered) -> None:
        leg = self.legs.get(event.session.name)
        if leg is not None and event.status < 300 and event.sdp:
            self._agree(leg, event.sdp)

    def _referred(self, event: Referred) -> None:
        leg = self.legs.get(event.session.name)
        if leg is None:
            event.session.answer_refer(603)
            return
        to = identity.dialled(event.refer_to)
        self.log.info("asks for a transfer", call=call_of(leg.id), leg=leg.id, to=to, replaces=event.replaces)
        self.post(ev.LegReferred(leg.id, f"{call_of(leg.id)}.refer", to, event.replaces))

    def _ended(self, event: Ended) -> None:
        leg = self.legs.pop(event.session.name, None)
        if self.saved is not None:
            self.saved.over(event.session.name)
        if leg is None:
            if event.session.name in self.goodbyes:  # a leg of an earlier life
                self.goodbyes.discard(event.session.name)
                self.post(ev.LegEnded(event.session.name, "us", "interrupted"))
            return
        if leg.trunk:
            self.trunks.ended(leg.trunk, event)
        if leg.refused_srtp(event.status) and leg.invite is not None:
            self.log.warning("SRTP refused, calling in clear", call=call_of(leg.id), leg=leg.id, status=event.status)
            leg.srtp = "off"
            self.legs[leg.id] = leg
            leg.invite()
            return
        self._drop_media(leg)
        if leg.quality is not None:
            self.post(ev.LegQuality(leg.id, leg.quality))
        # A hang-up is in the record's line; what went wrong gets one of its own.
        say = self.log.debug if event.cause == "hangup" else self.log.info
        say("ended", call=call_of(leg.id), leg=leg.id, by=event.by, cause=event.cause, status=event.status)
        self.post(ev.LegEnded(leg.id, event.by, event.cause, event.status, event.retry_after_s))

    def _registered(self, event: Registered) -> None:
        self.bindings_changed = True
        self.device(event.user, bool(event.contacts))

    def device(self, device: str, up: bool) -> None:
        """Tell the core of a device's binding, once per change."""
        if up == (device in self.up):
            return
        (self.up.add if up else self.up.discard)(device)
        self.log.info("device", device=device, up=up)
        self.post(ev.DeviceUp(device) if up else ev.DeviceDown(device))

    def _probe(self, command: do.ProbeDevice) -> None:
        self.up.discard(command.device)
        if command.device not in self.probed:
            self.probed.add(command.device)
            self._ask_again(command.device)

    def _ask_again(self, device: str, after_s: float = 0.0) -> None:
        """Ask a telephone whether it is there; until it is, or has no binding any more, or has been heard of."""
        try:
            _, (uri, hop) = self.setup.device(device, self.endpoint, _now())
        except LookupError:  # its next REGISTER will tell
            self.probed.discard(device)
            return
        if device in self.up:
            self.probed.discard(device)
        else:
            routes = self.endpoint.routes(device, _now())
            self.endpoint.probe(device, uri, hop, _now(), after_s=after_s, routes=routes)

    def _probed(self, event: Probed) -> None:
        if self.trunks.on_probe(event):
            return
        if event.answered:
            self.probed.discard(event.name)
            self.device(event.name, True)
        else:
            self._ask_again(event.name, PROBE_S)

    # ------------------------------------------------------------------------------------------- commands: legs

    def _progress(self, command: do.ProgressLeg) -> None:
        leg = self.legs.get(command.leg)
        if leg is None or leg.session is None:
            return
        if command.status != 183:
            leg.session.ring(command.status)
        elif self._media(leg):
            leg.session.ring(183, self._first_body(leg))

    def _answer(self, command: do.AnswerLeg) -> None:
        leg = self.legs.get(command.leg)
        if leg is None or leg.session is None or not self._media(leg):
            return
        leg.session.answer(self._first_body(leg))
        self._save(leg)
        self.post(ev.LegAnswered(leg.id))

    def _end(self, command: do.EndLeg) -> None:
        leg = self.legs.get(command.leg)
        if leg is None:
            self._say_goodbye(command.leg)
            return
        if leg.session is None or leg.ending:
            return
        leg.ending = True
        self._drop_media(leg)
        reason = ANSWERED_ELSEWHERE if command.cause == "answered_elsewhere" else ""
        leg.session.end(command.status, reason=reason, retry_after_s=command.retry_after_s)

    def _say_goodbye(self, leg: LegId) -> None:
        """End a leg that this life does not know: by BYE in its saved dialog, if an earlier life left one."""
        dialog = self.saved.left.pop(leg, None) if self.saved is not None else None
        try:
            if dialog is not None:
                self.goodbyes.add(leg)
                self.endpoint.bye_saved(leg, dialog, _now())
                return
        except ValueError as error:
            self.goodbyes.discard(leg)
            self.log.warning("a saved dialog is broken", leg=leg, why=str(error))
        self.post(ev.LegEnded(leg, "us", "interrupted"))

    def _save(self, leg: Leg) -> None:
        """The leg's dialog stands: a restart must be able to end it."""
        if self.saved is not None and leg.session is not None:
            self.saved.stands(leg.id, leg.session.save())

    def _start(self, command: do.StartLeg) -> None:
        beside = self.legs.get(command.beside) if command.beside else None
        try:
            party, ways, routes, credentials = self._route(command.to)
        except LookupError as error:
            self.log.info("unreachable", call=command.call, leg=command.leg, why=str(error))
            self.post(ev.LegEnded(command.leg, "network", "unreachable", 480))
            return
        (uri, hop), *others = ways
        network = self.setup.network_of(hop.listener)
        codecs = prefer(self.setup.codecs(party), beside)
        latch = self.setup.latch(party, *[hop for _, hop in ways])
        leg = Leg(command.leg, network, codecs, latch=latch, srtp=party.srtp)
        self.legs[leg.id] = leg
        if isinstance(party, TrunkShell):
            leg.trunk = party.id
        if (beside is not None and not self._media(beside)) or not self._media(leg, beside):
            del self.legs[leg.id]
            self.post(ev.LegEnded(leg.id, "network", "failed", 503))
            return
        shown = identity.name_addr(*self.setup.caller(party, command.caller, command.caller_name), network.advertise)
        asserted = command.asserted and isinstance(party, DeviceShell)  # outside we assert nobody
        headers = (("P-Asserted-Identity", shown),) if asserted else ()
        session_id = beside.session_id if beside is not None else ""

        def invite() -> None:
            leg.session = self.endpoint.invite(
                leg.id, uri, hop, leg.offer(), _now(), from_=shown, headers=headers, credentials=credentials,
                others=others, routes=routes, session_id=session_id,
            )  # fmt: skip
            self.on_session(leg.id, leg.session.call_id, "")
            if leg.trunk:
                self.trunks.began(leg.trunk)

        leg.invite = invite
        invite()
        self.log.info("ringing", call=command.call, leg=leg.id, device=command.to.device, number=command.to.number)

    def _route(self, to: do.Target) -> tuple[TrunkShell | DeviceShell, list[Way], tuple[str, ...], Credentials | None]:
        """The party, where it is rung (the first place first), by which proxies, and who we are there. Raises
        `LookupError` with the reason when it cannot be reached."""
        if to.number is not None:  # of a device that is a telephone number, or of nobody's
            name = to.trunk or ""
            ways = self.trunks.ways(name, to.number)
            return self.setup.trunks[name], ways, (), self.trunks.credentials(name)
        device, way = self.setup.device(to.device or "", self.endpoint, _now())
        return device, [way], self.endpoint.routes(device.id, _now()), None

    def _hold(self, command: do.HoldLeg) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None and leg.session is not None and leg.port is not None:
            leg.session.reinvite(leg.offer("sendonly" if command.held else "sendrecv"))

    def _answer_refer(self, command: do.AnswerRefer) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None and leg.session is not None:
            leg.session.answer_refer(command.status)

    # ------------------------------------------------------------------------------------------ commands: media

    def _hears(self, command: do.Hears) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None and not leg.ending and self._media(leg):
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
        if self._media(leg, beside) and leg.agreed is not None and leg.session is not None:
            self.media.set(leg.id, leg.peer(leg.agreed))
            leg.session.reinvite(leg.offer())

    def _source(self, source: do.Source) -> plane.Source:
        if source.kind != "music":
            return plane.Source(source.kind, source.name, source.legs)
        file = self.prompts.music(source.name)
        return plane.Source("music", file) if file else plane.Source("silence")

    def _play(self, command: do.Play) -> None:
        leg = self.legs.get(command.leg)
        if leg is None or leg.ending or not self._media(leg):
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

    def _told_by_info(self, event: InfoDigit) -> None:
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

    def _media(self, leg: Leg, beside: Leg | None = None) -> bool:
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

    def _drop_media(self, leg: Leg) -> None:
        if leg.timer is not None:
            leg.timer.cancel()
            leg.timer = None
        if leg.port is not None:
            self.media.delete(leg.id)
            leg.port = None

    def _first_body(self, leg: Leg) -> bytes:
        """The body of 183 or 200: the answer to their offer (made once), or our offer when they made none."""
        if leg.theirs is None:
            return b"" if leg.agreed is not None else leg.offer()
        body, agreed = leg.answer(leg.theirs)
        leg.version -= 1  # 200 repeats what 183 said
        self._apply(leg, agreed)
        return body

    def _agree(self, leg: Leg, body: bytes) -> bool:
        """Their answer to our offer. False when it cannot be used."""
        try:
            self._apply(leg, leg.read_answer(body))
        except sdp.SdpError as error:
            self.log.info("bad answer", call=call_of(leg.id), leg=leg.id, why=str(error))
            return False
        return True

    def _apply(self, leg: Leg, agreed: sdp.Agreed) -> None:
        if agreed == leg.agreed:
            return
        leg.agreed = agreed
        self.media.set(leg.id, leg.peer(agreed))

    def _give_up(self, leg: Leg, cause: str, status: int) -> None:
        """The session cannot be used: end it; the core hears the one `LegEnded` when it has ended."""
        leg.ending = True
        self._drop_media(leg)
        if leg.session is not None:
            leg.session.end(status)

    def _legs_of(self, op: OpId) -> list[Leg]:
        call = call_of(op)
        return [leg for leg in (self.legs.get(f"{call}.{n}") for n in range(8)) if leg is not None]


def _now() -> float:
    """The SIP endpoint's clock."""
    return asyncio.get_running_loop().time()
