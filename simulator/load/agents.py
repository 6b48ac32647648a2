"""Live agents: their days by the roster, their telephones, and what they do after a call."""

from __future__ import annotations

import asyncio

from simulator.desks import Desk, Duty, roster
from simulator.load.control import Control
from simulator.load.conversations import Asking, converse, is_asked
from simulator.load.stage import Line, Stage
from simulator.phones.exchange import Phone, Ring
from simulator.world.agents import BACK_S
from sip.sdp import SdpError

DECLINE = 603
NOBODY_HERE = 480
ANSWERS_NEVER_S = 3600.0  # the engine has cancelled long before

# --------------------------------------------------------------------------------------------------- their days


async def assemble(stage: Stage) -> list[Duty]:
    """Everybody off, then those on whose day has begun; returns the days."""
    await dismiss(stage.control)
    duties = list(roster(stage.scenario, stage.desks, stage.replication))
    for duty in duties:
        if duty.begins <= 0:
            await _comes(stage, stage.desks[duty.agent])
    return duties


async def dismiss(control: Control) -> None:
    """Everybody off."""
    view = await control.ask("agents")
    for agent in view["agents"]:
        if agent["presence"] != "signed_off":
            await control.order(agent["id"], "sign-off")


async def day(stage: Stage, duty: Duty) -> None:
    """One agent's working day."""
    desk = stage.desks[duty.agent]
    for at, lasts_s, reason in duty.breaks:
        stage.exchange.task(_break(stage, desk, at, lasts_s, reason))
    if duty.begins > 0:
        await stage.until(duty.begins)
        await _comes(stage, desk)
    elif desk.at_work:
        desk.clock_in(0.0)
    if duty.ends < stage.book.end:
        await stage.until(duty.ends)
        desk.at_work, desk.resting = False, ""
        desk.clock_out(stage.now(), stage.book)
        await stage.control.order(desk.agent.id, "sign-off")


async def _comes(stage: Stage, desk: Desk) -> None:
    """He signs on, once the telephone he shares with an earlier shift is free."""
    while (there := stage.at_device.get(desk.device)) is not None and there is not desk:
        if not there.at_work and not there.tasks:
            break
        await asyncio.sleep(0.1)
    stage.at_device[desk.device] = desk
    if await stage.control.order(desk.agent.id, "sign-on", at=desk.device):
        desk.at_work, desk.resting = True, ""
        desk.clock_in(max(0.0, stage.now()))


async def _break(stage: Stage, desk: Desk, at: float, lasts_s: float, reason: str) -> None:
    """At once, or after the call he is in; it lasts as long either way."""
    await stage.until(at)
    if not desk.at_work:
        return
    desk.resting, desk.rest_s = reason, lasts_s
    await stage.control.order(desk.agent.id, "break", reason=reason)
    if not desk.tasks:
        await _rests(stage, desk)


async def _rests(stage: Stage, desk: Desk) -> None:
    desk.clock_out(stage.now(), stage.book)
    await asyncio.sleep(desk.rest_s)
    if desk.at_work and desk.resting:
        desk.resting = ""
        desk.clock_in(stage.now())
        await stage.control.order(desk.agent.id, "ready")


async def _free(stage: Stage, desk: Desk) -> None:
    desk.put(stage.now(), stage.book)
    if desk.resting and not desk.tasks:
        await _rests(stage, desk)


# --------------------------------------------------------------------------------------------- their telephones


async def rings(stage: Stage, phone: Phone, ring: Ring) -> None:
    """An offer: it rings, and the agent picks up, or rejects, or is not there."""
    desk = stage.at_device.get(stage.places.devices.get((ring.listener, ring.user), ""))
    line = stage.lines.get(ring.caller)
    if desk is None or line is None:
        stage.exchange.hang_up(phone, NOBODY_HERE)
        return
    phones = stage.phones.setdefault(desk.device, set())
    phones.add(phone)
    try:
        await _rung(stage, desk, line, phone)
    finally:
        phones.discard(phone)


async def _rung(stage: Stage, desk: Desk, line: Line, phone: Phone) -> None:
    asking = line.asking if line.asking is not None and line.asking.desk is desk else None
    desk.take(stage.now())
    if line.rung_at is None:
        line.rung_at = stage.now()
    chance, ring_s = desk.uniform(), desk.ring_delay.quantile(desk.uniform())
    if ring_s or chance < desk.no_answer:
        stage.exchange.ring(phone)
    if chance < desk.no_answer:
        ring_s = ANSWERS_NEVER_S
    if await _answers(stage, phone, ring_s, rejects=chance < desk.no_answer + desk.reject):
        await _serves(stage, desk, line, phone, asking)
        return
    if asking is not None:
        asking.settled.set()
    elif not line.phone.ended.is_set() and not line.taken.is_set() and ring_s == ANSWERS_NEVER_S:
        stage.exchange.task(_misses(stage, desk, line))
    await _free(stage, desk)


async def _answers(stage: Stage, phone: Phone, ring_s: float, *, rejects: bool) -> bool:
    """Whether he has picked up."""
    if ring_s:
        try:
            await asyncio.wait_for(phone.ended.wait(), ring_s)
        except TimeoutError:
            pass
        else:
            return False
    if not rejects:
        try:
            stage.exchange.pick_up(phone)
        except SdpError as error:
            stage.problems[f"an offer of the engine: {error}"] += 1
        else:
            return True
    stage.exchange.hang_up(phone, DECLINE)
    await phone.ended.wait()
    return False


async def _serves(stage: Stage, desk: Desk, line: Line, phone: Phone, asking: Asking | None) -> None:
    key = stage.settings.devices[desk.device].confirm_key
    if key is not None and asking is None:
        await asyncio.sleep(desk.confirm.quantile(desk.uniform()))
        stage.exchange.press(phone, key)
    desk.missed = 0
    queue, parts = stage.queue_of(line), stage.parts(line, desk)
    kinds = {"none": 0.0, "timed": queue.wrap_up.timed_s, "until_done": parts.wrap_up_s}
    wrap_up_s = kinds[queue.wrap_up.kind]
    line.wrap_up_s += wrap_up_s
    if asking is not None:
        await is_asked(stage, desk, line, phone, asking)
    else:
        line.agent, line.groups = phone, desk.groups
        line.served.set()
        line.taken.set()
        await converse(stage, desk, line, phone, parts)
    await phone.ended.wait()
    if line.agent is phone:
        line.phone.talking = False
        line.agent_gone_at = stage.now()
        line.agent_gone.set()
    if phone.deaf.is_set():
        stage.problems["an agent heard nothing of the caller"] += 1
    await asyncio.sleep(wrap_up_s)
    if queue.wrap_up.kind == "until_done":
        await _done(stage, desk)
    await _free(stage, desk)


async def _done(stage: Stage, desk: Desk) -> None:
    """Wrap-up is over when he says so, by saying what he does next."""
    if not desk.at_work:
        await stage.control.order(desk.agent.id, "sign-off")
    elif desk.resting:
        await stage.control.order(desk.agent.id, "break", reason=desk.resting)
    else:
        await stage.control.order(desk.agent.id, "ready")


async def _misses(stage: Stage, desk: Desk, line: Line) -> None:
    """After some in a row the engine takes him off; he notices, and comes back."""
    desk.missed += 1
    if desk.missed >= stage.queue_of(line).max_no_answer:
        desk.missed = 0
        await asyncio.sleep(BACK_S)
        if desk.at_work and not desk.resting and not desk.tasks:
            await stage.control.order(desk.agent.id, "ready")
