"""The jitter buffer: in order, in time, and what is missing made up for."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from media import codecs
from media.codecs import SILENCE
from media.jitter import CONCEALED, DEPTH, JitterBuffer
from media.rtp import FRAME, WORD
from media.tap import CODECS, Tap
from tests.media.phones import strength, tone

QUIET = SILENCE["PCMA"] * FRAME
WAIT = DEPTH // FRAME


def frame(n: int) -> bytes:
    return bytes([n]) * FRAME


def test_packets_come_out_in_order_after_a_little_wait() -> None:
    buffer = JitterBuffer("PCMA")
    for n in (1, 0, 2):
        buffer.put(5000 + n * FRAME, frame(n))
    assert [buffer.take() for _ in range(WAIT)] != [frame(0), frame(1)]
    assert [buffer.take() for _ in range(2)] == [frame(1), frame(2)]


def test_before_anything_comes_there_is_silence() -> None:
    assert JitterBuffer("PCMU").take() == SILENCE["PCMU"] * FRAME


def test_what_comes_twice_or_late_is_heard_once_or_not() -> None:
    buffer = JitterBuffer("PCMA")
    for n in (0, 1, 1, 2):
        buffer.put(n * FRAME, frame(n))
    heard = [buffer.take() for _ in range(WAIT + 2)]
    buffer.put(0, frame(9))
    heard.append(buffer.take())
    assert heard[WAIT:] == [frame(0), frame(1), frame(2)]


def test_a_lost_frame_is_the_one_before_at_half_its_level_then_silence() -> None:
    sound = codecs.encode("PCMA", tone(400, 1))
    buffer = JitterBuffer("PCMA")
    buffer.put(0, sound)
    heard = [buffer.take() for _ in range(WAIT + 1 + CONCEALED + 2)][WAIT:]
    levels = [round(strength(codecs.decode("PCMA", one), 400), -2) for one in heard]
    assert levels[0] == 8000
    assert levels[1 : 1 + CONCEALED] == [4000, 2000, 1000]
    assert heard[-2:] == [QUIET, QUIET]


def test_any_packet_time_will_do() -> None:
    buffer = JitterBuffer("PCMA")
    whole = bytes(range(1, 241)) * 2
    for at in range(0, 480, 80):
        buffer.put(at, whole[at : at + 80])
    heard = b"".join(buffer.take() for _ in range(WAIT + 3))
    assert heard[WAIT * FRAME :] == whole


def test_what_waits_too_long_is_skipped() -> None:
    buffer = JitterBuffer("PCMA")
    for n in range(30):
        buffer.put(n * FRAME, frame(n))
    heard = [buffer.take() for _ in range(8)]
    assert frame(29) in heard, "at most 140 ms behind"


@given(st.integers(0, WORD), st.lists(st.tuples(st.integers(0, 60), st.booleans()), max_size=80))
def test_whatever_comes_every_frame_is_whole(start: int, steps: list[tuple[int, bool]]) -> None:
    buffer = JitterBuffer("PCMA")
    heard = []
    for n, take in steps:
        buffer.put((start + n * FRAME) & WORD, bytes([n + 1]) * FRAME)
        if take:
            heard.append(buffer.take())
    assert all(len(one) == FRAME for one in heard)


def test_a_tap_gives_all_users_the_same_frame_of_a_tick() -> None:
    tap = Tap()
    tap.put("PCMA", 0, frame(1))
    first = [tap.take(n) for n in range(WAIT + 1)]
    assert first[-1] == frame(1) == tap.take(WAIT)
    assert CODECS[tap.codec] == "PCMA"


def test_a_tap_decodes_what_is_no_g711_and_is_silent_where_it_cannot() -> None:
    say = codecs.encoder("G722")
    tap = Tap()
    for n in range(5):
        tap.put("G722", n * FRAME, say(tone(400, 5)[n * 2 * FRAME : (n + 1) * 2 * FRAME]))
    heard = b"".join(tap.take(n) for n in range(WAIT + 5))[(WAIT + 1) * FRAME :]
    assert strength(codecs.decode(CODECS[tap.codec], heard), 400) > 6500
    other = Tap()
    other.put("G729", 0, bytes(20))
    assert other.take(0) == SILENCE["PCMU"] * FRAME
