"""Ports for what tests start: nobody holds them, and no test that runs beside is given them."""

from __future__ import annotations

import random
import socket
import threading

HOST = "127.0.0.1"
RESERVED = "127.77.77.77"  # who binds a block's first port here owns the block; nobody is given that port: a telephone
# that binds it for every address would find it taken


class Ports:
    """Even ports between `first` and `last`, in blocks of `block`: at most `most` of them a process, until it ends."""

    def __init__(self, first: int, last: int, block: int, most: int) -> None:
        self._free = list(range(first, last, block))
        random.SystemRandom().shuffle(self._free)
        self._block, self._most = block, most
        self._owned: list[tuple[int, socket.socket]] = []
        self._next, self._end = 0, 0
        self._turn = 0
        self._choosing = threading.Lock()

    def take(self, count: int = 1) -> int:
        """The first of so many ports in a row, an even one. The one after a single port is for its RTCP, and given to
        nobody. Raises AssertionError if all blocks are others'."""
        with self._choosing:
            while True:
                if self._next + count > self._end:
                    block = self._another_block()
                    self._next, self._end = block + 2, block + self._block
                port = self._next
                self._next += count + count % 2
                if all(_is_free(port + n) for n in range(count)):
                    return port

    def _another_block(self) -> int:
        while self._free and len(self._owned) < self._most:
            start = self._free.pop()
            mark = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            try:
                mark.bind((RESERVED, start))
            except OSError:
                mark.close()
                continue
            self._owned.append((start, mark))
            return start
        assert self._owned, "all ports are other tests'"
        self._turn += 1
        return self._owned[self._turn % len(self._owned)][0]


def _is_free(port: int) -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_STREAM):
        with socket.socket(socket.AF_INET, kind) as probe:
            try:
                probe.bind((HOST, port))
            except OSError:
                return False
    return True
