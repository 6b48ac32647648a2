"""Outgoing streams under virtual time: no break, whatever their sources do."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.codecs import TRANSLATE
from media.rtp import FRAME, HEADER, PLAIN, SEQ, WORD, Packet, ahead, parse
from media.stream import JUMP, Relay, Stream, routes
from tests.media.phones import unbroken

EVENTS = "telephone-event"


def table(source: str, target: str) -> bytes | None:
    return TRANSLATE.get((source, target))


PLAIN_ROUTES = routes({8: "PCMA", 101: EVENTS}, {"PCMA": 8, EVENTS: 96}, table, EVENTS)


class Wire:
    """A stream and what it sent."""

    def __init__(self, sequence: int = 100, timestamp: int = 5000) -> None:
        self.stream = Stream(7, sequence, timestamp)
        self.stream.payload_type = 8
        self.packets: list[Packet] = []

    def keep(self, data: object) -> None:
        packet = parse(bytes(data))  # type: ignore[call-overload]  # any buffer the socket would take
        assert packet is not None
        self.packets.append(packet)

    def frame(self, now: float) -> None:
        out = bytearray(172)
        self.stream.frame(out, now)
        self.keep(out)

    def relay(self) -> Relay:
        return Relay(self.stream, PLAIN_ROUTES, self.keep)

    def seen(self) -> list[tuple[int, int, bool]]:
        """Sequence and timestamp against the stream's beginning, and the marker."""
        first = self.packets[0]
        return [
            ((p.sequence - first.sequence) & SEQ, (p.timestamp - first.timestamp) & WORD, p.marker)
            for p in self.packets
        ]


def forward(relay: Relay, sequence: int, timestamp: int, now: float, second: int = 8) -> None:
    packet = bytearray(HEADER.pack(PLAIN, second, sequence & SEQ, timestamp & WORD, 1) + bytes(FRAME))
    relay.forward(packet, len(packet), second, sequence & SEQ, timestamp & WORD, now)


def test_frames_count_on_and_a_pause_shows_in_the_timestamp_only() -> None:
    wire = Wire(sequence=0xFFFE, timestamp=0xFFFF_FFFF - FRAME)
    wire.frame(0.00)
    wire.frame(0.02)
    wire.stream.switched = True
    wire.frame(1.02)
    wire.frame(1.04)
    assert wire.seen() == [(0, 0, True), (1, 160, False), (2, 8160, True), (3, 8320, False)]


def test_prompt_then_party_then_music() -> None:
    wire = Wire()
    wire.frame(0.00)
    wire.frame(0.02)
    relay = wire.relay()
    for n in range(3):
        forward(relay, 60_000 + n, 77 + n * FRAME, 0.5 + n * 0.02)
    wire.stream.switched = True
    wire.frame(0.545)  # 5 ms after the last: still a whole frame of time
    assert wire.seen() == [
        (0, 0, True),
        (1, 160, False),
        (2, 160 + 3840, True),
        (3, 160 + 4000, False),
        (4, 160 + 4160, False),
        (5, 160 + 4320, True),
    ]
    unbroken(wire.packets)


def test_stragglers_and_duplicates_pass_but_nothing_from_before_the_switch() -> None:
    wire = Wire()
    relay = wire.relay()
    for sequence in (50, 49, 51, 53, 52, 53, 54):
        forward(relay, sequence, sequence * FRAME, 0.0)
    assert [number for number, _, _ in wire.seen()] == [0, 1, 3, 2, 3, 4]
    assert wire.stream.sequence == 100 + 5


def test_a_source_that_begins_anew_is_joined_without_a_break() -> None:
    wire = Wire()
    relay = wire.relay()
    forward(relay, 50, 0, 0.0)
    forward(relay, 50 + JUMP + 1, 999_999, 0.02)  # its sequence jumped
    relay.restart()  # another SSRC
    forward(relay, 7, 123, 0.04)
    assert wire.seen() == [(0, 0, True), (1, 160, True), (2, 320, True)]


def test_keys_keep_their_start_and_repeats_under_the_listeners_payload_type() -> None:
    wire = Wire()
    relay = wire.relay()
    forward(relay, 1, 160, 0.00)
    forward(relay, 2, 320, 0.02, second=0x80 | 101)
    forward(relay, 3, 320, 0.04, second=101)
    forward(relay, 4, 960, 0.10)
    assert [packet.payload_type for packet in wire.packets] == [8, 96, 96, 8]
    assert wire.seen() == [(0, 0, True), (1, 160, True), (2, 160, False), (3, 800, False)]


def test_what_is_not_relayed_leaves_no_hole() -> None:
    wire = Wire()
    relay = Relay(wire.stream, routes({8: "PCMA", 101: EVENTS}, {"PCMA": 8}, table, EVENTS), wire.keep)
    for sequence, second in ((1, 8), (2, 101), (3, 101), (4, 8)):
        forward(relay, sequence, sequence * FRAME, 0.0, second)
    assert wire.seen() == [(0, 0, True), (1, 480, False)]


def test_routes() -> None:
    found = routes({0: "PCMU", 8: "PCMA", 9: "G722", 101: EVENTS}, {"PCMA": 18, EVENTS: 97}, table, EVENTS)
    assert found == {
        0: (18, TRANSLATE["PCMU", "PCMA"]),
        128: (146, TRANSLATE["PCMU", "PCMA"]),
        8: (18, None),
        136: (146, None),
        101: (97, None),
        229: (225, None),
    }


@given(
    st.lists(
        st.tuples(st.sampled_from(("frames", "party")), st.integers(1, 20), st.floats(0.0, 5.0), st.integers(0, WORD)),
        min_size=1,
        max_size=8,
    ),
    st.integers(0, SEQ),
    st.integers(0, WORD),
)
def test_any_succession_of_sources_is_one_stream(
    turns: list[tuple[str, int, float, int]], sequence: int, timestamp: int
) -> None:
    wire = Wire(sequence, timestamp)
    now = 0.0
    for kind, count, pause, start in turns:
        now += pause
        relay = wire.relay()
        wire.stream.switched = True
        for n in range(count):
            if kind == "frames":
                wire.frame(now)
            else:
                forward(relay, start + n, start + n * FRAME, now)
            now += 0.02
    unbroken(wire.packets)
    assert wire.packets[0].sequence == (sequence + 1) & SEQ
    assert ahead(wire.packets[-1].sequence, sequence) == len(wire.packets)
    assert [n for n, packet in enumerate(wire.packets) if packet.marker] == starts([count for _, count, _, _ in turns])


def starts(counts: list[int]) -> list[int]:
    return [sum(counts[:n]) for n in range(len(counts))]
