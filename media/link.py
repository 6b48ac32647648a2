"""One media worker as the engine sees it: its process, the connection to it, and the ports and legs it holds."""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
from collections import deque
from typing import TYPE_CHECKING, Final, cast

from media import protocol
from media.plane import Port
from media.protocol import Bind, ToWorker, pack

if TYPE_CHECKING:
    from media.client import WorkerPool

BIND_AT_ONCE: Final = 64  # a worker stands still for about a millisecond to bind them


class Link(asyncio.Protocol):
    """One worker process: what it holds, and the connection to it. What is said in one loop turn goes out together."""

    def __init__(self, pool: WorkerPool, number: int) -> None:
        self.pool = pool
        self.number = number
        self.legs: dict[str, Port] = {}
        self.plays: dict[str, dict[str, None]] = {}  # leg → ops not yet ended
        self.free: dict[str, deque[int]] = {address: deque() for address in pool.addresses}
        self.bound: dict[str, set[int]] = {address: set() for address in pool.addresses}
        self.binding: dict[str, int] = dict.fromkeys(pool.addresses, 0)  # asked for and not yet reported
        self.left: dict[str, bool] = dict.fromkeys(pool.addresses, True)
        self.resting: deque[tuple[float, str, int]] = deque()  # until when
        self.errors: dict[str, str] = {}
        self.started_at = pool.loop.time()
        self.unanswered = 0  # pings
        self.process: subprocess.Popen[bytes] | None = None
        self.ready: asyncio.Future[None] = pool.loop.create_future()
        self.answers: dict[int, asyncio.Future[dict[str, int]]] = {}
        self.fed: set[str] = set()  # legs that the worker sends to by itself
        self._transport: asyncio.WriteTransport | None = None
        self._out: list[ToWorker] = []
        self._flushing = False
        self._in = bytearray()

    def tell(self, message: ToWorker) -> None:
        self._out.append(message)
        if not self._flushing:
            self._flushing = True
            self.pool.loop.call_soon(self._flush)

    def tell_along(self, message: ToWorker) -> None:
        """With what is told next, a ping at the latest: nobody waits for it, and a worker need not be woken."""
        self._out.append(message)

    def _flush(self) -> None:
        self._flushing = False
        if self._transport is not None and self._out:
            self._transport.write(pack(self._out))
        self._out.clear()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.WriteTransport, transport)  # uvloop's is no subclass of it

    def data_received(self, data: bytes) -> None:
        self._in += data
        self.unanswered = 0
        for body in protocol.unpack(self._in):
            for message in protocol.from_worker(body):
                self.pool.told(self, message)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.pool.lost(self)

    def close(self) -> None:
        if self._transport is not None:
            self._flush()
            self._transport.close()

    def launch(self, control: socket.socket) -> None:
        """Start the process. Raises OSError."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "media.worker", str(control.fileno())],
            pass_fds=(control.fileno(),),
            stdin=subprocess.DEVNULL,
        )

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()

    async def ended(self) -> None:
        """When the process is no more."""
        if self.process is not None:
            await asyncio.to_thread(self.process.wait)

    def keep_ready(self, address: str, ready: int) -> None:
        """Ask for more ports before the last are gone."""
        missing = ready - len(self.free[address]) - self.binding[address]
        while missing > 0 and self.left[address]:
            count = min(missing, BIND_AT_ONCE)
            self.binding[address] += count
            self.tell(Bind(address, count))
            missing -= count

    def rested(self, now: float) -> None:
        """Ports that have rested go before those never used: their sockets are there and warm."""
        while self.resting and self.resting[0][0] <= now:
            _, address, port = self.resting.popleft()
            self.free[address].appendleft(port)
