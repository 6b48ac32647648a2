"""The sockets a worker holds: bound ahead for calls to come, two ports each, RTP even and RTCP the next."""

from __future__ import annotations

import errno
import socket
from typing import Final, TypeAlias

Home: TypeAlias = tuple[str, int]  # address and port of RTP
WILDCARD: Final = ("0.0.0.0", "::")
QUEUED: Final = 1024  # more packets than a socket holds
_forgotten: Final = bytearray(1)


class Ports:
    """Takes every `stride`-th port from `first` to `last`, on each address by itself. RTCP's is bound with its first
    call and then kept: a leg whose port above is another program's goes without."""

    __slots__ = ("_first", "_free", "_last", "_next", "_stride")

    def __init__(self, first: int, last: int, stride: int) -> None:
        self._first, self._last, self._stride = first, last, stride
        self._next: dict[str, int] = {}
        self._free: dict[Home, tuple[socket.socket, socket.socket | None]] = {}

    def __len__(self) -> int:
        """How many are free."""
        return len(self._free)

    def kept(self) -> int:
        """How many of them have their RTCP's socket already."""
        return sum(rtcp is not None for _, rtcp in self._free.values())

    def take(self, home: Home) -> tuple[socket.socket, socket.socket | None] | None:
        """The sockets of RTP and RTCP there; what came on them is still in them. None if they are not free."""
        pair = self._free.pop(home, None)
        if pair is None:
            return None
        rtp, rtcp = pair
        return rtp, rtcp or beside(home)

    def put(self, home: Home, rtp: socket.socket, rtcp: socket.socket | None) -> None:
        """Take them back; connected still, so that their last peer alone can fill them."""
        self._free[home] = rtp, rtcp

    def bind(self, address: str, count: int) -> tuple[tuple[int, ...], bool, str]:
        """Up to so many more: their ports, whether there are more yet, and why one could not be had."""
        port = self._next.get(address, self._first)
        ports: list[int] = []
        error = ""
        while len(ports) < count and port <= self._last:
            try:
                self._free[address, port] = bound(address, port), None
            except OSError as problem:
                error = f"{address}:{port}: {problem.strerror}"
                if problem.errno != errno.EADDRINUSE:
                    break
            else:
                ports.append(port)
            port += self._stride
        self._next[address] = port
        return tuple(ports), port <= self._last, error


def bound(address: str, port: int) -> socket.socket:
    """A UDP socket that does not block. Raises OSError."""
    sock = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        sock.bind((address, port))
    except OSError:
        sock.close()
        raise
    return sock


def drain(sock: socket.socket) -> None:
    """Forget what arrived before this moment."""
    try:
        for _ in range(QUEUED):
            sock.recv_into(_forgotten)
    except OSError:
        pass


def beside(home: Home) -> socket.socket | None:
    """The socket for the RTCP of a leg whose RTP is there; None if somebody else has the port."""
    try:
        return bound(home[0], home[1] + 1)
    except OSError:
        return None
