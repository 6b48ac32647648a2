"""What went over the loopback interface and when, by the kernel's clock: the measure of every latency.

Needs the right to open a packet socket (root, or CAP_NET_RAW).
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

ETH_P_IP = 0x0800
SO_ATTACH_FILTER = 26
SO_RCVBUFFORCE = 33
SO_TIMESTAMPNS = 35
SOL_PACKET = 263
PACKET_STATISTICS = 6
PACKET_IGNORE_OUTGOING = 23
ROOM = 512 << 20  # octets, as the kernel counts them: some 2 KiB a packet


@dataclass(slots=True)
class Sip:
    """One SIP message on the wire. `at`: seconds since the epoch."""

    at: float
    source: int  # UDP port
    target: int
    start: str
    headers: dict[str, str]
    body: str

    @property
    def method(self) -> str:
        """INVITE …; for a response the method it answers."""
        return self.start.split(" ", 1)[0] if not self.start.startswith("SIP/") else self.headers["cseq"].split()[1]

    @property
    def status(self) -> int:
        return int(self.start.split(" ", 2)[1]) if self.start.startswith("SIP/") else 0

    @property
    def caller(self) -> str:
        """The user of From: in our scenarios it names the caller on both sides."""
        return self.headers["from"].partition("sip:")[2].partition("@")[0]

    @property
    def media_port(self) -> int:
        return int(self.body.partition("m=audio ")[2].split()[0])


class Wire:
    """Keeps every UDP datagram on loopback that has one of these ports at either end, in the kernel, until it is asked:
    a thread that woke for each would compete with those whose latency is measured."""

    def __init__(self, ports: set[int]) -> None:
        self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_IP))
        self._socket.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, ROOM)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
        self._socket.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, _filter(ports))
        self._socket.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)  # loopback shows each packet twice
        self._socket.bind(("lo", ETH_P_IP))
        self._socket.setblocking(False)

    def close(self) -> None:
        self._socket.close()

    def take(self) -> list[Sip]:
        """All messages since it was last asked. Raises `OverflowError` if there were too many to keep."""
        raw: list[tuple[float, int, int, bytes]] = []
        while True:
            try:
                data, extra, _, _ = self._socket.recvmsg(65536, 256)
            except BlockingIOError:
                break
            at = 0.0
            for level, kind, value in extra:
                if level == socket.SOL_SOCKET and kind == SO_TIMESTAMPNS:
                    seconds, nanoseconds = struct.unpack("qq", value[:16])
                    at = seconds + nanoseconds * 1e-9
            start = (data[0] & 15) * 4
            source, target = struct.unpack("!HH", data[start : start + 4])
            raw.append((at, source, target, data[start + 8 :]))
        _, dropped = struct.unpack("II", self._socket.getsockopt(SOL_PACKET, PACKET_STATISTICS, 8))
        if dropped:
            raise OverflowError(f"{dropped} packets were not kept")
        return [message for one in raw if (message := _parse(*one)) is not None]


def _parse(at: float, source: int, target: int, data: bytes) -> Sip | None:
    head, _, body = data.decode("utf-8", "replace").partition("\r\n\r\n")
    lines = head.split("\r\n")
    if "SIP/2.0" not in lines[0]:
        return None
    headers: dict[str, str] = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers.setdefault(name.strip().lower(), value.strip())
    return Sip(at, source, target, lines[0], headers, body)


def _filter(ports: set[int]) -> bytes:
    """A classic BPF program: keep UDP from or to one of the ports, up to 64 KiB. The packet begins at the IP header."""
    import ctypes

    ordered = sorted(ports)
    count = len(ordered)
    code: list[tuple[int, int, int, int]] = [
        (0x30, 0, 0, 9),  # protocol
        (0x15, 0, 2 * count + 3, 17),  # not UDP: reject
        (0xB1, 0, 0, 0),  # X = IP header length
        (0x48, 0, 0, 0),  # source port
    ]
    for at, port in enumerate(ordered):
        code.append((0x15, 2 * count - at + 1, 0, port))
    code.append((0x48, 0, 0, 2))  # target port
    for at, port in enumerate(ordered):
        code.append((0x15, count - at, 0, port))
    code += [(0x06, 0, 0, 0), (0x06, 0, 0, 0x40000)]
    program = b"".join(struct.pack("HBBI", *one) for one in code)
    buffer = ctypes.create_string_buffer(program)
    _KEEP.append(buffer)
    return struct.pack("HL", len(code), ctypes.addressof(buffer))


_KEEP: list[object] = []
