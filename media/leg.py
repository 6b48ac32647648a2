"""One party's media inside a worker: its socket, what is accepted from it, whom its packets are relayed to."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from typing import TYPE_CHECKING, Final

from media.codecs import MADE, encoder
from media.dtmf import Pressed, Receiver
from media.loop import IN_CLEAR, Way
from media.native import Loop
from media.plane import Peer, QualityFact, Source
from media.ports import drain
from media.reception import Reception
from media.reports import Reports
from media.rtcp import TYPES as RTCP_TYPES
from media.rtp import CLOCK_HZ, HEADER, HEADER_BYTES, MARKER, PLAIN, payload_bounds
from media.srtp import Cipher, Unauthentic
from media.stream import Relay, Stream
from media.tap import Tap

if TYPE_CHECKING:
    from media.feeds import Feed, Play, Spelling

EVENTS: Final = "telephone-event"
BUFFER: Final = bytearray(2048)  # one packet at a time passes through here
VIEW: Final = memoryview(BUFFER)
LATCH_AFTER: Final = 3  # consecutive packets of one source
SILENCE: Final = Source("silence")
SCOPE: Final = "%"  # in the address of a link: only the system knows which

_unpack = HEADER.unpack_from


@dataclass(slots=True)
class Counters:
    """What a worker did since it started, all legs together."""

    packets_in: int = 0  # of legs that are gone, as the next
    packets_out: int = 0
    strangers: int = 0  # not from the agreed address
    malformed: int = 0  # no RTP, or too long
    unwanted: int = 0  # of a payload type or in a direction not agreed
    unauthentic: int = 0  # SRTP with another key, or none
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
        "_loop",
        "_on_down",
        "_on_pressed",
        "_recv_into",
        "_say",
        "_send_plain",
        "_source",
        "_target",
        "accepts",
        "cipher",
        "digits_relayed",
        "feed",
        "name",
        "peer",
        "play",
        "receive",
        "receiver",
        "reception",
        "relay",
        "relays",
        "reports",
        "send",
        "sending",
        "silent",
        "socket",
        "stream",
        "tap",
        "told",
        "wish",
    )

    def __init__(
        self,
        name: str,
        sock: socket.socket,
        rtcp: socket.socket | None,
        now: float,
        loop: Loop,
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
        self.reception = Reception()
        self.reports = Reports(rtcp, self.stream, self.reception, self._send_raw, now)
        self.told = 0  # packets, when its quality was last told
        self.peer: Peer | None = None
        self.cipher: Cipher | None = None
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
        self.silent = False
        self.send: Callable[[bytes | bytearray | memoryview], object] = self._send_to
        self._send_plain: Callable[[bytes | bytearray | memoryview], object] = self._send_to
        self._say: Callable[[bytes], bytes] | None = None
        self.receive: Callable[[float], None] = self._receive_from
        self._target: tuple[str, int] | None = None
        self._source: tuple[str, int] | None = None
        self._learning: tuple[tuple[str, int], int, int] | None = None
        self._recv_into = sock.recv_into
        self._loop = loop
        self._counters = counters
        self._on_down = on_down
        self._on_pressed = on_pressed

    def agree(self, peer: Peer, connect: bool) -> None:
        """Take the outcome of an offer/answer. A connected socket leaves strangers to the kernel. Raises OSError, and
        `SrtpMissing`, with nothing changed, if it is to be ciphered and cannot be."""
        cipher = self.cipher
        if peer.crypto is None:
            cipher = None
        elif cipher is None or cipher.crypto != peer.crypto:
            cipher = Cipher(peer.crypto)
        before, self.peer, self.cipher = self.peer, peer, cipher
        self.stream.payload_type = peer.payload
        self.accepts = accepted(peer) if peer.sends else {}
        self._say = None
        self.reports.cipher = self.cipher
        self._route(before, peer, connect)
        if self.cipher is not None:
            self._send_plain, self.send = self.send, self._send_secure
            if self.receive == self._receive:
                self.receive = self._receive_secure
        self.settle()

    def _route(self, before: Peer | None, peer: Peer, connect: bool) -> None:
        """Where packets go and come from."""
        address = (peer.host, peer.port)
        latched = peer.latch and before is not None and address == (before.host, before.port)
        if latched and before is not None and peer.latch == before.latch:
            self.receive, self.send = self._receive_from, self._send_to  # and what was learnt stands
            return
        self._learning = None
        self._target = address
        self._source = None if peer.latch else address
        connect = connect and not peer.latch and address[1] != 0
        if connect:
            if before is None or address != (before.host, before.port):
                self.socket.connect(address)
                drain(self.socket)  # what strangers sent before
            self.receive, self.send, self._recv_into = self._receive, self.socket.send, self.socket.recv_into
        else:
            self.receive, self.send = self._receive_from, self._send_to
        self.reports.agree(peer, connect)

    def connected(self) -> bool:
        try:
            self.socket.getpeername()
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Let go of what refers back to the leg, so that it is freed at once and not by a collection."""
        self.reports.close()
        del self.send, self.receive, self._send_plain, self.reports

    def hears_from(self) -> tuple[str, ...]:
        return tuple(leg for leg, _ in self.wish.legs) if self.wish.kind in ("leg", "mix") else ()

    # ------------------------------------------------------------------------------------------------ receiving

    def relay_by(self, *relays: Relay) -> None:
        """These are by which others hear it from now on."""
        self.relays = relays
        self.settle()

    def settle(self) -> None:
        """Leave plain packets to the loop, where everything between one peer and at most one hearer is plain."""
        fd = self.socket.fileno()
        self._loop.leave(fd)
        payload_type = self._main_payload()
        if fd < 0 or payload_type is None or self.tap is not None or len(self.relays) > 1:
            return
        source = None
        if self.receive == self._receive_from:
            source = self._source
            if source is None or SCOPE in source[0]:
                return
        cipher = self.cipher
        odd, opener = (self._take, IN_CLEAR) if cipher is None else (self._take_secure, cipher.opener)
        if opener is None:
            return
        join = partial(self._loop.join, fd, source, self.reception, odd, opener, payload_type)
        if not self.relays:
            join(None, None, -1, None, IN_CLEAR, 0, None)
            return
        [relay] = self.relays
        second, table = relay.routes.get(payload_type, (-1, None))
        if relay.way is not None and second >= 0 and (table is None or isinstance(table, bytes)):
            join(relay.stream, relay, *relay.way, second, table)

    def way(self) -> Way | None:
        """How packets can go to the peer without Python, if they can."""
        sealer = IN_CLEAR if self.cipher is None else self.cipher.sealer
        if (self.send if self.cipher is None else self._send_plain) == self.socket.send:
            target = None
        elif self._target is None or SCOPE in self._target[0]:
            return None
        else:
            target = self._target
        return (self.socket.fileno(), target, sealer) if sealer is not None else None

    def _main_payload(self) -> int | None:
        peer = self.peer
        if peer is None:
            return None
        return next((payload for payload, codec in self.accepts.items() if codec == peer.codec), None)

    def _receive(self, now: float) -> None:
        try:
            size = self._recv_into(BUFFER)
        except OSError:
            self._counters.unsent += 1  # what we sent was refused: nobody listens there
            return
        self._take(size, now)

    def _receive_secure(self, now: float) -> None:
        try:
            size = self._recv_into(BUFFER)
        except OSError:
            self._counters.unsent += 1
            return
        self._take_secure(size, now)

    def _take_secure(self, size: int, now: float) -> None:
        size = self._open(size, now)
        if size:
            self._take(size, now)

    def _open(self, size: int, now: float) -> int:
        """Decipher the packet in BUFFER; its new size, 0 when it is none of the peer's, or was RTCP."""
        assert self.cipher is not None
        data = VIEW[:size].tobytes()
        if self.reports.mux and size > 1 and data[1] in RTCP_TYPES:
            self.reports.take(data, now)
            return 0
        try:
            plain = self.cipher.unprotect(data)
        except Unauthentic:
            self._counters.unauthentic += 1
            return 0
        VIEW[: len(plain)] = plain
        return len(plain)

    def _receive_from(self, now: float) -> None:
        try:
            size, address = self.socket.recvfrom_into(BUFFER)
        except OSError:
            return
        if self._source is not None and address[:2] != self._source:
            self._counters.strangers += 1
            return
        if self.cipher is not None:
            size = self._open(size, now)
            if not size:
                return
        if self._source is not None or self._latch(address[:2], size):
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
        self.reports.moved(*address, ssrc)
        self.settle()
        if self.relay is not None:
            source, relay = self.relay
            relay.way = self.way()
            source.settle()
        return True

    def _take(self, size: int, now: float) -> None:
        counters = self._counters
        first, second, sequence, timestamp, ssrc = _unpack(BUFFER)
        if first != PLAIN or size <= HEADER_BYTES or size == len(BUFFER):
            if self._reported(second, size, now):
                return
            size = _plain(size)
            if size == 0:
                counters.malformed += 1
                return
        codec = self.accepts.get(second & 0x7F)
        if codec is None:
            if not self._reported(second, size, now):
                counters.unwanted += 1
            return
        self.reception.heard_at = now
        if ssrc != self.reception.ssrc:
            self._begin(ssrc, sequence)
        if codec is EVENTS:
            self.reception.event(sequence)
            self._event(timestamp, size, now)
        else:
            self.reception.packet(sequence, timestamp, now)
            if self.tap is not None:
                self.tap.put(codec, timestamp, VIEW[HEADER_BYTES:size].tobytes())
        for relay in self.relays:
            try:
                relay.forward(BUFFER, size, second, sequence, timestamp, now)
            except OSError:
                counters.unsent += 1

    def should_be_heard(self) -> bool:
        """Whether nothing from the peer means trouble: a peer on hold, by either side, may be quiet (RFC 3264 §8.4)."""
        return self.peer is not None and self.peer.sends and self.peer.receives

    def _reported(self, second: int, size: int, now: float) -> bool:
        """Whether the packet was RTCP on the same port (RFC 5761), in clear."""
        if not self.reports.mux or self.cipher is not None or second not in RTCP_TYPES:
            return False
        self.reports.take(VIEW[:size].tobytes(), now)
        return True

    def _begin(self, ssrc: int, sequence: int) -> None:
        self.reception.ssrc = ssrc
        self.reception.begin(sequence)
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
        return self.peer is not None and self.may_send() and self.peer.codec in MADE

    def say(self, pcm: bytes) -> bytes:
        """16-bit samples made for this leg alone, in its codec."""
        assert self.peer is not None
        if self._say is None:
            self._say = encoder(self.peer.codec)
        return self._say(pcm)

    def tapped(self) -> Tap:
        """One more listens to what the leg says, decoded."""
        if self.tap is None:
            self.tap = Tap()
            self.settle()
        self.tap.users += 1
        return self.tap

    def untapped(self) -> None:
        assert self.tap is not None
        self.tap.users -= 1
        if self.tap.users == 0:
            self.tap = None
            self.settle()

    def _send_secure(self, packet: bytes | bytearray | memoryview) -> None:
        assert self.cipher is not None
        self._send_plain(self.cipher.protect(bytes(packet)))

    def _send_raw(self, packet: bytes) -> None:
        self._send_plain(packet) if self.cipher is not None else self.send(packet)

    def quality(self) -> QualityFact:
        """How the leg sounds so far."""
        reception, reports = self.reception, self.reports
        return QualityFact(
            self.name,
            self.peer.codec if self.peer is not None else "",
            self.cipher is not None,
            reception.packets,
            reception.expected(),
            reception.jitter / CLOCK_HZ,
            reports.far_loss,
            reports.far_jitter_s,
            reports.round_trip_s,
        )

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
