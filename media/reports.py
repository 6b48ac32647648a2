"""RTCP of one leg: a socket beside its RTP's (or the same, RFC 5761), what we report on it and what is reported to us.

It is the leg's own affair: nothing of one party's RTCP reaches another. What ends a leg is said in SIP, so a BYE here
ends nothing, whoever sent it.
"""

from __future__ import annotations

import base64
import os
import random
import socket
from collections.abc import Callable
from time import time
from typing import TYPE_CHECKING, Final

from media import rtcp
from media.plane import Peer
from media.ports import drain
from media.reception import Reception
from media.rtp import CLOCK_HZ, HEADER_BYTES, WORD
from media.srtp import Unauthentic
from media.stream import Stream

if TYPE_CHECKING:
    from media.srtp import Cipher

EVERY_S: Final = 5.0  # halved or one and a half times by chance (RFC 3550 §6.2, §6.3.1)
LONGEST: Final = 1500


class Reports:
    """`send_beside` sends on the RTP socket, for a peer that wants both on one port. `heard_at`: the last report."""

    __slots__ = (
        "_arrived",
        "_cname",
        "_connected",
        "_last_sent",
        "_latched",
        "_learnt",
        "_reception",
        "_remote",
        "_said",
        "_send_beside",
        "_stream",
        "_target",
        "cipher",
        "due",
        "far_jitter_s",
        "far_loss",
        "heard_at",
        "mux",
        "round_trip_s",
        "socket",
    )

    def __init__(
        self,
        sock: socket.socket | None,
        stream: Stream,
        reception: Reception,
        send_beside: Callable[[bytes], object],
        now: float,
    ) -> None:
        self.socket = sock
        self.cipher: Cipher | None = None
        self.mux = False
        self.due = now + EVERY_S * random.uniform(0.25, 0.75)  # the first one sooner (§6.2)
        self.heard_at = 0.0
        self.far_loss: float | None = None  # of what we send, as the peer says
        self.far_jitter_s: float | None = None
        self.round_trip_s: float | None = None
        self._stream = stream
        self._reception = reception
        self._send_beside = send_beside
        self._cname = b""  # made when it is first said
        self._target: tuple[str, int] | None = None
        self._connected = False
        self._latched = -1  # the SSRC for which a peer behind NAT was latched …
        self._learnt = False  # … and whether its first report has told its port
        self._last_sent = 0  # packets, at the report before
        self._said = False
        self._remote = 0  # middle of the NTP time of the peer's last SR …
        self._arrived = 0.0  # … and when it came

    def agree(self, peer: Peer, connect: bool) -> None:
        """Where reports go and come from, after an offer/answer. A latched peer's are taken from wherever it is."""
        self.mux = peer.rtcp_mux
        self._latched, self._learnt = -1, False
        if not peer.port or self.mux:
            self._target = None
            return
        self._target = (peer.host, peer.rtcp_port or min(65535, peer.port + 1))
        if connect and not peer.latch and self.socket is not None:
            try:
                self.socket.connect(self._target)
                drain(self.socket)  # what strangers sent before, and the peer of the leg that had it last
                self._connected = True
            except OSError:
                self._target = None

    def rebind(self, sock: socket.socket | None) -> None:
        """Another socket in place of the connected one."""
        self.socket, self._connected = sock, False

    def moved(self, host: str, port: int, ssrc: int) -> None:
        """The peer was latched to this source of RTP. Its first report tells its port; that, too, is learnt once."""
        self._target = (host, min(65535, port + 1))
        self._latched, self._learnt = ssrc, False

    def receive(self, now: float) -> None:
        """Something came on our own socket."""
        assert self.socket is not None
        try:
            data, address = self.socket.recvfrom(LONGEST)
        except OSError:
            return
        target = self._target
        if target is None or self.mux or not (self._connected or address[0] == target[0]):
            return
        if self._learnt and address[:2] != target:
            return
        if self.take(data, now) and not self._connected:
            self._target, self._learnt = address[:2], True  # behind NAT the port is another

    def take(self, data: bytes, now: float) -> bool:
        """Read what came from the peer; whether it was a report."""
        if self.cipher is not None:
            try:
                data = self.cipher.unprotect_rtcp(data)
            except Unauthentic:
                return False
        report = rtcp.parse(data)
        if report is None or self._latched not in (-1, report.ssrc):
            return False
        self.heard_at = now
        if report.sent:
            self._remote, self._arrived = report.sent, now
        for block in report.blocks:
            if block.ssrc == self._stream.ssrc:
                self._told(block)
        return True

    def _told(self, block: rtcp.Block) -> None:
        packets = self._stream.packets
        if packets and block.lost >= 0:
            self.far_loss = min(1.0, block.lost / packets)
        self.far_jitter_s = block.jitter / CLOCK_HZ
        if block.last_report:
            trip = (rtcp.middle(time()) - block.last_report - block.delay) & WORD
            if trip < 60 * rtcp.SHORT:
                self.round_trip_s = trip / rtcp.SHORT

    def report(self, ssrc: int, now: float, bye: bool = False) -> None:
        """Say how things stand, `ssrc` being the peer's (−1: none heard). Whom we never spoke or listened to is told
        nothing."""
        self.due = now + EVERY_S * random.uniform(0.5, 1.5)
        if not (self.mux or (self._target is not None and self.socket is not None)) or (bye and not self._said):
            return
        stream, reception = self._stream, self._reception
        if not stream.packets and not reception.packets:
            return
        sender = None
        if stream.packets != self._last_sent:
            self._last_sent = stream.packets
            timestamp = (stream.timestamp + round((now - stream.sent_at) * CLOCK_HZ)) & WORD
            sender = rtcp.Sender(time(), timestamp, stream.packets, stream.octets - HEADER_BYTES * stream.packets)
        if not self._cname:
            self._cname = base64.b64encode(os.urandom(12))  # RFC 7022 §4.2: one per session, tells nobody who we are
        packet = rtcp.build(stream.ssrc, self._cname, sender, self._block(ssrc, now), bye)
        try:
            if self.cipher is not None:
                packet = self.cipher.protect_rtcp(packet)
            if self.mux:
                self._send_beside(packet)
            elif self._connected and self.socket is not None:
                self.socket.send(packet)
            elif self._target is not None and self.socket is not None:
                self.socket.sendto(packet, self._target)
        except OSError:
            return  # nobody listens there: many phones have no RTCP
        self._said = True

    def _block(self, ssrc: int, now: float) -> rtcp.Block | None:
        reception = self._reception
        if ssrc < 0:
            return None
        since = round((now - self._arrived) * rtcp.SHORT) & WORD if self._remote else 0
        return rtcp.Block(
            ssrc, reception.fraction(), reception.lost(), reception.highest, int(reception.jitter), self._remote, since
        )

    def release(self) -> socket.socket | None:
        """The socket, for another leg."""
        released, self.socket = self.socket, None
        return released

    def close(self) -> None:
        if self.socket is not None:
            self.socket.close()
