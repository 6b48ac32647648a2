"""Callers and agents who act by a `Script`, and what comes of it, seen from the caller's side."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from media.plane import NoPorts
from simulator.phones.exchange import DEAF_S, SETUP_S, Exchange, Phone, Ring
from simulator.phones.script import Script

CALLERS: Final = "callers"
AGENTS: Final = "agents"


@dataclass(slots=True)
class Report:
    """How a call went, seen by its caller. `problem` says where it left its script; empty: nowhere."""

    script: Script
    answered: bool = False
    agent: str = ""
    problem: str = ""


@dataclass(slots=True)
class Cast:
    """Callers at one address (a trunk, to the engine), agents at another (static contacts)."""

    trunk: tuple[str, int]  # where the engine takes trunk calls
    caller_port: int
    agent_port: int
    voice: str  # a WAV file they all speak
    ring_s: float = 0.5
    on_report: Callable[[Report], None] | None = None
    exchange: Exchange = field(init=False)
    scripts: dict[str, Script] = field(default_factory=dict)
    served: dict[str, asyncio.Future[tuple[str, Phone]]] = field(default_factory=dict)  # caller → agent's device, phone
    rung: dict[str, asyncio.Event] = field(default_factory=dict)  # caller → a telephone rings for him

    def __post_init__(self) -> None:
        self.exchange = Exchange({CALLERS: self.caller_port, AGENTS: self.agent_port}, self.voice, self._serve)

    async def start(self) -> None:
        """Raises OSError for a port in use, `media.client.MediaError`."""
        await self.exchange.start()

    async def close(self) -> None:
        await self.exchange.close()

    async def call(self, script: Script) -> Report:
        """One caller from his first ring to his hang-up."""
        report = Report(script)
        self.scripts[script.caller] = script
        self.served[script.caller] = asyncio.get_running_loop().create_future()
        self.rung[script.caller] = asyncio.Event()
        phone = None
        try:
            phone = self.exchange.dial(
                CALLERS, self.trunk, script.called, script.caller, script.name, headers=script.headers
            )
            await self._act(phone, script, report)
        except TimeoutError as error:
            report.problem = str(error) or "it took too long"
        except NoPorts as error:
            report.problem = str(error)
        finally:
            if phone is not None:
                self.exchange.hang_up(phone)
            self.scripts.pop(script.caller, None)
            self.served.pop(script.caller, None)
            self.rung.pop(script.caller, None)
        if self.on_report is not None:
            self.on_report(report)
        return report

    async def _act(self, phone: Phone, script: Script, report: Report) -> None:
        if not await self.exchange.within(phone.answered, phone, SETUP_S, "no answer from the hotline"):
            report.problem = f"refused: {phone.how.status if phone.how else 0}"
            return
        report.answered = True
        keys = asyncio.ensure_future(self._press(phone, script.keys))
        served = self.served[script.caller]
        ended = asyncio.ensure_future(phone.ended.wait())
        bored = asyncio.ensure_future(self._lose_patience(script))
        try:
            either: list[asyncio.Future[Any]] = [served, ended, bored]
            await asyncio.wait(either, timeout=script.patience_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (ended, bored, keys):
                task.cancel()
        if phone.ended.is_set() and not served.done():
            report.problem = "hung up on while waiting"
        elif not served.done():
            await self._finish(phone)  # out of patience
            if script.gives_up_s is None:
                report.problem = "nobody answered"
        else:
            report.agent, agent = served.result()
            await self._talk(phone, agent, script, report)

    async def _talk(self, phone: Phone, agent: Phone, script: Script, report: Report) -> None:
        phone.talking = agent.talking = True
        if script.hangs_up == "caller":
            try:
                await asyncio.wait_for(phone.ended.wait(), script.talk_s)
                report.problem = "hung up on while talking"
            except TimeoutError:
                phone.talking = agent.talking = False
                await self._finish(phone)
        else:  # The agent hangs up; then the flow has the word: a survey, and the end.
            await asyncio.sleep(script.talk_s)
            phone.talking = agent.talking = False
            self.exchange.hang_up(agent)
            await asyncio.sleep(1.5)
            if script.rating and not phone.ended.is_set():
                self.exchange.press(phone, script.rating)
            await self.exchange.within(
                phone.ended, phone, SETUP_S + 10.0, "the call did not end after the agent hung up"
            )
        if phone.deaf.is_set() or agent.deaf.is_set():
            who = "caller" if phone.deaf.is_set() else "agent"
            report.problem = report.problem or f"the {who} heard nothing for {DEAF_S:g} s of the conversation"

    async def _lose_patience(self, script: Script) -> None:
        """Until he waits no longer. Only once a telephone rings for him is it certain that he is in a queue, and not in
        the menu."""
        await self.rung[script.caller].wait()
        await asyncio.sleep(script.patience_s if script.gives_up_s is None else script.gives_up_s)

    async def _press(self, phone: Phone, keys: tuple[tuple[float, str], ...]) -> None:
        for delay_s, key in keys:
            await asyncio.sleep(delay_s)
            self.exchange.press(phone, key)

    async def _finish(self, phone: Phone) -> None:
        self.exchange.hang_up(phone)
        await self.exchange.within(phone.ended, phone, SETUP_S, "the hang-up was not answered")

    async def _serve(self, phone: Phone, ring: Ring) -> None:
        """An agent's phone: it rings, he picks up, they talk, somebody hangs up."""
        if ring.listener != AGENTS:
            self.exchange.hang_up(phone, 404)
            return
        self.exchange.ring(phone)
        if ring.caller in self.rung:
            self.rung[ring.caller].set()
        script = self.scripts.get(ring.caller)
        if script is not None and script.gives_up_s is not None:
            return  # he is at the coffee machine
        await asyncio.sleep(self.ring_s * (0.5 + self.exchange.random.random()))
        if phone.ended.is_set():
            return
        self.exchange.pick_up(phone)
        served = self.served.get(ring.caller)
        if served is not None and not served.done():
            served.set_result((ring.user, phone))
