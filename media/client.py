"""The engine's side of the media workers: `WorkerPool` starts them, keeps ports ready, and is the `Plane`.

A call's legs share a worker, so they are created `beside` one another. Should legs of two workers ever have to hear
each other, the way is a pair of legs, one in each worker, set as each other's peer over loopback: no verb changes.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from media import protocol
from media.link import Link
from media.native import IN_C
from media.plane import DigitFact, Fact, LostFact, NoPorts, Peer, PlayEndedFact, Port, Source
from media.protocol import (
    Bound,
    Create,
    Delete,
    Figures,
    Forget,
    FromWorker,
    Hears,
    Hello,
    Ping,
    Play,
    Pong,
    Qualities,
    RelayDigits,
    SendDigits,
    Set,
    Stats,
    Stop,
    ToWorker,
    Trouble,
)

READY: Final = 512  # ports kept bound ahead, per worker and address
QUARANTINE_S: Final = 4.0  # late packets of a call that ended must not reach the next one
PING_EVERY_S: Final = 1.0
DEAF_AFTER: Final = 5  # pings without an answer: the worker is ended (counted, not timed: the engine may have stood)
END_S: Final = 5.0  # for a worker to end by itself
BACK_OFF_S: Final = (0.1, 10.0)  # first and longest wait before a worker is started again
HEALTHY_S: Final = 10.0  # after which the next wait is the first again
START_S: Final = 15.0
STATS_S: Final = 2.0
UNFED: Final = ("silence", "leg")  # what a leg hears without its worker's doing: a peer that hung up sends no more

log: Final = logging.getLogger("media")


class MediaError(RuntimeError):
    """Media cannot be offered as configured; says why."""


@lru_cache(maxsize=4096)
def sendable(host: str) -> bool:
    """Whether audio may be sent there: a unicast IP address. A name never is, it would have to be looked up."""
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return not (address.is_multicast or address.is_unspecified or host == "255.255.255.255")


class WorkerPool:
    """The `Plane` of worker processes. `networks` maps each network to the address its media is bound to; `ports` are
    the first and last of the range, taken two by two (RTP even, RTCP the next); `prompts` are the directories that
    recordings are looked for in. `silent_after_s`: tell `LostFact(…, "silent")` of a leg not heard for that long."""

    def __init__(
        self,
        networks: Mapping[str, str],
        ports: tuple[int, int] = (30000, 39999),
        workers: int = 1,
        prompts: Sequence[Path] = (),
        *,
        silent_after_s: float | None = None,
        quarantine_s: float = QUARANTINE_S,
        ready: int = READY,
    ) -> None:
        """Raises MediaError for a network whose address is none, or an empty range."""
        for network, address in networks.items():
            try:
                ip_address(address)
            except ValueError:
                raise MediaError(f"media address of network {network} is no IP address: {address!r}") from None
        first, last = ports[0] + ports[0] % 2, ports[1]
        if not (first >= 1024 and first + 2 * (workers - 1) < last <= 65535) or workers < 1:
            raise MediaError(f"media ports {ports[0]}-{ports[1]} do not hold a pair for each of {workers} workers")
        self.on_fact: Callable[[Fact], None] = _nobody
        self.networks = dict(networks)
        self.addresses = tuple(dict.fromkeys(networks.values()))
        self.loop: asyncio.AbstractEventLoop
        self._ports = (first, last - 1)
        self._prompts = tuple(str(Path(root).resolve()) for root in prompts)
        self._silent_after_s = silent_after_s
        self._quarantine_s = quarantine_s
        self._ready = ready
        self._links: list[Link | None] = [None] * workers
        self._legs: dict[str, Link] = {}
        self._unborn: dict[str, Create] = {}  # legs with nothing to do yet: no worker is woken for them
        self._plays: dict[str, tuple[Link, str]] = {}  # op → worker, leg
        self._waits = [BACK_OFF_S[0]] * workers
        self._tasks: set[asyncio.Task[None]] = set()
        self._questions = 0
        self._closing = False
        self._watching: asyncio.TimerHandle | None = None
        self.refused = 0  # peers with an address nothing may be sent to

    # ------------------------------------------------------------------------------------------------------- life

    async def start(self) -> None:
        """Start the workers; returns when each has its first ports ready. Raises MediaError."""
        self.loop = asyncio.get_running_loop()
        log.info("plain packets are relayed in %s", "C" if IN_C else "Python: media._relay was not built")
        try:
            async with asyncio.timeout(START_S):
                for number in range(len(self._links)):
                    await self._spawn(number)
                for link in self._links:
                    if link is None:
                        raise MediaError("a media worker ended while it was being started")
                    await link.ready
        except TimeoutError:
            await self.close()
            raise MediaError(f"media workers not ready after {START_S:g} s") from None
        except BaseException:
            await self.close()
            raise
        self._watching = self.loop.call_later(PING_EVERY_S, self._watch)

    async def close(self) -> None:
        """End the workers and wait until they are gone."""
        self._closing = True
        if self._watching is not None:
            self._watching.cancel()
        for task in self._tasks:
            task.cancel()
        links = [link for link in self._links if link is not None]
        for link in links:
            link.close()
        for link in links:
            late = self.loop.call_later(END_S, link.kill)
            await link.ended()
            late.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._links = [None] * len(self._links)
        self._legs.clear()

    async def _spawn(self, number: int) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        link = Link(self, number)
        try:
            with theirs:
                link.launch(theirs)
            ours.setblocking(False)
            await self.loop.create_unix_connection(lambda: link, sock=ours)
        except BaseException:
            ours.close()
            link.kill()
            await link.ended()
            raise
        self._links[number] = link
        first, last = self._ports
        stride = 2 * len(self._links)
        link.tell(Hello(protocol.VERSION, self._prompts, (first + 2 * number, last), stride, self._silent_after_s))
        for address in self.addresses:
            link.keep_ready(address, self._ready)

    def lost(self, link: Link) -> None:
        """The worker has closed its connection: its legs are lost, another takes its place."""
        if self._closing or self._links[link.number] is not link:
            return
        self._links[link.number] = None
        log.error("media worker %d ended with %d legs", link.number, len(link.legs))
        if not link.ready.done():
            errors = "; ".join(link.errors.values()) or "see its output on standard error"
            link.ready.set_exception(MediaError(f"media worker {link.number} did not start: {errors}"))
            link.ready.exception()  # nobody may be waiting for it any more
        for answer in link.answers.values():
            answer.cancel()
        task = self.loop.create_task(self._restart(link))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        for leg in link.legs:
            self._legs.pop(leg, None)
            self._unborn.pop(leg, None)
        for op in [op for ops in link.plays.values() for op in ops]:
            self._plays.pop(op, None)
            self._fact(PlayEndedFact(op, "failed"))
        for leg in link.legs:
            self._fact(LostFact(leg, "worker"))

    async def _restart(self, link: Link) -> None:
        number = link.number
        first, longest = BACK_OFF_S
        if self.loop.time() - link.started_at > HEALTHY_S:
            self._waits[number] = first
        link.kill()
        await link.ended()  # its ports are free only then
        while not self._closing:
            await asyncio.sleep(self._waits[number])
            self._waits[number] = min(2 * self._waits[number], longest)
            try:
                await self._spawn(number)
            except OSError as error:
                log.error("media worker %d cannot be started: %s", number, error)
            else:
                log.warning("media worker %d started again", number)
                return

    def _watch(self) -> None:
        now = self.loop.time()
        self._watching = self.loop.call_later(PING_EVERY_S, self._watch)
        for link in self._links:
            if link is None:
                continue
            if link.unanswered >= DEAF_AFTER:
                log.error("media worker %d has not answered %d pings and is ended", link.number, link.unanswered)
                link.kill()
            link.unanswered += 1
            link.tell(Ping(link.unanswered))
            link.rested(now)
            for address in self.addresses:
                link.keep_ready(address, self._ready)

    # -------------------------------------------------------------------------------------------- the verbs of Plane

    def create(self, leg: str, network: str, beside: str | None = None) -> Port:
        """See `Plane`. Raises `NoPorts`, KeyError for a network that is not configured."""
        address = self.networks[network]
        link = self._legs.get(beside) if beside is not None else None
        if link is None:
            link = self._least_busy(address)
        if link is None or not self._have_port(link, address):
            raise NoPorts(f"no media port is free on network {network} ({address})")
        port = Port(link.number, network, address, link.free[address].popleft())
        if len(link.free[address]) * 2 < self._ready:
            link.keep_ready(address, self._ready)
        link.legs[leg] = port
        self._legs[leg] = link
        self._unborn[leg] = Create(leg, address, port.port)  # the socket is bound: what comes early waits in it
        return port

    def _least_busy(self, address: str) -> Link | None:
        links = [link for link in self._links if link is not None and self._have_port(link, address)]
        return min(links, key=lambda link: len(link.legs), default=None)

    def _have_port(self, link: Link, address: str) -> bool:
        if not link.free[address]:
            link.rested(self.loop.time())
        return bool(link.free[address])

    def set(self, leg: str, peer: Peer) -> None:
        link = self._legs.get(leg)
        if link is None:
            return
        if not sendable(peer.host) or self._our_own(peer):
            self.refused += 1
            log.warning("leg %s: nothing is sent to %s:%d", leg, peer.host, peer.port)
            peer = Peer("127.0.0.1", 0, peer.codec, peer.payload, peer.events, sends=False, receives=False)
        self._order(link, leg, Set(leg, peer))

    def _our_own(self, peer: Peer) -> bool:
        return any(
            link is not None and peer.host in link.bound and peer.port & ~1 in link.bound[peer.host]
            for link in self._links
        )

    def hears(self, leg: str, source: Source) -> None:
        link = self._legs.get(leg)
        for other, _ in source.legs:
            if self._legs.get(other, link) is not link:
                log.error("leg %s cannot hear %s of another worker: not created beside it", leg, other)
            elif link is not None:
                self._bear(link, other)
        if link is not None:
            (link.fed.discard if source.kind in UNFED else link.fed.add)(leg)
            self._order(link, leg, Hears(leg, source))

    def play(self, op: str, leg: str, files: tuple[str, ...], repeat: int, barge_in: bool) -> None:
        link = self._legs.get(leg)
        if link is None:
            self.loop.call_soon(self._fact, PlayEndedFact(op, "failed"))
            return
        link.plays.setdefault(leg, {})[op] = None
        link.fed.add(leg)
        self._plays[op] = link, leg
        self._order(link, leg, Play(op, leg, files, repeat, barge_in))

    def stop(self, op: str) -> None:
        if op in self._plays:
            self._plays[op][0].tell(Stop(op))

    def send_digits(self, leg: str, digits: str) -> None:
        link = self._legs.get(leg)
        if link is not None:
            link.fed.add(leg)
            self._order(link, leg, SendDigits(leg, digits))

    def relay_digits(self, leg: str, on: bool) -> None:
        self._tell(leg, RelayDigits(leg, on))

    def delete(self, leg: str) -> None:
        link = self._legs.pop(leg, None)
        if link is None:
            return
        for op in link.plays.pop(leg, ()):
            del self._plays[op]
        port = link.legs.pop(leg)
        link.resting.append((self.loop.time() + self._quarantine_s, port.host, port.port))
        if self._unborn.pop(leg, None) is None:
            (link.tell if leg in link.fed else link.tell_along)(Delete(leg))
            link.fed.discard(leg)

    def forget_recordings(self) -> None:
        """Files may have changed: read them again when next played. What plays now plays on."""
        for link in self._links:
            if link is not None:
                link.tell(Forget())

    def _tell(self, leg: str, message: ToWorker) -> None:
        link = self._legs.get(leg)
        if link is not None:
            self._order(link, leg, message)

    def _order(self, link: Link, leg: str, message: ToWorker) -> None:
        if self._unborn:
            self._bear(link, leg)
        link.tell(message)

    def _bear(self, link: Link, leg: str) -> None:
        create = self._unborn.pop(leg, None)
        if create is not None:
            link.tell(create)

    def workers_up(self) -> int:
        """How many workers have ports to give."""
        return sum(link is not None and link.ready.done() for link in self._links)

    async def stats(self) -> list[dict[str, int]]:
        """Of each worker that answers within `STATS_S`: its own figures, and ports_free as we hold them."""
        for leg in list(self._unborn):
            self._bear(self._legs[leg], leg)
        links = [link for link in self._links if link is not None]
        answers = []
        for link in links:
            self._questions += 1
            link.answers[self._questions] = answer = self.loop.create_future()
            link.tell(Stats(self._questions))
            answers.append(answer)
        if answers:
            await asyncio.wait(answers, timeout=STATS_S)
        found = []
        for link, answer in zip(links, answers, strict=True):
            if answer.done() and not answer.cancelled():
                free = sum(map(len, link.free.values()))
                found.append({**answer.result(), "ports_free": free, "ports_resting": len(link.resting)})
        for link in links:
            link.answers.clear()
        return found

    # ------------------------------------------------------------------------------------------- what workers tell

    def told(self, link: Link, message: FromWorker) -> None:
        if isinstance(message, DigitFact | LostFact):
            if message.leg in link.legs:
                self._fact(message)
        elif isinstance(message, PlayEndedFact):
            play = self._plays.pop(message.op, None)
            if play is not None:
                link.plays[play[1]].pop(message.op, None)
                self._fact(message)
        elif isinstance(message, Qualities):
            for fact in message.legs:
                if fact.leg in link.legs:
                    self._fact(fact)
        elif isinstance(message, Figures):
            answer = link.answers.pop(message.id, None)
            if answer is not None and not answer.done():
                answer.set_result(message.figures)
        elif isinstance(message, Bound):
            self._bound(link, message)
        elif isinstance(message, Trouble):
            log.warning("media worker %d, leg %s: %s", link.number, message.leg or "-", message.what)
        else:
            assert isinstance(message, Pong)

    def _fact(self, fact: Fact) -> None:
        try:
            self.on_fact(fact)
        except Exception:  # the connection to the worker must outlive it
            log.exception("%s was not taken", fact)

    def _bound(self, link: Link, bound: Bound) -> None:
        link.free[bound.address].extend(bound.ports)
        link.bound[bound.address].update(bound.ports)
        link.left[bound.address] = bound.left
        link.binding[bound.address] -= bound.asked
        if bound.error:
            link.errors[bound.address] = bound.error
        if link.ready.done():
            return
        if not bound.ports and not link.free[bound.address]:
            link.ready.set_exception(MediaError(f"no media port can be bound: {bound.error or 'the range is empty'}"))
        elif all(link.free.values()):
            link.ready.set_result(None)


def _nobody(fact: Fact) -> None:
    """Until somebody sets `on_fact`."""
