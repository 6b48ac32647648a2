"""The loop in C against Python: whatever a peer sends, its hearer gets the same and the same is counted."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from time import monotonic

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from media import loop as in_python
from media import native
from media.codecs import translation
from media.leg import BUFFER, EVENTS, Counters, Leg
from media.plane import Crypto, Peer
from media.rtp import FRAME, FRAME_S, HEADER, PLAIN, SEQ, WORD
from media.srtp import Cipher
from media.stream import Relay, routes

KEYS = (bytes(range(30)), bytes(range(30, 60)))
SUITE = "AES_CM_128_HMAC_SHA1_80"

steps = st.one_of(st.just(1), st.just(1), st.integers(-130, 130), st.sampled_from((2999, 3000, 3001, 0x8000, -101)))
packets = st.tuples(
    steps,
    st.sampled_from((PLAIN, PLAIN, PLAIN, PLAIN, 0x90, 0xA0, 0x81, 0x00)),
    st.sampled_from((8, 8, 8, 8, 8, 0x88, 0, 101, 0xE5, 77, 200)),
    st.sampled_from((7, 7, 7, 7, 7, 7, 9)),
    st.sampled_from((FRAME, FRAME, FRAME, 0, 1, 4, 80, 1343, 1344, 1345, 1600)),
)

REST = (PLAIN, 8, 7, FRAME)
JOINED = (1, *REST)


@dataclass
class Outcome:
    heard: list[bytes] = field(default_factory=list)
    came: tuple[int, ...] = ()
    went: tuple[int, ...] = ()
    counted: Counters = field(default_factory=Counters)
    told: list[str] = field(default_factory=list)


class Bridge:
    """A leg that another hears, each with its peer, and the loop that waits for both."""

    def __init__(
        self,
        loops: type[in_python.Loop],
        codecs: tuple[str, str],
        ciphered: tuple[bool, bool],
        connected: tuple[bool, bool] = (True, True),
    ) -> None:
        self.outcome = Outcome()
        self.epoll = select.epoll()
        self.loop = loops(self.epoll, BUFFER)
        self.peers = [bound() for _ in range(2)]
        self.stranger = bound()
        self.legs = []
        for peer, codec, secure, connect in zip(self.peers, codecs, ciphered, connected, strict=True):
            sock = bound()
            leg = Leg("", sock, None, 0.0, self.loop, self.outcome.counted, self._down, lambda leg, pressed: None)
            leg.stream.ssrc, leg.stream.sequence, leg.stream.timestamp = 42, 0xFFF0, 0xFFFF_FF00
            payload = {"PCMA": 8, "PCMU": 0}[codec]
            crypto = Crypto(SUITE, *KEYS) if secure else None
            host, port = peer.getsockname()
            leg.agree(Peer(host, port, codec, payload, 101, crypto=crypto), connect)
            peer.connect(sock.getsockname())
            self.epoll.register(sock, select.EPOLLIN)
            self.legs.append(leg)
        source, hearer = self.legs
        ways = routes(source.accepts, {codecs[1]: {"PCMA": 8, "PCMU": 0}[codecs[1]], EVENTS: 96}, translation, EVENTS)
        source.relay_by(Relay(hearer.stream, ways, hearer.send, hearer.way()))
        self.ciphers = [Cipher(Crypto(SUITE, *reversed(KEYS))) if secure else None for secure in ciphered]

    def _down(self, leg: Leg) -> None:
        self.outcome.told.append("down")

    def say(self, data: bytes) -> None:
        """The peer sends it and the loop takes it; what comes of it is kept."""
        cipher = self.ciphers[0]
        if cipher is not None and len(data) >= HEADER.size:
            with suppress(OSError):  # sent twice, too old or too long for libsrtp: goes in clear
                data = cipher.protect(data)
        self.stranger.sendto(data, self.peers[0].getpeername())
        self.peers[0].send(data)
        now = monotonic()
        for _ in range(2):
            for fd, _ in self.loop.poll(now):
                assert fd == self.legs[0].socket.fileno()
                self.legs[0].receive(now)
        self.outcome.told.append("heard" if self.legs[0].reception.heard_at >= now else "not heard")
        for heard in received(self.peers[1]):
            self.outcome.heard.append(heard if self.ciphers[1] is None else self.ciphers[1].unprotect(heard))

    def close(self) -> Outcome:
        source, hearer = self.legs
        outcome, reception, stream = self.outcome, source.reception, hearer.stream
        outcome.came = (reception.packets, reception.highest, reception.expected(), reception.ssrc)
        outcome.went = (stream.packets, stream.octets, stream.sequence, stream.timestamp)
        for name in ("strangers", "unsent", "unauthentic", "malformed"):
            setattr(outcome.counted, name, getattr(outcome.counted, name) + getattr(self.loop, name))
        for leg in self.legs:
            self.loop.leave(leg.socket.fileno())
            leg.socket.close()
        for peer in (*self.peers, self.stranger):
            peer.close()
        self.epoll.close()
        return outcome


def bound() -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", 0))
    sock.setblocking(False)
    return sock


def received(sock: socket.socket) -> Iterator[bytes]:
    while True:
        try:
            yield sock.recv(4096)
        except BlockingIOError:
            return


def said(bridge: Bridge, sent: list[tuple[int, int, int, int, int]]) -> Outcome:
    sequence, timestamp = 0xFFFA, 0xFFFF_F000
    for step, first, second, ssrc, size in sent:
        sequence, timestamp = (sequence + step) & SEQ, (timestamp + step * FRAME) & WORD
        bridge.say(HEADER.pack(first, second, sequence, timestamp, ssrc) + bytes(n & 0xFF for n in range(size)))
    return bridge.close()


@example([JOINED, JOINED, (2999, *REST), (3000, *REST), JOINED], ("PCMA", "PCMU"), (False, False), (True, False))
@example([JOINED, JOINED, (-100, *REST), (-101, *REST), JOINED], ("PCMA", "PCMA"), (True, False), (False, True))
@settings(max_examples=150, deadline=None)
@given(
    st.lists(packets, min_size=1, max_size=25),
    st.tuples(st.sampled_from(("PCMA", "PCMU")), st.sampled_from(("PCMA", "PCMU"))),
    st.tuples(st.booleans(), st.booleans()),
    st.tuples(st.booleans(), st.booleans()),
)
def test_both_languages_pass_on_and_count_the_same(
    sent: list[tuple[int, int, int, int, int]],
    codecs: tuple[str, str],
    ciphered: tuple[bool, bool],
    connected: tuple[bool, bool],
) -> None:
    if codecs[0] == "PCMU":
        sent = [
            (step, first, second ^ 8 if second & 0x7F == 8 else second, ssrc, size)
            for step, first, second, ssrc, size in sent
        ]
    outcomes = []
    for loops in (in_python.Loop, native.Loop):
        while True:
            bridge = Bridge(loops, codecs, ciphered, connected)
            began = monotonic()
            outcome = said(bridge, sent)
            if monotonic() - began < FRAME_S:  # slower, and a stream that begins anew shows how slow
                break
        outcomes.append(astuple(outcome))
    assert outcomes[0] == outcomes[1]


@pytest.mark.parametrize("connected", [(True, True), (False, False)])
def test_what_is_plain_goes_through_c_without_python(connected: tuple[bool, bool]) -> None:
    sent = [JOINED] * 25
    bridge = Bridge(native.Loop, ("PCMA", "PCMU"), (False, True), connected)
    outcome = said(bridge, sent)
    assert len(outcome.heard) == 25
    assert bridge.loop.plain == (24 if native.IN_C else 0)  # the first of a stream is Python's
    assert outcome.counted.strangers == (0 if connected[0] else 25)


def test_a_loop_waits_until_told_and_no_longer() -> None:
    for loops in (in_python.Loop, native.Loop):
        with select.epoll() as epoll, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as quiet:
            epoll.register(quiet.fileno(), select.EPOLLIN)
            began = monotonic()
            assert loops(epoll, BUFFER).poll(began + 0.02) == []
            assert monotonic() >= began + 0.02
