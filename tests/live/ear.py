"""A telephone's ear and mouth for tests: a raw UDP socket that judges audio by its content. None of our media code is
in here, so that a mistake of ours cannot hide itself."""

from __future__ import annotations

import math
import random
import socket
import struct
import threading
import time
import wave
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tests.live.harness import SOON_S, free_port, wait_until

RATE = 8000
FRAME = 160  # samples, 20 ms
WINDOW = 5  # frames that must be a tone for it to be heard
PCMU, PCMA, EVENT = 0, 8, 101


def _ulaw_to_linear(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code >> 4) & 7)) - 0x84
    return -magnitude if code & 0x80 else magnitude


def _alaw_to_linear(code: int) -> int:
    code ^= 0x55
    segment, low = (code >> 4) & 7, (code & 0x0F) << 4
    magnitude = low + 8 if segment == 0 else (low + 0x108) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


LINEAR = {PCMU: [_ulaw_to_linear(c) for c in range(256)], PCMA: [_alaw_to_linear(c) for c in range(256)]}


def encode(payload: int, samples: list[int]) -> bytes:
    """G.711 by search for the nearest code: slow and obviously right."""
    table = sorted((value, code) for code, value in enumerate(LINEAR[payload]))
    values = [value for value, _ in table]
    from bisect import bisect_left

    def nearest(sample: int) -> int:
        at = bisect_left(values, sample)
        near = min(table[max(0, at - 1) : at + 1], key=lambda pair: abs(pair[0] - sample))
        return near[1]

    return bytes(nearest(sample) for sample in samples)


def tone(hertz: float, seconds: float, level: int = 8000) -> list[int]:
    return [round(level * math.sin(2 * math.pi * hertz * n / RATE)) for n in range(round(seconds * RATE))]


def write_tone(path: Path, hertz: float, seconds: float) -> Path:
    """A WAV file with one tone: a prompt whose arrival can be proved."""
    samples = tone(hertz, seconds)
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(struct.pack(f"<{len(samples)}h", *samples))
    return path


def power(samples: list[int], hertz: float) -> float:
    """The share of the samples' energy that is this tone, 0 to 1: they are laid beside one turning at its frequency."""
    heard = np.array(samples, dtype=float)
    total = float(heard @ heard)
    if not samples or total < len(samples) * 100:
        return 0.0
    turning = np.exp(-2j * math.pi * hertz / RATE * np.arange(len(samples)))
    return float(2 * abs(heard @ turning) ** 2 / (len(samples) * total))


def hears_tone(samples: list[int], hertz: float) -> bool:
    """Whether some 100 ms of the samples are this tone and hardly anything else."""
    ends = max(1, len(samples) - WINDOW * FRAME)
    return any(power(samples[at : at + WINDOW * FRAME], hertz) > 0.8 for at in range(0, ends, 400))


@dataclass
class Packet:
    at: float
    payload: int
    marker: bool
    sequence: int
    timestamp: int
    ssrc: int
    body: bytes
    source: tuple[str, int]


def decoded(packets: list[Packet]) -> list[int]:
    return [LINEAR[packet.payload][code] for packet in packets for code in packet.body]


@dataclass
class Ear:
    """Listens from the start; `speak` and `press` send to whoever was heard last, or to `target`."""

    port: int = 0
    codec: int = PCMA
    target: tuple[str, int] | None = None
    packets: list[Packet] = field(default_factory=list)
    host: str = "127.0.0.1"

    def __post_init__(self) -> None:
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.port = self.port or free_port()  # the kernel might choose one of the engine's, where nothing is sent to
        self.socket.bind((self.host, self.port))
        self.socket.settimeout(0.1)
        self.ssrc = random.getrandbits(32)
        self.sequence = random.getrandbits(15)
        self.timestamp = random.getrandbits(31)
        self._past = 0  # audio packets before the tone that was waited for last
        self._open = True
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def __enter__(self) -> Ear:
        return self

    def __exit__(self, *exc: object) -> None:
        self._open = False
        self._thread.join()
        self.socket.close()

    def _listen(self) -> None:
        while self._open:
            try:
                data, source = self.socket.recvfrom(2048)
            except TimeoutError:
                continue
            if len(data) < 12 or data[0] >> 6 != 2:
                continue
            first, second, sequence, timestamp, ssrc = struct.unpack("!BBHII", data[:12])
            body = data[12 + 4 * (first & 15) :]
            self.packets.append(
                Packet(time.monotonic(), second & 127, second >= 128, sequence, timestamp, ssrc, body, source)
            )

    def _audio(self) -> list[Packet]:
        return [packet for packet in list(self.packets) if packet.payload in LINEAR]

    def samples(self) -> list[int]:
        """Everything heard, decoded, in order of arrival."""
        return decoded(self._audio())

    def wait_for_tone(self, hertz: float, timeout_s: float = SOON_S, since: float = 0.0) -> None:
        """Returns as soon as this tone was heard, after that which was waited for before and after `since`. Raises
        AssertionError with what was heard instead. However late it looks, it misses nothing."""
        until = time.monotonic() + timeout_s
        at = self._past
        while True:
            late = time.monotonic() >= until  # before it looks: a last time
            audio = self._audio()
            while at + WINDOW <= len(audio):
                window = audio[at : at + WINDOW]
                if window[0].at >= since and power(decoded(window), hertz) > 0.8:
                    self._past = at
                    return
                at += 1
            if late:
                break
            time.sleep(0.02)
        latest = decoded(audio[-25:])
        best = max(range(200, 1500, 20), key=lambda h: power(latest, h))
        raise AssertionError(f"{hertz} Hz was not heard; {len(self.packets)} packets, strongest near {best} Hz")

    def wait_for_packets(self) -> None:
        """Until anything is heard: from then on there is somebody to speak to."""
        wait_until(lambda: self.packets, "anything is heard")

    def digits(self) -> str:
        """Keys heard as telephone-event, each once."""
        seen: list[tuple[int, int]] = []
        for packet in list(self.packets):
            if packet.payload == EVENT and len(packet.body) >= 4:
                key = (packet.timestamp, packet.body[0])
                if key not in seen:
                    seen.append(key)
        return "".join("0123456789*#ABCD"[event] for _, event in seen)

    def _peer(self) -> tuple[str, int]:
        if self.target is not None:
            return self.target
        assert self.packets, "nothing was heard yet, so there is nobody to speak to"
        return self.packets[-1].source

    def _send(self, payload: int, body: bytes, timestamp: int, marker: bool = False) -> None:
        self.sequence = (self.sequence + 1) & 0xFFFF
        header = struct.pack("!BBHII", 0x80, payload | (128 if marker else 0), self.sequence, timestamp, self.ssrc)
        self.socket.sendto(header + body, self._peer())

    def speak(self, hertz: float, seconds: float) -> None:
        """A tone, in packets of 20 ms at their time."""
        sound = encode(self.codec, tone(hertz, seconds))
        start = time.monotonic()
        for n, at in enumerate(range(0, len(sound) - FRAME + 1, FRAME)):
            time.sleep(max(0.0, start + n * 0.02 - time.monotonic()))
            self.timestamp = (self.timestamp + FRAME) & 0xFFFFFFFF
            self._send(self.codec, sound[at : at + FRAME], self.timestamp, n == 0)

    def reaches(self, other: Ear, hertz: float) -> None:
        """Speak until the other hears it, as people do who were just connected. Raises AssertionError."""
        since = time.monotonic()

        def heard() -> bool:
            try:
                other.wait_for_tone(hertz, 0.2, since)
            except AssertionError:
                return False
            return True

        self.speaks_until(heard, hertz)

    def speaks_until(self, heard: Callable[[], bool], hertz: float) -> None:
        """Again and again. Raises AssertionError."""
        until = time.monotonic() + SOON_S
        self.speak(hertz, 0.3)
        while not heard():
            assert time.monotonic() < until, f"{hertz:g} Hz is not heard"
            self.speak(hertz, 0.3)

    def press(self, digit: str, *, seconds: float = 0.1) -> None:
        """A key by RFC 4733: the same start timestamp throughout, the end three times."""
        event = "0123456789*#ABCD".index(digit)
        self.timestamp = (self.timestamp + FRAME) & 0xFFFFFFFF
        start, steps = self.timestamp, max(1, round(seconds / 0.02))
        for step in range(1, steps + 1):
            self._send(EVENT, struct.pack("!BBH", event, 10, step * FRAME), start, step == 1)
            time.sleep(0.02)
        for _ in range(3):
            self._send(EVENT, struct.pack("!BBH", event, 0x80 | 10, steps * FRAME), start)
        self.timestamp = (start + steps * FRAME) & 0xFFFFFFFF
