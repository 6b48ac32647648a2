"""A bad line between telephones and the engine: it loses datagrams, doubles them and lets others overtake them."""

from __future__ import annotations

import heapq
import random
import select
import socket
import threading
import time
from collections import Counter
from typing import Any

from tests.live.harness import free_port
from tests.live.rawsip import HOST, Message, RawSip

T1_S, T2_S = 0.5, 4.0  # RFC 3261 §17.1
PATIENCE = 4  # times the same datagram is lost before it goes through: what is said often enough arrives


class Relay:
    """Telephones send to `front` and are heard by the engine from `back`, which is where it sends to in turn; so they
    name `back` in Via and Contact. Of the datagrams, in both directions, a share `lost` is lost, `doubled` come twice,
    and `late` come up to 0.3 s later, behind others."""

    def __init__(self, engine: int, seed: int, *, lost: float = 0.1, doubled: float = 0.1, late: float = 0.1) -> None:
        self.front, self.back, self.telephones = free_port(), free_port(), free_port()
        self.counts: Counter[str] = Counter()
        self._shares = {"lost": lost, "doubled": doubled, "late": late}
        self._rng = random.Random(seed)
        self._lost: Counter[bytes] = Counter()
        self._sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for side, port in zip(self._sockets, (self.front, self.back), strict=True):
            side.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
            side.bind((HOST, port))
        front, back = self._sockets
        self._onward = {front: (back, (HOST, engine)), back: (front, (HOST, self.telephones))}
        self._queue: list[tuple[float, int, socket.socket, bytes]] = []
        self._open = True
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def __enter__(self) -> Relay:
        return self

    def __exit__(self, *exc: object) -> None:
        self._open = False
        self._thread.join()
        for side in self._sockets:
            side.close()

    def _run(self) -> None:
        while self._open:
            wait_s = min(0.1, max(0.0, self._queue[0][0] - time.monotonic())) if self._queue else 0.1
            for side in select.select(self._sockets, [], [], wait_s)[0]:
                self._take(side, side.recv(65535))
            while self._queue and self._queue[0][0] <= time.monotonic():
                _, _, side, data = heapq.heappop(self._queue)
                through, target = self._onward[side]
                through.sendto(data, target)

    def _take(self, side: socket.socket, data: bytes) -> None:
        self.counts["taken"] += 1
        if self._lost[data] < PATIENCE and self._happens("lost"):
            self._lost[data] += 1
            return
        for _ in range(2 if self._happens("doubled") else 1):
            delay_s = 0.3 * self._rng.random() if self._happens("late") else 0.0
            heapq.heappush(self._queue, (time.monotonic() + delay_s, self.counts["passed"], side, data))
            self.counts["passed"] += 1

    def _happens(self, what: str) -> bool:
        happens = self._rng.random() < self._shares[what]
        self.counts[what] += happens
        return happens


class Stubborn(RawSip):
    """Telephones behind such a line: what is not answered they say again (RFC 3261 §17.1, §13.3.1.4), and who repeats
    himself to them is answered again."""

    def __init__(self, line: Relay) -> None:
        self._unanswered: dict[tuple[str, str], list[Any]] = {}  # (call, CSeq) → when next, after how long again, what
        self._lock = threading.Lock()
        super().__init__(line.back, line.telephones)
        self._repeater = threading.Thread(target=self._repeat, daemon=True)
        self._repeater.start()

    def __exit__(self, *exc: object) -> None:
        super().__exit__()
        self._repeater.join()

    def send(self, data: bytes, address: tuple[str, int]) -> None:
        message = Message(data)
        answer = message.status >= 200 and message.method == "INVITE"
        if answer or (not message.status and message.method != "ACK"):
            with self._lock:
                self._unanswered[_key(message)] = [time.monotonic() + T1_S, T1_S, data, address]
        super().send(data, address)

    def _take(self, message: Message, source: tuple[str, int]) -> None:
        number = message["cseq"].split()[0]
        if message.status >= 200 or (message.status and message.method == "INVITE"):
            self._forget(_key(message))
        elif message.method == "ACK":
            self._forget((message["call-id"], f"{number} INVITE"))
        super()._take(message, source)
        call = self.calls.get(message["call-id"])
        if (
            call is not None
            and message.word == "200 INVITE"
            and any(m.given for m in call.got if m.word == "200 INVITE")
        ):
            call.ack()

    def _forget(self, key: tuple[str, str]) -> None:
        with self._lock:
            self._unanswered.pop(key, None)

    def _repeat(self) -> None:
        while self._open:
            time.sleep(0.05)
            now = time.monotonic()
            with self._lock:
                due = [entry for entry in self._unanswered.values() if entry[0] <= now]
                for entry in due:
                    entry[1] = min(2 * entry[1], T2_S)
                    entry[0] = now + entry[1]
            for _, _, data, address in due:
                super().send(data, address)


def _key(message: Message) -> tuple[str, str]:
    return message["call-id"], message["cseq"]
