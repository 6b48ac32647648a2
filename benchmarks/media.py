"""What audio costs: CPU µs per relayed packet and per leg and tick of music, beside a bare C loop as the floor.

``python -m benchmarks.media [--json] [--legs 200,1000] [--seconds 5]``: a real worker process on loopback; the packets
come from a process of their own, all legs at once (bursts, as SIPp sends) or evenly spread over the 20 ms. Relayed in C
(`media/_relay.c`) and in Python.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import resource
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

from benchmarks.machine import describe
from benchmarks.rtpengine import Rtpengine
from media.audio import save
from media.client import WorkerPool
from media.native import IN_C
from media.plane import Crypto, Peer, Port, Source

PORTS = (10000, 19999)
CODECS = (("PCMA", 8), ("PCMU", 0))
SUITE, KEY = "AES_CM_128_HMAC_SHA1_80", bytes(range(30))
KINDS = ("plain", "translated", "SRTP both sides")


@dataclass(slots=True)
class Row:
    what: str
    legs: int
    packets: int
    us_per_packet: float
    late_ticks: int = 0


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--json", action="store_true")
    options.add_argument("--legs", default="200,1000")
    options.add_argument("--seconds", type=float, default=5.0)
    options.add_argument("--source", choices=("bursts", "even"), help=argparse.SUPPRESS)
    options.add_argument("--srtp", action="store_true", help=argparse.SUPPRESS)
    given = options.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if given.source:
        source(given.source == "even", given.seconds, given.srtp)
        return
    if given.json:
        print(json.dumps({"machine": describe(), "rows": [asdict(row) for row in measured(given)]}))
        return
    print(f"{describe()}, load {os.getloadavg()[0]:.1f}")
    print(f"{'what':<44}{'legs':>6}{'packets':>10}{'CPU µs/packet':>15}{'late ticks':>12}")
    for row in measured(given):
        figures = f"{row.legs:>6}{row.packets:>10}{row.us_per_packet:>15.2f}{row.late_ticks:>12}"
        print(f"{row.what:<44}{figures}", flush=True)


def measured(given: argparse.Namespace) -> Iterator[Row]:
    for legs in map(int, given.legs.split(",")):
        for spread in ("bursts", "even"):
            yield floor(legs, spread, given.seconds)
            if Rtpengine.found():
                yield neighbour(legs, spread, given.seconds)
            for language in ("C", "Python") if IN_C else ("Python",):
                for kind in KINDS:
                    yield asyncio.run(relayed(legs, spread, kind, given.seconds, language))
        yield asyncio.run(music(legs, given.seconds))


def source(even: bool, seconds: float, srtp: bool) -> None:
    """The peers: one socket a leg. Reads where to send from standard input, after writing its own ports."""
    protect: Callable[[bytes], bytes] = bytes
    if srtp:  # all with one key, hence one packet for all
        from pylibsrtp import Policy, Session

        protect = Session(Policy(KEY, Policy.SSRC_ANY_OUTBOUND)).protect
    count = int(sys.stdin.readline())
    peers = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(count)]
    for peer in peers:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # what comes back overflows and is gone
        peer.bind(("127.0.0.1", 0))
    print(*(peer.getsockname()[1] for peer in peers), flush=True)
    first: dict[int, bytes] = {}
    for peer, (payload_type, port) in zip(peers, json.loads(sys.stdin.readline()), strict=True):
        peer.connect(("127.0.0.1", port))
        if payload_type not in first:
            first[payload_type] = protect(struct.pack("!BBHII", 0x80, payload_type, 0, 0, 4711) + bytes(160))
        peer.send(first[payload_type])
    kinds = [payload_type for payload_type, _ in json.loads(sys.stdin.readline())]
    started = time.monotonic()
    for round_ in range(1, int(seconds * 50) + 1):
        packets = {
            kind: protect(struct.pack("!BBHII", 0x80, kind, round_, round_ * 160, 4711) + bytes(160))
            for kind in set(kinds)
        }
        for n, (peer, kind) in enumerate(zip(peers, kinds, strict=True)):
            if even:
                wait(started + (round_ + n / count) * 0.02)
            peer.send(packets[kind])
        wait(started + (round_ + 1) * 0.02)
    print("done", flush=True)
    sys.stdin.readline()


def wait(until: float) -> None:
    left = until - time.monotonic()
    if left > 0:
        time.sleep(left)


class Peers:
    """The process of `source`."""

    def __init__(self, legs: int, spread: str, seconds: float, *more: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.media", "--source", spread, "--seconds", str(seconds), *more],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._say(legs)
        self.ports = [int(port) for port in self._line().split()]

    def run(self, cpu: Callable[[], float], targets: Sequence[tuple[int, int]]) -> float:
        """CPU seconds that were used while the peers sent, by `cpu`; targets are (payload type, port)."""
        self._say([list(target) for target in targets])
        time.sleep(0.3)
        before = cpu()
        self._say([list(target) for target in targets])
        assert self._line() == "done"
        used = cpu()
        while True:  # until what lagged behind is through
            time.sleep(0.1)
            more = cpu()
            if more - used < 0.002:
                return more - before
            used = more

    def close(self) -> None:
        self._process.communicate("\n")

    def _say(self, value: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(value) + "\n")
        self._process.stdin.flush()

    def _line(self) -> str:
        assert self._process.stdout is not None
        return self._process.stdout.readline().strip()


def cpu_s(pid: int) -> float:
    """Seconds the process has run, to the nanosecond."""
    return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9


def floor(legs: int, spread: str, seconds: float) -> Row:
    """The same traffic through the C loop."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise SystemExit("a C compiler is needed for the floor: apt install gcc")
    with tempfile.TemporaryDirectory() as place:
        program = Path(place) / "relay"
        subprocess.run(
            [compiler, "-O2", "-o", str(program), str(Path(__file__).with_name("relay.c"))],
            check=True,
        )
        relay = subprocess.Popen([str(program), str(legs)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert relay.stdin is not None
        assert relay.stdout is not None
        ports = [int(relay.stdout.readline()) for _ in range(legs)]
        assert relay.stdout.readline() == "ready\n"
        peers = Peers(legs, spread, seconds)
        relay.stdin.write("\n".join(map(str, peers.ports)) + "\n")
        relay.stdin.flush()
        used = peers.run(partial(cpu_s, relay.pid), [(8, port) for port in ports])
        packets = int(relay.communicate()[0].split()[0]) - legs
        peers.close()
    return Row(f"C loop, {spread}", legs, packets, used / packets * 1e6)


def neighbour(legs: int, spread: str, seconds: float) -> Row:
    """The same traffic through rtpengine in user space. What it did not relay is not counted: it tells nobody."""
    engine = Rtpengine()
    try:
        peers = Peers(legs, spread, seconds)
        ports = engine.join(peers.ports)
        used = peers.run(engine.cpu_s, [(8, port) for port in ports])
        peers.close()
    finally:
        engine.close()
    packets = legs * int(seconds * 50)
    return Row(f"rtpengine, user space, {spread}", legs, packets, used / packets * 1e6)


async def started(prompts: Sequence[Path] = ()) -> tuple[WorkerPool, int]:
    pool = WorkerPool({"lo": "127.0.0.1"}, PORTS, 1, prompts, ready=2048)
    await pool.start()
    while (figures := await told(pool))["ports_free"] < 2048:  # noqa: ASYNC110 - the worker sets no Event
        await asyncio.sleep(0.05)
    return pool, figures["pid"]


async def told(pool: WorkerPool) -> dict[str, int]:
    """The worker's figures, however long it takes on a busy machine."""
    while not (found := await pool.stats()):
        pass
    return found[0]


async def relayed(legs: int, spread: str, kind: str, seconds: float, language: str) -> Row:
    os.environ["HOTLINE_RELAY"] = language.lower()
    pool, pid = await started()
    translated, srtp = kind == KINDS[1], kind == KINDS[2]
    peers = await asyncio.to_thread(Peers, legs, spread, seconds, *(["--srtp"] if srtp else []))
    ports = agree(pool, peers.ports, translated, srtp)
    for n in range(legs):
        pool.hears(f"leg{n}", Source("leg", "", ((f"leg{n ^ 1}", 1.0),)))
    await told(pool)
    kinds = [CODECS[n & 1 if translated else 0][1] for n in range(legs)]
    targets = [(kind, port.port) for kind, port in zip(kinds, ports, strict=True)]
    used = await asyncio.to_thread(peers.run, partial(cpu_s, pid), targets)
    figures = await told(pool)
    packets = figures["packets_out"] - legs
    await asyncio.to_thread(peers.close)
    await pool.close()
    what = f"relay in {language}, {kind}, {spread}"
    return Row(what, legs, packets, used / max(1, packets) * 1e6, figures["late_ticks"])


def agree(pool: WorkerPool, peers: Sequence[int], translated: bool, srtp: bool = False) -> list[Port]:
    ports = []
    crypto = Crypto(SUITE, KEY[::-1], KEY) if srtp else None
    for n, peer in enumerate(peers):
        codec, payload_type = CODECS[n & 1 if translated else 0]
        ports.append(pool.create(f"leg{n}", "lo", None if n == 0 else "leg0"))
        pool.set(f"leg{n}", Peer("127.0.0.1", peer, codec, payload_type, 101, crypto=crypto))
    return ports


async def music(legs: int, seconds: float) -> Row:
    with tempfile.TemporaryDirectory() as place:
        save(Path(place) / "music.wav", os.urandom(16000 * 3))
        pool, pid = await started([Path(place)])
        peers = await asyncio.to_thread(Peers, legs, "bursts", 0.0)
        agree(pool, peers.ports, translated=True)
        for n in range(legs):
            pool.hears(f"leg{n}", Source("music", "music"))
        await asyncio.sleep(4.0)  # all of it has been heard, hence encoded, once
        before, used = await told(pool), cpu_s(pid)
        await asyncio.sleep(seconds)
        used = cpu_s(pid) - used
        after = await told(pool)
        packets = after["packets_out"] - before["packets_out"]
        peers._process.kill()
        await asyncio.to_thread(peers._process.wait)
        await pool.close()
    return Row("music, per leg and tick", legs, packets, used / packets * 1e6, after["late_ticks"])


if __name__ == "__main__":
    main()
