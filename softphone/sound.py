"""What the phone says and where it puts what it hears: a sound card, or files. Frames of 20 ms, 16 bit, 8 kHz, mono."""

from __future__ import annotations

import math
import wave
from array import array
from collections import deque
from pathlib import Path
from typing import Any, Final, Protocol

from media.audio import load
from media.codecs import decode
from media.rtp import CLOCK_HZ, FRAME

FRAME_BYTES: Final = 2 * FRAME
SILENT: Final = bytes(FRAME_BYTES)
BEHIND: Final = 10  # frames that a card may be behind before the oldest are dropped
FLOOR_DB: Final = -90.0


class Sound(Protocol):
    def read(self) -> bytes:
        """The next frame to say."""
        ...

    def write(self, frame: bytes) -> None:
        """A frame that was heard."""
        ...

    def begin(self) -> None:
        """A conversation begins."""
        ...

    def close(self) -> None: ...


class SoundError(RuntimeError):
    """There is nothing to speak or hear with; says why and what to do."""


class Files:
    """Says what is in one file, from its beginning in each call, then nothing; writes what it hears to another."""

    def __init__(self, say: Path | None, heard: Path | None) -> None:
        """Raises `media.audio.AudioError`, OSError."""
        self._frames = _frames(say) if say is not None else []
        self._next = 0
        self._out: wave.Wave_write | None = None
        if heard is not None:
            self._out = wave.open(str(heard), "wb")  # noqa: SIM115 # open as long as the phone is
            self._out.setparams((1, 2, CLOCK_HZ, 0, "NONE", "not compressed"))

    def begin(self) -> None:
        self._next = 0

    def read(self) -> bytes:
        frame = self._frames[self._next] if self._next < len(self._frames) else SILENT
        self._next += 1
        return frame

    def write(self, frame: bytes) -> None:
        if self._out is not None:
            self._out.writeframesraw(frame)

    def close(self) -> None:
        if self._out is not None:
            self._out.close()


def _frames(path: Path) -> list[bytes]:
    track = load(path)
    return [decode("PCMA", track.frame("PCMA", number)) for number in range(track.frames)]


class Card:
    """The default microphone and loudspeaker, by the extra ``[softphone]``."""

    def __init__(self) -> None:
        """Raises `SoundError`."""
        try:
            import sounddevice
        except (ImportError, OSError) as error:  # OSError: the PortAudio library itself is missing
            raise SoundError(
                f"no sound card can be used ({error}): pip install 'hotline-acd[softphone]', or name files by --in and "
                "--out"
            ) from None
        self._said: deque[bytes] = deque(maxlen=BEHIND)
        self._heard: deque[bytes] = deque(maxlen=BEHIND)
        try:
            self._stream = sounddevice.RawStream(
                samplerate=CLOCK_HZ, blocksize=FRAME, channels=1, dtype="int16", callback=self._turn
            )
            self._stream.start()
        except sounddevice.PortAudioError as error:
            raise SoundError(f"the sound card cannot be opened: {error}; or name files by --in and --out") from None

    def _turn(self, said: Any, heard: Any, frames: int, time: Any, status: Any) -> None:
        """In PortAudio's thread, every 20 ms. A deque is safe between the two."""
        self._said.append(bytes(said))
        heard[:] = self._heard.popleft() if self._heard else SILENT

    def begin(self) -> None:
        self._said.clear()
        self._heard.clear()

    def read(self) -> bytes:
        return self._said.popleft() if self._said else SILENT

    def write(self, frame: bytes) -> None:
        self._heard.append(frame)

    def close(self) -> None:
        self._stream.stop()
        self._stream.close()


def level_db(frame: bytes) -> float:
    """How loud a frame is: its effective value in dB below full scale, `FLOOR_DB` for silence."""
    samples = array("h", frame)
    power = sum(sample * sample for sample in samples) / max(1, len(samples))
    return max(FLOOR_DB, 10 * math.log10(power / 32768**2)) if power else FLOOR_DB
