"""rtpengine in user space as a neighbour of `benchmarks.media`, spoken to by its NG protocol (bencode over UDP)."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

CONTROL = 22222
PORTS = (40000, 49998)


class Rtpengine:
    """A process of our own, without its kernel module. `found()` tells whether the machine has one."""

    def __init__(self) -> None:
        program = shutil.which("rtpengine")
        assert program is not None
        self._process = subprocess.Popen(
            [program, "--table=-1", "--interface=127.0.0.1", f"--listen-ng=127.0.0.1:{CONTROL}", "--foreground",
             f"--port-min={PORTS[0]}", f"--port-max={PORTS[1]}", "--log-level=2", "--log-stderr", "--config-file=none"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.connect(("127.0.0.1", CONTROL))
        self._socket.settimeout(0.5)
        self._cookie = 0
        for _ in range(20):
            try:
                self._ask(command="ping")
                return
            except OSError:
                time.sleep(0.1)
        self.close()
        raise SystemExit("rtpengine does not answer")

    @staticmethod
    def found() -> bool:
        return shutil.which("rtpengine") is not None

    @property
    def pid(self) -> int:
        return self._process.pid

    def join(self, peers: Sequence[int]) -> list[int]:
        """Each leg with its neighbour; where each peer is to send."""
        targets = []
        for n in range(0, len(peers), 2):
            names = {"call_id": f"call{n}", "from_tag": "a"}
            at_second = self._port(self._ask(command="offer", sdp=_sdp(peers[n]), **names))
            at_first = self._port(self._ask(command="answer", sdp=_sdp(peers[n + 1]), to_tag="b", **names))
            targets += [at_first, at_second]
        return targets

    def cpu_s(self) -> float:
        """Seconds of all its threads, to the nanosecond."""
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return sum(int((task / "schedstat").read_text().split()[0]) for task in tasks) / 1e9

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(10)
        self._socket.close()

    def _ask(self, **words: str) -> bytes:
        self._cookie += 1
        fields = sorted((key.replace("_", "-"), value) for key, value in words.items())
        body = "".join(f"{len(key)}:{key}{len(value)}:{value}" for key, value in fields)
        self._socket.send(f"{self._cookie} d{body}e".encode())
        return self._socket.recv(4096)

    @staticmethod
    def _port(answer: bytes) -> int:
        found = re.search(rb"m=audio (\d+)", answer)
        assert found is not None, answer
        return int(found[1])


def _sdp(port: int) -> str:
    return (
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
        f"m=audio {port} RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
    )
