"""Live callers: they call, press keys, wait as long as their patience lasts, talk, hang up, perhaps call again."""

from __future__ import annotations

import asyncio

from media.plane import NoPorts
from simulator.load.conversations import is_patient
from simulator.load.cues import who
from simulator.load.places import trunk_listener
from simulator.load.stage import Line, Stage
from simulator.workload import Caller

ANSWER_S = 180.0
"""A call that is neither answered nor ended for so long is given up. A flow may let a caller ring for a while."""


async def calls(stage: Stage, caller: Caller) -> None:
    """One call from the first ring to the end, unless his trunk is down."""
    if stage.trunks_down[caller.trunk]:
        stage.book.unreached += stage.book.counts(stage.now())
        _perhaps_again(stage, caller)
        return
    headers = tuple(
        (stage.headers[name], str(value))
        for name, value in caller.attributes.items()
        if name in stage.headers and value is not None
    )
    try:
        phone = stage.exchange.dial(
            trunk_listener(caller.trunk), stage.places.targets[caller.trunk], caller.number, caller.calling,
            headers=headers,
        )  # fmt: skip
    except NoPorts as error:
        stage.problems[str(error)] += 1
        return
    line = stage.lines[caller.calling] = Line(caller, stage.now(), phone)
    stage.made.setdefault(caller.calling, []).append(line)
    behaviour = asyncio.ensure_future(_behaves(stage, line))
    try:
        await phone.ended.wait()
    finally:
        behaviour.cancel()
        stage.lines.pop(caller.calling, None)
    if phone.deaf.is_set():
        stage.problems["a caller heard nothing of the agent"] += 1
    if not line.served.is_set() and (line.queue or not phone.answered.is_set()):
        _perhaps_again(stage, caller)


def _perhaps_again(stage: Stage, caller: Caller) -> None:
    again = stage.workload.again(caller)
    if again is None:
        return
    again.at += stage.now()
    if again.at < stage.book.end:
        stage.book.redials += again.at >= stage.book.begin
        stage.let(_later(stage, again), stage.calling)


async def _later(stage: Stage, caller: Caller) -> None:
    await stage.until(caller.at)
    await calls(stage, caller)


async def _behaves(stage: Stage, line: Line) -> None:
    """Keys at the cues, one for each menu, and patience from the queue on."""
    caller, phone, cues = line.caller, line.phone, stage.cues
    me = who(caller)
    moment = stage.now()
    join = cues.joins.get(me)
    asked = 0
    if join is None or join.asked or stage.settings.numbers[caller.number].answer != "by_agent":
        if not await stage.exchange.within(phone.answered, phone, ANSWER_S, "nobody answers"):
            return
        moment = stage.now()
    while True:
        if join is not None and join.asked == asked and not line.queue:
            await stage.until(moment + join.after_s)
            line.queue = join.queue
            stage.exchange.task(is_patient(stage, line, stage.now() + caller.patience_s))
            if caller.waiting_key is not None:
                stage.exchange.task(_leaves(stage, line, *caller.waiting_key))
        ask = cues.asks.get((me, asked))
        if ask is None or asked >= len(caller.keys):
            return
        if ask.moment == "agent_gone":
            await line.agent_gone.wait()
            moment = max(moment, line.agent_gone_at)
        key, after_s = caller.keys[asked]
        await stage.until(moment + ask.after_s + after_s)
        asked += 1
        if key:
            stage.exchange.press(phone, key)
            moment = stage.now()


async def _leaves(stage: Stage, line: Line, key: str, after_s: float) -> None:
    """He presses the key in the first queue that has it, unless he is served or gone before."""
    leaves_after_s = stage.cues.leaves(who(line.caller), key, after_s)
    if leaves_after_s is None:
        return
    await stage.until(stage.now() + leaves_after_s)
    if not line.served.is_set() and not line.phone.ended.is_set():
        stage.exchange.press(line.phone, key)
