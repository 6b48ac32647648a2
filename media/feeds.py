"""What goes out on the 20 ms tick: prompts, music, digits, mixes. One call per tick serves every leg of the worker."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

from media.audio import Track
from media.dtmf import Step
from media.leg import Counters, Leg
from media.rtp import FRAME, HEADER_BYTES

if TYPE_CHECKING:
    from media.mixer import Mixer
    from media.tones import Ears

Feed: TypeAlias = dict[Leg, None]  # the legs a tick source serves, in the order they joined
Reason: TypeAlias = Literal["finished", "barged", "stopped", "failed"]
Spelling: TypeAlias = Iterator[Step]  # digits on their way out


@dataclass(slots=True)
class Play:
    """Recordings one after the other, `repeat` times over. In-band digits are one too, without an `op`."""

    op: str
    tracks: tuple[Track, ...]
    repeat: int = 1
    barge_in: bool = False
    _track: int = 0
    _frame: int = 0

    def next(self, codec: str) -> bytes | None:
        """The next 160 bytes, None after the last."""
        if self.repeat <= 0:
            return None
        track = self.tracks[self._track]
        frame = track.frame(codec, self._frame)
        self._frame += 1
        if self._frame == track.frames:
            self._frame = 0
            self._track += 1
            if self._track == len(self.tracks):
                self._track = 0
                self.repeat -= 1
        return frame


@dataclass(slots=True)
class Music:
    """A recording without beginning or end: whoever joins hears what everybody hears at that moment."""

    track: Track
    codec: str
    legs: Feed = field(default_factory=dict)


class Feeds:
    """`on_done(leg)` is told when a leg's `play` or `sending` has come to its end. `ears` listen for keys in band."""

    __slots__ = ("_counters", "_music", "_on_done", "_out", "ears", "mixer", "plays", "spellings")

    def __init__(self, counters: Counters, on_done: Callable[[Leg], None]) -> None:
        self._counters = counters
        self._on_done = on_done
        self._music: dict[tuple[str, str], Music] = {}
        self._out = bytearray(HEADER_BYTES + FRAME)
        self.plays: Feed = {}
        self.spellings: Feed = {}
        self.ears: Ears | None = None
        self.mixer: Mixer | None = None  # numpy, which comes with it, costs 20 MB: only where somebody needs it

    def music(self, name: str, track: Track, codec: str) -> Feed:
        """The feed of everybody who hears this recording in this codec."""
        music = self._music.get((name, codec))
        if music is None or music.track is not track:
            music = self._music[name, codec] = Music(track, codec, music.legs if music is not None else {})
        return music.legs

    def mixing(self) -> Mixer:
        if self.mixer is None:
            from media.mixer import Mixer

            self.mixer = Mixer()
        return self.mixer

    def listening(self, on_down: Callable[[Leg], None], on_key: Callable[[Leg, str, float], None]) -> Ears:
        if self.ears is None:
            from media.tones import Ears

            self.ears = Ears(on_down, on_key)
        return self.ears

    def active(self) -> bool:
        return bool(
            self.plays
            or self.spellings
            or any(music.legs for music in self._music.values())
            or (self.mixer is not None and self.mixer.legs)
            or (self.ears is not None and self.ears.legs)
        )

    def tick(self, number: int, now: float) -> None:
        """Send the frame due `now`, the `number`-th since the worker's clock began."""
        done: list[Leg] = []
        for music in self._music.values():
            if music.legs:
                self._send(music.track.frame(music.codec, number % music.track.frames), music.legs, now)
        for leg in self.plays:
            self._play(leg, now, done)
        for leg in self.spellings:
            self._spell(leg, now, done)
        if self.mixer is not None:
            for leg, payload in self.mixer.frames(number):
                self._send(payload, (leg,), now)
        if self.ears is not None:
            self.ears.tick(number)
        for leg in done:
            self._on_done(leg)

    def _send(self, payload: bytes, legs: Feed | tuple[Leg], now: float) -> None:
        out, counters = self._out, self._counters
        out[HEADER_BYTES:] = payload
        for leg in legs:
            leg.stream.frame(out, now)
            try:
                leg.send(out)
            except OSError:
                counters.unsent += 1

    def _play(self, leg: Leg, now: float, done: list[Leg]) -> None:
        play = leg.sending if isinstance(leg.sending, Play) else leg.play
        assert play is not None
        if leg.peer is None:
            return  # begins when there is somebody to hear it
        speaks = leg.may_speak()
        payload = play.next(leg.peer.codec if speaks else "PCMA")
        if payload is None:
            done.append(leg)
        elif speaks:
            self._send(payload, (leg,), now)
        else:
            leg.stream.switched = True  # held: time goes on unheard

    def _spell(self, leg: Leg, now: float, done: list[Leg]) -> None:
        assert leg.peer is not None
        assert leg.sending is not None
        step = None if isinstance(leg.sending, Play) else next(leg.sending, None)
        if step is None or leg.peer.events is None:
            done.append(leg)
            return
        if step.payload is None or not leg.may_send():
            return
        for _ in range(step.repeats):
            packet = leg.stream.event(leg.peer.events, step.first, step.payload, now)
            try:
                leg.send(packet)
            except OSError:
                self._counters.unsent += 1
