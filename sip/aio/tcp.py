"""SIP over connections: TCP and TLS, accepted and opened on demand, all within bounds (RFC 3261 §18, RFC 5626 §3.5.1).

A `Hop` names a connection that was accepted by a number; one that we open ourselves is named by the far address alone
(number 0), so that it can be opened again. Nothing here waits: a message for a connection that is being opened is kept
with it, and a connection that cannot be had is told to the endpoint like an ICMP error.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import sys
from collections import Counter, deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final, cast

from sip.aio.tls import Contexts
from sip.endpoint import Endpoint, Hop, Listener
from sip.framing import PONG, Framer
from sip.message import SipError

SWEEP_S: Final = 1.0  # how often deadlines are looked at
AT_ONCE: Final = 64  # messages of one connection, or connections accepted, before the loop gets its turn
BREATH_S: Final = 1.0  # after the system had no descriptor for a new connection
FULL: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM})


@dataclass(slots=True, frozen=True)
class StreamLimits:
    """Bounds of all connections of a shell. One is fresh until a whole message has come over it."""

    total: int = 10_000
    per_source: int = 2_000  # of one address
    fresh_per_source: int = 256
    connect_s: float = 5.0  # one of ours, its TLS included
    handshake_s: float = 5.0  # TLS of one that came
    first_s: float = 20.0  # until its first message
    message_s: float = 10.0  # from the first octet of a message to its last
    idle_s: float = 600.0  # without an octet, unless a call or a registration lives on it
    unsent: int = 256 * 1024  # octets that the far end does not take


@dataclass(slots=True)
class Listening:
    """A socket that accepts, and what connections of its network need."""

    listener: Listener
    host: str  # bound; connections of ours begin here
    sock: socket.socket
    contexts: Contexts | None


class Connection(asyncio.Protocol):
    """One connection, from the moment it is accepted or begun."""

    __slots__ = ("_backlog", "_framer", "_streams", "_unsent", "began", "fresh", "heard", "hop", "part_since",
                 "transport")  # fmt: skip

    def __init__(self, streams: Streams, hop: Hop, now: float) -> None:
        self.hop = hop
        self.transport: asyncio.Transport | None = None
        self.fresh = True
        self.began = self.heard = now
        self.part_since: float | None = None  # since when a part of a message has been here
        self._streams = streams
        self._framer = Framer()
        self._backlog: deque[bytes] = deque()
        self._unsent: list[bytes] = []  # until it is open

    @property
    def ours(self) -> bool:
        """We opened it."""
        return self.hop.connection == 0

    def overdue(self, now: float, limits: StreamLimits) -> bool:
        """It takes too long over a message, or over its first one. Opening has deadlines of its own."""
        if self.transport is None:
            return False
        if self.part_since is not None and now - self.part_since > limits.message_s:
            return True
        return self.fresh and not self.ours and now - self.began > limits.first_s

    def write(self, data: bytes) -> None:
        if self.transport is not None:
            self.transport.write(data)
            return
        self._unsent.append(data)
        if sum(map(len, self._unsent)) > self._streams.limits.unsent:
            self._streams.gone(self)

    def abort(self) -> None:
        if self.transport is not None:
            self.transport.abort()

    # ------------------------------------------------------------------------------------------- asyncio's calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)
        if not self._streams.has(self):  # given up meanwhile
            self.transport.abort()
            return
        self.transport.set_write_buffer_limits(self._streams.limits.unsent)
        unsent, self._unsent = self._unsent, []
        for data in unsent:
            self.transport.write(data)

    def data_received(self, data: bytes) -> None:
        self.heard = self._streams.now()
        framer, whole = self._framer, False
        try:
            while messages := framer.feed(data):
                self._backlog += messages
                data, whole = b"", True
        except SipError as error:
            self._work()
            self._streams.refuse(self, framer.head, error)
            assert self.transport is not None
            self.transport.close()
            return
        if framer.pings:
            self.write(PONG * framer.pings)
            framer.pings = 0
        if not framer.waiting:
            self.part_since = None
        elif self.part_since is None or whole:
            self.part_since = self.heard
        if self._backlog:
            self._work()

    def _work(self) -> None:
        """Hand over what came, without keeping the loop for long."""
        backlog, self.fresh = self._backlog, self._streams.proven(self)
        for _ in range(min(AT_ONCE, len(backlog))):
            self._streams.received(backlog.popleft(), self.hop)
        if self.transport is None or self.transport.is_closing():
            backlog.clear()
        elif backlog:
            self.transport.pause_reading()
            self._streams.loop.call_soon(self._work)
        else:
            self.transport.resume_reading()

    def pause_writing(self) -> None:
        """The far end does not read what we send: no more of it."""
        self.abort()

    def connection_lost(self, error: Exception | None) -> None:
        self._streams.gone(self)


class Streams:
    """Every connection of a shell, whichever listener it belongs to. Give it `endpoint` and `flush` by `start`."""

    endpoint: Endpoint
    loop: asyncio.AbstractEventLoop

    def __init__(self, limits: StreamLimits) -> None:
        self.limits = limits
        self._listening: dict[str, Listening] = {}
        self._connections: dict[Hop, Connection] = {}
        self._sources: Counter[str] = Counter()
        self._fresh: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()
        self._lost: set[Hop] = set()
        self._serial = 0
        self._flush: Callable[[], None] = lambda: None
        self._sweeper: asyncio.TimerHandle | None = None
        self._sweep_at = 0.0
        self.turned_away = 0  # connections refused by a bound so far

    def __len__(self) -> int:
        return len(self._connections)

    # ------------------------------------------------------------------------------------------------ the shell

    def bind(self, listener: Listener, address: tuple[str, int], contexts: Contexts | None) -> int:
        """Listen there; the port. Raises `OSError` naming the listener."""
        if listener.transport == "tls" and (contexts is None or contexts.server is None):
            raise OSError(f"listener {listener.name}: TLS needs a certificate")
        sock = _listen(listener, address)
        self._listening[listener.name] = Listening(listener, address[0], sock, contexts)
        return int(sock.getsockname()[1])

    def secure(self, name: str, contexts: Contexts) -> None:
        """Another certificate for the connections of this listener that begin from now on."""
        if name in self._listening:
            self._listening[name].contexts = contexts

    def start(self, endpoint: Endpoint, flush: Callable[[], None]) -> None:
        self.loop = asyncio.get_running_loop()
        self.endpoint, self._flush = endpoint, flush
        for listening in self._listening.values():
            self._serve(listening)
        self._sweep_at = self.now() + SWEEP_S
        self._sweeper = self.loop.call_later(SWEEP_S, self._sweep)

    def close(self) -> None:
        """Every connection, at once."""
        serving, self._sweeper = self._sweeper, None
        if serving is not None:
            serving.cancel()
        for listening in self._listening.values():
            if serving is not None:
                self.loop.remove_reader(listening.sock)
            listening.sock.close()
        self._listening.clear()
        for task in self._tasks:
            task.cancel()
        self.drop_all()
        self._connections.clear()

    def drop_all(self) -> None:
        """Cut every connection; what listens goes on."""
        for connection in list(self._connections.values()):
            connection.abort()

    def ports(self) -> dict[str, int]:
        return {name: listening.sock.getsockname()[1] for name, listening in self._listening.items()}

    def send(self, data: bytes, hop: Hop) -> None:
        """On the hop's connection; to a far address alone one is opened if there is none."""
        connection = self._connections.get(hop)
        if connection is None:
            connection = self._open(hop) if hop.connection == 0 else None
        if connection is None:
            self._tell_lost(hop)
        else:
            connection.write(data)

    # ------------------------------------------------------------------------------------------- the connections

    def now(self) -> float:
        return self.loop.time()

    def has(self, connection: Connection) -> bool:
        return self._connections.get(connection.hop) is connection

    def received(self, message: bytes, hop: Hop) -> None:
        self.endpoint.receive(message, hop, self.now())
        self._flush()

    def refuse(self, connection: Connection, head: bytes, error: SipError) -> None:
        """Its stream cannot be cut into messages any more."""
        self.endpoint.refuse_frame(head, connection.hop, error, self.now())
        self._flush()

    def proven(self, connection: Connection) -> bool:
        """A whole message has come; False, for what is fresh from now on."""
        if connection.fresh and not connection.ours:
            self._less(self._fresh, connection.hop.host)
        return False

    def gone(self, connection: Connection) -> None:
        """It is closed, or never came to be."""
        if not self.has(connection):
            return
        del self._connections[connection.hop]
        if not connection.ours:
            self._less(self._sources, connection.hop.host)
            if connection.fresh:
                self._less(self._fresh, connection.hop.host)
        self._tell_lost(connection.hop)

    def _tell_lost(self, hop: Hop) -> None:
        """Soon, and all that are lost by then at once: each takes a look at every transaction."""
        if not self._lost:
            self.loop.call_soon(self._report)
        self._lost.add(hop)

    def _report(self) -> None:
        lost, self._lost = self._lost, set()
        self.endpoint.connections_lost(lost, self.now())
        self._flush()

    def _sweep(self) -> None:
        now, limits = self.now(), self.limits
        late, self._sweep_at = now - self._sweep_at > SWEEP_S, now + SWEEP_S
        self._sweeper = self.loop.call_later(SWEEP_S, self._sweep)
        if late:  # we stood still ourselves, and have not yet read what came meanwhile
            return
        overdue = [connection for connection in self._connections.values() if connection.overdue(now, limits)]
        idle = [connection for connection in self._connections.values() if now - connection.heard > limits.idle_s]
        used = self.endpoint.connections() if idle else frozenset()
        overdue += [connection for connection in idle if connection.hop not in used]
        for connection in overdue:
            connection.abort()

    # ----------------------------------------------------------------------------------------- those that come

    def _serve(self, listening: Listening) -> None:
        if listening.sock.fileno() >= 0:
            self.loop.add_reader(listening.sock, self._accept, listening)

    def _accept(self, listening: Listening) -> None:
        for _ in range(AT_ONCE):
            try:
                sock, address = listening.sock.accept()
            except OSError as error:
                if error.errno in FULL:
                    self.loop.remove_reader(listening.sock)
                    self.loop.call_later(BREATH_S, self._serve, listening)
                return
            if not self._room_for(address[0]):
                self.turned_away += 1
                sock.close()
                continue
            sock.setblocking(False)
            self._serial += 1
            listener = listening.listener
            connection = self._add(Hop(listener.name, address[0], address[1], listener.transport, self._serial))
            self._sources[address[0]] += 1
            self._fresh[address[0]] += 1
            self._run(self._welcome(connection, sock, listening))

    def _room_for(self, source: str) -> bool:
        limits = self.limits
        return (
            len(self._connections) < limits.total
            and self._sources[source] < limits.per_source
            and self._fresh[source] < limits.fresh_per_source
        )

    async def _welcome(self, connection: Connection, sock: socket.socket, listening: Listening) -> None:
        _keep_alive(sock)
        context = listening.contexts.server if listening.contexts is not None else None
        handshake_s = self.limits.handshake_s if context is not None else None
        try:
            await self.loop.connect_accepted_socket(
                lambda: connection, sock, ssl=context, ssl_handshake_timeout=handshake_s
            )
        except OSError:  # no TLS, or not one that we speak
            sock.close()
            self.gone(connection)

    # ------------------------------------------------------------------------------------------------ our own

    def _open(self, hop: Hop) -> Connection | None:
        listening = self._listening.get(hop.listener)
        if listening is None or len(self._connections) >= self.limits.total:
            return None
        connection = self._add(hop)
        self._run(self._connect(connection, listening))
        return connection

    async def _connect(self, connection: Connection, listening: Listening) -> None:
        hop = connection.hop
        context = listening.contexts.client if listening.contexts is not None else None
        local = None if listening.host in ("0.0.0.0", "::") else (listening.host, 0)
        try:
            async with asyncio.timeout(self.limits.connect_s):
                transport, _ = await self.loop.create_connection(
                    lambda: connection,
                    hop.host,
                    hop.port,
                    ssl=context,
                    server_hostname=(hop.domain or hop.host) if context is not None else None,
                    local_addr=local,
                )
            _keep_alive(transport.get_extra_info("socket"))
        except OSError:  # TLS and its certificates, a time-out: all are
            self.gone(connection)

    def _add(self, hop: Hop) -> Connection:
        connection = self._connections[hop] = Connection(self, hop, self.now())
        return connection

    def _run(self, work: Coroutine[Any, Any, None]) -> None:
        task = self.loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    @staticmethod
    def _less(counter: Counter[str], key: str) -> None:
        counter[key] -= 1
        if counter[key] <= 0:
            del counter[key]


def _listen(listener: Listener, address: tuple[str, int]) -> socket.socket:
    six = ":" in address[0]
    sock = socket.socket(socket.AF_INET6 if six else socket.AF_INET, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if six:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        sock.bind(address)
        sock.listen(1024)
    except OSError as error:
        sock.close()
        what = f"{listener.transport}:{address[0]}:{address[1]}"
        raise OSError(error.errno, f"listener {listener.name}: cannot bind {what}: {error.strerror}") from error
    return sock


def _keep_alive(sock: socket.socket) -> None:
    """Small messages go out at once; a far end that has died without a word is noticed within two minutes."""
    with suppress(OSError):  # it has gone already
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if sys.platform == "linux":
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 60)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 15)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 4)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 60_000)
