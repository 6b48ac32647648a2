"""An outgoing RTP stream, whatever its source: one SSRC, no break in sequence or time (RFC 3550 §5.1, §7.1). Pure.

When its source changes, the sequence number goes on by one, the timestamp by the time that passed, and the marker is
set. Relayed packets keep their gaps: one constant offset of sequence and timestamp per source.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

from media.loop import Way
from media.native import Outward, Shift
from media.rtp import CLOCK_HZ, FRAME, HEADER, HEADER_BYTES, MARKER, PLAIN, SEQ, WORD, ahead

Send: TypeAlias = Callable[[memoryview | bytes | bytearray], object]
Translation: TypeAlias = bytes | Callable[[bytes], bytes]  # of a payload: a table, or what decodes and encodes it
Route: TypeAlias = tuple[int, Translation | None]  # second header byte to write
JUMP: Final = 3000  # packets: a sequence further ahead is a new one (MAX_DROPOUT of RFC 3550 A.1)
STRAGGLER: Final = 100  # packets: further behind too (MAX_MISORDER)

_pack = HEADER.pack_into
_header = HEADER.pack


class Stream(Outward):
    """One leg's stream."""

    __slots__ = ("payload_type", "switched")

    def __init__(self, ssrc: int, sequence: int, timestamp: int) -> None:
        self.ssrc = ssrc
        self.sequence = sequence
        self.timestamp = timestamp
        self.sent_at = 0.0
        self.packets = self.octets = 0
        self.payload_type = 0
        self.switched = True  # the next packet is the first of its source

    def elapsed(self, now: float) -> int:
        """Samples since the latest packet, at least one frame; 0 before the first packet."""
        return max(FRAME, round((now - self.sent_at) * CLOCK_HZ)) if self.packets else 0

    def frame(self, into: bytearray, now: float) -> None:
        """Write the header of the next frame of 20 ms, due `now`."""
        self.sequence = sequence = (self.sequence + 1) & SEQ
        if self.switched:
            self.switched = False
            self.timestamp = timestamp = (self.timestamp + self.elapsed(now)) & WORD
            _pack(into, 0, PLAIN, self.payload_type | MARKER, sequence, timestamp, self.ssrc)
        else:
            self.timestamp = timestamp = (self.timestamp + FRAME) & WORD
            _pack(into, 0, PLAIN, self.payload_type, sequence, timestamp, self.ssrc)
        self.packets += 1
        self.octets += len(into)
        self.sent_at = now

    def event(self, payload_type: int, first: bool, payload: bytes, now: float) -> bytes:
        """A telephone-event packet: all of one key press carry the timestamp of its start (RFC 4733 §2.1)."""
        self.sequence = (self.sequence + 1) & SEQ
        if first:
            self.timestamp = (self.timestamp + self.elapsed(now)) & WORD
            self.sent_at = now
            payload_type |= MARKER
        self.switched = True  # whatever comes after is another source
        self.packets += 1
        self.octets += HEADER_BYTES + len(payload)
        return HEADER.pack(PLAIN, payload_type, self.sequence, self.timestamp, self.ssrc) + payload


class Relay(Shift):
    """Packets of one source on their way into one stream, by `send`; `way` is how they can go without Python.

    `routes` maps the second header byte as received to what becomes of the packet; a byte that is absent is not
    relayed, and leaves no hole in the sequence.
    """

    __slots__ = ("_first", "_send", "routes", "stream", "way")

    def __init__(self, stream: Stream, routes: Mapping[int, Route], send: Send, way: Way | None = None) -> None:
        self.stream = stream
        self.routes = routes
        self.way = way
        self.fresh = True
        self.sequence = self.timestamp = 0
        self._send = send
        self._first = 0

    def restart(self) -> None:
        """The source began another sequence: its next packet is the first."""
        self.fresh = True

    def forward(self, packet: bytearray, size: int, second: int, sequence: int, timestamp: int, now: float) -> None:
        """Send on the packet in the first `size` bytes, whose header fields are given. Its header is overwritten,
        its payload is not. Errors of the socket come out as OSError."""
        route = self.routes.get(second)
        if route is None:
            self.sequence -= 1
            return
        second, table = route
        stream = self.stream
        number = (sequence + self.sequence) & SEQ
        if self.fresh or not 0 < (number - stream.sequence) & SEQ < JUMP:
            if self.fresh or (stream.sequence - number) & SEQ >= STRAGGLER:
                number = self._begin(sequence, timestamp, now)
                second |= MARKER
            else:  # a straggler or a duplicate passes as it is, unless it is older than the switch to this source
                if ahead(number, self._first) >= 0:
                    self._write(packet, size, second, table, number, (timestamp + self.timestamp) & WORD)
                return
        stream.sequence = number
        stream.timestamp = timestamp = (timestamp + self.timestamp) & WORD
        stream.sent_at = now
        if table is None:  # `_write`, without the call
            stream.packets += 1
            stream.octets += size
            _pack(packet, 0, PLAIN, second, number, timestamp, stream.ssrc)
            self._send(memoryview(packet)[:size])
        else:
            self._write(packet, size, second, table, number, timestamp)

    def _begin(self, sequence: int, timestamp: int, now: float) -> int:
        stream = self.stream
        self._first = out = (stream.sequence + 1) & SEQ
        self.sequence = out - sequence
        self.timestamp = stream.timestamp + stream.elapsed(now) - timestamp
        self.fresh = stream.switched = False
        return out

    def _write(
        self, packet: bytearray, size: int, second: int, table: Translation | None, sequence: int, timestamp: int
    ) -> None:
        stream = self.stream
        stream.packets += 1
        stream.octets += size
        header = _header(PLAIN, second, sequence, timestamp, stream.ssrc)
        payload = bytes(packet[HEADER_BYTES:size])
        if table is None:
            self._send(header + payload)
        else:
            self._send(header + (payload.translate(table) if isinstance(table, bytes) else table(payload)))


def routes(
    receives: Mapping[int, str],
    sends: Mapping[str, int],
    translate: Callable[[str, str], Translation | None],
    events: str,
) -> dict[int, Route]:
    """Routes from a source that may send payload types `receives` to a peer that takes codecs `sends` (the audio codec
    first). `events` is the name under which telephone-events stand in both. The marker goes along."""
    found: dict[int, Route] = {}
    wanted = next(iter(sends))
    for payload_type, codec in receives.items():
        route: Route | None
        if codec == events:
            route = (sends[events], None) if events in sends else None
        elif codec in sends:
            route = (sends[codec], None)
        else:
            table = translate(codec, wanted)
            route = (sends[wanted], table) if table is not None else None
        if route is not None:
            found[payload_type] = route
            found[payload_type | MARKER] = (route[0] | MARKER, route[1])
    return found
