"""Many telephones in one process: one SIP endpoint, one media worker, a session for each call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, Literal

from media.client import WorkerPool
from media.plane import NoPorts, Peer, Source
from simulator.phones.script import Script
from sip import sdp
from sip.aio import SipShell
from sip.endpoint import (
    Answered,
    Ended,
    EndpointSettings,
    Hop,
    Incoming,
    Listener,
    Offered,
    Progress,
    Session,
    SipEvent,
)
from sip.headers import NameAddr
from sip.uri import Uri

HOST: Final = "127.0.0.1"
CODECS: Final = (sdp.PCMA, sdp.PCMU, sdp.TELEPHONE_EVENT)
SETUP_S: Final = 10.0
"""The longest an answer, a ring or a hang-up may take before the caller calls it a failure."""


@dataclass(slots=True, eq=False)
class Phone:
    """One telephone in one call. `talking` is set when the two parties are through to each other."""

    name: str
    session: Session | None = None
    port: int = 0
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    how: Ended | None = None


@dataclass(slots=True)
class Report:
    """How a call went, seen by its caller. `problem` says where it left its script; empty: nowhere."""

    script: Script
    answered: bool = False
    agent: str = ""
    problem: str = ""


@dataclass(slots=True)
class Exchange:
    """Callers at one address (a trunk, to the engine), agents at another (static contacts)."""

    trunk: tuple[str, int]  # where the engine takes trunk calls
    caller_port: int
    agent_port: int
    voice: str  # a WAV file they all speak
    ring_s: float = 0.5
    media_ports: tuple[int, int] = (40000, 45999)
    random: Random = field(default_factory=lambda: Random(1))
    on_report: Callable[[Report], None] | None = None
    phones: dict[str, Phone] = field(default_factory=dict)
    scripts: dict[str, Script] = field(default_factory=dict)
    served: dict[str, asyncio.Future[str]] = field(default_factory=dict)  # caller → the agent's device
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    sip: SipShell = field(init=False)
    media: WorkerPool = field(init=False)
    serial: int = 0

    async def start(self) -> None:
        """Raises OSError for a port in use, `media.client.MediaError`."""
        listeners = (
            Listener("callers", HOST, self.caller_port, algorithms=()),
            Listener("agents", HOST, self.agent_port, algorithms=()),
        )
        settings = EndpointSettings(listeners, user_agent="Hotline phones")
        self.sip = SipShell(settings, self._on_events, rng=self.random)
        self.media = WorkerPool({"phones": HOST}, self.media_ports, workers=1)
        await self.media.start()
        self.sip.start()

    async def close(self) -> None:
        """Hang up what is up, and end."""
        for phone in list(self.phones.values()):
            self._hang_up(phone)
        waiting = [phone.ended.wait() for phone in self.phones.values()]
        if waiting:
            await asyncio.wait([asyncio.ensure_future(one) for one in waiting], timeout=2.0)
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.sip.close()
        await self.media.close()

    # ---------------------------------------------------------------------------------------------------- callers

    async def call(self, script: Script) -> Report:
        """One caller from his first ring to his hang-up."""
        report = Report(script)
        self.scripts[script.caller] = script
        self.served[script.caller] = asyncio.get_running_loop().create_future()
        phone = self._phone("caller")
        try:
            await self._act(phone, script, report)
        except TimeoutError as error:
            report.problem = str(error) or "it took too long"
        except NoPorts as error:
            report.problem = str(error)
        finally:
            self._hang_up(phone)
            self.scripts.pop(script.caller, None)
            self.served.pop(script.caller, None)
        if self.on_report is not None:
            self.on_report(report)
        return report

    async def _act(self, phone: Phone, script: Script, report: Report) -> None:
        host, port = self.trunk
        phone.session = self.sip.endpoint.invite(
            phone.name,
            f"sip:{script.called}@{host}:{port}",
            Hop("callers", host, port),
            self._offer(phone),
            asyncio.get_running_loop().time(),
            from_=f'"{script.name}" <sip:{script.caller}@{HOST}:{self.caller_port}>',
            headers=script.headers,
        )
        self.sip.flush()
        if not await self._within(phone.answered, phone, SETUP_S, "no answer from the hotline"):
            report.problem = f"refused: {phone.how.status if phone.how else 0}"
            return
        report.answered = True
        keys = asyncio.ensure_future(self._press(phone, script.keys))
        served = self.served[script.caller]
        ended = asyncio.ensure_future(phone.ended.wait())
        try:
            either: list[asyncio.Future[Any]] = [served, ended]
            await asyncio.wait(either, timeout=script.patience_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.cancel()
            keys.cancel()
        if phone.ended.is_set() and not served.done():
            report.problem = "hung up on while waiting"
        elif not served.done():
            await self._finish(phone, report)  # out of patience
            if not script.gives_up:
                report.problem = "nobody answered"
        else:
            report.agent = served.result()
            await self._talk(phone, script, report)

    async def _talk(self, phone: Phone, script: Script, report: Report) -> None:
        if script.hangs_up == "caller":
            try:
                await asyncio.wait_for(phone.ended.wait(), script.talk_s)
                report.problem = "hung up on while talking"
            except TimeoutError:
                await self._finish(phone, report)
            return
        # The agent hangs up; then the flow has the word: a survey, and the end.
        await asyncio.sleep(script.talk_s + 1.5)
        if script.rating and not phone.ended.is_set():
            self.media.send_digits(phone.name, script.rating)
        await self._within(phone.ended, phone, SETUP_S + 10.0, "the call did not end after the agent hung up")

    async def _press(self, phone: Phone, keys: tuple[tuple[float, str], ...]) -> None:
        for delay_s, key in keys:
            await asyncio.sleep(delay_s)
            self.media.send_digits(phone.name, key)

    async def _finish(self, phone: Phone, report: Report) -> None:
        self._hang_up(phone)
        await self._within(phone.ended, phone, SETUP_S, "the hang-up was not answered")

    async def _within(self, event: asyncio.Event, phone: Phone, seconds: float, what: str) -> bool:
        """Wait for the event; False if the call ended first. Raises TimeoutError saying `what`."""
        waits = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(phone.ended.wait())]
        try:
            done, _ = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
        if not done:
            raise TimeoutError(what)
        return event.is_set()

    # ----------------------------------------------------------------------------------------------------- agents

    async def _serve(self, phone: Phone, device: str, caller: str, offer: bytes) -> None:
        """An agent's phone: it rings, he picks up, they talk, somebody hangs up."""
        session = phone.session
        assert session is not None
        session.ring(180)
        self.sip.flush()
        await asyncio.sleep(self.ring_s * (0.5 + self.random.random()))
        if phone.ended.is_set():
            return
        theirs = sdp.parse(offer)
        body, agreed = sdp.answer(theirs, HOST, self._port(phone), CODECS, session_id=self.serial)
        session.answer(body)
        self.sip.flush()
        self._speak(phone, agreed)
        served = self.served.get(caller)
        if served is not None and not served.done():
            served.set_result(device)
        script = self.scripts.get(caller)
        if script is not None and script.hangs_up == "agent":
            await asyncio.sleep(script.talk_s)
            self._hang_up(phone)

    # ------------------------------------------------------------------------------------------------------ wires

    def _on_events(self, events: list[SipEvent]) -> None:
        for event in events:
            if isinstance(event, Incoming):
                self._ring(event)
            elif isinstance(event, Answered):
                self._picked_up(event)
            elif isinstance(event, Offered):
                self._reoffered(event)
            elif isinstance(event, Ended):
                self._ended(event)
            else:
                assert not isinstance(event, Progress) or event.status >= 180

    def _ring(self, event: Incoming) -> None:
        if event.session.hop.listener != "agents":
            event.session.end(404)
            return
        device = Uri.parse(event.request.uri).number
        caller = NameAddr.parse(event.request.get("From") or "").uri.number
        phone = self._phone("agent")
        phone.session = event.session
        event.session.name = phone.name
        task = asyncio.ensure_future(self._serve(phone, device, caller, event.session.remote_sdp))
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    def _picked_up(self, event: Answered) -> None:
        phone = self.phones.get(event.session.name)
        if phone is None:
            return
        self._speak(phone, sdp.agreed(CODECS, "sendrecv", sdp.parse(event.sdp)))
        phone.answered.set()

    def _reoffered(self, event: Offered) -> None:
        phone = self.phones.get(event.session.name)
        if phone is None or not event.sdp:
            event.session.refuse(488)
            return
        body, agreed = sdp.answer(sdp.parse(event.sdp), HOST, self._port(phone), CODECS, session_id=self.serial)
        event.session.accept(body)
        self._speak(phone, agreed)

    def _ended(self, event: Ended) -> None:
        phone = self.phones.pop(event.session.name, None)
        if phone is not None:
            phone.how = event
            phone.ended.set()
            self.media.delete(phone.name)

    def _phone(self, kind: Literal["caller", "agent"]) -> Phone:
        self.serial += 1
        phone = Phone(f"{kind}-{self.serial}")
        self.phones[phone.name] = phone
        return phone

    def _port(self, phone: Phone) -> int:
        if not phone.port:
            phone.port = self.media.create(phone.name, "phones").port
        return phone.port

    def _offer(self, phone: Phone) -> bytes:
        return sdp.offer(HOST, self._port(phone), CODECS, session_id=self.serial)

    def _speak(self, phone: Phone, agreed: sdp.Agreed) -> None:
        """Send where they said, and never fall silent."""
        peer = Peer(
            agreed.address, agreed.port, agreed.codec.name, agreed.codec.payload, agreed.events,
            sends=agreed.receives, receives=agreed.sends, ptime_ms=agreed.ptime_ms,
            receive_payloads=agreed.receive_payloads,
        )  # fmt: skip
        self.media.set(phone.name, peer)
        self.media.hears(phone.name, Source("music", self.voice))

    def _hang_up(self, phone: Phone) -> None:
        if phone.session is not None and not phone.ended.is_set():
            phone.session.end()
            self.sip.flush()
        elif phone.session is None:
            self.phones.pop(phone.name, None)
