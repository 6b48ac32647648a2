"""Headers both ways, and that no bytes from the network do harm."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media.rtp import SEQ, WORD, Packet, ahead, later, parse, payload_bounds

packets = st.builds(
    Packet,
    st.integers(0, 127),
    st.integers(0, SEQ),
    st.integers(0, WORD),
    st.integers(0, WORD),
    st.binary(max_size=300),
    st.booleans(),
)


@given(packets)
def test_what_is_built_is_read_again(packet: Packet) -> None:
    assert parse(bytes(packet)) == packet


@given(st.binary(max_size=100))
def test_any_bytes_give_a_packet_or_none_and_bounds_inside(data: bytes) -> None:
    for start in (b"", b"\x80", b"\xb3"):
        whole = start + data
        bounds = payload_bounds(whole, len(whole))
        if bounds is not None:
            assert 12 <= bounds[0] <= bounds[1] <= len(whole)
        assert (parse(whole) is None) == (bounds is None)


def test_padding_extension_and_contributors_are_no_payload() -> None:
    fixed = b"\x08\x00\x01" + bytes(8)
    assert payload_bounds(b"\x80" + fixed + b"abc", 15) == (12, 15)
    assert payload_bounds(b"\x82" + fixed + bytes(8) + b"abc", 23) == (20, 23)
    assert payload_bounds(b"\x90" + fixed + b"\xbe\xde\x00\x01EXTN" + b"abc", 23) == (20, 23)
    assert payload_bounds(b"\xa0" + fixed + b"abc\x00\x00\x03", 18) == (12, 15)
    assert payload_bounds(b"\xa0" + fixed + b"abc\x00\x00\x00", 18) is None
    assert payload_bounds(b"\x8f" + fixed + b"abc", 15) is None
    assert payload_bounds(b"\x40" + fixed + b"abc", 15) is None


@given(st.integers(0, SEQ), st.integers(-0x8000, 0x7FFF))
def test_sequence_numbers_wrap(old: int, step: int) -> None:
    assert ahead((old + step) & SEQ, old) == step


@given(st.integers(0, WORD), st.integers(-0x8000_0000, 0x7FFF_FFFF))
def test_timestamps_wrap(old: int, step: int) -> None:
    assert later((old + step) & WORD, old) == step
