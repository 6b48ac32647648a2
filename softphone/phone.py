"""The telephone: registers, takes and makes one call at a time, holds it, sends keys; tells what happens in lines."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

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
    Progress,
    Reanswered,
    RegistrationResult,
    Session,
    SipEvent,
)
from sip.headers import NameAddr
from softphone.audio import Audio
from softphone.sound import Sound

State: TypeAlias = Literal["idle", "ringing", "calling", "talking"]
CODECS: Final = (sdp.PCMA, sdp.PCMU, sdp.TELEPHONE_EVENT)
LISTENER: Final = "phone"
BUSY, DECLINE, FORBIDDEN, NOT_ACCEPTABLE = 486, 603, 403, 488
LEAVE_S: Final = 2.0


class NotNow(RuntimeError):
    """This cannot be done at the moment; says why."""


@dataclass(slots=True)
class Account:
    """Who we are, and where."""

    user: str
    password: str
    registrar: tuple[str, int]


class Phone:
    """`tell` gets a line for all that happens: ``registered``, ``ringing NUMBER``, ``talking …``, ``ended WHY``."""

    def __init__(self, account: Account, sound: Sound, tell: Callable[[str], None]) -> None:
        """Raises OSError."""
        self.account = account
        self.sound = sound
        self.tell = tell
        self.state: State = "idle"
        self.party = ""
        self.held = False
        self.registered = False
        self.host = _our_address(account.registrar)
        self.audio: Audio | None = None
        self._session: Session | None = None
        self._calls = 0
        self._version = 0
        self._left = asyncio.Event()
        settings = EndpointSettings((Listener(LISTENER, self.host, 0, algorithms=()),), user_agent="Hotline softphone")
        self._sip = SipShell(settings, self._on_events)
        self._hop = Hop(LISTENER, *account.registrar)

    # ------------------------------------------------------------------------------------------------------- verbs

    def start(self) -> None:
        """Begin, and register."""
        self._sip.start()
        self._register(3600)

    async def close(self) -> None:
        """Hang up, leave the registrar, end."""
        if self._session is not None:
            self._session.end(DECLINE)
        if self.registered:
            self._register(0)
            with suppress(TimeoutError):  # the binding runs out by itself
                await asyncio.wait_for(self._left.wait(), LEAVE_S)
        self._sip.flush()
        self._silence()
        self._sip.close()
        self.sound.close()

    def call(self, number: str) -> None:
        """Raises `NotNow`."""
        if self._session is not None:
            raise NotNow("there is a call already")
        host, port = self.account.registrar
        self._calls += 1
        audio = self.audio = self._audio()
        try:
            self._session = self._sip.endpoint.invite(
                f"call-{self._calls}",
                f"sip:{number}@{host}:{port}",
                self._hop,
                self._offer(audio),
                asyncio.get_running_loop().time(),
                from_=f"<sip:{self.account.user}@{host}>",
                credentials=self._credentials(),
            )
        except ValueError as error:
            self._silence()
            raise NotNow(f"{number!r} cannot be dialled: {error}") from None
        self._is("calling", number)
        self._sip.flush()

    def answer(self) -> None:
        """Raises `NotNow`."""
        if self.state != "ringing" or self._session is None:
            raise NotNow("nobody rings")
        audio = self.audio = self._audio()
        try:
            theirs = sdp.parse(self._session.remote_sdp)
            body, agreed = negotiation.answer(theirs, self.host, audio.port, CODECS, session_id=self._calls)
        except sdp.SdpError as error:
            self.hang_up(NOT_ACCEPTABLE)
            raise NotNow(str(error)) from None
        self._session.answer(body)
        self._sip.flush()
        audio.connect(agreed)
        self._is("talking", self.party)

    def hang_up(self, status: int = DECLINE) -> None:
        """Reject, give up, or hang up. Raises `NotNow`."""
        if self._session is None:
            raise NotNow("there is no call")
        self._session.end(status)
        self._sip.flush()

    def hold(self, on: bool) -> None:
        """Raises `NotNow`."""
        audio, session = self._talking()
        if on != self.held:
            self.held = audio.on_hold = on
            session.reinvite(self._offer(audio, "sendonly" if on else "sendrecv"))
            self._sip.flush()
            self.tell("held" if on else "talking")

    def press(self, keys: str) -> None:
        """Raises `NotNow`."""
        audio, _ = self._talking()
        try:
            audio.press(keys)
        except ValueError as error:
            raise NotNow(str(error)) from None

    def mute(self, on: bool) -> None:
        """Raises `NotNow`."""
        audio, _ = self._talking()
        audio.muted = on
        self.tell("muted" if on else "not muted")

    # -------------------------------------------------------------------------------------------------------- wires

    def _talking(self) -> tuple[Audio, Session]:
        if self.state != "talking" or self.audio is None or self._session is None:
            raise NotNow("nobody is on the line")
        return self.audio, self._session

    def _is(self, state: State, party: str) -> None:
        self.state, self.party = state, party
        self.tell(f"{state} {party}".strip())

    def _audio(self) -> Audio:
        return Audio(self.host, self.sound, lambda digit: self.tell(f"heard key {digit}"))

    def _silence(self) -> None:
        if self.audio is not None:
            self.audio.close()
            self.audio = None

    def _credentials(self) -> Credentials:
        return Credentials(self.account.user, self.account.password)

    def _register(self, expires_s: int) -> None:
        host, port = self.account.registrar
        now = asyncio.get_running_loop().time()
        self._sip.endpoint.register(
            self.account.user, f"sip:{host}:{port}", self._hop, now,
            credentials=self._credentials(), expires_s=expires_s,
        )  # fmt: skip
        self._sip.flush()

    def _offer(self, audio: Audio, direction: sdp.Direction = "sendrecv") -> bytes:
        self._version += 1
        return negotiation.offer(
            self.host, audio.port, CODECS, session_id=self._calls, version=self._version, direction=direction
        )

    def _on_events(self, events: list[SipEvent]) -> None:
        for event in events:
            if isinstance(event, Incoming):
                self._rung(event)
            elif isinstance(event, RegistrationResult):
                self._registration(event)
            elif isinstance(event, Progress):
                if event.session is self._session and event.status > 100:
                    self.tell(f"progress {event.status}")
            elif isinstance(event, Answered):
                if event.session is self._session:
                    self._agree(event.sdp)
                    self._is("talking", self.party)
            elif isinstance(event, Reanswered):
                if event.session is self._session and event.status == 200:
                    self._agree(event.sdp)
            elif isinstance(event, Offered):
                self._reoffered(event)
            elif isinstance(event, Ended):
                self._ended(event)

    def _registration(self, event: RegistrationResult) -> None:
        was, self.registered = self.registered, event.status == 200 and event.expires_s > 0
        if event.status != 200:
            self.tell(f"not registered: {event.status}")
        elif not event.expires_s:
            self._left.set()
        elif not was:
            self.tell("registered")

    def _rung(self, event: Incoming) -> None:
        session = event.session
        if session.hop.host != self.account.registrar[0]:
            session.end(FORBIDDEN)  # only our hotline may ring us
        elif self._session is not None:
            session.end(BUSY)
        else:
            self._calls += 1
            self._session = session
            session.ring(180)
            sender = NameAddr.parse(event.request.get("From") or "")
            self._is("ringing", sender.uri.number or "anonymous")

    def _agree(self, body: bytes) -> None:
        if self.audio is None or not body:
            return
        try:
            self.audio.connect(negotiation.agreed(CODECS, "sendrecv", sdp.parse(body)))
        except sdp.SdpError as error:
            self.tell(f"no audio: {error}")
            self.hang_up()

    def _reoffered(self, event: Offered) -> None:
        if event.session is not self._session or self.audio is None or not event.sdp:
            event.session.refuse(NOT_ACCEPTABLE)
            return
        self._version += 1
        direction: sdp.Direction = "sendonly" if self.held else "sendrecv"
        try:
            body, agreed = negotiation.answer(
                sdp.parse(event.sdp), self.host, self.audio.port, CODECS,
                session_id=self._calls, version=self._version, direction=direction,
            )  # fmt: skip
        except sdp.SdpError:
            event.session.refuse(NOT_ACCEPTABLE)
            return
        event.session.accept(body)
        self.audio.connect(agreed)

    def _ended(self, event: Ended) -> None:
        if event.session is not self._session:
            return
        self._session, self.held = None, False
        self._silence()
        self.state, self.party = "idle", ""
        self.tell(f"ended {event.cause}" + (f" {event.status}" if event.status else ""))


def _our_address(towards: tuple[str, int]) -> str:
    """The address of ours from which that one is reached. Raises OSError."""
    family = socket.AF_INET6 if ":" in towards[0] else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect(towards)
        return str(probe.getsockname()[0])
