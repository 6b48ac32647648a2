"""G.711 against the standard's own properties; recordings, frames and what cannot be played."""

from __future__ import annotations

import wave
from array import array
from pathlib import Path

import numpy as np
import pytest
import soundfile

from media.audio import AudioError, Library, Track, load, save
from media.codecs import ENCODE, LINEAR, SILENCE, TRANSLATE, decode, encode
from media.feeds import Play
from media.rtp import FRAME
from tests.media.phones import strength, tone

CODECS = ("PCMU", "PCMA")


def samples(*values: int) -> bytes:
    return array("h", values).tobytes()


@pytest.mark.parametrize("codec", CODECS)
def test_a_code_is_its_own_value_again(codec: str) -> None:
    wrong = [code for code in range(256) if ENCODE[codec][LINEAR[codec][code] & 0xFFFF] != code]
    assert wrong == ([0x7F] if codec == "PCMU" else [])  # µ-law's other zero


@pytest.mark.parametrize("codec", CODECS)
def test_every_sample_becomes_the_nearest_value(codec: str) -> None:
    values = sorted(set(LINEAR[codec]))
    for sample in range(-32768, 32768, 7):
        error = abs(LINEAR[codec][ENCODE[codec][sample & 0xFFFF]] - sample)
        assert error == min(abs(value - sample) for value in values)


def test_values_of_the_standard() -> None:
    assert encode("PCMU", samples(0, 32124, -32124, 8, -8)) == b"\xff\x80\x00\xfe\x7e"
    assert encode("PCMA", samples(8, -8, 32256, -32256)) == b"\xd5\x55\xaa\x2a"
    assert decode("PCMA", b"\xd5\x55") == samples(8, -8)
    assert SILENCE == {"PCMU": b"\xff", "PCMA": b"\xd5"}


@pytest.mark.parametrize(("source", "target"), [("PCMU", "PCMA"), ("PCMA", "PCMU")])
def test_a_translated_tone_is_the_same_tone(source: str, target: str) -> None:
    law = encode(source, tone(650, 10)).translate(TRANSLATE[source, target])
    assert strength(decode(target, law), 650) == pytest.approx(8000, rel=0.02)


def test_a_track_is_whole_frames_and_ends_in_silence(tmp_path: Path) -> None:
    save(tmp_path / "a.wav", tone(400, 120)[:-100])
    track = load(tmp_path / "a.wav")
    assert track.frames == 120
    for codec in CODECS:
        frames = [track.frame(codec, n) for n in range(track.frames)]
        assert {len(frame) for frame in frames} == {FRAME}
        assert frames[-1].endswith(SILENCE[codec] * 50)
        assert strength(decode(codec, b"".join(frames)), 400) == pytest.approx(8000, rel=0.02)


def test_an_empty_recording_is_a_frame_of_silence() -> None:
    track = Track(b"")
    assert (track.frames, track.frame("PCMA", 0)) == (1, SILENCE["PCMA"] * FRAME)


def test_a_play_is_its_recordings_in_order_as_often_as_told() -> None:
    one, two = Track(tone(400, 2)), Track(tone(650, 1))
    play = Play("op", (one, two), repeat=2)
    expected = [one.frame("PCMA", 0), one.frame("PCMA", 1), two.frame("PCMA", 0)] * 2
    assert [play.next("PCMA") for _ in range(8)] == [*expected, None, None]


def test_other_rates_and_channels_are_converted(tmp_path: Path) -> None:
    mono = np.frombuffer(tone(400, 50), dtype=np.int16)
    soundfile.write(tmp_path / "a.flac", np.stack([mono, mono], axis=1), 16000, "PCM_16")  # at twice the rate: 800 Hz
    track = load(tmp_path / "a.flac")
    assert track.frames == 25
    pcm = decode("PCMU", b"".join(track.frame("PCMU", n) for n in range(2, 23)))
    assert strength(pcm, 800) == pytest.approx(8000, rel=0.05)


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"not audio at all", "Format not recognised"), (b"", "Format not recognised"), (b"RIFF\x00\x00", "a.wav")],
)
def test_what_is_no_recording_is_named(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(AudioError, match=says):
        load(tmp_path / "a.wav")


def test_a_missing_recording_is_named_with_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(AudioError, match=f"welcome: no such recording under {tmp_path}"):
        Library([tmp_path]).track("welcome")


def test_without_the_extra_the_message_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "soundfile", None)
    with wave.open(str(tmp_path / "a.wav"), "wb") as file:
        file.setparams((2, 2, 44100, 0, "NONE", ""))
        file.writeframes(bytes(400))
    with pytest.raises(AudioError, match=r"8 kHz, 16 bit, mono.*hotline-acd\[prompts\]"):
        load(tmp_path / "a.wav")


def test_the_library_keeps_what_was_used_last_and_forgets_when_told(tmp_path: Path) -> None:
    for name in "abc":
        save(tmp_path / f"{name}.wav", tone(400, 10))
    library = Library([tmp_path / "nowhere", tmp_path], limit=2 * 3200)
    a, b = library.track("a"), library.track("b.wav")
    assert library.track("a") is a
    library.track("c")
    assert library.track("a") is a
    assert library.track("b.wav") is not b
    library.forget()
    assert library.track("a") is not a
