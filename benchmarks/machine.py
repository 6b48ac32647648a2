"""The machine a figure was measured on, how fast it was at that hour, the CPU and memory of processes: from /proc, not
from the engine itself."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import time
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")
DATAGRAMS_PER_S = 300  # what an engine takes at 50 calls/s
ECHO = """
import asyncio, socket, sys, uvloop
async def serve():
    sock = socket.socket(fileno=int(sys.argv[1]))
    sock.setblocking(False)
    asyncio.get_running_loop().add_reader(sock, lambda: sock.sendto(*sock.recvfrom(65535)))
    await asyncio.Event().wait()
uvloop.run(serve())
"""


def describe() -> str:
    """One line that names processor, cores, kernel and Python."""
    model = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        platform.machine(),
    )
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"


def scaled(aim: float, here: float, there: float) -> float:
    """What an aim means on this machine, whatever its neighbours do at the moment: `here` is what a plain model gave in
    this very run, `there` what the same gave on the machine the aim was set on. Of times and of rates alike."""
    return aim * here / there


def pace() -> dict[str, float]:
    """What three fixed things cost at this hour, to compare figures of different hours and machines by: a loop of plain
    Python that never rests; a hundredth of it by somebody who has slept, of which the p99 is what this machine adds to
    whatever is asked of it, and no latency can be better; and a bare UDP echo in uvloop that is woken as often as an
    engine at 50 calls/s: what the kernel and cold caches cost whoever sleeps in between."""
    after_sleep = [_after_sleep_ms() for _ in range(400)]
    return {
        "plain loop, ms": round(min(_loop_ms(300_000) for _ in range(7)), 2),
        "its hundredth after a sleep, ms p50": round(percentile(after_sleep, 0.5), 2),
        "p99": round(percentile(after_sleep, 0.99), 2),
        "UDP echo, µs a datagram": round(_echo_us(), 1),
    }


def _loop_ms(turns: int) -> float:
    began, total = time.perf_counter(), 0
    for number in range(turns):
        total += number & 3
    return 1000 * (time.perf_counter() - began)


def _after_sleep_ms() -> float:
    time.sleep(0.01)
    return _loop_ms(3000)


def _echo_us(seconds: float = 3.0) -> float:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as theirs,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours,
    ):
        theirs.bind(("127.0.0.1", 0))
        ours.connect(theirs.getsockname())
        ours.settimeout(30.0)
        process = subprocess.Popen([sys.executable, "-c", ECHO, str(theirs.fileno())], pass_fds=(theirs.fileno(),))
        try:
            count, before = 0, 0.0
            for number in range(round((1 + seconds) * DATAGRAMS_PER_S)):
                if number == DATAGRAMS_PER_S:  # it is up and warm
                    count, before = number, cpu_ns(process.pid)
                ours.send(bytes(500))
                ours.recv(1000)
                time.sleep(1 / DATAGRAMS_PER_S)
            return (cpu_ns(process.pid) - before) / 1000 / (number + 1 - count)
        finally:
            process.kill()
            process.wait()


def cpu_ns(pid: int) -> float:
    """Of one process's first thread, exactly."""
    return float(Path(f"/proc/{pid}/schedstat").read_text().split()[0])


def family(pid: int) -> list[int]:
    """The process and all that descend from it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [pid]
    while todo:
        one = todo.pop()
        found.append(one)
        todo += children.get(one, [])
    return found


def cpu_s(pid: int) -> float:
    """Seconds of CPU, user and system, that the process and its children, those that ended too, have used so far."""
    total = 0
    for one in family(pid):
        fields = Path(f"/proc/{one}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:15]))
    return total / TICK


def pss_kib(pid: int) -> int:
    """Proportional set size of the process and its children, KiB."""
    total = 0
    for one in family(pid):
        for line in Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1])
    return total


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` (0 to 1) of the values are; nan of none."""
    if not values:
        return float("nan")
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
