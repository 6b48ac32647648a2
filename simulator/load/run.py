"""A scenario's replications, live, one after the other, against one engine."""

from __future__ import annotations

import asyncio
import sys
import time
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from acd.config import Hotline
from acd.core.record import Record
from acd.records.database import RecordsError
from acd.records.place import Place
from acd.records.read import read
from simulator.load import faults
from simulator.load.agents import NOBODY_HERE, assemble, day, dismiss, rings
from simulator.load.callers import calls
from simulator.load.control import Control
from simulator.load.cues import Rehearsal, who
from simulator.load.places import REGISTERED, Places, places
from simulator.load.stage import Line, Stage
from simulator.phones.engine import Unplayable
from simulator.phones.exchange import Exchange, Phone, Ring
from simulator.results import Replication, Results
from simulator.run import prompt_lengths
from simulator.scenario import Scenario
from simulator.tally import Ended
from simulator.workload import Workload
from simulator.world import play
from simulator.world.callers import parts_of

RECORDS_S: Final = 15.0  # the last record of a run is written by then
GONE_S: Final = 35.0  # from the silence of a call that has lost its trunk to the record: the hang-up is not answered
AT_ONCE_S: Final = 0.05  # an agent rung within this of joining a queue was rung at once
TELL_EVERY_S: Final = 5.0


@dataclass(slots=True)
class Loaded:
    """What came of it: measured live, and simulated with the same callers."""

    live: Results
    simulated: Results
    problems: Counter[str] = field(default_factory=Counter)


def load_run(name: str, hotline: Hotline, scenario: Scenario, target: tuple[str, int] | None) -> Loaded:
    """Play every replication. Raises `Unplayable`, `media.client.MediaError`, `NoEngine`, OSError (a port in use),
    KeyboardInterrupt."""
    if hotline.records is None:
        raise Unplayable(f"{hotline.file}: what a call came to is read from its record: it must keep records")
    scenario = distinct(scenario)
    return asyncio.run(_replications(name, hotline, scenario, target))


def _unplayed(hotline: Hotline, scenario: Scenario, there: Places) -> list[str]:
    """What of the scenario telephones on a real network do not do, and whose telephone is none of ours."""
    world = scenario.model.world
    given = {"latency": "the network has its own", "failed": "the network loses what it loses"}
    given |= {"lookups": "the sources answer themselves", "prompts": "they last as long as they last"}
    playable = set(there.devices.values())
    others = [agent.id for agent in hotline.settings.agents.values() if agent.device not in playable]
    return [
        *(f"world.{name} ({why})" for name, why in given.items() if name in world.model_fields_set),
        *(f"agent {id} (has no telephone that could be one of ours)" for id in others),
    ]


def distinct(scenario: Scenario) -> Scenario:
    """Calling numbers tell all callers apart: types that share the beginning of theirs get one more digit each."""
    model = scenario.model
    beginnings = Counter(caller.calling for caller in model.callers.values())
    callers = {
        name: caller
        if beginnings[caller.calling] == 1
        else caller.model_copy(update={"calling": f"{caller.calling}{serial:02d}"})
        for serial, (name, caller) in enumerate(model.callers.items())
    }
    return replace(scenario, model=model.model_copy(update={"callers": callers}))


async def _replications(name: str, hotline: Hotline, scenario: Scenario, target: tuple[str, int] | None) -> Loaded:
    trunks = [caller.trunk or next(iter(hotline.settings.trunks)) for caller in scenario.model.callers.values()]
    there = places(hotline, trunks, target)
    for what in _unplayed(hotline, scenario, there):
        print(f"not played live: {what}", file=sys.stderr)
    control = Control(hotline.control)
    voice = str(next(iter(hotline.music.values())))

    async def nobody(phone: Phone, ring: Ring) -> None:
        """Before the first replication."""
        exchange.hang_up(phone, NOBODY_HERE)

    exchange = Exchange(there.listeners, voice, nobody, host=there.host)
    live, simulated, problems = [], [], Counter[str]()
    await exchange.start()
    try:
        await _register(exchange, there)
        for number in range(scenario.model.run.replications):
            stage, rehearsed = _prepare(hotline, scenario, number, exchange, there, control)
            simulated.append(rehearsed)
            live.append(await _play(stage, hotline.records or Path()))
            problems += stage.problems
        await dismiss(control)  # these telephones are going
    finally:
        await exchange.close()
        control.close()
    version = hotline.settings.version
    return Loaded(
        Results(name, version, scenario, live), Results(f"{name}, simulated", version, scenario, simulated), problems
    )


async def _register(exchange: Exchange, there: Places) -> None:
    for device, account in there.accounts.items():
        status = await exchange.register(REGISTERED, account.registrar, device, account.password)
        if status != 200:
            raise Unplayable(f"device {device} cannot register at {account.registrar[0]}: {status}")


def _prepare(
    hotline: Hotline, scenario: Scenario, number: int, exchange: Exchange, there: Places, control: Control
) -> tuple[Stage, Replication]:
    """Rehearse under virtual time: it gives the cues, and what to compare with."""
    settings = hotline.settings
    trunk = next(iter(settings.trunks), "")
    names = {caller.calling: who(caller) for caller in Workload(scenario, trunk, number).callers()}
    cues = Rehearsal(names)
    lengths = prompt_lengths(hotline.prompts)
    book = play(settings, scenario, number, prompts=lengths, hours=hotline.hours, core=cues)
    return Stage(hotline, scenario, number, exchange, there, control, cues), Replication.of(number, book)


async def _play(stage: Stage, records: Place) -> Replication:
    exchange, run = stage.exchange, stage.scenario.model.run
    exchange.on_ring = lambda phone, ring: _rung(stage, phone, ring)
    began_cpu = time.process_time()
    duties = await assemble(stage)
    stage.begin()
    offset_s = time.time() - stage.now()
    faults.arrange(stage)
    days = [asyncio.ensure_future(day(stage, duty)) for duty in duties]
    progress = asyncio.ensure_future(_tells(stage))
    try:
        for caller in stage.workload.callers():
            await stage.until(caller.at)
            stage.let(calls(stage, caller), stage.calling)
        await stage.until(run.length_s)
        await stage.all_of(stage.calling, run.length_s + run.drain_s)
        for line in list(stage.lines.values()):
            exchange.hang_up(line.phone)
        # The next replication begins with everybody free.
        wrap_up_s = max([queue.wrap_up.timed_s for queue in stage.settings.queues.values()], default=0.0)
        await stage.all_of(stage.serving, stage.now() + wrap_up_s + 2.0)
    finally:
        progress.cancel()
        ending = [*days, *stage.troubles]
        for one in ending:
            one.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
    for desk in stage.desks.values():
        desk.close(min(stage.now(), stage.book.end), stage.book)
    await _count(stage, records, offset_s)
    return Replication.of(stage.replication, stage.book, time.process_time() - began_cpu)


async def _rung(stage: Stage, phone: Phone, ring: Ring) -> None:
    stage.let(rings(stage, phone, ring), stage.serving)


async def _tells(stage: Stage) -> None:
    """Progress, on standard error."""
    run = stage.scenario.model.run
    live = sys.stderr.isatty()
    while True:
        made = sum(map(len, stage.made.values()))
        which = f"replication {stage.replication + 1}/{run.replications}, " if run.replications > 1 else ""
        text = f"{which}{stage.now():.0f}/{run.length_s:.0f} s, {made} calls made, {len(stage.lines)} up"
        print(f"\r\x1b[K{text}" if live else text, end="" if live else "\n", file=sys.stderr, flush=True)
        try:
            await asyncio.sleep(0.5 if live else TELL_EVERY_S)
        except asyncio.CancelledError:
            if live:
                print(file=sys.stderr)
            raise


# ------------------------------------------------------------------------------------------------------ counting


async def _count(stage: Stage, records: Place, offset_s: float) -> None:
    """Every call by its record, which is the engine's own; the n-th call of a number is its n-th record."""
    made = sum(map(len, stage.made.values()))
    found: dict[str, list[Record]] = {}
    until = time.monotonic() + RECORDS_S + (stage.silent_s + GONE_S if stage.troubles else 0.0)
    while True:
        try:
            found = await asyncio.to_thread(_by_number, records, offset_s - 1.0, stage.made)
        except RecordsError as error:
            if time.monotonic() > until:
                raise Unplayable(f"{error}; the records of the engine must be readable here") from None
        if sum(map(len, found.values())) >= made or time.monotonic() > until:
            break
        await asyncio.sleep(0.1)
    for number, lines in stage.made.items():
        written = found.get(number, [])
        for place, line in enumerate(lines):
            if place < len(written):
                stage.book.call(_ended(line, written[place], offset_s, stage))
            else:
                stage.problems["a call has no record"] += 1
                stage.book.call(Ended(line.caller.kind, line.at, "unfinished", []))


def _by_number(records: Place, since: float, numbers: dict[str, list[Line]]) -> dict[str, list[Record]]:
    found: dict[str, list[Record]] = {}
    for record in read(records, since=since):
        if record.caller in numbers:
            found.setdefault(record.caller, []).append(record)
    return found


def _ended(line: Line, record: Record, offset_s: float, stage: Stage) -> Ended:
    stays, ring_s, talk_s, hold_s = parts_of(record, offset_s)
    delayed = bool(stays) and (line.rung_at is None or line.rung_at - stays[0].joined_at > AT_ONCE_S)
    lost = record.outcome == "media_lost" and stage.troubles  # as is meant
    if (record.outcome == "answered") != line.served.is_set() and not lost:
        stage.problems[f"the record says {record.outcome}, the caller saw otherwise"] += 1
    return Ended(
        line.caller.kind,
        line.at,
        record.outcome,
        stays,
        record.wait_s,
        delayed,
        line.groups,
        ring_s,
        talk_s,
        hold_s,
        line.wrap_up_s,
    )
