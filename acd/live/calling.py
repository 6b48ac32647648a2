"""Legs that we begin: where a target is rung, in whose name, and whom a redirect may reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from acd.config.shell import DeviceShell, TrunkShell
from acd.core import commands as do
from acd.core import dialling
from acd.core import events as ev
from acd.core.agents import Refused
from acd.core.ids import LegId
from acd.live import identity
from acd.live.leg import Leg, prefer
from acd.live.log import get
from acd.live.setup import Setup, rewritten
from acd.live.sound import Sound
from acd.live.trunks import Trunks
from sip.endpoint import Credentials, Endpoint, Way
from sip.uri import Uri


class Calling:
    """Adds to `legs` what it begins. `post` takes an event for the core, `now` is the SIP endpoint's clock, and
    `on_session` hears of each session: leg, Call-ID, Session-ID."""

    def __init__(
        self,
        legs: dict[LegId, Leg],
        setup: Setup,
        endpoint: Endpoint,
        trunks: Trunks,
        sound: Sound,
        post: Callable[[ev.Event], None],
        now: Callable[[], float],
        on_session: Callable[[LegId, str, str], None],
    ) -> None:
        self.legs = legs
        self.setup = setup
        self.endpoint = endpoint
        self.trunks = trunks
        self.sound = sound
        self.post = post
        self.log = get("legs")  # not at import: the log is configured after that
        self._now = now
        self._on_session = on_session

    def start(self, command: do.StartLeg) -> None:
        """Ring the target; the core hears at once if that cannot be."""
        beside = self.legs.get(command.beside) if command.beside else None
        try:
            party, ways, credentials = self._route(command.to)
        except LookupError as error:
            self.log.info("unreachable", call=command.call, leg=command.leg, why=str(error))
            self.post(ev.LegEnded(command.leg, "network", "unreachable", 480))
            return
        (uri, hop, routes), *others = ways
        network = self.setup.network_of(hop.listener)
        codecs = prefer(self.setup.codecs(party), beside)
        latch = self.setup.latch(party, *[way.hop for way in ways])
        leg = Leg(command.leg, network, codecs, latch=latch, srtp=party.srtp)
        self.legs[leg.id] = leg
        leg.party = f"device:{party.id}"
        if isinstance(party, TrunkShell):
            leg.trunk, leg.party = party.id, f"trunk:{party.id}"
        if (beside is not None and not self.sound.ready(beside)) or not self.sound.ready(leg, beside):
            del self.legs[leg.id]
            self.post(ev.LegEnded(leg.id, "network", "failed", 503))
            return
        number, name = self.setup.caller(party, command.caller, command.caller_name)
        shown = identity.name_addr(number, name, network.advertise)
        headers: tuple[tuple[str, str], ...] = ()
        if beside is not None and beside.private and number == command.caller:
            shown, headers = identity.ANONYMOUS, (("Privacy", "id"),)
        elif command.asserted and isinstance(party, DeviceShell):  # outside we assert nobody
            headers = (("P-Asserted-Identity", shown),)
        session_id = beside.session_id if beside is not None else ""

        def may_redirect(uri: Uri) -> bool:
            return self._may_redirect(party, command.to, uri)

        def invite() -> None:
            leg.session = self.endpoint.invite(
                leg.id, uri, hop, leg.offer(), self._now(), from_=shown, headers=headers, credentials=credentials,
                others=others, routes=routes, session_id=session_id, may_redirect=may_redirect,
                reliable=isinstance(party, TrunkShell),  # telephones on our own network need no PRACK
            )  # fmt: skip
            self._on_session(leg.id, leg.session.call_id, "")
            if leg.trunk:
                self.trunks.began(leg.trunk)

        leg.invite = invite
        invite()
        self.log.info("ringing", call=command.call, leg=leg.id, device=command.to.device, number=command.to.number)

    def _may_redirect(self, party: TrunkShell | DeviceShell, to: do.Target, uri: Uri) -> bool:
        """A telephone may name another of its own addresses, a trunk another of its places, and another number only if
        anybody may dial that: what the number that was dialled is allowed says nothing of it."""
        if isinstance(party, DeviceShell) or uri.number == rewritten(to.number or "", party.rewrite.dialled):
            return True
        number = rewritten(uri.number, party.rewrite.caller)
        try:
            may = dialling.anybody_may(self.setup.hotline.settings, dialling.dialled(number), party.id)
        except Refused:
            may = False
        if not may:
            self.log.info("redirect refused", trunk=party.id, dialled=to.number, to=number)
        return may

    def _route(self, to: do.Target) -> tuple[TrunkShell | DeviceShell, Sequence[Way], Credentials | None]:
        """The party, where it is rung (the first place first), and who we are there. Raises `LookupError` with the
        reason when it cannot be reached."""
        if to.number is not None:  # of a device that is a telephone number, or of nobody's
            name = to.trunk or ""
            ways = self.trunks.ways(name, to.number)
            return self.setup.trunks[name], ways, self.trunks.credentials(name)
        return *self.setup.device(to.device or "", self.endpoint, self._now()), None
