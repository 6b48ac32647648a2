"""Legs in the shell: a SIP session and a media leg each, and the offer/answer that ties them (DESIGN §4).

`Legs` carries out the core's commands about legs and media and turns what SIP and media report into events. It decides
nothing about calls: what it decides alone (binding, trunk, port, codec) comes back to the core only as an event.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from acd.config.shell import DeviceShell, TrunkShell
from acd.core import commands as do
from acd.core import events as ev
from acd.core.ids import LegId, call_of
from acd.live import identity
from acd.live.calling import Calling
from acd.live.devices import Devices
from acd.live.leg import Leg, in_common
from acd.live.log import get
from acd.live.prompts import Prompts
from acd.live.saved import Saved
from acd.live.setup import Setup, rewritten
from acd.live.sound import Sound
from acd.live.trunks import Trunks
from media import plane
from sip import sdp
from sip.endpoint import (
    Answered,
    Confirmed,
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
    Redirected,
    Referred,
    Registered,
    RegistrationResult,
    Session,
    SipEvent,
)
from sip.message import SipError

ANSWERED_ELSEWHERE: Final = 'SIP;cause=200;text="Call completed elsewhere"'
REPLACED: Final = 'SIP;cause=200;text="Replaced"'


class Legs:
    """Commands in, events out. `post` takes an event for the core; `now` is the SIP endpoint's clock, and
    `on_session` hears of each session: leg, Call-ID, Session-ID."""

    def __init__(
        self,
        setup: Setup,
        endpoint: Endpoint,
        media: plane.Plane,
        prompts: Prompts,
        post: Callable[[ev.Event], None],
        boot: int,
        trunks: Trunks,
        now: Callable[[], float],
        on_session: Callable[[LegId, str, str], None],
        saved: Saved | None = None,
    ) -> None:
        self.trunks = trunks
        self.setup = setup
        self.endpoint = endpoint
        self.post = post
        self.boot = boot
        self.saved = saved
        self.on_session = on_session
        self._now = now
        self.log = get("legs")  # not at import: the log is configured after that
        self.legs: dict[LegId, Leg] = {}
        self.goodbyes: set[LegId] = set()  # legs of an earlier life whose BYE is on its way
        self._arrived = 0
        self.sound = Sound(self.legs, media, prompts, post)
        self.devices = Devices(setup, endpoint, trunks, post, now)
        self.calling = Calling(self.legs, setup, endpoint, trunks, self.sound, post, now, on_session)
        self.carry_out: dict[type[Any], Callable[[Any], None]] = {
            do.ProgressLeg: self._progress,
            do.AnswerLeg: self._answer,
            do.EndLeg: self._end,
            do.StartLeg: self.calling.start,
            do.HoldLeg: self._hold,
            do.AnswerRefer: self._answer_refer,
            do.ProbeDevice: self.devices.probe,
            **self.sound.carry_out,
        }
        self.on_event: dict[type[Any], Callable[[Any], None]] = {
            Incoming: self._incoming,
            Progress: self._progressed,
            FailedOver: self._failed_over,
            Answered: self._answered,
            Confirmed: self._confirmed,
            Offered: self._offered,
            Reanswered: self._reanswered,
            Redirected: lambda event: event.session.follow(()),
            Referred: self._referred,
            InfoDigit: self.sound.told_by_info,
            Ended: self._ended,
            Registered: self.devices.registered,
            RegistrationResult: trunks.on_registration,
            LockedOut: lambda event: None,
            Probed: self.devices.probed,
        }

    def configure(self, setup: Setup, prompts: Prompts) -> None:
        """After a reload."""
        self.setup = self.devices.setup = self.calling.setup = setup
        self.sound.prompts = prompts

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
            who = replace(who, caller=name, asserted=True)
        codecs = self.setup.codecs(party)
        if theirs is not None and not in_common(theirs, codecs):
            self.log.info("refused", status=488, why="no codec in common", source=name)
            session.end(488)
            return
        source = f"trunk:{name}" if kind == "trunk" else f"device:{name}"
        if event.replaces is not None:
            self._take_place(event.replaces, session, party, source)
            return
        trunk = party if isinstance(party, TrunkShell) else None
        if trunk is not None:
            rewrite = trunk.rewrite
            if rewrite.called or rewrite.caller:
                who = replace(
                    who, called=rewritten(who.called, rewrite.called), caller=rewritten(who.caller, rewrite.caller)
                )
            self.trunks.began(name)
        self._arrived += 1
        call = f"{self.boot}-{self._arrived}"
        leg = Leg(f"{call}.0", network, codecs, session, theirs, self.setup.latch(party, session.hop), party.srtp)
        leg.trunk, leg.party = name if trunk is not None else "", source
        leg.private = who.private
        session.name = leg.id
        leg.session_id = session_id = session.ids.theirs if session.ids is not None else ""
        self.on_session(leg.id, session.call_id, session_id)
        self.legs[leg.id] = leg
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

    def _take_place(self, old: Session, new: Session, party: TrunkShell | DeviceShell, source: str) -> None:
        """A leg goes on in another dialog of the same party (RFC 3891): a transfer in the private exchange behind a
        trunk, a call fetched to another line of one telephone. The core need not know. To others there is no such
        dialog: who guesses learns nothing."""
        leg = self.legs.get(old.name)
        if leg is None or leg.party != source or leg.ending or leg.agreed is None:
            new.end(481)
            return
        if not new.remote_sdp:  # it wants our offer: nobody who replaces does
            new.end(488)
            return
        agreed, leg.agreed = leg.agreed, None  # what we send to the newcomer is ciphered by a key of its own
        try:
            theirs = sdp.parse(new.remote_sdp, "required" if agreed.keys is not None else leg.srtp)
            body, now_agreed = leg.answer(theirs)
        except sdp.SdpError as error:
            leg.agreed = agreed
            self.log.info("refused", status=error.status, why=str(error), source=source)
            new.end(error.status)
            return
        self.log.info("replaced", call=call_of(leg.id), leg=leg.id, sip=new.call_id)
        leg.session, leg.keys_by, leg.latch = new, "", self.setup.latch(party, new.hop)
        old.name, new.name = "", leg.id
        self.on_session(leg.id, new.call_id, "")
        new.answer(body)
        self.sound.apply(leg, now_agreed)
        self._save(leg)
        old.end(reason=REPLACED)
        self._holds(leg, theirs.direction)

    def _holds(self, leg: Leg, direction: sdp.Direction) -> None:
        held = direction in ("sendonly", "inactive")
        if held != leg.held:
            leg.held = held
            self.post(ev.LegHeld(leg.id, held))

    def _progressed(self, event: Progress) -> None:
        leg = self.legs.get(event.session.name)
        if leg is not None and event.status in (180, 183):
            self.post(ev.LegRinging(leg.id, bool(event.sdp)))

    def _failed_over(self, event: FailedOver) -> None:
        leg = self.legs.get(event.session.name)
        if leg is None:
            return
        place = f"{event.hop.host}:{event.hop.port}"
        self.log.info("next place", call=call_of(leg.id), leg=leg.id, failed=place, status=event.status)
        if leg.trunk:
            self.trunks.failed_over(leg.trunk, event)

    def _answered(self, event: Answered) -> None:
        leg = self.legs.get(event.session.name)
        if leg is None:
            return
        if leg.trunk:
            self.trunks.answered(leg.trunk, event.session.hop)
        if leg.ending:
            return
        if (not event.sdp and leg.agreed is not None) or self.sound.agree(leg, event.sdp):
            self._save(leg)
            self.post(ev.LegAnswered(leg.id))
            if leg.held:  # since before, when that was nothing to the core yet
                self.post(ev.LegHeld(leg.id, True))
        else:
            self._give_up(leg, "failed", 488)

    def _confirmed(self, event: Confirmed) -> None:
        """The ACK: it brings the answer when the offer was ours. Without one there is nobody to send audio to."""
        leg = self.legs.get(event.session.name)
        if leg is not None and leg.agreed is None and not leg.ending and not self.sound.agree(leg, event.sdp):
            self._give_up(leg, "failed", 488)

    def _offered(self, event: Offered) -> None:
        """A re-INVITE, UPDATE or PRACK with an offer is answered on its own leg: hold, resume, a new address."""
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
        leg.theirs = None  # what his INVITE offered holds no longer: the 200 to it says nothing more of that
        self.sound.apply(leg, agreed)
        self._holds(leg, theirs.direction)

    def _reanswered(self, event: Reanswered) -> None:
        leg = self.legs.get(event.session.name)
        if leg is not None and event.status < 300 and event.sdp:
            self.sound.agree(leg, event.sdp)

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
        self.sound.drop(leg)
        if leg.quality is not None:
            self.post(ev.LegQuality(leg.id, leg.quality))
        # A hang-up is in the record's line; what went wrong gets one of its own.
        say = self.log.debug if event.cause == "hangup" else self.log.info
        reason = identity.clean(event.reason) or None
        why = {"reason": reason} if reason else {}
        say("ended", call=call_of(leg.id), leg=leg.id, by=event.by, cause=event.cause, status=event.status, **why)
        self.post(ev.LegEnded(leg.id, event.by, event.cause, event.status, event.retry_after_s, reason))

    # ------------------------------------------------------------------------------------------- commands: legs

    def _progress(self, command: do.ProgressLeg) -> None:
        leg = self.legs.get(command.leg)
        if leg is None or leg.session is None:
            return
        if command.status != 183 and leg.theirs is not None:
            leg.session.ring(command.status)
        elif self.sound.ready(leg):  # who made no offer has ours as soon as that can be
            leg.session.ring(command.status, self.sound.first_body(leg))

    def _answer(self, command: do.AnswerLeg) -> None:
        leg = self.legs.get(command.leg)
        if leg is None or leg.session is None or not self.sound.ready(leg):
            return
        leg.session.answer(self.sound.first_body(leg))
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
        self.sound.drop(leg)
        reason = ANSWERED_ELSEWHERE if command.cause == "answered_elsewhere" else ""
        leg.session.end(command.status, reason=reason, retry_after_s=command.retry_after_s)

    def _say_goodbye(self, leg: LegId) -> None:
        """End a leg that this life does not know: by BYE in its saved dialog, if an earlier life left one."""
        dialog = self.saved.left.pop(leg, None) if self.saved is not None else None
        try:
            if dialog is not None:
                self.goodbyes.add(leg)
                self.endpoint.bye_saved(leg, dialog, self._now())
                return
        except ValueError as error:
            self.goodbyes.discard(leg)
            self.log.warning("a saved dialog is broken", leg=leg, why=str(error))
        self.post(ev.LegEnded(leg, "us", "interrupted"))

    def _save(self, leg: Leg) -> None:
        """The leg's dialog stands: a restart must be able to end it."""
        if self.saved is not None and leg.session is not None:
            self.saved.stands(leg.id, leg.session.save())

    def _hold(self, command: do.HoldLeg) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None and leg.session is not None and leg.port is not None:
            leg.session.reinvite(leg.offer("sendonly" if command.held else "sendrecv"))

    def _answer_refer(self, command: do.AnswerRefer) -> None:
        leg = self.legs.get(command.leg)
        if leg is not None and leg.session is not None:
            leg.session.answer_refer(command.status)

    def _give_up(self, leg: Leg, cause: str, status: int) -> None:
        """The session cannot be used: end it; the core hears the one `LegEnded` when it has ended."""
        leg.ending = True
        self.sound.drop(leg)
        if leg.session is not None:
            leg.session.end(status)
