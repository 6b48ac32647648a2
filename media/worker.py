"""A media worker: a process of its own, so that audio never waits for call control (`python -m media.worker FD`).

A plain epoll loop: a packet is relayed as it arrives, everything else goes out on a 20 ms tick. It is told what to do
over the socket it inherits as FD, and ends when that closes.
"""

from __future__ import annotations

import gc
import heapq
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
from time import monotonic
from typing import Any, Final

from media import protocol
from media.audio import AudioError, Library, Track
from media.codecs import MADE
from media.dtmf import Pressed, spell, tones
from media.feeds import Feeds, Play, Reason
from media.hearing import Hearing
from media.leg import BUFFER, Counters, Leg
from media.native import Loop
from media.pipe import Pipe
from media.plane import DigitFact, LostFact, Peer, PlayEndedFact
from media.ports import WILDCARD, Home, Ports, beside, bound, drain
from media.protocol import (
    Bind,
    Bound,
    Create,
    Delete,
    Figures,
    Forget,
    Hears,
    Hello,
    Ping,
    Pong,
    Qualities,
    RelayDigits,
    SendDigits,
    Set,
    Stats,
    Stop,
    Trouble,
)
from media.reports import Reports
from media.rtp import FRAME_S
from media.srtp import SrtpMissing

LATE_S: Final = FRAME_S / 2
FORGIVEN_S: Final = 1.0  # further behind (the machine slept), ticks are given up
CHECK_S: Final = 1.0
ERRORS_SHOWN: Final = 20
QUALITIES_AT_ONCE: Final = 200  # legs in one message


class Worker:
    def __init__(self, control: socket.socket) -> None:
        self._epoll = select.epoll()
        self._loop = Loop(self._epoll, BUFFER)
        self._pipe = Pipe(control, self._epoll)
        self._tell = self._pipe.tell
        self._hello: Hello | None = None
        self._counters = Counters()
        self._feeds = Feeds(self._counters, self._done)
        self._hearing = Hearing(self._feeds, self._trouble, self._start_ticking)
        self._legs = self._hearing.legs
        self._homes: dict[Leg, Home] = {}
        self._by_fd: dict[int, Leg | Reports] = {}
        self._by_op: dict[str, Leg] = {}
        self._down: dict[Leg, None] = {}  # with a key held down
        self._ports = Ports(0, -1, 1)  # until told
        self._reports: list[tuple[float, int, Leg]] = []  # when whose RTCP is due: a heap
        self._serial = 0
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
            Forget: lambda _: self._hearing.library.forget(),
            Stats: lambda message: self._tell(Figures(message.id, self._figures())),
            Ping: lambda message: self._tell(Pong(message.id)),
        }

    # ---------------------------------------------------------------------------------------------------- the loop

    def run(self) -> None:
        """Until the control socket closes."""
        by_fd, pipe, poll = self._by_fd, self._pipe, self._loop.poll
        now = monotonic()
        while not pipe.ended:
            if now >= self._wake_at:
                self._on_time(now)
            try:
                ready = poll(self._wake_at)
                now = monotonic()
                for fd, event in ready:
                    receiver = by_fd.get(fd)
                    if receiver is not None:
                        receiver.receive(now)
                    elif fd == pipe.fd:
                        self._control_ready(event)
            except Exception:  # one leg's packet must not end the calls of all; what was not read is polled again
                self._failed()
            pipe.flush()

    def _on_time(self, now: float) -> None:
        """Whatever is due; sets when to wake next."""
        if 0.0 < self._next_tick <= now:  # one: who is behind looks at what has come before he catches up
            self._tick(now)
            now = monotonic()
        while self._reports and self._reports[0][0] <= now:
            self._report(heapq.heappop(self._reports)[2], now)
        if now >= self._next_check:
            self._check_silence(now, late=now - self._next_check > CHECK_S)
            self._next_check = now + CHECK_S
            self._tell_quality()
        while self._reports and self._gone(self._reports[0][2]):  # nobody is to be woken for them
            heapq.heappop(self._reports)
        self._wake_at = min(self._next_tick or self._next_check, self._next_check)
        if self._reports:
            self._wake_at = min(self._wake_at, self._reports[0][0])

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

    def _check_silence(self, now: float, late: bool) -> None:
        limit = self._hello.silent_after_s if self._hello is not None else None
        if limit is None:
            return
        for leg in self._legs.values():
            if late and not leg.silent:  # we stood still ourselves, and have not yet read what came meanwhile
                leg.reception.heard_at = now
            heard_at = max(leg.reception.heard_at, leg.reports.heard_at)
            quiet = leg.should_be_heard() and now - heard_at > limit
            if quiet and not leg.silent:
                self._tell(LostFact(leg.name, "silent"))
            leg.silent = quiet

    def _tell_quality(self) -> None:
        """Of the legs that were heard since this was last told."""
        heard = [leg for leg in self._legs.values() if leg.reception.packets != leg.told]
        for leg in heard:
            leg.told = leg.reception.packets
        for start in range(0, len(heard), QUALITIES_AT_ONCE):
            self._tell(Qualities(tuple([leg.quality() for leg in heard[start : start + QUALITIES_AT_ONCE]])))

    def _report(self, leg: Leg, now: float) -> None:
        """Send the RTCP that is due, unless the leg is gone."""
        if not self._gone(leg):
            leg.reports.report(leg.reception.ssrc, now)
            self._schedule(leg)

    def _gone(self, leg: Leg) -> bool:
        return self._legs.get(leg.name) is not leg

    def _schedule(self, leg: Leg) -> None:
        self._serial += 1
        heapq.heappush(self._reports, (leg.reports.due, self._serial, leg))

    # ------------------------------------------------------------------------------------------------- the control

    def _control_ready(self, event: int) -> None:
        for body in self._pipe.ready(event):
            for message in protocol.to_worker(body):
                try:
                    self._verbs[type(message)](message)
                except Exception:
                    self._failed()

    def _failed(self) -> None:
        self._counters.errors += 1
        if self._counters.errors <= ERRORS_SHOWN:
            self._tell(Trouble("", traceback.format_exc()))

    def _trouble(self, leg: str, what: str) -> None:
        self._tell(Trouble(leg, what))

    def _greet(self, hello: Hello) -> None:
        if hello.version != protocol.VERSION:
            raise protocol.ProtocolError(f"engine speaks version {hello.version}, this worker {protocol.VERSION}")
        self._hello = hello
        self._hearing.library = Library([Path(root) for root in hello.roots])
        self._ports = Ports(*hello.ports, hello.stride)

    # --------------------------------------------------------------------------------------------- ports and legs

    def _bind(self, wanted: Bind) -> None:
        ports, left, error = self._ports.bind(wanted.address, wanted.count)
        self._tell(Bound(wanted.address, wanted.count, ports, left, error))

    def _create(self, wanted: Create) -> None:
        home = (wanted.address, wanted.port)
        sockets = self._ports.take(home)
        if sockets is None:
            self._tell(LostFact(wanted.leg, "no_ports"))
            return
        leg = Leg(wanted.leg, *sockets, monotonic(), self._loop, self._counters, self._key_down, self._pressed)
        drain(leg.socket)
        self._legs[wanted.leg] = leg
        self._homes[leg] = home
        self._listen(leg)
        self._schedule(leg)

    def _listen(self, leg: Leg) -> None:
        receivers: tuple[Leg | Reports, ...] = (leg, leg.reports)
        for receiver in receivers:
            if receiver.socket is not None:
                self._by_fd[receiver.socket.fileno()] = receiver
                self._epoll.register(receiver.socket.fileno(), select.EPOLLIN)

    def _deafen(self, leg: Leg) -> None:
        self._loop.leave(leg.socket.fileno())
        for sock in (leg.socket, leg.reports.socket):
            if sock is not None and sock.fileno() in self._by_fd:
                self._epoll.unregister(sock.fileno())
                del self._by_fd[sock.fileno()]

    def _delete(self, gone: Delete) -> None:
        leg = self._legs.get(gone.leg)
        if leg is None:
            return
        if leg.play is not None:
            self._by_op.pop(leg.play.op, None)
        self._down.pop(leg, None)
        self._hearing.forget(leg)
        if self._feeds.ears is not None:
            self._feeds.ears.leave(leg)
        self._deafen(leg)
        home = self._homes.pop(leg)
        if leg.socket.fileno() >= 0:
            leg.reports.report(leg.reception.ssrc, monotonic(), bye=True)
            self._ports.put(home, leg.socket, leg.reports.release())
        self._counters.packets_in += leg.reception.packets
        self._counters.packets_out += leg.stream.packets
        leg.close()

    def _set(self, agreed: Set) -> None:
        leg = self._legs.get(agreed.leg)
        if leg is None or leg.peer == agreed.peer:
            return
        try:
            self._agree(leg, agreed.peer)
        except OSError as problem:
            self._trouble(agreed.leg, f"{agreed.peer.host}:{agreed.peer.port}: {problem.strerror}")
        except SrtpMissing as problem:
            self._trouble(agreed.leg, str(problem))
        leg.reception.heard_at = monotonic()
        self._hearing.changed(leg)
        if agreed.peer.sends and agreed.peer.events is None and agreed.peer.codec in MADE:
            self._feeds.listening(self._key_down, self._toned).join(leg)
            self._start_ticking()
        elif self._feeds.ears is not None:
            self._feeds.ears.leave(leg)

    def _agree(self, leg: Leg, peer: Peer) -> None:
        home = self._homes[leg]
        if peer.latch and leg.connected():  # a connected socket hears nobody else: take a new one
            self._deafen(leg)
            leg.socket.close()
            leg.reports.close()
            leg.reports.rebind(beside(home))
            try:
                leg.socket = bound(*home)
            except OSError:
                self._tell(LostFact(leg.name, "no_ports"))
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
        self._hearing.wish(leg, wanted.source)

    # ------------------------------------------------------------------------------------------------------- plays

    def _play(self, wanted: protocol.Play) -> None:
        leg = self._legs.get(wanted.leg)
        try:
            tracks = tuple(self._hearing.library.track(name) for name in wanted.files)
        except AudioError as problem:
            self._tell(Trouble(wanted.leg, str(problem)))
            tracks = ()
        if leg is None or not tracks:
            self._tell(PlayEndedFact(wanted.op, "failed" if wanted.files else "finished"))
            return
        if leg.play is not None:
            self._end_play(leg, "stopped")
        leg.play = Play(wanted.op, tracks, wanted.repeat, wanted.barge_in)
        self._by_op[wanted.op] = leg
        self._hearing.feed(leg)

    def _stop(self, stop: Stop) -> None:
        leg = self._by_op.get(stop.op)
        if leg is not None:
            self._end_play(leg, "stopped")

    def _end_play(self, leg: Leg, reason: Reason) -> None:
        assert leg.play is not None
        self._by_op.pop(leg.play.op, None)
        self._tell(PlayEndedFact(leg.play.op, reason))
        leg.play = None
        self._hearing.feed(leg)

    def _done(self, leg: Leg) -> None:
        if leg.sending is not None:
            leg.sending = None
            self._hearing.feed(leg)
        elif leg.play is not None:
            self._end_play(leg, "finished")

    # ------------------------------------------------------------------------------------------------------ digits

    def _key_down(self, leg: Leg) -> None:
        self._down[leg] = None
        self._start_ticking()
        if leg.play is not None and leg.play.barge_in:
            self._end_play(leg, "barged")

    def _pressed(self, leg: Leg, pressed: Pressed) -> None:
        self._tell(DigitFact(leg.name, pressed.digit, pressed.duration_s()))

    def _toned(self, leg: Leg, digit: str, duration_s: float) -> None:
        self._tell(DigitFact(leg.name, digit, duration_s))

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
        self._hearing.feed(leg)

    def _relay_digits(self, wanted: RelayDigits) -> None:
        leg = self._legs.get(wanted.leg)
        if leg is not None and leg.digits_relayed != wanted.on:
            leg.digits_relayed = wanted.on
            self._hearing.feed_hearers(leg)

    def _figures(self) -> dict[str, int]:
        counters = self._counters.figures()
        for name in ("strangers", "unsent", "unauthentic", "malformed"):
            counters[name] += getattr(self._loop, name)
        counters["packets_in"] += sum(leg.reception.packets for leg in self._legs.values())
        counters["packets_out"] += sum(leg.stream.packets for leg in self._legs.values())
        dropped = sum(counters[name] for name in ("strangers", "malformed", "unwanted", "unauthentic"))
        return {
            "pid": os.getpid(),
            "legs": len(self._legs),
            "ports_bound": len(self._legs) + len(self._ports),
            "rtcp_bound": sum(leg.reports.socket is not None for leg in self._legs.values()) + self._ports.kept(),
            "dropped": dropped,
            **counters,
            "plain": self._loop.plain,
        }


def _frame_after(now: float) -> float:
    return (now // FRAME_S + 1) * FRAME_S


def main() -> None:
    for ignored in (signal.SIGINT, signal.SIGTERM):  # the engine ends us, after its calls
        signal.signal(ignored, signal.SIG_IGN)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    os.environ["OPENBLAS_NUM_THREADS"] = "1"  # numpy's own threads would only wait for one another
    worker = Worker(socket.socket(fileno=int(sys.argv[1])))
    gc.freeze()
    worker.run()


if __name__ == "__main__":
    main()
