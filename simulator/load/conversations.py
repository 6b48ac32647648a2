"""What a live agent does with his caller: they talk, somebody hangs up; he sends him on, or asks a colleague first."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from simulator.desks import Desk
    from simulator.handling import Aside, Parts
    from simulator.load.stage import Line, Stage
    from simulator.phones.exchange import Phone

ANSWER_S: Final = 60.0  # the engine has taken a call back that a colleague does not answer, long before


@dataclass(slots=True, eq=False)
class Asking:
    """A colleague is called while the caller is on hold."""

    desk: Desk
    aside: Aside
    phone: Phone | None = None  # his, once he has answered
    settled: asyncio.Event = field(default_factory=asyncio.Event)  # he has answered, or will not
    kept: asyncio.Event = field(default_factory=asyncio.Event)  # he has the caller now


async def converse(stage: Stage, desk: Desk, line: Line, phone: Phone, parts: Parts) -> None:
    """From the first word to the hang-up, or until the caller is somebody else's."""
    await talk(stage, line, phone, parts.talk_s, parts.hold_s)
    if phone.ended.is_set() or line.phone.ended.is_set():
        return
    if await _asks(stage, desk, line, phone, parts):
        return
    if phone.ended.is_set() or line.phone.ended.is_set():
        return
    if parts.transfer_to:
        _sends_on(stage, line, phone, parts.transfer_to)
    else:
        stage.exchange.hang_up(phone if parts.agent_ends else line.phone)


async def talk(stage: Stage, line: Line, agent: Phone, talk_s: float, hold_s: float) -> None:
    """The conversation, with its hold."""
    line.phone.talking = agent.talking = not hold_s  # who is on hold hears music, the other one nothing
    begun = stage.now()
    if hold_s:
        await _lasts(stage, agent, begun + talk_s / 2)
        stage.exchange.hold(agent, True)
        await _lasts(stage, agent, begun + talk_s / 2 + hold_s)
        stage.exchange.hold(agent, False)
    await _lasts(stage, agent, begun + talk_s + hold_s)
    line.phone.talking = agent.talking = False


async def _lasts(stage: Stage, phone: Phone, until: float) -> None:
    """Wait, or until this telephone's call is over."""
    try:
        await asyncio.wait_for(phone.ended.wait(), max(0.0, until - stage.now()))
    except TimeoutError:
        return


def _sends_on(stage: Stage, line: Line, phone: Phone, queue: str) -> None:
    """By the transfer key of his telephone (REFER). The caller waits anew, with patience for it."""
    stage.book.transfers += stage.book.counts(line.at)
    stage.sent_on(line)
    line.sent_to, line.taken, line.agent = queue, asyncio.Event(), None

    def refused(status: int) -> None:
        stage.problems[f"a transfer to {queue} was refused: {status}"] += 1
        stage.exchange.hang_up(phone)

    stage.exchange.refer(phone, queue, refused)
    stage.exchange.task(is_patient(stage, line, stage.now() + line.caller.patience_s))


async def is_patient(stage: Stage, line: Line, until: float) -> None:
    """He hangs up if nobody takes him in time."""
    taken = line.taken
    waits = [asyncio.ensure_future(taken.wait()), asyncio.ensure_future(line.phone.ended.wait())]
    try:
        await asyncio.wait(waits, timeout=max(0.0, until - stage.now()), return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()
    if not taken.is_set():
        stage.exchange.hang_up(line.phone)


# ------------------------------------------------------------------------------------------------------- asking


async def _asks(stage: Stage, desk: Desk, line: Line, phone: Phone, parts: Parts) -> bool:
    """Ask a colleague who is free, if he means to. True: the colleague has the caller now."""
    aside = parts.consult.drawn(stage.workload.asking(line.caller)) if parts.consult is not None else None
    if parts.consult is None or aside is None:
        return False
    try:
        for name in aside.turn([name for name in parts.consult.colleagues if stage.is_free(name)]):
            asking = line.asking = Asking(stage.desks[name], aside)
            if await stage.control.order(desk.agent.id, "consult", to=f"agent:{name}"):
                break
        else:
            return False
        stage.book.consultations += stage.book.counts(line.at)
        if await _told(stage, asking, phone):
            done = await stage.control.order(desk.agent.id, "complete" if aside.transfers else "cancel")
            if done and aside.transfers:
                asking.kept.set()
                return True
    finally:
        line.asking = None
    await _lasts(stage, phone, stage.now() + aside.after_s)
    return False


async def _told(stage: Stage, asking: Asking, phone: Phone) -> bool:
    """Whether the two have talked, and are both still there."""
    try:
        await asyncio.wait_for(asking.settled.wait(), ANSWER_S)
    except TimeoutError:
        return False
    other = asking.phone
    if other is None or other.ended.is_set():
        return False
    phone.talking = other.talking = True
    await _lasts(stage, phone, stage.now() + asking.aside.lasts_s)
    phone.talking = other.talking = False
    return not phone.ended.is_set() and not other.ended.is_set()


async def is_asked(stage: Stage, desk: Desk, line: Line, phone: Phone, asking: Asking) -> None:
    """The colleague's side: he has answered and listens, and may have the caller then."""
    asking.phone = phone
    asking.settled.set()
    waits = [asyncio.ensure_future(asking.kept.wait()), asyncio.ensure_future(phone.ended.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()
    if asking.kept.is_set() and not phone.ended.is_set():
        stage.book.transfers += stage.book.counts(line.at)
        stage.sent_on(line)
        line.agent, line.groups = phone, desk.groups
        await converse(stage, desk, line, phone, stage.parts(line, desk))
