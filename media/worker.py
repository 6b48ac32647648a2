"""A media worker: a process of its own, so that audio never waits for call control (`python -m media.worker FD`).

A plain epoll loop: a packet is relayed as it arrives, everything else goes out on a 20 ms tick. It is told what to do
over the socket it inherits as FD, and ends when that closes.
"""

from __future__ import annotations

import errno
import gc
import os
import resource
import select
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from itertools import chain
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

from media import protocol
from media.audio import AudioError, Library, Track
from media.codecs import TRANSLATE
from media.dtmf import Pressed, spell, tones
from media.feeds import Feeds, Play, Reason
from media.leg import EVENTS, SILENCE, Counters, Leg
from media.plane import Peer, Source
from media.protocol import (
    Bind,
    Bound,
    Create,
    Delete,
    Digit,
    Figures,
    Forget,
    Hears,
    Hello,
    MediaLost,
    Ping,
    PlayEnded,
    Pong,
    RelayDigits,
    SendDigits,
    Set,
    Stats,
    Stop,
    Trouble,
)
from media.rtp import FRAME_S
from media.stream import Relay, routes

LATE_S: Final = FRAME_S / 2
FORGIVEN_S: Final = 1.0  # further behind (the machine slept), ticks are given up
CHECK_S: Final = 1.0
NAP_S: Final = 0.001  # between two looks under traffic: one waking serves several packets, none waits longer
EVENTS_A_ROUND: Final = 256  # packets between two looks at the clock
OUTBOX: Final = 1 << 20  # bytes the engine has not read yet: beyond, keys are dropped
ERRORS_SHOWN: Final = 20
WILDCARD: Final = ("0.0.0.0", "::")


class Worker:
    def __init__(self, control: socket.socket) -> None:
        self._control = control
        self._inbox = bytearray()
        self._outbox = bytearray()
        self._blocked = False  # the engine is slow to read
        self._ended = False
        self._epoll = select.epoll()
        self._hello: Hello | None = None
        self._library = Library(())
        self._counters = Counters()
        self._feeds = Feeds(self._counters, self._done)
        self._legs: dict[str, Leg] = {}
        self._homes: dict[Leg, tuple[str, int]] = {}
        self._by_fd: dict[int, Leg] = {}
        self._hearers: dict[str, dict[Leg, None]] = {}  # who wishes to hear the leg of that name
        self._by_op: dict[str, Leg] = {}
        self._down: dict[Leg, None] = {}  # with a key held down
        self._free: dict[tuple[str, int], socket.socket] = {}
        self._next_port: dict[str, int] = {}
        self._next_tick = 0.0
        self._next_check = self._wake_at = monotonic() + CHECK_S
        self._verbs: dict[type, Callable[[Any], None]] = {
            Hello: self._greet,
            Bind: self._bind,
            Create: self._create,
            Set: self._set,
            Hears: self._hears,
            protocol.Play: self._play,
            Stop: self._stop,
            SendDigits: self._send_digits,
            RelayDigits: self._relay_digits,
            Delete: self._delete,
            Forget: lambda _: self._library.forget(),
            Stats: lambda message: self._tell(Figures(message.id, self._figures())),
            Ping: lambda message: self._tell(Pong(message.id)),
        }
        control.setblocking(False)
        self._epoll.register(control.fileno(), select.EPOLLIN)

    # ---------------------------------------------------------------------------------------------------- the loop

    def run(self) -> None:
        """Until the control socket closes."""
        by_fd, control, poll = self._by_fd, self._control.fileno(), self._epoll.poll
        asked = monotonic()
        while not self._ended:
            if asked >= self._wake_at:
                self._on_time(asked)
                asked = monotonic()
            events = poll(max(0.0, self._wake_at - asked), EVENTS_A_ROUND)
            now = monotonic()
            try:
                for fd, event in events:
                    leg = by_fd.get(fd)
                    if leg is not None:
                        leg.receive(now)
                    elif fd == control:
                        self._control_ready(event)
            except Exception:  # one leg's packet must not end the calls of all; what was not read is polled again
                self._failed()
            if self._outbox and not self._blocked:
                self._flush()
            busy = now - asked < NAP_S and len(events) < EVENTS_A_ROUND
            asked = monotonic()
            if busy and asked < self._wake_at:
                sleep(min(NAP_S, self._wake_at - asked))
                asked = monotonic()

    def _on_time(self, now: float) -> None:
        """Whatever is due; sets when to wake next."""
        while 0.0 < self._next_tick <= now:
            self._tick(now)
            now = monotonic()
        if now >= self._next_check:
            self._next_check = now + CHECK_S
            self._check_silence(now)
        self._wake_at = min(self._next_tick or self._next_check, self._next_check)

    def _tick(self, now: float) -> None:
        due = self._next_tick
        self._counters.ticks += 1
        if now - due > LATE_S:
            self._counters.late_ticks += 1
        try:
            self._feeds.tick(round(due / FRAME_S), due)
        except Exception:
            self._failed()
        for leg in list(self._down):
            pressed = leg.receiver.overdue(now) if leg.receiver is not None else None
            if pressed is not None:
                self._pressed(leg, pressed)
            if leg.receiver is None or not leg.receiver.down():
                del self._down[leg]
        if not self._feeds.active() and not self._down:
            self._next_tick = 0.0
        elif due < now - FORGIVEN_S:
            self._next_tick = _frame_after(now)
        else:
            self._next_tick = due + FRAME_S

    def _start_ticking(self) -> None:
        if not self._next_tick:
            self._next_tick = _frame_after(monotonic())
            self._wake_at = min(self._wake_at, self._next_tick)

    def _check_silence(self, now: float) -> None:
        limit = self._hello.silent_after_s if self._hello is not None else None
        if limit is None:
            return
        for leg in self._legs.values():
            quiet = leg.peer is not None and leg.peer.sends and now - leg.heard_at > limit
            if quiet and not leg.silent:
                self._tell(MediaLost(leg.name, "silent"))
            leg.silent = quiet

    # ------------------------------------------------------------------------------------------------- the control

    def _control_ready(self, event: int) -> None:
        if event & select.EPOLLOUT:
            self._blocked = False
            self._epoll.modify(self._control.fileno(), select.EPOLLIN)
        try:
            data = self._control.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._ended = True
            return
        self._inbox += data
        for body in protocol.unpack(self._inbox):
            try:
                message = protocol.to_worker(body)
                self._verbs[type(message)](message)
            except Exception:
                self._failed()

    def _failed(self) -> None:
        self._counters.errors += 1
        if self._counters.errors <= ERRORS_SHOWN:
            self._tell(Trouble("", traceback.format_exc()))

    def _tell(self, message: protocol.FromWorker) -> None:
        if len(self._outbox) < OUTBOX or not isinstance(message, Digit | Trouble):
            self._outbox += protocol.pack(message)

    def _flush(self) -> None:
        try:
            sent = self._control.send(self._outbox)
        except BlockingIOError:
            sent = 0
        except OSError:
            self._ended = True
            return
        del self._outbox[:sent]
        if self._outbox:
            self._blocked = True
            self._epoll.modify(self._control.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def _greet(self, hello: Hello) -> None:
        if hello.version != protocol.VERSION:
            raise protocol.ProtocolError(f"engine speaks version {hello.version}, this worker {protocol.VERSION}")
        self._hello = hello
        self._library = Library([Path(root) for root in hello.roots])

    # --------------------------------------------------------------------------------------------- ports and legs

    def _bind(self, wanted: Bind) -> None:
        assert self._hello is not None
        (first, last), stride = self._hello.ports, self._hello.stride
        port = self._next_port.get(wanted.address, first)
        ports: list[int] = []
        error = ""
        while len(ports) < wanted.count and port <= last:
            try:
                self._free[wanted.address, port] = _socket(wanted.address, port)
            except OSError as problem:
                error = f"{wanted.address}:{port}: {problem.strerror}"
                if problem.errno != errno.EADDRINUSE:
                    break
            else:
                ports.append(port)
            port += stride
        self._next_port[wanted.address] = port
        self._tell(Bound(wanted.address, wanted.count, tuple(ports), port <= last, error))

    def _create(self, wanted: Create) -> None:
        home = (wanted.address, wanted.port)
        sock = self._free.pop(home, None)
        if sock is None:
            self._tell(MediaLost(wanted.leg, "no_ports"))
            return
        leg = Leg(wanted.leg, sock, self._counters, self._key_down, self._pressed)
        leg.drain()
        self._legs[wanted.leg] = leg
        self._homes[leg] = home
        self._listen(leg)

    def _listen(self, leg: Leg) -> None:
        self._by_fd[leg.socket.fileno()] = leg
        self._epoll.register(leg.socket.fileno(), select.EPOLLIN)

    def _deafen(self, leg: Leg) -> None:
        self._epoll.unregister(leg.socket.fileno())
        del self._by_fd[leg.socket.fileno()]

    def _delete(self, gone: Delete) -> None:
        leg = self._legs.pop(gone.leg, None)
        if leg is None:
            return
        if leg.play is not None:
            self._by_op.pop(leg.play.op, None)
        self._down.pop(leg, None)
        self._wish(leg, SILENCE)
        self._unfeed(leg)
        for hearer in self._hearers.pop(gone.leg, ()):
            self._feed(hearer)
        home = self._homes.pop(leg)
        if leg.socket.fileno() >= 0:
            self._deafen(leg)
            self._free[home] = leg.socket  # still connected: its last peer alone can fill it
        leg.close()

    def _set(self, agreed: Set) -> None:
        leg = self._legs.get(agreed.leg)
        if leg is None or leg.peer == agreed.peer:
            return
        try:
            self._agree(leg, agreed.peer)
        except OSError as problem:
            self._tell(Trouble(agreed.leg, f"{agreed.peer.host}:{agreed.peer.port}: {problem.strerror}"))
        leg.heard_at = monotonic()
        self._feed(leg)
        for hearer in self._hearers.get(leg.name, ()):
            self._feed(hearer)

    def _agree(self, leg: Leg, peer: Peer) -> None:
        home = self._homes[leg]
        if peer.latch and leg.connected():  # a connected socket hears nobody else: take a new one
            self._deafen(leg)
            leg.socket.close()
            try:
                leg.socket = _socket(*home)
            except OSError:
                self._tell(MediaLost(leg.name, "no_ports"))
                raise
            self._listen(leg)
        leg.agree(peer, connect=home[0] not in WILDCARD)

    # ---------------------------------------------------------------------------------------------- who hears what

    def _hears(self, wanted: Hears) -> None:
        leg = self._legs.get(wanted.leg)
        if leg is None:
            return
        if wanted.source.kind != "prompts" and leg.play is not None:
            self._end_play(leg, "stopped")
        if wanted.source != leg.wish:
            self._wish(leg, wanted.source)
            self._feed(leg)

    def _wish(self, leg: Leg, source: Source) -> None:
        for name in leg.hears_from():
            hearers = self._hearers.get(name)
            if hearers is not None:
                hearers.pop(leg, None)
                if not hearers:
                    del self._hearers[name]
        leg.wish = source
        for name in leg.hears_from():
            self._hearers.setdefault(name, {})[leg] = None

    def _unfeed(self, leg: Leg) -> None:
        if leg.feed is not None:
            leg.feed.pop(leg, None)
            leg.feed = None
        if leg.relay is not None:
            source, relay = leg.relay
            source.relays = tuple(other for other in source.relays if other is not relay)
            leg.relay = None
        if self._feeds.mixer is not None and leg in self._feeds.mixer.legs:
            self._feeds.mixer.leave(leg)

    def _feed(self, leg: Leg) -> None:
        """Connect the leg to what it is to hear now: digits come first, then a play, then what was wished."""
        self._unfeed(leg)
        leg.stream.switched = True
        if leg.sending is not None:
            feed = self._feeds.plays if isinstance(leg.sending, Play) else self._feeds.spellings
        elif leg.play is not None:
            feed = self._feeds.plays
        elif not leg.may_send():
            return
        else:
            wished = self._wished(leg)
            if wished is None:
                return
            feed = wished
        feed[leg] = None
        leg.feed = feed
        self._start_ticking()

    def _wished(self, leg: Leg) -> dict[Leg, None] | None:
        """The tick's feed of what the leg wishes to hear, if it is one."""
        assert leg.peer is not None
        wish = leg.wish
        if wish.kind in ("music", "mix") and not leg.may_speak():
            self._tell(Trouble(leg.name, f"no {wish.kind} in codec {leg.peer.codec}"))
        elif wish.kind == "music":
            try:
                return self._feeds.music(wish.name, self._library.track(wish.name), leg.peer.codec)
            except AudioError as problem:
                self._tell(Trouble(leg.name, str(problem)))
        elif wish.kind == "leg":
            for name, _ in wish.legs[:1]:
                if name in self._legs:
                    self._join(leg, self._legs[name])
        elif wish.kind == "mix":
            heard = tuple((self._legs[name], gain) for name, gain in wish.legs if name in self._legs)
            self._feeds.mixing().join(leg, heard)
            self._start_ticking()
        return None

    def _join(self, leg: Leg, source: Leg) -> None:
        assert leg.peer is not None
        takes = {leg.peer.codec: leg.peer.payload}
        if leg.peer.events is not None and source.digits_relayed:
            takes[EVENTS] = leg.peer.events
        relay = Relay(leg.stream, routes(source.accepts, takes, TRANSLATE, EVENTS), leg.send)
        source.relays += (relay,)
        leg.relay = (source, relay)

    # ------------------------------------------------------------------------------------------------------- plays

    def _play(self, wanted: protocol.Play) -> None:
        leg = self._legs.get(wanted.leg)
        try:
            tracks = tuple(self._library.track(name) for name in wanted.files)
        except AudioError as problem:
            self._tell(Trouble(wanted.leg, str(problem)))
            tracks = ()
        if leg is None or not tracks:
            self._tell(PlayEnded(wanted.op, "failed" if wanted.files else "finished"))
            return
        if leg.play is not None:
            self._end_play(leg, "stopped")
        leg.play = Play(wanted.op, tracks, wanted.repeat, wanted.barge_in)
        self._by_op[wanted.op] = leg
        self._feed(leg)

    def _stop(self, stop: Stop) -> None:
        leg = self._by_op.get(stop.op)
        if leg is not None:
            self._end_play(leg, "stopped")

    def _end_play(self, leg: Leg, reason: Reason) -> None:
        assert leg.play is not None
        self._by_op.pop(leg.play.op, None)
        self._tell(PlayEnded(leg.play.op, reason))
        leg.play = None
        self._feed(leg)

    def _done(self, leg: Leg) -> None:
        if leg.sending is not None:
            leg.sending = None
            self._feed(leg)
        elif leg.play is not None:
            self._end_play(leg, "finished")

    # ------------------------------------------------------------------------------------------------------ digits

    def _key_down(self, leg: Leg) -> None:
        self._down[leg] = None
        self._start_ticking()
        if leg.play is not None and leg.play.barge_in:
            self._end_play(leg, "barged")

    def _pressed(self, leg: Leg, pressed: Pressed) -> None:
        self._tell(Digit(leg.name, pressed.digit, pressed.duration_s()))

    def _send_digits(self, wanted: SendDigits) -> None:
        leg = self._legs.get(wanted.leg)
        if leg is None or leg.peer is None:
            return
        try:
            if leg.peer.events is None:
                leg.sending = Play("", (Track(tones(wanted.digits)),))
            elif leg.sending is None or isinstance(leg.sending, Play):
                leg.sending = spell(wanted.digits)
            else:
                leg.sending = chain(leg.sending, spell(wanted.digits))
        except ValueError as problem:
            self._tell(Trouble(wanted.leg, str(problem)))
            return
        self._feed(leg)

    def _relay_digits(self, wanted: RelayDigits) -> None:
        leg = self._legs.get(wanted.leg)
        if leg is not None and leg.digits_relayed != wanted.on:
            leg.digits_relayed = wanted.on
            for hearer in self._hearers.get(leg.name, ()):
                self._feed(hearer)

    def _figures(self) -> dict[str, int]:
        counters = self._counters.figures()
        dropped = sum(counters[name] for name in ("strangers", "malformed", "unwanted"))
        return {
            "pid": os.getpid(),
            "legs": len(self._legs),
            "ports_bound": len(self._legs) + len(self._free),
            "dropped": dropped,
            **counters,
        }


def _frame_after(now: float) -> float:
    return (now // FRAME_S + 1) * FRAME_S


def _socket(address: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM):  # the engine ends us, after its calls
        signal.signal(ignored, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    worker = Worker(socket.socket(fileno=int(sys.argv[1])))
    gc.freeze()
    worker.run()


if __name__ == "__main__":
    main()
