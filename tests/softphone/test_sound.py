"""What the phone speaks and hears with: files, a card (here one that is none), and how loud it is."""

from __future__ import annotations

import struct
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from media.rtp import FRAME
from softphone.sound import FLOOR_DB, FRAME_BYTES, SILENT, Card, Files, SoundError, level_db
from softphone.terminal import meter
from tests.live.ear import tone, write_tone


def pcm(samples: list[int]) -> bytes:
    return struct.pack(f"<{len(samples)}h", *samples)


def test_a_tone_at_full_scale_is_three_decibels_below_it_and_silence_is_the_floor() -> None:
    assert level_db(pcm(tone(1000.0, 0.02, level=32767))) == pytest.approx(-3.0, abs=0.1)
    assert level_db(SILENT) == FLOOR_DB
    assert (meter(FLOOR_DB), meter(-30.0), meter(0.0)) == ("·" * 12, "█" * 6 + "·" * 6, "█" * 12)


def test_files_are_said_from_their_beginning_in_each_call_and_what_is_heard_is_written(tmp_path: Path) -> None:
    sound = Files(write_tone(tmp_path / "in.wav", 400.0, 0.04), tmp_path / "out.wav")
    first = [sound.read() for _ in range(3)]
    assert level_db(first[0]) > -20.0
    assert first[2] == SILENT, "after its end, nothing"
    sound.begin()
    assert sound.read() == first[0]
    sound.write(first[0])
    sound.close()
    assert (tmp_path / "out.wav").stat().st_size == 44 + FRAME_BYTES


class NoCard(ModuleType):
    """A sound card whose time the test keeps."""

    class PortAudioError(Exception):
        pass

    def __init__(self) -> None:
        super().__init__("sounddevice")
        self.turn: Callable[..., None] = lambda *_: None
        card = self

        class RawStream:
            def __init__(self, *, callback: Callable[..., None], **shape: Any) -> None:
                assert (shape["samplerate"], shape["blocksize"], shape["dtype"]) == (8000, FRAME, "int16")
                card.turn = callback

            def start(self) -> None: ...
            def stop(self) -> None: ...
            def close(self) -> None: ...

        self.RawStream = RawStream


def test_a_card_takes_a_frame_and_gives_one_and_never_falls_far_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    card = NoCard()
    monkeypatch.setitem(sys.modules, "sounddevice", card)
    sound = Card()
    heard = bytearray(FRAME_BYTES)
    said = [bytes([n]) * FRAME_BYTES for n in range(30)]
    card.turn(said[1], heard, FRAME, None, None)
    assert (sound.read(), sound.read(), bytes(heard)) == (said[1], SILENT, SILENT)
    for frame in said:
        sound.write(frame)
    card.turn(said[2], heard, FRAME, None, None)
    assert bytes(heard) == said[20], "the oldest were dropped"
    sound.begin()
    assert sound.read() == SILENT, "what was said before a call is not said in it"
    sound.close()


def test_without_the_extra_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(SoundError, match=r"pip install 'hotline-acd\[softphone\]', or name files by --in and --out"):
        Card()
