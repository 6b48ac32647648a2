"""An `Endpoint` in an asyncio or uvloop loop: where SIP meets the network and the clock. UDP here, connections in
`sip.aio.tcp`.

Datagrams are read straight from non-blocking sockets (`add_reader`): a transport would allocate its largest datagram
for each one.
"""

from __future__ import annotations

import asyncio
import errno
import socket
import struct
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil
from random import Random, SystemRandom

from sip.aio.tcp import StreamLimits, Streams
from sip.aio.tls import Tls, contexts
from sip.endpoint import Endpoint, EndpointSettings, Hop, SipEvent

MAX_DATAGRAM = 65_535  # octets
TOGETHER_S = 0.025  # what falls due within this much is done in one waking: each call leaves four transactions behind
BATCH = 64  # datagrams read before the loop gets its turn
HOPS = 8192  # addresses kept as objects
GONE = frozenset({errno.ECONNREFUSED, errno.EHOSTUNREACH, errno.ENETUNREACH})
IP_RECVERR, IPV6_RECVERR = 11, 25  # Linux: ICMP errors of an unconnected socket, with the address they are about
RECEIVE_BUFFER = 4 * 1024 * 1024  # octets asked of the kernel: a surge must not be lost while we think


class SipShell:
    """Binds every listener, feeds its `endpoint`, wakes it, sends what it gives, and hands its events over.

    `on_events` gets each non-empty list of events at once and may use any verb of a session; what they send goes out
    when it returns. Verbs used elsewhere must be followed by `flush`.
    """

    def __init__(
        self,
        settings: EndpointSettings,
        on_events: Callable[[list[SipEvent]], None],
        *,
        binds: Mapping[str, tuple[str, int]] | None = None,
        tls: Mapping[str, Tls] | None = None,
        limits: StreamLimits | None = None,
        rng: Random | None = None,
    ) -> None:
        """`binds`: by listener, the address to bind where it is not the advertised one. Port 0: the kernel's choice,
        which `endpoint.settings` then has. `tls`: the certificates of each listener of TLS. Raises `OSError` (naming
        the listener) if an address cannot be bound or a certificate not be used."""
        self._sockets: dict[str, socket.socket] = {}
        self._readers: dict[str, Callable[[], None]] = {}
        self._on_events = on_events
        self._loop: asyncio.AbstractEventLoop | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = 0.0
        self._flushing = False
        self.streams = Streams(limits or StreamLimits())
        listeners = []
        try:
            for listener in settings.listeners:
                address = (binds or {}).get(listener.name, (listener.advertise, listener.port))
                if listener.transport == "udp":
                    opened = self._sockets[listener.name] = _bind(listener.name, address)
                    port = opened.getsockname()[1]
                else:
                    secured = contexts((tls or {}).get(listener.name, Tls())) if listener.transport == "tls" else None
                    port = self.streams.bind(listener, address, secured)
                listeners.append(replace(listener, port=listener.port or port))
        except OSError:
            self.close()
            raise
        self.endpoint = Endpoint(replace(settings, listeners=tuple(listeners)), rng or SystemRandom())

    @property
    def ports(self) -> dict[str, int]:
        """The local port of each listener."""
        return {name: sock.getsockname()[1] for name, sock in self._sockets.items()} | self.streams.ports()

    def secure(self, tls: Mapping[str, Tls]) -> None:
        """Read the certificates anew, for connections that begin from now on. Raises `OSError` if one cannot be used;
        then nothing has changed."""
        fresh = {name: contexts(files) for name, files in tls.items()}
        for name, secured in fresh.items():
            self.streams.secure(name, secured)

    def start(self) -> None:
        """Begin to serve in the running loop."""
        self._loop = loop = asyncio.get_running_loop()
        self.endpoint.clock = loop.time
        for name, sock in self._sockets.items():
            read = self._readers[name] = _reader(self, name, sock)
            loop.add_reader(sock, read)
        self.streams.start(self.endpoint, self.flush)
        self.flush()

    def close(self) -> None:
        """Stop serving and close the sockets. Sessions are not ended: end them before."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for sock in self._sockets.values():
            if self._loop is not None:
                self._loop.remove_reader(sock)
            sock.close()
        self._sockets.clear()
        self.streams.close()

    def flush(self) -> None:
        """Send what the endpoint has to send, hand over its events, and see to its next deadline."""
        if self._flushing:
            return  # a verb within `on_events`: the outer flush goes on
        self._flushing = True
        endpoint = self.endpoint
        try:
            while endpoint.events or endpoint.outgoing:
                if endpoint.events:  # first: sending wakes the peer, which may take our processor before we are done
                    events, endpoint.events = endpoint.events, []
                    self._on_events(events)
                if endpoint.outgoing:
                    self._drain()
        finally:
            self._flushing = False
        deadline = endpoint.deadline()
        # A timer that is set too early only wakes us once in vain; moving it for every message would cost more.
        if deadline is not None and self._loop is not None and (self._timer is None or deadline < self._timer_at):
            if self._timer is not None:
                self._timer.cancel()
            self._timer_at = TOGETHER_S * ceil(deadline / TOGETHER_S)
            self._timer = self._loop.call_at(self._timer_at, self._wake)

    def _wake(self) -> None:
        self._timer = None
        assert self._loop is not None
        self.endpoint.wake(self._loop.time())
        self.flush()

    def _drain(self) -> None:
        endpoint, sockets = self.endpoint, self._sockets
        outgoing, endpoint.outgoing = endpoint.outgoing, []
        if len(outgoing) > 1:  # what goes on to others first: whom this answers is awake, and may take our processor
            first = outgoing[0][1]
            outgoing.sort(key=lambda sent: sent[1] == first)
        for data, hop in outgoing:
            sock = sockets.get(hop.listener)
            if sock is None:
                self.streams.send(data, hop)
                continue
            try:
                sock.sendto(data, (hop.host, hop.port))
            except BlockingIOError:
                continue  # the kernel is full: as good as lost on the way
            except OSError:
                self.icmp(hop.listener)  # most often of an earlier datagram
                try:
                    sock.sendto(data, (hop.host, hop.port))
                except OSError as error:
                    if error.errno in GONE:
                        endpoint.lost(hop, self._now())

    def icmp(self, name: str) -> None:
        """Read the socket's error queue: whom ICMP says we cannot reach."""
        sock = self._sockets[name]
        if sys.platform == "linux":
            while True:
                try:
                    _, extras, _, address = sock.recvmsg(0, 512, socket.MSG_ERRQUEUE)
                except OSError:
                    break
                codes = [struct.unpack_from("=I", extra)[0] for _, _, extra in extras if len(extra) >= 4]
                if address and GONE.intersection(codes):
                    self.endpoint.lost(Hop(name, *address[:2]), self._now())
        if self._loop is not None:  # libuv stops polling a descriptor that has an error pending
            self._loop.remove_reader(sock)
            self._loop.add_reader(sock, self._readers[name])

    def _now(self) -> float:
        return 0.0 if self._loop is None else self._loop.time()


def _reader(shell: SipShell, name: str, sock: socket.socket) -> Callable[[], None]:
    endpoint, hops, receive = shell.endpoint, dict[tuple[str, int], Hop](), sock.recvfrom
    clock = asyncio.get_running_loop().time

    def read() -> None:
        for _ in range(BATCH):
            try:
                data, address = receive(MAX_DATAGRAM)
            except BlockingIOError:
                return
            except OSError:
                shell.icmp(name)
                shell.flush()
                continue
            source = address[:2]
            hop = hops.get(source)
            if hop is None:
                if len(hops) >= HOPS:
                    hops.clear()
                hop = hops[source] = Hop(name, *source)
            endpoint.receive(data, hop, clock())
            shell.flush()

    return read


def _bind(name: str, address: tuple[str, int]) -> socket.socket:
    family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)  # else IPv4 comes as ::ffff:…
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        if sys.platform == "linux":
            six = family == socket.AF_INET6
            sock.setsockopt(*((socket.IPPROTO_IPV6, IPV6_RECVERR) if six else (socket.IPPROTO_IP, IP_RECVERR)), 1)
        sock.bind(address)
    except OSError as error:
        sock.close()
        raise OSError(
            error.errno, f"listener {name}: cannot bind udp:{address[0]}:{address[1]}: {error.strerror}"
        ) from error
    return sock
