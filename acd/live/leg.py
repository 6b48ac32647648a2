"""A leg in the shell: its SIP session, its media, and the offer/answer between them (RFC 3264, RFC 4568)."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal

from acd.core.ids import LegId, call_of
from acd.core.record import Quality
from acd.live.keypad import Keypad
from acd.live.setup import Network
from media import plane
from sip import negotiation, sdes, sdp
from sip.endpoint import Session

NOT_SO: Final = (415, 488, 606)  # statuses that refuse a description


@dataclass(slots=True, eq=False)
class Leg:
    """What the shell knows of a leg. `agreed` is the outcome of the last offer/answer; without it no audio flows."""

    id: LegId
    network: Network
    codecs: tuple[sdp.Codec, ...]
    session: Session | None = None
    theirs: sdp.Description | None = None  # their offer, until it is answered
    latch: tuple[str, ...] = ()
    srtp: sdp.Security = "off"
    port: plane.Port | None = None
    agreed: negotiation.Agreed | None = None
    version: int = 0
    held: bool = False
    keypad: Keypad = field(init=False)
    timer: asyncio.TimerHandle | None = None  # of a collect
    ending: bool = False
    keys_by: Literal["", "rtp", "info"] = ""  # how this telephone tells its keys; one that does both is heard once
    trunk: str = ""  # it goes through
    party: str = ""  # who it is with: trunk:carrier, device:desk
    private: bool = False  # it calls, and does not want to be shown
    session_id: str = ""  # of a party that called (RFC 7989): our other legs are called so too
    quality: Quality | None = None  # as last told by media
    invite: Callable[[], None] | None = None  # what called it
    _crypto: tuple[sdes.Crypto, ...] = ()  # of our last offer

    def __post_init__(self) -> None:
        self.keypad = Keypad(self.id)

    def offer(self, direction: sdp.Direction = "sendrecv") -> bytes:
        """Our offer. What was agreed to be ciphered stays so, under the same key."""
        assert self.port is not None
        self.version += 1
        if self.agreed is not None:
            keys = self.agreed.keys
            self._crypto = () if keys is None else (sdes.Crypto(1, keys.suite, keys.ours),)
        elif self.srtp == "off":
            self._crypto = ()
        elif not self._crypto:
            self._crypto = tuple(sdes.Crypto(n, suite, _key()) for n, suite in enumerate(sdes.SUITES, 1))
        return negotiation.offer(
            self.network.media_advertise,
            self.port.port,
            self.codecs,
            session_id=self._session_id(),
            version=self.version,
            direction=direction,
            crypto=self._crypto,
        )

    def read_offer(self, body: bytes) -> sdp.Description:
        """Their new offer. Raises `SdpError`, also where it would take back SRTP that was agreed, or that we offered
        and an answer in their early dialog must have taken."""
        secure = bool(self._crypto) if self.agreed is None else self.agreed.keys is not None
        return sdp.parse(body, "required" if secure else self.srtp)

    def answer(self, theirs: sdp.Description) -> tuple[bytes, negotiation.Agreed]:
        """Our answer and what it means. Raises `SdpError`."""
        assert self.port is not None
        self.version += 1
        keys = self.agreed.keys if self.agreed is not None else None
        same = keys is not None and bool(theirs.crypto) and keys.suite == theirs.crypto[0].suite
        return negotiation.answer(
            theirs,
            self.network.media_advertise,
            self.port.port,
            self.codecs,
            session_id=self._session_id(),
            version=self.version,
            key=(keys.ours if keys is not None and same else _key()) if theirs.crypto else b"",
        )

    def read_answer(self, body: bytes) -> negotiation.Agreed:
        """What their answer to our offer means. Raises `SdpError`, also where it is not as secure as we offered."""
        theirs = sdp.parse(body, "required" if self._crypto else "off")
        return negotiation.agreed(self.codecs, "sendrecv", theirs, self._crypto)

    def refused_srtp(self, status: int) -> bool:
        """Whether a call of ours ended since SRTP, which we would only prefer, is more than the peer can do."""
        return (
            status in NOT_SO
            and self.srtp == "preferred"
            and self.agreed is None
            and bool(self._crypto)
            and not self.ending
        )

    def peer(self, agreed: negotiation.Agreed) -> plane.Peer:
        """What was agreed, as a media worker is told it."""
        keys = agreed.keys
        return plane.Peer(
            agreed.address,
            agreed.port,
            agreed.codec.name,
            agreed.codec.payload,
            agreed.events,
            sends=agreed.receives,  # the plane speaks of the peer, offer/answer of us
            receives=agreed.sends,
            ptime_ms=agreed.ptime_ms,
            receive_payloads=agreed.receive_payloads,
            latch=self.latch,
            rtcp_port=agreed.rtcp_port,
            rtcp_mux=agreed.rtcp_mux,
            crypto=None if keys is None else plane.Crypto(keys.suite, keys.ours, keys.theirs),
        )

    def _session_id(self) -> int:
        boot, _, serial = call_of(self.id).partition("-")
        return int(boot) * 1_000_000_000 + int(serial)


def _key() -> bytes:
    return os.urandom(sdes.KEY_BYTES)


def quality(fact: plane.QualityFact) -> Quality:
    """How the leg sounds, as the core records it."""
    return Quality(
        fact.codec,
        fact.secure,
        fact.packets,
        round(fact.loss, 4),
        round(fact.jitter_s, 5),
        round(fact.mos, 2),
        fact.far_loss if fact.far_loss is None else round(fact.far_loss, 4),
        fact.far_jitter_s if fact.far_jitter_s is None else round(fact.far_jitter_s, 5),
        fact.round_trip_s if fact.round_trip_s is None else round(fact.round_trip_s, 4),
    )


def in_common(theirs: sdp.Description, codecs: tuple[sdp.Codec, ...]) -> bool:
    """Whether there is a codec for speech that both know."""
    ours = {codec.name for codec in codecs} - {sdp.TELEPHONE_EVENT.name}
    return any(codec.name in ours for codec in theirs.codecs)


def prefer(codecs: tuple[sdp.Codec, ...], beside: Leg | None) -> tuple[sdp.Codec, ...]:
    """The party's codecs with the other leg's first, so that nothing needs translating."""
    first = None
    if beside is not None:
        if beside.agreed is not None:
            first = beside.agreed.codec.name
        elif beside.theirs is not None:
            first = next(
                (c.name for c in beside.theirs.codecs if any(c.name == ours.name for ours in beside.codecs)), None
            )
    return tuple(sorted(codecs, key=lambda codec: codec.name != first)) if first else codecs
