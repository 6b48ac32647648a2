"""A worker's end of the socket to the engine: whole batches in, batches out as fast as the engine reads."""

from __future__ import annotations

import select
import socket
from collections.abc import Iterator
from typing import Final

from media import protocol
from media.plane import DigitFact
from media.protocol import Qualities, Trouble

OUTBOX: Final = 1 << 20  # bytes the engine has not read yet: beyond, what can be missed is dropped


class Pipe:
    """`ended`: the engine has closed it, or is gone."""

    __slots__ = ("_blocked", "_epoll", "_inbox", "_outbox", "_said", "_socket", "ended", "fd")

    def __init__(self, control: socket.socket, epoll: select.epoll) -> None:
        control.setblocking(False)
        self._socket = control
        self._epoll = epoll
        self._inbox = bytearray()
        self._outbox = bytearray()
        self._said: list[protocol.FromWorker] = []  # since the last flush
        self._blocked = False  # the engine is slow to read
        self.fd = control.fileno()
        self.ended = False
        epoll.register(self.fd, select.EPOLLIN)

    def ready(self, event: int) -> Iterator[bytes]:
        """The batches that have come, whole. Raises `media.protocol.ProtocolError`."""
        if event & select.EPOLLOUT:
            self._blocked = False
            self._epoll.modify(self.fd, select.EPOLLIN)
        try:
            data = self._socket.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self.ended = True
            return
        self._inbox += data
        yield from protocol.unpack(self._inbox)

    def tell(self, message: protocol.FromWorker) -> None:
        if len(self._outbox) < OUTBOX or not isinstance(message, DigitFact | Trouble | Qualities):
            self._said.append(message)

    def flush(self) -> None:
        """Send what waits, as far as it goes."""
        if self._said:
            self._outbox += protocol.pack(self._said)
            self._said.clear()
        if self._blocked or not self._outbox:
            return
        try:
            sent = self._socket.send(self._outbox)
        except BlockingIOError:
            sent = 0
        except OSError:
            self.ended = True
            return
        del self._outbox[:sent]
        if self._outbox:
            self._blocked = True
            self._epoll.modify(self.fd, select.EPOLLIN | select.EPOLLOUT)
