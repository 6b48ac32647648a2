"""One RTP stream in and out of a UDP socket, on a tick of 20 ms. There is one conversation: simple is fast enough."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from itertools import chain
from random import SystemRandom
from typing import Final

from media.codecs import decode, encode
from media.dtmf import Receiver, Step, spell
from media.rtp import FRAME, FRAME_S, SEQ, WORD, Packet, parse
from sip.negotiation import Agreed
from softphone.sound import FLOOR_DB, FRAME_BYTES, SILENT, Sound, level_db

EVENTS: Final = "telephone-event"
FILL: Final = 3 * FRAME_BYTES  # heard this much before it is played: 60 ms against jitter
FULL: Final = 15 * FRAME_BYTES  # more is thrown away: rather a gap than a delay that stays
DATAGRAM: Final = 2048


class Audio:
    """From `connect` to `close`. `on_digit` is told each key heard."""

    def __init__(self, host: str, sound: Sound, on_digit: Callable[[str], None]) -> None:
        """Binds a port. Raises OSError."""
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setblocking(False)
        self._socket.bind((host, 0))
        self.port: int = self._socket.getsockname()[1]
        self._sound = sound
        self._on_digit = on_digit
        self._agreed: Agreed | None = None
        self._codecs: dict[int, str] = {}
        self._digits: Iterator[Step] = iter(())
        self._keys = Receiver()
        self._heard = bytearray()
        self._filling = True
        random = SystemRandom()
        self._ssrc, self._timestamp = random.getrandbits(32), random.getrandbits(32)
        self._sequence = random.getrandbits(16)
        self._event_at = 0  # timestamp of the key that is being sent
        self._loop = asyncio.get_running_loop()
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self.muted = False
        self.on_hold = False
        self.said_db = self.heard_db = FLOOR_DB
        self.packets_in = self.packets_out = 0

    def connect(self, agreed: Agreed) -> None:
        """Speak and listen as agreed; again after each new agreement."""
        self._agreed = agreed
        self._codecs = dict(agreed.receive_payloads)
        if self._timer is None:
            self._sound.begin()
            self._loop.add_reader(self._socket, self._receive)
            self._due = self._loop.time()
            self._tick()

    def press(self, keys: str) -> None:
        """Send keys as telephone-events. Raises ValueError for what is no key, or a peer that knows none."""
        steps = spell(keys)
        if self._agreed is None or self._agreed.events is None:
            raise ValueError("the other side takes no keys")
        self._digits = chain(self._digits, steps)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._loop.remove_reader(self._socket)
        self._socket.close()

    # ------------------------------------------------------------------------------------------------------ hearing

    def _receive(self) -> None:
        while True:
            try:
                data, source = self._socket.recvfrom(DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                continue  # ICMP of an earlier packet
            if self._agreed is not None and source[0] == self._agreed.address:
                self._take(data)

    def _take(self, data: bytes) -> None:
        packet = parse(data)
        codec = self._codecs.get(packet.payload_type) if packet is not None else None
        if packet is None or codec is None:
            return
        self.packets_in += 1
        if codec == EVENTS:
            _, pressed = self._keys.packet(packet.timestamp, packet.payload, self._loop.time())
            for key in pressed:
                self._on_digit(key.digit)
            return
        self._heard += decode(codec, packet.payload)
        if len(self._heard) > FULL:
            del self._heard[: len(self._heard) - FILL]

    def _play(self) -> None:
        if self._filling and len(self._heard) < FILL:
            frame = SILENT
        else:
            frame = bytes(self._heard[:FRAME_BYTES]).ljust(FRAME_BYTES, b"\0")
            del self._heard[:FRAME_BYTES]
            self._filling = not self._heard
        self.heard_db = level_db(frame)
        self._sound.write(frame)

    # ------------------------------------------------------------------------------------------------------ speaking

    def _tick(self) -> None:
        self._play()
        self._speak()
        now = self._loop.time()
        self._due += FRAME_S
        if self._due < now - 10 * FRAME_S:  # we stood still: do not catch up all of it
            self._due = now
        self._timer = self._loop.call_at(self._due, self._tick)

    def _speak(self) -> None:
        said = self._sound.read()
        if self.muted or self.on_hold:
            said = SILENT
        self.said_db = level_db(said)
        agreed, self._timestamp = self._agreed, (self._timestamp + FRAME) & WORD
        if agreed is None or not agreed.sends:
            return
        step = next(self._digits, None)
        if step is None or agreed.events is None:
            self._send(agreed, agreed.codec.payload, self._timestamp, encode(agreed.codec.name, said), marker=False)
        elif step.payload is not None:
            if step.first:
                self._event_at = self._timestamp
            for _ in range(step.repeats):
                self._send(agreed, agreed.events, self._event_at, step.payload, marker=step.first)

    def _send(self, agreed: Agreed, payload_type: int, timestamp: int, payload: bytes, *, marker: bool) -> None:
        self._sequence = (self._sequence + 1) & SEQ
        packet = Packet(payload_type, self._sequence, timestamp, self._ssrc, payload, marker)
        try:
            self._socket.sendto(bytes(packet), (agreed.address, agreed.port))
        except OSError:
            return  # full or unreachable: as good as lost on the way
        self.packets_out += 1
