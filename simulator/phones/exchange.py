"""Many telephones in one process: one SIP endpoint, one media worker, a session for each call."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any, Final, TypeAlias

from media.client import WorkerPool
from media.plane import Fact, LostFact, Peer, Source
from simulator.phones.quiet import Quiet
from sip import negotiation, sdp
from sip.aio import SipShell
from sip.endpoint import (
    Answered,
    Credentials,
    Ended,
    EndpointSettings,
    Hop,
    Incoming,
    Listener,
    Offered,
    Reanswered,
    RegistrationResult,
    Session,
    SipEvent,
)
from sip.headers import NameAddr
from sip.message import Response
from sip.uri import Uri

HOST: Final = "127.0.0.1"
CODECS: Final = (sdp.PCMA, sdp.PCMU, sdp.TELEPHONE_EVENT)
SETUP_S: Final = 10.0
"""The longest an answer, a ring or a hang-up may take before it counts as a failure."""
LEAVE_S: Final = 2.0
DEAF_S: Final = 3.0
"""Who is in a conversation and hears no packet for so long hears nothing: longer than a busy machine stands still."""


@dataclass(slots=True, eq=False)
class Phone:
    """One telephone in one call."""

    name: str
    serial: int
    session: Session | None = None
    port: int = 0
    peer: Peer | None = None
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    how: Ended | None = None
    talking: bool = False  # somebody is at the other end, who speaks all the time
    deaf: asyncio.Event = field(default_factory=asyncio.Event)  # and yet nothing was heard for `DEAF_S`
    versions: int = 0  # of our SDP


@dataclass(slots=True, frozen=True)
class Ring:
    """A call to one of our telephones: which listener, the user of the request URI, the calling number."""

    listener: str
    user: str
    caller: str


Rung: TypeAlias = Callable[[Phone, Ring], Coroutine[Any, Any, None]]


@dataclass(slots=True)
class Exchange:
    """Telephones at some addresses of one host. `listeners` maps a name to its port (0: any); `on_ring` is run as a
    task for each call that comes in: `pick_up` or `hang_up` it."""

    listeners: Mapping[str, int]
    voice: str  # a WAV file they all speak
    on_ring: Rung
    host: str = HOST
    media_ports: tuple[int, int] = (40000, 45999)
    random: Random = field(default_factory=lambda: Random(1))
    phones: dict[str, Phone] = field(default_factory=dict)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)
    accounts: dict[str, tuple[Hop, Credentials]] = field(default_factory=dict)  # registered, or about to be
    registrations: dict[str, asyncio.Future[int]] = field(default_factory=dict)
    sip: SipShell = field(init=False)
    quiet: Quiet = field(init=False)  # which telephones hear nothing
    media: WorkerPool = field(init=False)
    serial: int = 0

    async def start(self) -> None:
        """Raises OSError for a port in use, `media.client.MediaError`."""
        listeners = tuple(Listener(name, self.host, port, algorithms=()) for name, port in self.listeners.items())
        settings = EndpointSettings(listeners, user_agent="Hotline phones")
        self.sip = SipShell(settings, self._on_events, rng=self.random)
        self.sip.endpoint = self.quiet = Quiet(self.sip.endpoint.settings, self.random)
        try:
            self.media = WorkerPool({"phones": self.host}, self.media_ports, workers=1, silent_after_s=DEAF_S)
            self.media.on_fact = self._on_fact
            await self.media.start()
        except BaseException:
            self.sip.close()
            raise
        self.sip.start()

    async def close(self) -> None:
        """Hang up what is up, leave the registrars, and end."""
        for phone in list(self.phones.values()):
            self.hang_up(phone)
        waiting: list[asyncio.Future[Any]] = [asyncio.ensure_future(p.ended.wait()) for p in self.phones.values()]
        waiting += [asyncio.ensure_future(self._register(user, 0)) for user in self.accounts]
        if waiting:
            _, late = await asyncio.wait(waiting, timeout=LEAVE_S)
            for one in late:
                one.cancel()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        self.sip.close()
        await self.media.close()

    # ------------------------------------------------------------------------------------------------------ verbs

    def dial(
        self,
        listener: str,
        to: tuple[str, int],
        called: str,
        caller: str,
        name: str = "",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Phone:
        """Call a number at this address. `phone.answered` and `phone.ended` tell how it goes. Raises `NoPorts`."""
        host, port = to
        phone = self._phone("caller")
        try:
            offer = self._offer(phone)
        except BaseException:
            self.phones.pop(phone.name)
            raise
        phone.session = self.sip.endpoint.invite(
            phone.name,
            f"sip:{called}@{host}:{port}",
            Hop(listener, host, port),
            offer,
            asyncio.get_running_loop().time(),
            from_=f'"{name}" <sip:{caller}@{self.host}:{self.sip.ports[listener]}>',
            headers=headers,
        )
        self.sip.flush()
        return phone

    def ring(self, phone: Phone) -> None:
        if phone.session is not None:
            phone.session.ring(180)
            self.sip.flush()

    def pick_up(self, phone: Phone) -> None:
        """Answer a call that came in. Raises `SdpError`, `NoPorts`."""
        session = phone.session
        assert session is not None
        theirs = sdp.parse(session.remote_sdp)
        body, agreed = negotiation.answer(theirs, self.host, self._port(phone), CODECS, session_id=phone.serial)
        session.answer(body)
        self.sip.flush()
        self._speak(phone, agreed)
        phone.answered.set()

    def hang_up(self, phone: Phone, status: int = 0) -> None:
        """Whatever that is at the moment: cancel, refuse (with `status`), BYE."""
        if phone.session is not None and not phone.ended.is_set():
            phone.session.end(status)
            self.sip.flush()

    def hold(self, phone: Phone, on: bool) -> None:
        """Put the other party on hold, or take him back."""
        if phone.session is not None and not phone.ended.is_set():
            phone.session.reinvite(self._offer(phone, "sendonly" if on else "sendrecv"))
            self.sip.flush()

    def refer(self, phone: Phone, to: str, refused: Callable[[int], None]) -> None:
        """Ask by REFER that the other party be connected with `to`, a user there (RFC 3515); what becomes of it is not
        asked (RFC 4488). `refused` is told another status than 202."""
        session = phone.session
        if session is None or phone.ended.is_set():
            return

        def heard(_: object, response: Response | None) -> None:
            status = response.status if response is not None else 408
            if status >= 300:
                refused(status)

        hop = session.hop
        lines = f"{session.contact_line()}Refer-To: <sip:{to}@{hop.host}:{hop.port}>\r\nRefer-Sub: false\r\n"
        session.send_within("REFER", heard, lines)
        self.sip.flush()

    def lose(self, phone: Phone) -> None:
        """The telephone, or its line, dies in the call: it sends and hears nothing any more."""
        if self.phones.pop(phone.name, None) is None:
            return
        if phone.session is not None:
            self.quiet.calls_off.add(phone.session.call_id)
        phone.talking = False
        self.media.delete(phone.name)
        phone.ended.set()

    def press(self, phone: Phone, keys: str) -> None:
        """Keys, by RFC 4733."""
        self.media.send_digits(phone.name, keys)

    async def register(self, listener: str, registrar: tuple[str, int], user: str, password: str) -> int:
        """Register, and stay so until `close`. Returns the status: 200, or what the registrar said instead."""
        self.accounts[user] = Hop(listener, *registrar), Credentials(user, password)
        return await self._register(user, 3600)

    async def _register(self, user: str, expires_s: int) -> int:
        answer: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self.registrations[user] = answer
        hop, credentials = self.accounts[user]
        now = asyncio.get_running_loop().time()
        uri = f"sip:{hop.host}:{hop.port}"
        self.sip.endpoint.register(user, uri, hop, now, credentials=credentials, expires_s=expires_s)
        self.sip.flush()
        return await answer

    async def within(self, event: asyncio.Event, phone: Phone, seconds: float, what: str) -> bool:
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

    def task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Let something go on beside; it ends with the exchange at the latest."""
        task = asyncio.get_running_loop().create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._ended_task)
        return task

    def _ended_task(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            asyncio.get_running_loop().call_exception_handler({"message": "a telephone broke", "exception": error})

    # ------------------------------------------------------------------------------------------------------ wires

    def _on_events(self, events: list[SipEvent]) -> None:
        for event in events:
            if isinstance(event, Incoming):
                self._ring(event)
            elif isinstance(event, Answered):
                self._picked_up(event)
            elif isinstance(event, Offered):
                self._reoffered(event)
            elif isinstance(event, Reanswered):
                self._reanswered(event)
            elif isinstance(event, Ended):
                self._ended(event)
            elif isinstance(event, RegistrationResult):
                answer = self.registrations.get(event.user)
                if answer is not None and not answer.done():
                    answer.set_result(event.status)

    def _on_fact(self, fact: Fact) -> None:
        if isinstance(fact, LostFact):
            phone = self.phones.get(fact.leg)
            if phone is not None and phone.talking:
                phone.deaf.set()

    def _ring(self, event: Incoming) -> None:
        phone = self._phone("called")
        phone.session = event.session
        event.session.name = phone.name
        caller = NameAddr.parse(event.request.get("From") or "").uri.number
        self.task(self.on_ring(phone, Ring(event.session.hop.listener, Uri.parse(event.request.uri).number, caller)))

    def _picked_up(self, event: Answered) -> None:
        phone = self.phones.get(event.session.name)
        if phone is None:
            return
        self._speak(phone, negotiation.agreed(CODECS, "sendrecv", sdp.parse(event.sdp)))
        phone.answered.set()

    def _reoffered(self, event: Offered) -> None:
        phone = self.phones.get(event.session.name)
        if phone is None or not event.sdp:
            event.session.refuse(488)
            return
        phone.versions += 1
        body, agreed = negotiation.answer(
            sdp.parse(event.sdp), self.host, self._port(phone), CODECS, session_id=phone.serial, version=phone.versions
        )
        event.session.accept(body)
        self._speak(phone, agreed)

    def _reanswered(self, event: Reanswered) -> None:
        phone = self.phones.get(event.session.name)
        if phone is not None and event.status == 200 and event.sdp:
            self._speak(phone, negotiation.agreed(CODECS, "sendrecv", sdp.parse(event.sdp)))

    def _ended(self, event: Ended) -> None:
        phone = self.phones.pop(event.session.name, None)
        if phone is not None:
            phone.how = event
            phone.ended.set()
            self.media.delete(phone.name)

    def _phone(self, kind: str) -> Phone:
        self.serial += 1
        phone = Phone(f"{kind}-{self.serial}", self.serial)
        self.phones[phone.name] = phone
        return phone

    def _port(self, phone: Phone) -> int:
        if not phone.port:
            phone.port = self.media.create(phone.name, "phones").port
        return phone.port

    def _offer(self, phone: Phone, direction: sdp.Direction = "sendrecv") -> bytes:
        phone.versions += 1
        return negotiation.offer(
            self.host,
            self._port(phone),
            CODECS,
            session_id=phone.serial,
            version=phone.versions,
            direction=direction,
        )

    def _speak(self, phone: Phone, agreed: negotiation.Agreed) -> None:
        """Send where they said, and never fall silent."""
        peer = Peer(
            agreed.address, agreed.port, agreed.codec.name, agreed.codec.payload, agreed.events,
            sends=agreed.receives, receives=agreed.sends, ptime_ms=agreed.ptime_ms,
            receive_payloads=agreed.receive_payloads,
        )  # fmt: skip
        if phone.peer is None:
            self.media.hears(phone.name, Source("music", self.voice))
        phone.peer = peer
        self.media.set(phone.name, peer)
