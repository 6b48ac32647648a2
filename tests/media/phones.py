"""The other side of a leg in tests: a plain UDP socket that says tones and keeps what it is told."""

from __future__ import annotations

import asyncio
import math
import socket
from array import array
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from itertools import count, pairwise
from pathlib import Path
from types import TracebackType
from typing import Self, cast

from media import codecs, rtp
from media.client import WorkerPool
from media.dtmf import END, EVENT
from media.plane import DigitFact, Fact, LostFact, Peer, PlayEndedFact, Port, QualityFact, Source
from media.rtp import CLOCK_HZ, FRAME, FRAME_S, Packet
from tests.ports import Ports

PATIENCE_S = 30.0  # for a busy machine: who waits goes on as soon as it has happened
WINDOW = 12  # frames that what a phone hears is judged by
_ports = Ports(20_000, 30_000, 1000, 1)  # above those of other tests, below those of engines that they start


def span(count: int) -> tuple[int, int]:
    """So many ports in a row, the first one even."""
    first = _ports.take(count)
    return first, first + count - 1


def tone(hz: float, frames: int, level: int = 8000) -> bytes:
    """16-bit samples at 8 kHz of so many frames of 20 ms."""
    turn = 2 * math.pi * hz / CLOCK_HZ
    return array("h", (round(level * math.sin(turn * n)) for n in range(frames * FRAME))).tobytes()


def strength(pcm: bytes, hz: float) -> float:
    """Goertzel: the amplitude of a sine of this frequency in 16-bit samples."""
    samples = array("h", pcm)
    factor = 2 * math.cos(2 * math.pi * hz / CLOCK_HZ)
    before = last = 0.0
    for sample in samples:
        before, last = last, sample + factor * last - before
    power = last * last + before * before - factor * last * before
    return 2 * math.sqrt(max(power, 0.0)) / max(1, len(samples))


def loudest(pcm: bytes, tones: Sequence[float]) -> float | None:
    """Which of the tones is heard, None if none is."""
    best = max(tones, key=lambda hz: strength(pcm, hz))
    return best if strength(pcm, best) > 500 else None


class Phone(asyncio.DatagramProtocol):
    """A peer on loopback. `packets` is all it received, in order."""

    def __init__(self, codec: str = "PCMA", events: int | None = 101, host: str = "127.0.0.1") -> None:
        self.codec = codec
        self.payload = codecs.STATIC[codec]
        self.events = events
        self._encode = codecs.encoder(codec)
        self.packets: list[Packet] = []
        self.garbage: list[bytes] = []
        self.to: tuple[str, int] | None = None
        self.sequence = 1000
        self.timestamp = 50_000
        self.ssrc = 0xBEEF
        self._socket = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self._socket.setblocking(False)
        self._arrived = asyncio.Event()
        self._transport: asyncio.DatagramTransport | None = None

    async def __aenter__(self) -> Self:
        await asyncio.get_running_loop().create_datagram_endpoint(lambda: self, sock=self._socket)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._transport is not None
        self._transport.close()
        await asyncio.sleep(0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        packet = rtp.parse(data)
        if packet is None:
            self.garbage.append(data)
        else:
            self.packets.append(packet)
        self._arrived.set()

    def error_received(self, exc: Exception) -> None:
        """A worker that is gone refuses; what the test expects shows elsewhere."""

    @property
    def address(self) -> tuple[str, int]:
        host, port = self._socket.getsockname()[:2]
        return host, port

    def peer(
        self, *, sends: bool = True, receives: bool = True, latch: tuple[str, ...] = (), address: object = None
    ) -> Peer:
        """What offer/answer with this phone comes to."""
        host, port = self.address
        if isinstance(address, tuple):
            host, port = address
        return Peer(host, port, self.codec, self.payload, self.events, sends, receives, latch=latch)

    def call(self, port: Port) -> None:
        """Send to this port from now on."""
        self.to = (port.host if port.host != "0.0.0.0" else "127.0.0.1", port.port)

    def raw(self, data: bytes) -> None:
        assert self._transport is not None
        assert self.to is not None
        self._transport.sendto(data, self.to)

    def send(self, payload_type: int, payload: bytes, timestamp: int, marker: bool = False) -> None:
        self.raw(bytes(Packet(payload_type, self.sequence, timestamp, self.ssrc, payload, marker)))
        self.sequence = (self.sequence + 1) & rtp.SEQ

    def say(self, hz: float, frames: int) -> None:
        """A tone, all its packets at once (a relay does not mind)."""
        for payload in self.coded(tone(hz, frames)):
            self.speak(payload)

    def coded(self, pcm: bytes) -> list[bytes]:
        """16-bit samples at 8 kHz as payloads of 20 ms."""
        law = self._encode(pcm)
        return [law[start : start + FRAME] for start in range(0, len(law), FRAME)]

    def speak(self, payload: bytes) -> None:
        """The next 20 ms."""
        self.send(self.payload, payload, self.timestamp)
        self.timestamp += FRAME

    def press(self, digit: str, *, updates: int = 5, ends: int = 3, timestamp: int | None = None) -> None:
        """A key by RFC 4733."""
        assert self.events is not None
        event = "0123456789*#ABCD".index(digit)
        start = self.timestamp if timestamp is None else timestamp
        for n in range(1, updates + 1):
            self.send(self.events, EVENT.pack(event, 10, n * FRAME), start, marker=n == 1)
        for _ in range(ends):
            self.send(self.events, EVENT.pack(event, 10 | END, updates * FRAME), start)
        self.timestamp = start + (updates + 1) * FRAME

    async def heard(self, enough: Callable[[list[Packet]], bool]) -> list[Packet]:
        """All packets, as soon as they are enough. TimeoutError says how many came."""
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not enough(self.packets):
                    self._arrived.clear()
                    await self._arrived.wait()
        except TimeoutError:
            raise TimeoutError(f"only {len(self.packets)} packets came: {self.packets[-3:]}") from None
        return self.packets

    async def hears(self, count: int) -> list[Packet]:
        return await self.heard(lambda packets: len(packets) >= count)

    async def hears_parts(self, sources: int, last: int) -> list[list[Packet]]:
        """The `parts` of its stream, when there are so many, the last one of so many packets."""

        def enough(packets: list[Packet]) -> bool:
            found = parts(packets)
            return len(found) >= sources and len(found[-1]) >= last

        return parts(await self.heard(enough))

    def pcm(self, packets: Sequence[Packet]) -> bytes:
        law = b"".join(packet.payload for packet in packets if packet.payload_type == self.payload)
        return codecs.decoder(self.codec)(law)


class Facts:
    """What the pool told: in `all` what happened, in order; in `qualities`, which it tells every second, how legs
    sound."""

    def __init__(self) -> None:
        self.all: list[Fact] = []
        self.qualities: list[QualityFact] = []
        self._told = asyncio.Event()

    def __call__(self, fact: Fact) -> None:
        if isinstance(fact, QualityFact):
            self.qualities.append(fact)
        else:
            self.all.append(fact)
        self._told.set()

    async def until(self, enough: Callable[[list[Fact]], bool]) -> list[Fact]:
        try:
            async with asyncio.timeout(PATIENCE_S):
                while not enough(self.all):
                    self._told.clear()
                    await self._told.wait()
        except TimeoutError:
            raise TimeoutError(f"only these facts came: {self.all}") from None
        return self.all

    async def count(self, count: int) -> list[Fact]:
        return await self.until(lambda facts: len(facts) >= count)

    def digits(self) -> str:
        return "".join(fact.digit for fact in self.all if isinstance(fact, DigitFact))

    def ended(self) -> list[tuple[str, str]]:
        return [(fact.op, fact.reason) for fact in self.all if isinstance(fact, PlayEndedFact)]

    def lost(self) -> list[tuple[str, str]]:
        return [(fact.leg, fact.how) for fact in self.all if isinstance(fact, LostFact)]


@asynccontextmanager
async def pool(
    *,
    prompts: Sequence[Path] = (),
    workers: int = 1,
    ports: tuple[int, int] | None = None,
    ready: int = 16,
    quarantine_s: float = 0.0,
    silent_after_s: float | None = None,
    address: str = "127.0.0.1",
) -> AsyncIterator[tuple[WorkerPool, Facts]]:
    made = WorkerPool(
        {"trunks": address, "agents": address},
        ports or span(400),
        workers,
        prompts,
        ready=ready,
        quarantine_s=quarantine_s,
        silent_after_s=silent_after_s,
    )
    facts = Facts()
    made.on_fact = facts
    await made.start()
    try:
        yield made, facts
    finally:
        await made.close()


@contextmanager
def listening(pool: WorkerPool, *phones: tuple[str, Phone]) -> Iterator[None]:
    """A leg for each phone, all in one worker, agreed and hearing nothing yet."""
    first = phones[0][0]
    for leg, phone in phones:
        phone.call(pool.create(leg, "agents", None if leg == first else first))
        pool.set(leg, phone.peer())
    yield
    for leg, _ in phones:
        pool.delete(leg)


@asynccontextmanager
async def bridged(pool: WorkerPool, caller: Phone, agent: Phone, *, both: bool = False) -> AsyncIterator[None]:
    """Legs `caller` and `agent`; the agent hears the caller, and where `both` is said the caller the agent."""
    with listening(pool, ("caller", caller), ("agent", agent)):
        pool.hears("agent", from_leg("caller"))
        if both:
            pool.hears("caller", from_leg("agent"))
        await settled(pool)
        yield


async def figures(pool: WorkerPool) -> list[dict[str, int]]:
    """Of every worker: what was told it before, is done after."""
    while len(found := await pool.stats()) < pool.workers_up():
        pass  # a worker that reads numpy from the disk of a busy machine answers late
    return found


async def settled(pool: WorkerPool) -> dict[str, int]:
    """The same of the first worker."""
    return (await figures(pool))[0]


async def ticked(pool: WorkerPool, frames: int) -> None:
    """When the first worker has made so many frames more. Somebody must hear music or a mix, or press keys in band."""
    ticks = (await settled(pool))["ticks"]
    async with asyncio.timeout(PATIENCE_S):
        while (await settled(pool))["ticks"] < ticks + frames:  # noqa: ASYNC110 - workers tell nobody of a tick
            await asyncio.sleep(FRAME_S)


async def counted(pool: WorkerPool, **figures: int) -> None:
    """Until the first worker's figures are these. TimeoutError shows what they are."""
    found: dict[str, int] = {}
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not figures.items() <= found.items():
                found = await settled(pool)
    except TimeoutError:
        raise TimeoutError(f"{figures} wanted, {found} found") from None


def from_leg(leg: str) -> Source:
    return Source("leg", "", ((leg, 1.0),))


def music(name: str) -> Source:
    return Source("music", name)


PROMPTS = Source("prompts")
SILENCE = Source("silence")


async def talking(said: Mapping[Phone, bytes], enough: Callable[[], bool] | None = None) -> float:
    """All at once and in real time, since whoever decodes has a clock: once, or over and over until it is `enough`
    (asked after every `WINDOW` frames). Who is late catches up. Gives by how many seconds anybody was late."""
    frames = [(phone, phone.coded(pcm)) for phone, pcm in said.items()]
    longest = max(len(payloads) for _, payloads in frames)
    loop = asyncio.get_running_loop()
    start, late = loop.time(), 0.0
    async with asyncio.timeout(PATIENCE_S):
        for n in count():
            if n == longest if enough is None else n % WINDOW == 0 and enough():
                return late
            for phone, payloads in frames:
                if enough is not None or n < len(payloads):
                    phone.speak(payloads[n % len(payloads)])
            late = max(late, loop.time() - start - n * FRAME_S)
            await asyncio.sleep(max(0.0, start + (n + 1) * FRAME_S - loop.time()))
    raise AssertionError


def parts(packets: Sequence[Packet]) -> list[list[Packet]]:
    """A stream source by source: each begins with a marker."""
    starts = [n for n, packet in enumerate(packets) if packet.marker]
    return [list(packets[start:end]) for start, end in pairwise([*starts, len(packets)])]


def unbroken(packets: Sequence[Packet]) -> None:
    """One stream: one SSRC, sequence numbers without a hole, timestamps that only grow."""
    assert {packet.ssrc for packet in packets} == {packets[0].ssrc}
    sequences = [packet.sequence for packet in packets]
    assert sequences == [(sequences[0] + n) & rtp.SEQ for n in range(len(packets))]
    audio = [packet for packet in packets if packet.payload_type < 96]
    steps = [rtp.later(new.timestamp, old.timestamp) for old, new in pairwise(audio)]
    assert all(step >= FRAME for step in steps), steps
