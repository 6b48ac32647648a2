"""Audio for many bridged calls from two sockets: one that all callers announced, one that all agents did.

Run as a program of its own, so that what it costs is not counted: ``python -m benchmarks.rtp_source CALLER_PORT
AGENT_PORT bursts|even``; it reads lines ``caller PORT`` and ``agent PORT`` (the engine's ports) from standard input
and sends 20 ms of PCMA to each of them fifty times a second – all at once, or evenly spread – until the input ends.
What comes back is thrown away by a full receive buffer.
"""

from __future__ import annotations

import os
import select
import socket
import struct
import sys
import time

INTERVAL = 0.02
BODY = bytes([0xD5]) * 160


def main() -> None:
    ends = {"caller": _bound(int(sys.argv[1])), "agent": _bound(int(sys.argv[2]))}
    even = sys.argv[3] == "even"
    targets: list[tuple[socket.socket, tuple[str, int]]] = []
    sequence, next_at = 0, time.monotonic()
    while True:
        ready, _, _ = select.select([sys.stdin], [], [], 0)
        if ready:
            data = os.read(0, 1 << 16)  # unbuffered: select does not see what a text stream has read ahead
            if not data:
                break
            for line in data.decode().splitlines():
                side, port = line.split()
                targets.append((ends[side], ("127.0.0.1", int(port))))
            continue
        sequence = (sequence + 1) & 0xFFFF
        packet = struct.pack("!BBHII", 0x80, 8, sequence, sequence * 160 & 0xFFFFFFFF, 4711) + BODY
        gap = INTERVAL / len(targets) if even and targets else 0.0
        for n, (end, target) in enumerate(targets):
            if gap:
                _wait(next_at + n * gap)
            try:
                end.sendto(packet, target)
            except OSError:
                continue
        next_at += INTERVAL
        _wait(next_at)


def _bound(port: int) -> socket.socket:
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    end.bind(("127.0.0.1", port))
    return end


def _wait(until: float) -> None:
    left = until - time.monotonic()
    if left > 0:
        time.sleep(left)


if __name__ == "__main__":
    main()
