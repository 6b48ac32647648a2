"""One party's media inside a worker: its socket, what is accepted from it, whom its packets are relayed to."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Final

from media.codecs import ENCODE
from media.dtmf import Pressed, Receiver
from media.plane import Peer, Source
from media.rtp import HEADER, HEADER_BYTES, MARKER, PLAIN, payload_bounds
from media.stream import Relay, Stream

if TYPE_CHECKING:
    from media.feeds import Feed, Play, Spelling
    from media.mixer import Tap

EVENTS: Final = "telephone-event"
BUFFER: Final = bytearray(2048)  # one packet at a time passes through here
LATCH_AFTER: Final = 3  # consecutive packets of one source
QUEUED: Final = 1024  # more packets than a socket holds
SILENCE: Final = Source("silence")

_unpack = HEADER.unpack_from


@dataclass(slots=True)
class Counters:
    """What a worker did since it started, all legs together."""

    packets_in: int = 0
    packets_out: int = 0
    strangers: int = 0  # not from the agreed address
    malformed: int = 0  # no RTP, or too long
    unwanted: int = 0  # of a payload type or in a direction not agreed
    unsent: int = 0  # the kernel refused
    ticks: int = 0
    late_ticks: int = 0
    errors: int = 0  # of our own making: each is in the log

    def figures(self) -> dict[str, int]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


class Leg:
    """`on_pressed` hears of the leg's keys, `on_down` of one just going down (for barge-in)."""

    __slots__ = (
        "_counters",
        "_learning",
        "_on_down",
        "_on_pressed",
        "_recv_into",
        "_source",
        "_target",
        "accepts",
        "digits_relayed",
        "feed",
        "heard_at",
        "name",
        "peer",
        "play",
        "receive",
        "receiver",
        "relay",
        "relays",
        "send",
        "sending",
        "silent",
        "socket",
        "ssrc",
        "stream",
        "tap",
        "wish",
    )

    def __init__(
        self,
        name: str,
        sock: socket.socket,
        counters: Counters,
        on_down: Callable[[Leg], None],
        on_pressed: Callable[[Leg, Pressed], None],
    ) -> None:
        seed = os.urandom(10)
        self.name = name
        self.socket = sock
        self.stream = Stream(
            int.from_bytes(seed[:4], "big"), int.from_bytes(seed[4:6], "big") >> 1, int.from_bytes(seed[6:], "big")
        )
        self.peer: Peer | None = None
        self.accepts: dict[int, str] = {}
        self.relay: tuple[Leg, Relay] | None = None  # by which it hears another
        self.relays: tuple[Relay, ...] = ()  # by which others hear it
        self.tap: Tap | None = None
        self.wish = SILENCE
        self.feed: Feed | None = None
        self.play: Play | None = None
        self.sending: Spelling | Play | None = None
        self.digits_relayed = True
        self.receiver: Receiver | None = None
        self.ssrc = -1
        self.heard_at = 0.0
        self.silent = False
        self.send: Callable[[bytes | bytearray | memoryview], object] = self._send_to
        self.receive: Callable[[float], None] = self._receive_from
        self._target: tuple[str, int] | None = None
        self._source: tuple[str, int] | None = None
        self._learning: tuple[tuple[str, int], int, int] | None = None
        self._recv_into = sock.recv_into
        self._counters = counters
        self._on_down = on_down
        self._on_pressed = on_pressed

    def agree(self, peer: Peer, connect: bool) -> None:
        """Take the outcome of an offer/answer. A connected socket leaves strangers to the kernel. Raises OSError."""
        before, self.peer = self.peer, peer
        self.stream.payload_type = peer.payload
        self.accepts = accepted(peer) if peer.sends else {}
        address = (peer.host, peer.port)
        if before is not None and address == (before.host, before.port) and peer.latch == before.latch:
            return
        self._learning = None
        self._target = address
        self._source = None if peer.latch else address
        if connect and not peer.latch and address[1]:
            self.socket.connect(address)
            self.drain()  # what strangers sent before
            self.receive, self.send, self._recv_into = self._receive, self.socket.send, self.socket.recv_into
        else:
            self.receive, self.send = self._receive_from, self._send_to

    def connected(self) -> bool:
        try:
            self.socket.getpeername()
        except OSError:
            return False
        return True

    def drain(self) -> None:
        """Forget what arrived before this moment."""
        try:
            for _ in range(QUEUED):
                self.socket.recv_into(BUFFER)
        except OSError:
            pass

    def close(self) -> None:
        """Let go of what refers back to the leg, so that it is freed at once and not by a collection."""
        del self.send, self.receive

    def hears_from(self) -> tuple[str, ...]:
        return tuple(leg for leg, _ in self.wish.legs) if self.wish.kind in ("leg", "mix") else ()

    # ------------------------------------------------------------------------------------------------ receiving

    def _receive(self, now: float) -> None:
        try:
            size = self._recv_into(BUFFER)
        except OSError:
            self._counters.unsent += 1  # what we sent was refused: nobody listens there
            return
        self._take(size, now)

    def _receive_from(self, now: float) -> None:
        try:
            size, address = self.socket.recvfrom_into(BUFFER)
        except OSError:
            return
        if address[:2] == self._source or (self._source is None and self._latch(address[:2], size)):
            self._take(size, now)
        else:
            self._counters.strangers += 1

    def _latch(self, address: tuple[str, int], size: int) -> bool:
        """Learn the source of a peer behind NAT, once: three valid packets in a row, of one SSRC, out of its range."""
        peer = self.peer
        if (
            peer is None
            or not peer.latch
            or payload_bounds(BUFFER, size) is None
            or not _within(address[0], peer.latch)
        ):
            return False
        _, second, _, _, ssrc = _unpack(BUFFER)
        if second & 0x7F not in self.accepts:
            return False
        known = self._learning
        count = known[2] + 1 if known is not None and known[:2] == (address, ssrc) else 1
        if count < LATCH_AFTER:
            self._learning = (address, ssrc, count)
            return False
        self._source = self._target = address
        self._learning = None
        return True

    def _take(self, size: int, now: float) -> None:
        counters = self._counters
        first, second, sequence, timestamp, ssrc = _unpack(BUFFER)
        if first != PLAIN or size <= HEADER_BYTES or size == len(BUFFER):
            size = _plain(size)
            if size == 0:
                counters.malformed += 1
                return
        codec = self.accepts.get(second & 0x7F)
        if codec is None:
            counters.unwanted += 1
            return
        counters.packets_in += 1
        self.heard_at = now
        if ssrc != self.ssrc:
            self._begin(ssrc)
        if codec is EVENTS:
            self._event(timestamp, size, now)
        elif self.tap is not None:
            self.tap.put(codec, BUFFER[HEADER_BYTES:size])
        for relay in self.relays:
            try:
                relay.forward(BUFFER, size, second, sequence, timestamp, now)
            except OSError:
                counters.unsent += 1
            else:
                counters.packets_out += 1

    def _begin(self, ssrc: int) -> None:
        self.ssrc = ssrc
        for relay in self.relays:
            relay.restart()
        if self.receiver is not None:
            pressed = self.receiver.overdue(float("inf"))
            self.receiver = None
            if pressed is not None:
                self._on_pressed(self, pressed)

    def _event(self, timestamp: int, size: int, now: float) -> None:
        if self.receiver is None:
            self.receiver = Receiver()
        down, pressed = self.receiver.packet(timestamp, BUFFER[HEADER_BYTES:size], now)
        if down:
            self._on_down(self)
        for one in pressed:
            self._on_pressed(self, one)

    # -------------------------------------------------------------------------------------------------- sending

    def may_send(self) -> bool:
        return self.peer is not None and self.peer.receives and self.peer.port != 0

    def may_speak(self) -> bool:
        """Whether we can make audio for it, and not only pass on what another sends in the same codec."""
        return self.peer is not None and self.may_send() and self.peer.codec in ENCODE

    def _send_to(self, packet: bytes | bytearray | memoryview) -> None:
        if self._target is not None:
            self.socket.sendto(packet, self._target)


def accepted(peer: Peer) -> dict[int, str]:
    """What the peer may send: payload type → codec, EVENTS by identity."""
    found = dict(peer.receive_payloads) or {peer.payload: peer.codec}
    if peer.events is not None:
        found[peer.events] = EVENTS
    return {payload: EVENTS if codec == EVENTS else codec for payload, codec in found.items()}


def _plain(size: int) -> int:
    """Make the packet in BUFFER one without padding, CSRC and extension; its new size, 0 if it carries nothing."""
    bounds = payload_bounds(BUFFER, size)
    if bounds is None or bounds[0] == bounds[1] or size == len(BUFFER):
        return 0
    start, end = bounds
    BUFFER[HEADER_BYTES : HEADER_BYTES + end - start] = BUFFER[start:end]
    return HEADER_BYTES + end - start


def _within(host: str, networks: tuple[str, ...]) -> bool:
    from ipaddress import ip_address, ip_network  # only where a peer is behind NAT

    address = ip_address(host)
    return any(address in ip_network(network, strict=False) for network in networks)


__all__ = ["BUFFER", "EVENTS", "MARKER", "Counters", "Leg", "accepted"]
