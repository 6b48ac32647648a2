"""The demo: an engine on a configuration, its callers and its agents, all on loopback; `make run`."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from acd.cli.client import ControlClient, NoEngine, connected
from acd.cli.options import NO, OK
from acd.config import ConfigError, Hotline, load
from acd.core.record import Record
from acd.records.read import read
from media.client import MediaError
from simulator.phones.exchange import HOST, Exchange, Report
from simulator.phones.script import bank_callers
from sip.uri import Uri

START_S: Final = 20.0
RECORDS_S: Final = 15.0
AT_ONCE: Final = 12


class DemoError(RuntimeError):
    """The demo cannot run; the text says why and what to do."""


@dataclass(slots=True, frozen=True)
class Places:
    """Where the configuration expects the phones of the demo."""

    trunk: tuple[str, int]
    caller_port: int
    agent_port: int
    called: str


def places(hotline: Hotline) -> Places:
    """A trunk with one source port on loopback, devices at static contacts on loopback. Raises `DemoError`."""
    callers = [
        (trunk, port) for trunk in hotline.trunks.values() for host, port in trunk.sources if host == HOST and port
    ]
    agents = [uri for d in hotline.devices.values() if d.contact and (uri := Uri.parse(d.contact)).address == HOST]
    if not callers or not agents or not hotline.settings.numbers:
        raise DemoError(
            f"{hotline.file}: the demo needs a trunk with a source such as 127.0.0.1:7060, devices with a contact on "
            "127.0.0.1, and a number"
        )
    trunk, port = callers[0]
    listen = hotline.listen[trunk.network].sip[0]
    return Places((HOST, listen.port), port, agents[0].port or 5060, next(iter(hotline.settings.numbers)))


class Engine:
    """`acd run` as a process of its own, its log in a file beside the control socket."""

    def __init__(self, hotline: Hotline) -> None:
        self.hotline = hotline
        self.log = hotline.control.parent / "demo.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "acd", "run", str(hotline.file)],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.control = self._wait()

    def _wait(self) -> ControlClient:
        until = time.monotonic() + START_S
        while time.monotonic() < until:
            if self.process.poll() is not None:
                break
            try:
                client = ControlClient(self.hotline.control)
                client.ask("status")
            except NoEngine:
                time.sleep(0.05)
            else:
                return client
        self.stop()
        tail = self.log.read_text(errors="replace").splitlines()[-5:]
        raise DemoError("the engine did not start:\n" + "\n".join(tail))

    def stop(self) -> None:
        """Ctrl-C for it; harder only if it does not listen."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGINT)
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()


def voice_of(hotline: Hotline) -> str:
    """Something for the phones to say: the music on hold serves."""
    return str(next(iter(hotline.music.values())))


async def make_calls(
    exchange: Exchange, calls: int | None, seed: int, called: str, stop: Callable[[], bool]
) -> list[Report]:
    """So many callers, one after the other and up to `AT_ONCE` together; without a number, until `stop()`."""
    reports: list[Report] = []
    running: set[asyncio.Task[Report]] = set()
    for serial, script in enumerate(bank_callers(seed, called=called)):
        if serial == calls or stop():
            break
        if len(running) >= AT_ONCE:
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            reports += [task.result() for task in done]
        running.add(asyncio.create_task(exchange.call(script)))
        await asyncio.sleep(script.gap_s)
    reports += await asyncio.gather(*running)
    return reports


def records_of(hotline: Hotline, since: float, count: int) -> dict[str, Record]:
    """The records written since then, by caller; waits a while for the last."""
    if hotline.records is None:
        raise DemoError(f"{hotline.file}: the demo reads the call records; `records` must name a file")
    until = time.monotonic() + RECORDS_S
    while True:
        found = {record.caller: record for record in read(hotline.records, since=since)}
        if len(found) >= count or time.monotonic() > until:
            return found
        time.sleep(0.1)


def summary(reports: list[Report], records: dict[str, Record]) -> dict[str, Any]:
    """The JSON of ``make run ARGS="--calls 20 --json"``."""
    outcomes, failed = [], 0
    for report in sorted(reports, key=lambda report: report.script.caller):
        record = records.get(report.script.caller)
        problem = report.problem or disagreement(report, record)
        failed += bool(problem)
        outcome = {
            "id": record.call if record else None,
            "caller": report.script.caller,
            "queue": record.queue if record else None,
            "agent": record.agent if record else None,
            "wait_s": round(record.wait_s, 3) if record else None,
            "talk_s": round(record.talk_s, 3) if record else None,
            "outcome": record.outcome if record else None,
        }
        outcomes.append(outcome | ({"problem": problem} if problem else {}))
    seen = [outcome["outcome"] for outcome in outcomes]
    gone = ("abandoned", "hung_up_in_flow", "cancelled")
    return {
        "calls": len(reports),
        "answered": seen.count("answered"),
        "abandoned": sum(one in gone for one in seen),
        "failed": failed,
        "outcomes": outcomes,
    }


def disagreement(report: Report, record: Record | None) -> str:
    """What the engine's record says otherwise than the caller; empty if they agree."""
    if record is None:
        return "no record"
    if report.agent:
        # Behind an agent's hang-up comes the survey, and the engine has the last word.
        right = ("caller",) if report.script.hangs_up == "caller" else ("agent", "engine")
        if record.outcome != "answered" or record.released_by not in right:
            wanted = f"answered, released by {report.script.hangs_up}"
            return f"the record says {record.outcome}, released by {record.released_by}; it was {wanted}"
    if not report.agent and record.outcome == "answered":
        return "the record says answered, but nobody talked to the caller"
    return ""


async def _counted(hotline: Hotline, where: Places, calls: int | None, seed: int) -> dict[str, Any]:
    """Make the calls, tell of each on standard error, and sum up. Ctrl-C ends it early and cleanly."""
    told = 0

    def tell(report: Report) -> None:
        nonlocal told
        told += 1
        what = report.problem or (f"talked to {report.agent}" if report.agent else "gave up waiting")
        print(f"{told}/{calls or '…'} {report.script.caller} {report.script.name}: {what}", file=sys.stderr)

    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    exchange = Exchange(where.trunk, where.caller_port, where.agent_port, voice_of(hotline), on_report=tell)
    since = time.time()
    await exchange.start()
    try:
        reports = await make_calls(exchange, calls, seed, where.called, interrupted.is_set)
    finally:
        await exchange.close()
    return summary(reports, await asyncio.to_thread(records_of, hotline, since, len(reports)))


def _watch(hotline: Hotline, where: Places, seed: int) -> None:
    """The live view in front, the phones in a thread behind it, until it is left."""
    from acd.cli.top import Top  # an extra, needed only here

    stop = threading.Event()

    async def phones() -> None:
        exchange = Exchange(where.trunk, where.caller_port, where.agent_port, voice_of(hotline))
        await exchange.start()
        try:
            await make_calls(exchange, None, seed, where.called, stop.is_set)
        finally:
            await exchange.close()

    thread = threading.Thread(target=lambda: asyncio.run(phones()), name="phones")
    thread.start()
    try:
        with connected(hotline.control) as client:
            Top(lambda: client.ask("view")).run()
    finally:
        stop.set()
        thread.join()


def run(file: Path, calls: int | None, seed: int, *, as_json: bool) -> int:
    """The whole demo. Returns the exit code: 0 unless it could not run or a call left its script."""
    engine = None
    try:
        hotline = load(file)
        where = places(hotline)
        engine = Engine(hotline)
        if calls is None and sys.stdout.isatty():
            _watch(hotline, where, seed)
            return OK
        result = asyncio.run(_counted(hotline, where, calls, seed))
    except (ConfigError, DemoError, MediaError, OSError) as error:
        print(f"acd demo: {error}", file=sys.stderr)
        return NO
    finally:
        if engine is not None:
            engine.stop()
    names = ("calls", "answered", "abandoned", "failed")
    print(json.dumps(result, ensure_ascii=False) if as_json else ", ".join(f"{result[name]} {name}" for name in names))
    return NO if result["failed"] else OK
