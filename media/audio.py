"""Recorded audio, ready to send: frames of 20 ms in each codec, encoded once, a second at a time when first played.

The base install reads WAV files of 8 kHz, 16 bit, mono. Other rates and formats need the extra `[prompts]`.
"""

from __future__ import annotations

import wave
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from media.codecs import LINEAR, encoder
from media.rtp import CLOCK_HZ, FRAME

BLOCK_FRAMES: Final = 50
WARM_FRAMES: Final = 10
_FRAME: Final = FRAME * 2  # bytes of linear samples
_BLOCK: Final = BLOCK_FRAMES * FRAME * 2  # bytes of linear samples
CACHE_BYTES: Final = 256 * 1024 * 1024


class AudioError(ValueError):
    """A file that cannot be played; says which and why."""


class Track:
    """One recording. `frames` is its length in frames of 20 ms, the last one filled up with silence."""

    __slots__ = ("_encoded", "_pcm", "frames")

    def __init__(self, pcm: bytes) -> None:
        self._pcm = pcm
        self._encoded: dict[str, list[bytes | None]] = {}
        self.frames = max(1, -(-len(pcm) // (2 * FRAME)))

    def __len__(self) -> int:
        return len(self._pcm)

    def frame(self, codec: str, index: int) -> bytes:
        """160 bytes in this codec. Encoding a block of a second takes about half a millisecond, once."""
        blocks = self._encoded.get(codec)
        if blocks is None:
            blocks = self._encoded[codec] = [None] * (-(-self.frames // BLOCK_FRAMES))
        number, place = divmod(index, BLOCK_FRAMES)
        block = blocks[number]
        if block is None:
            block = blocks[number] = self._encode(codec, number * _BLOCK)
        return block[place * FRAME : (place + 1) * FRAME]

    def _encode(self, codec: str, start: int) -> bytes:
        """The block that starts at this byte. A codec with a memory (G.722) first hears what comes before it."""
        pcm = self._pcm[start : start + _BLOCK]
        pcm = pcm.ljust(-(-len(pcm) // _FRAME) * _FRAME or _FRAME, b"\0")
        say = encoder(codec)
        if codec not in LINEAR:
            say(self._pcm[max(0, start - WARM_FRAMES * _FRAME) : start])
        return say(pcm)


def load(path: Path) -> Track:
    """Read a recording. Raises AudioError."""
    try:
        with wave.open(str(path), "rb") as file:
            shape = (file.getframerate(), file.getsampwidth(), file.getnchannels())
            if shape == (CLOCK_HZ, 2, 1):
                return Track(file.readframes(file.getnframes()))
    except FileNotFoundError:
        raise AudioError(f"{path}: no such file") from None
    except (wave.Error, EOFError):
        pass  # not PCM in a WAV file: soundfile may know it
    except OSError as error:
        raise AudioError(f"{path}: {error.strerror}") from None
    return _convert(path)


def _convert(path: Path) -> Track:
    try:
        import soundfile
        import soxr
    except ImportError:
        raise AudioError(
            f"{path}: not a WAV file of 8 kHz, 16 bit, mono; other formats need: pip install 'hotline-acd[prompts]'"
        ) from None
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (RuntimeError, OSError) as error:
        raise AudioError(f"{path}: {error}") from None
    mono = soxr.resample(samples.mean(axis=1), rate, CLOCK_HZ)
    return Track((mono.clip(-1.0, 1.0) * 32767).astype("<i2").tobytes())


def save(path: Path, pcm: bytes) -> None:
    """Write 16-bit samples at 8 kHz as the WAV file that `load` reads. Raises OSError."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(CLOCK_HZ)
        file.writeframes(pcm)


class Library:
    """Recordings by name, looked for under `roots` in order, kept in memory up to `limit` bytes of samples."""

    __slots__ = ("_held", "_limit", "_roots", "_size")

    def __init__(self, roots: Sequence[Path], limit: int = CACHE_BYTES) -> None:
        self._roots = tuple(roots)
        self._limit = limit
        self._held: OrderedDict[str, Track] = OrderedDict()
        self._size = 0

    def track(self, name: str) -> Track:
        """Raises AudioError. A file changed on disk is read again only after `forget`."""
        track = self._held.get(name)
        if track is None:
            track = self._held[name] = load(self._find(name))
            self._size += len(track)
            while self._size > self._limit and len(self._held) > 1:
                self._size -= len(self._held.popitem(last=False)[1])
        self._held.move_to_end(name)
        return track

    def forget(self) -> None:
        """Read every recording again when it is next played; what plays now plays on."""
        self._held.clear()
        self._size = 0

    def _find(self, name: str) -> Path:
        for root in self._roots or (Path(),):
            path = root / name
            for candidate in (path, path.with_name(path.name + ".wav")):
                if candidate.is_file():
                    return candidate
        raise AudioError(
            f"{name}: no such recording under {', '.join(map(str, self._roots)) or 'the working directory'}"
        )
