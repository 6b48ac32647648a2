"""Whole calls through the engine as shipped (journal, log, records on): SIPp callers, SIPp agents, loopback.

    python -m benchmarks.calls                  every figure, as a table
    python -m benchmarks.calls --json           the same as one JSON object
    python -m benchmarks.calls --only idle,queue --seconds 10

Latencies are read off the wire by the kernel's clock (needs the right to open a packet socket), CPU and memory from
/proc for the engine and its media workers together. The last line says what three fixed things cost at the same hour.
The columns beside are what Asterisk 22 `app_queue` and FreeSWITCH `mod_callcenter` gave on a 2-core machine with the
same traffic.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.machine import cpu_s, describe, pace, percentile, pss_kib
from benchmarks.wire import Sip, Wire
from tests.live.bank import Bank
from tests.live.harness import EngineProcess, Sipp, free_port

BY_AGENT = "steps: [{queue: loans}]"
WITH_MUSIC = "steps: [answer, {queue: loans}]"
LOANS = "{needs: {loans: 1}, wrap_up: none, ring_s: 20, max_length: 5000, nobody_signed_on: wait}"
OTHERS: dict[str, tuple[str, str, str]] = {
    "idle agent: caller INVITE → agent INVITE, ms p50/p99": ("2.0 / 3.0", "70 / 123", "≤ 1 / 3"),
    "agent 200 → caller 200, ms p50/p99": ("0.9 / 1.6", "–", "≤ 0.5 / 1.5"),
    "agent BYE → next INVITE, 10/20, ms p50/p99": ("485 / 1346", "580 / 1098", "≤ 1 / 3"),
    "agent BYE → next INVITE, 100/200, ms p50/p99": ("529 / 1503", "684 / 1269", "≤ 1.5 / 5"),
    "agent BYE → next INVITE, 500/500, ms p50/p99": ("472 / 1462", "27131", "≤ 1.5 / 5"),
    "CPU ms per call at 50 calls/s": ("9.6", "26", "≤ 1.5"),
    "CPU ms per dispatched call, 10/20": ("9", "67", "≤ 2"),
    "CPU ms per dispatched call, 100/200": ("17", "153", "≤ 2"),
    "CPU ms per dispatched call, 500/500": ("53", "365", "≤ 2"),
    "CPU ms per dispatched call with music, 10/20": ("30", "81", ""),
    "CPU ms per dispatched call with music, 100/200": ("66–87", "196", "≤ 20"),
    "calls/s without failure": ("150", "40+", "≥ 200"),
    "KiB per call": ("345 (RSS)", "908", "≤ 40"),
    "CPU s per bridged call-minute, 50 calls, bursts": ("0.197", "0.335", "≤ 0.08"),
    "CPU s per bridged call-minute, 100 calls, bursts": ("0.197", "0.335", "≤ 0.08"),
    "CPU s per bridged call-minute, 50 calls, even": ("", "", "≤ 0.12"),
    "CPU s per bridged call-minute, 100 calls, even": ("", "", "≤ 0.12"),
}


class Bench:
    """One engine with its SIPp peers on a wire that is watched."""

    def __init__(self, directory: Path, *, agents: int, flow: str, answer: str, talk_ms: int, agent_ends: bool) -> None:
        self.directory = directory
        self.talk_ms = talk_ms
        self.agent_ends = agent_ends
        self.bank = Bank(directory, flow=flow, answer=answer, agents=agents, queue=LOANS)
        text = self.bank.text.replace("workers: 1", "workers: auto")
        self.engine = EngineProcess(directory, text)
        self.caller_rtp, self.agent_rtp = free_port(), free_port()

    def __enter__(self) -> Bench:
        self.engine.start()
        self.agents = Sipp(
            "agent_hangs_up" if self.agent_ends else "agent_stays",
            self.directory,
            port=self.bank.agent_port,
            calls=None,
            talk_ms=self.talk_ms,
            keys={"rtp_ip": "127.0.0.1", "rtp_port": self.agent_rtp, "codec": 8},
            timeout_s=900,
        )
        self.wire: Wire | None = None
        time.sleep(0.5)
        return self

    def __exit__(self, *exc: object) -> None:
        if self.wire is not None:
            self.wire.close()
        self.agents.__exit__()
        self.engine.__exit__(*exc) if exc else self.engine.stop()

    def callers(self, *, calls: int, rate: float, at_once: int | None = None) -> Sipp:
        """SIPp as the trunk. Where the agent hangs up the caller waits for it."""
        extra = ("-l", str(at_once)) if at_once else ("-l", "100000")
        return Sipp(
            "caller_stays" if self.agent_ends else "caller_hangs_up", self.directory, port=self.bank.caller_port,
            target=("127.0.0.1", self.bank.trunk_port), calls=calls, rate=rate, talk_ms=self.talk_ms,
            keys={"rtp_ip": "127.0.0.1", "rtp_port": self.caller_rtp, "called": 95588}, extra=extra, timeout_s=900,
        )  # fmt: skip

    def seen(self) -> list[Sip]:
        """What went over the wire since it was last asked. It is watched from the first question on: watching costs
        whoever sends, so no CPU is measured meanwhile."""
        if self.wire is None:
            self.wire = Wire({self.bank.agent_port, self.bank.caller_port})
        return self.wire.take()

    def hang_up_all(self) -> None:
        for call in self.engine.ask("calls")["calls"]:
            self.engine.request("call", id=call["id"], op="hang-up")

    def blind(self) -> None:
        """Watch no more."""
        if self.wire is not None:
            self.wire.close()
            self.wire = None

    def is_agent(self, message: Sip) -> bool:
        return self.bank.agent_port in (message.source, message.target)


def first(messages: list[Sip], wanted: Callable[[Sip], bool]) -> dict[str, Sip]:
    """The first such message of each caller."""
    found: dict[str, Sip] = {}
    for message in messages:
        if wanted(message):
            found.setdefault(message.caller, message)
    return found


def pairs_ms(before: dict[str, Sip], after: dict[str, Sip]) -> list[float]:
    return [(after[caller].at - one.at) * 1000 for caller, one in before.items() if caller in after]


def spread(values: list[float]) -> dict[str, float]:
    return {
        name: round(percentile(values, share), 3) for name, share in (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
    } | {"n": len(values)}


def by_agent_latency(messages: list[Sip], bench: Bench) -> tuple[dict[str, float], dict[str, float]]:
    """Caller INVITE → agent INVITE, and agent 200 → caller 200."""
    arrived = first(messages, lambda m: m.method == "INVITE" and not m.status and not bench.is_agent(m))
    rung = first(messages, lambda m: m.method == "INVITE" and not m.status and bench.is_agent(m))
    picked = first(messages, lambda m: m.method == "INVITE" and m.status == 200 and bench.is_agent(m))
    told = first(messages, lambda m: m.method == "INVITE" and m.status == 200 and not bench.is_agent(m))
    return spread(pairs_ms(arrived, rung)), spread(pairs_ms(picked, told))


def idle(directory: Path, seconds: float) -> dict[str, Any]:
    """Idle agents, 10 calls/s."""
    with Bench(directory, agents=20, flow=BY_AGENT, answer="by_agent", talk_ms=300, agent_ends=False) as bench:
        bench.callers(calls=20, rate=10).done(120)
        bench.seen()
        bench.callers(calls=int(10 * seconds), rate=10).done(300)
        ring, answer = by_agent_latency(bench.seen(), bench)
    return {
        "idle agent: caller INVITE → agent INVITE, ms p50/p99": ring,
        "agent 200 → caller 200, ms p50/p99": answer,
    }


def cpu(directory: Path, seconds: float) -> dict[str, Any]:
    """50 calls/s through idle agents."""
    with Bench(directory, agents=100, flow=BY_AGENT, answer="by_agent", talk_ms=500, agent_ends=False) as bench:
        bench.callers(calls=100, rate=50).done(120)
        calls, before = int(50 * seconds), cpu_s(bench.engine.pid)
        bench.callers(calls=calls, rate=50).done(300)
        used = cpu_s(bench.engine.pid) - before
    return {"CPU ms per call at 50 calls/s": round(1000 * used / calls, 3)}


def overtaken(messages: list[Sip], bench: Bench) -> tuple[int, int]:
    """(callers who were rung for after a younger one, callers)."""
    arrived = first(messages, lambda m: m.method == "INVITE" and not m.status and not bench.is_agent(m))
    rung = first(messages, lambda m: m.method == "INVITE" and not m.status and bench.is_agent(m))
    order = sorted((one.at, arrived[caller].at) for caller, one in rung.items() if caller in arrived)
    youngest, count = 0.0, 0
    for _, joined in order:
        count += joined < youngest
        youngest = max(youngest, joined)
    return count, len(order)


def freed_to_next_ms(messages: list[Sip], bench: Bench) -> list[float]:
    """From each agent's BYE to the next INVITE to that agent."""
    agent_of: dict[str, str] = {}
    freed: dict[str, float] = {}
    found: list[float] = []
    for message in messages:
        if not bench.is_agent(message) or message.status:
            continue
        call = message.headers["call-id"]
        if message.method == "INVITE" and call not in agent_of:
            agent = message.start.split(" ")[1].partition("@")[0]
            agent_of[call] = agent
            if agent in freed:
                found.append((message.at - freed.pop(agent)) * 1000)
        elif message.method == "BYE" and call in agent_of:
            freed.setdefault(agent_of[call], message.at)
    return found


def queue(directory: Path, seconds: float, *, music: bool = False, sizes: tuple[tuple[int, int, int], ...] = (
    (10, 20, 500), (100, 200, 4000), (500, 500, 10000))) -> dict[str, Any]:  # fmt: skip
    """So many agents, so many waiting all the time."""
    results: dict[str, Any] = {}
    for agents, waiting, talk_ms in sizes:
        below = directory / f"{agents}-{waiting}-{'music' if music else 'quiet'}"
        below.mkdir()
        flow, answer = (WITH_MUSIC, "by_flow") if music else (BY_AGENT, "by_agent")
        with Bench(below, agents=agents, flow=flow, answer=answer, talk_ms=talk_ms, agent_ends=True) as bench:
            rounds = max(1, round(seconds * 1000 / talk_ms))  # all talk equally long, so they are served in waves
            window = rounds * talk_ms / 1000
            if not music:
                bench.seen()
            callers = bench.callers(calls=waiting + agents * (2 * rounds + 4), rate=200, at_once=agents + waiting)
            time.sleep((agents + waiting) / 200 + 1.5 * talk_ms / 1000)
            if not music:
                time.sleep(window)
                watched = bench.seen()
                bench.blind()
            before, answered = cpu_s(bench.engine.pid), _answered(bench)
            time.sleep(window)
            used, dispatched = cpu_s(bench.engine.pid) - before, _answered(bench) - answered
            callers.__exit__()
            bench.hang_up_all()
        label = f"{agents}/{waiting}"
        suffix = " with music" if music else ""
        results[f"CPU ms per dispatched call{suffix}, {label}"] = round(1000 * used / dispatched, 3)
        if not music:
            results[f"agent BYE → next INVITE, {label}, ms p50/p99"] = spread(freed_to_next_ms(watched, bench))
            count, of = overtaken(watched, bench)
            results[f"callers overtaken, {label}"] = f"{count} of {of}"
    return results


def _answered(bench: Bench) -> int:
    return sum(one["answered"] for one in bench.engine.ask("queues")["queues"])


def music(directory: Path, seconds: float) -> dict[str, Any]:
    """The same with music to everyone who waits."""
    return queue(directory, seconds, music=True, sizes=((10, 20, 500), (100, 200, 4000)))


def capacity(directory: Path, seconds: float) -> dict[str, Any]:
    """The highest rate, in steps of 50 calls/s, at which every call goes by its script; the load shares the cores."""
    best = 0
    with Bench(directory, agents=400, flow=BY_AGENT, answer="by_agent", talk_ms=300, agent_ends=False) as bench:
        for rate in range(100, 1001, 50):
            callers = bench.callers(calls=int(rate * min(seconds, 10)), rate=rate)
            try:
                callers.done(120)
            except (AssertionError, subprocess.TimeoutExpired):
                callers.__exit__()
                break
            best = rate
    return {"calls/s without failure": best}


def memory(directory: Path, seconds: float) -> dict[str, Any]:
    """Proportional set size with 500 bridged calls, less idle."""
    calls = 500
    with Bench(directory, agents=calls, flow=BY_AGENT, answer="by_agent", talk_ms=30_000, agent_ends=False) as bench:
        bench.callers(calls=50, rate=50).__exit__()
        time.sleep(1)
        bench.hang_up_all()
        bench.engine.wait_idle()
        before = pss_kib(bench.engine.pid)
        callers = bench.callers(calls=calls, rate=50)
        deadline = time.monotonic() + 60
        while bench.engine.ask("status")["legs"] < 2 * calls and time.monotonic() < deadline:
            time.sleep(0.5)
        held = bench.engine.ask("status")["legs"] // 2
        used = pss_kib(bench.engine.pid) - before
        callers.__exit__()
        bench.hang_up_all()
    return {"KiB per call": round(used / held, 1), "KiB idle": before, "calls held": held}


def bridged(directory: Path, seconds: float) -> dict[str, Any]:
    """CPU while calls talk both ways, 50 packets a second each way."""
    results: dict[str, Any] = {}
    for calls in (50, 100):
        for way in ("bursts", "even"):
            below = directory / f"{calls}-{way}"
            below.mkdir()
            with Bench(below, agents=calls, flow=BY_AGENT, answer="by_agent", talk_ms=int(1000 * seconds) + 8000,
                       agent_ends=False) as bench:  # fmt: skip
                bench.seen()
                callers = bench.callers(calls=calls, rate=50)
                time.sleep(calls / 50 + 2)
                messages = bench.seen()
                bench.blind()
                toward_callers = first(
                    messages, lambda m: m.method == "INVITE" and m.status == 200 and not bench.is_agent(m)
                )
                toward_agents = first(messages, lambda m: m.method == "INVITE" and not m.status and bench.is_agent(m))
                ports = [f"caller {m.media_port}" for m in toward_callers.values()]
                ports += [f"agent {m.media_port}" for m in toward_agents.values()]
                source = subprocess.Popen(
                    [sys.executable, "-m", "benchmarks.rtp_source", str(bench.caller_rtp), str(bench.agent_rtp), way],
                    stdin=subprocess.PIPE, text=True,
                )  # fmt: skip
                assert source.stdin is not None
                source.stdin.write("\n".join(ports) + "\n")
                source.stdin.flush()
                time.sleep(1)
                stats = _packets(bench)
                before, began = cpu_s(bench.engine.pid), time.monotonic()
                time.sleep(seconds)
                used, elapsed = cpu_s(bench.engine.pid) - before, time.monotonic() - began
                relayed = _packets(bench) - stats
                source.stdin.close()
                source.wait(10)
                callers.done(120)
            minutes = calls * elapsed / 60
            results[f"CPU s per bridged call-minute, {calls} calls, {way}"] = round(used / minutes, 4)
            results[f"µs per relayed packet, {calls} calls, {way}"] = round(1e6 * used / max(1, relayed), 2)
    return results


def _packets(bench: Bench) -> int:
    return sum(worker["packets_out"] for worker in bench.engine.ask("status")["workers"])


PARTS: dict[str, Callable[[Path, float], dict[str, Any]]] = {
    "idle": idle, "cpu": cpu, "queue": queue, "music": music,
    "capacity": capacity, "memory": memory, "bridged": bridged,
}  # fmt: skip


def show(results: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    speed = "; ".join(f"{name}: {value}" for name, value in results["pace"].items())
    table = Table(title="Hotline: whole calls", caption=f"{results['machine']}\nat this hour: {speed}")
    for column in ("figure", "Asterisk 22", "FreeSWITCH", "aim", "Hotline"):
        table.add_column(column)
    for name, value in results["figures"].items():
        text = (
            f"{value['p50']} / {value['p99']}  (p90 {value['p90']}, n {value['n']})"
            if isinstance(value, dict)
            else value
        )
        table.add_row(name, *OTHERS.get(name, ("", "", "")), str(text))
    Console().print(table)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    parser.add_argument("--only", help=f"some of {','.join(PARTS)}")
    parser.add_argument("--seconds", type=float, default=20.0, help="of measuring, for each figure (default 20)")
    options = parser.parse_args()
    results: dict[str, Any] = {"machine": describe(), "pace": pace(), "figures": {}}
    for name in options.only.split(",") if options.only else PARTS:
        print(f"{name} …", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="hotline-") as directory:
            results["figures"].update(PARTS[name](Path(directory), options.seconds))
    if options.json:
        print(json.dumps(results, ensure_ascii=False))
    else:
        show(results)


if __name__ == "__main__":
    main()
