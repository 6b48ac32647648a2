"""The demo: an engine on a configuration, its callers and its agents, all on loopback; `make run`."""

from __future__ import annotations

import asyncio
import json
import signal
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from acd.cli.client import connected
from acd.cli.options import NO, OK
from acd.config import ConfigError, Hotline, load
from acd.core.record import Record
from acd.records.read import read
from media.client import MediaError
from simulator.phones.callers import Cast, Report
from simulator.phones.engine import Engine, Unplayable
from simulator.phones.exchange import HOST
from simulator.phones.script import Script, bank_callers
from sip.uri import Uri

RECORDS_S: Final = 15.0
AT_ONCE: Final = 12


@dataclass(slots=True, frozen=True)
class Places:
    """Where the configuration expects the phones of the demo."""

    trunk: tuple[str, int]
    caller_port: int
    agent_port: int
    called: str


def places(hotline: Hotline) -> Places:
    """A trunk with one source port on loopback, devices at static contacts on loopback. Raises `Unplayable`."""
    callers = [
        (trunk, port) for trunk in hotline.trunks.values() for host, port in trunk.sources if host == HOST and port
    ]
    agents = [uri for d in hotline.devices.values() if d.contact and (uri := Uri.parse(d.contact)).address == HOST]
    if not callers or not agents or not hotline.settings.numbers:
        raise Unplayable(
            f"{hotline.file}: the demo needs a trunk with a source such as 127.0.0.1:7060, devices with a contact on "
            "127.0.0.1, and a number"
        )
    trunk, port = callers[0]
    listen = hotline.listen[trunk.network].sip[0]
    return Places((HOST, listen.port), port, agents[0].port or 5060, next(iter(hotline.settings.numbers)))


async def make_calls(cast: Cast, calls: int | None, seed: int, called: str, reports: list[Report]) -> None:
    """So many callers, one after the other and up to `AT_ONCE` together; without a number, until cancelled: then those
    in a call hang up and are not reported."""
    free = asyncio.Semaphore(AT_ONCE)

    async def one(script: Script) -> None:
        async with free:
            reports.append(await cast.call(script))

    async with asyncio.TaskGroup() as group:
        for script in islice(bank_callers(seed, called=called), calls):
            async with free:  # somebody has hung up
                pass
            group.create_task(one(script))
            await asyncio.sleep(script.gap_s)


def records_of(hotline: Hotline, since: float, count: int) -> dict[str, Record]:
    """The records written since then, by caller; waits a while for the last."""
    if hotline.records is None:
        raise Unplayable(f"{hotline.file}: the demo reads the call records; `records` must name a file")
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
    return {
        "calls": len(reports),
        "answered": seen.count("answered"),
        "abandoned": seen.count("abandoned"),
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
    elif record.outcome != "abandoned":
        return f"the record says {record.outcome}; he gave up while he waited"
    return ""


async def _counted(hotline: Hotline, where: Places, calls: int | None, seed: int) -> dict[str, Any]:
    """Make the calls, tell of each on standard error, and sum up. Ctrl-C ends it early and cleanly."""
    told = 0

    def tell(report: Report) -> None:
        nonlocal told
        told += 1
        what = report.problem or (f"talked to {report.agent}" if report.agent else "gave up waiting")
        print(f"{told}/{calls or '…'} {report.script.caller} {report.script.name}: {what}", file=sys.stderr)

    cast = _cast(hotline, where, tell)
    since, reports = time.time(), list[Report]()
    await cast.start()
    calling = asyncio.ensure_future(make_calls(cast, calls, seed, where.called, reports))
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, calling.cancel)
    try:
        await asyncio.wait([calling])
        if not calling.cancelled():
            calling.result()
    finally:
        await cast.close()
    return summary(reports, await asyncio.to_thread(records_of, hotline, since, len(reports)))


def _cast(hotline: Hotline, where: Places, on_report: Callable[[Report], None] | None = None) -> Cast:
    voice = str(next(iter(hotline.music.values())))  # something for the phones to say: the music on hold serves
    return Cast(where.trunk, where.caller_port, where.agent_port, voice, on_report=on_report)


class _Behind:
    """The phones in a thread of their own. Raises what they cannot begin with."""

    def __init__(self, hotline: Hotline, where: Places, seed: int) -> None:
        self._begun: Future[Callable[[], None]] = Future()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._play(hotline, where, seed)), name="phones")
        self._thread.start()
        self._end = self._begun.result()

    async def _play(self, hotline: Hotline, where: Places, seed: int) -> None:
        cast = _cast(hotline, where)
        try:
            await cast.start()
        except BaseException as error:  # told to whoever began us
            self._begun.set_exception(error)
            return
        calling = asyncio.ensure_future(make_calls(cast, None, seed, where.called, []))
        loop = asyncio.get_running_loop()

        def end() -> None:
            loop.call_soon_threadsafe(calling.cancel)

        self._begun.set_result(end)
        await asyncio.wait([calling])
        await cast.close()

    def end(self) -> None:
        self._end()
        self._thread.join()


def _watch(hotline: Hotline, where: Places, seed: int) -> None:
    """The live view in front, until it is left."""
    from acd.cli.top import Top  # an extra, needed only here

    phones = _Behind(hotline, where, seed)
    try:
        with connected(hotline.control) as client:
            Top(lambda: client.ask("view")).run()
    finally:
        phones.end()


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
    except KeyboardInterrupt:  # while the engine was being started
        return NO
    except (ConfigError, Unplayable, MediaError, OSError) as error:
        print(f"acd demo: {getattr(error, 'strerror', None) or error}", file=sys.stderr)
        return NO
    finally:
        if engine is not None:
            engine.stop()
    names = ("calls", "answered", "abandoned", "failed")
    print(json.dumps(result, ensure_ascii=False) if as_json else ", ".join(f"{result[name]} {name}" for name in names))
    return NO if result["failed"] else OK
