"""Calls, registrations and attacks over TCP and TLS on loopback."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import struct
import warnings
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest
import uvloop

from sip.aio import SipShell, StreamLimits, Tls
from sip.endpoint import (
    Account,
    Answered,
    Confirmed,
    Ended,
    EndpointSettings,
    Hop,
    Incoming,
    Listener,
    Registered,
    SipEvent,
)
from sip.framing import MAX_HEAD
from tests.sip.certificates import Authority
from tests.sip.shells import closed_for_good
from tests.sip.world import Wire

OFFER, ANSWER = b"v=0\r\no=offer\r\n", b"v=0\r\no=answer\r\n"
RUNS = pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
Run = Callable[[Coroutine[None, None, None]], None]
Transport = Literal["udp", "tcp", "tls"]
SOON_S = 30.0  # for a busy machine: who waits goes on as soon as it has happened


class Side:
    """A shell whose events are kept and can be waited for; it answers every call."""

    def __init__(self, transport: Transport = "tcp", tls: Tls | None = None, limits: StreamLimits | None = None,
                 host: str = "127.0.0.1", answers: bool = True, algorithms: tuple[str, ...] = ()) -> None:  # fmt: skip
        self.transport = transport
        self.answers = answers
        self.events: list[SipEvent] = []
        self._news = asyncio.Condition()
        settings = EndpointSettings(
            (Listener("l", host, 0, transport, algorithms=algorithms),), accounts={"desk": Account("desk", "x")}
        )
        self.shell = SipShell(settings, self._hear, tls={"l": tls} if tls else None, limits=limits)
        self.host, self.port = host, self.shell.ports["l"]
        self.hop = Hop("l", host, self.port, transport)

    def _hear(self, events: list[SipEvent]) -> None:
        self.events += events
        for event in events:
            if isinstance(event, Incoming) and self.answers:
                event.session.answer(ANSWER)
        asyncio.get_running_loop().create_task(self._tell())

    async def _tell(self) -> None:
        async with self._news:
            self._news.notify_all()

    async def hears(self, kind: type[Any], count: int = 1) -> Any:
        """The latest of `count` events of that kind."""

        def found() -> list[SipEvent]:
            return [event for event in self.events if isinstance(event, kind)]

        async with asyncio.timeout(SOON_S), self._news:
            await self._news.wait_for(lambda: len(found()) >= count)
        return found()[-1]

    def call(self, hop: Hop, name: str = "call") -> None:
        now = asyncio.get_running_loop().time()
        host = f"[{hop.host}]" if ":" in hop.host else hop.host
        uri = f"sip:bob@{host}:{hop.port};transport={hop.transport}"
        self.shell.endpoint.invite(name, uri, hop, OFFER, now, from_="<sip:a@127.0.0.1>")
        self.shell.flush()


@asynccontextmanager
async def sides(*all_: Side) -> AsyncIterator[None]:
    for side in all_:
        side.shell.start()
    try:
        yield
    finally:
        for side in all_:
            side.shell.close()
        await closed_for_good()


async def settles(holds: Callable[[], bool], what: str, within_s: float = SOON_S) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - the other side has no event to tell
            await asyncio.sleep(0.01)
    assert holds(), what


def message(method: str = "OPTIONS", *, number: int = 1, lines: str = "", length: str = "Content-Length: 0\r\n",
            body: str = "") -> bytes:  # fmt: skip
    contact = "Contact: <sip:desk@127.0.0.1:9;transport=tcp>\r\n" if method in ("INVITE", "REGISTER") else ""
    return (
        f"{method} sip:desk@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK{method}{number}\r\n"
        f"From: <sip:desk@127.0.0.1>;tag=1\r\nTo: <sip:desk@127.0.0.1>\r\nCall-ID: c{method}{number}\r\n"
        f"CSeq: {number} {method}\r\nMax-Forwards: 70\r\n{contact}{lines}{length}\r\n{body}"
    ).encode()


async def answers(reader: asyncio.StreamReader, count: int = 1) -> list[str]:
    """The status lines of the next messages, none of which has a body."""
    async with asyncio.timeout(SOON_S):
        return [(await reader.readuntil(b"\r\n\r\n")).decode().partition("\r\n")[0] for _ in range(count)]


async def closed(reader: asyncio.StreamReader, within_s: float = SOON_S) -> bytes:
    """What came until the other side closed. Raises `TimeoutError`."""
    async with asyncio.timeout(within_s):
        try:
            return await reader.read()
        except ConnectionError:
            return b""


# ---------------------------------------------------------------------------------------------------- what works


@RUNS
@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_call_is_answered_and_ended_over_one_connection(
    run: Run, transport: Transport, host: str, tmp_path: Path
) -> None:
    tls = _tls(tmp_path) if transport == "tls" else None

    async def play() -> None:
        caller, callee = Side(transport, tls, host=host), Side(transport, tls, host=host)
        async with sides(caller, callee):
            for n in (1, 2):
                caller.call(callee.hop)
                answered = await caller.hears(Answered, n)
                assert answered.sdp == ANSWER
                # Either side may hang up: the callee's BYE goes back on the caller's connection.
                side, session = [(caller, answered.session), (callee, (await callee.hears(Incoming, n)).session)][n - 1]
                session.end()
                side.shell.flush()
                await caller.hears(Ended, n)
                await callee.hears(Ended, n)
            assert len(caller.shell.streams) == len(callee.shell.streams) == 1
            assert caller.shell.endpoint.stats()["sessions"] == callee.shell.endpoint.stats()["sessions"] == 0

    run(play())


@RUNS
def test_a_registration_is_called_back_on_its_connection_and_ends_with_it(run: Run) -> None:
    async def play() -> None:
        registrar = Side()
        async with sides(registrar):
            reader, writer = await asyncio.open_connection("127.0.0.1", registrar.port)
            writer.write(message("REGISTER"))
            assert await answers(reader) == ["SIP/2.0 200 OK"]
            registered = await registrar.hears(Registered)
            assert registered.contacts == ("sip:desk@127.0.0.1:9;transport=tcp",)
            [(_, hop, _)] = registrar.shell.endpoint.contacts("desk", asyncio.get_running_loop().time())
            registrar.call(hop)
            [request] = await answers(reader)
            assert request == "INVITE sip:bob@127.0.0.1:" + f"{hop.port};transport=tcp SIP/2.0"
            writer.close()
            ended = await registrar.hears(Ended)
            assert (ended.by, ended.cause) == ("network", "unreachable")
            assert (await registrar.hears(Registered, 2)).contacts == ()
            registrar.call(hop)
            assert (await registrar.hears(Ended, 2)).cause == "unreachable", "at once: there is no way to it any more"

    run(play())


@RUNS
def test_a_call_outlives_its_connection_when_the_telephone_registers_anew(run: Run) -> None:
    async def play() -> None:
        registrar, phone = Side(), Side()
        async with sides(registrar, phone):

            def register() -> None:
                now = asyncio.get_running_loop().time()
                phone.shell.endpoint.register("desk", "sip:127.0.0.1", registrar.hop, now, credentials=None)
                phone.shell.flush()

            register()
            await registrar.hears(Registered)
            registrar.call(registrar.shell.endpoint.contacts("desk", asyncio.get_running_loop().time())[0][1])
            session = (await registrar.hears(Answered)).session
            await phone.hears(Confirmed)
            phone.shell.streams.drop_all()
            assert (await registrar.hears(Registered, 2)).contacts == ()
            register()
            await registrar.hears(Registered, 3)
            assert not [event for event in registrar.events + phone.events if isinstance(event, Ended)]
            session.end()
            registrar.shell.flush()
            assert (await phone.hears(Ended)).by == "peer"
            assert (await registrar.hears(Ended)).by == "us"

    run(play())


@RUNS
def test_a_connection_that_cannot_be_had_ends_the_call(run: Run) -> None:
    async def play() -> None:
        caller = Side()
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))  # not listening
            async with sides(caller):
                caller.call(Hop("l", "127.0.0.1", taken.getsockname()[1], "tcp"))
                ended = await caller.hears(Ended)
                assert (ended.by, ended.cause, ended.status) == ("network", "unreachable", 503)
                assert len(caller.shell.streams) == 0

    run(play())


@RUNS
def test_keep_alives_are_answered(run: Run) -> None:
    async def play() -> None:
        side = Side()
        async with sides(side):
            reader, writer = await asyncio.open_connection("127.0.0.1", side.port)
            writer.write(b"\r\n\r\n" + message() + b"\r\n\r\n")
            async with asyncio.timeout(SOON_S):
                assert await reader.readexactly(4) == b"\r\n\r\n", "two pongs"
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"SIP/2.0 200 OK")
            writer.close()

    run(play())


@RUNS
def test_a_certificate_is_replaced_without_a_restart(run: Run, tmp_path: Path) -> None:
    old, new = Authority(tmp_path, "old"), Authority(tmp_path, "new")

    async def shown(port: int, trusted: Path) -> bool:
        try:
            _, writer = await asyncio.open_connection(
                "127.0.0.1", port, ssl=ssl.create_default_context(cafile=str(trusted))
            )
        except ssl.SSLCertVerificationError:
            return False
        writer.close()
        return True

    async def play() -> None:
        side = Side("tls", Tls(*old.certificate("one")))
        async with sides(side):
            assert await shown(side.port, old.ca)
            assert not await shown(side.port, new.ca)
            with pytest.raises(OSError, match=r"certificate .*gone\.pem"):
                side.shell.secure({"l": Tls(tmp_path / "gone.pem")})
            assert await shown(side.port, old.ca)
            side.shell.secure({"l": Tls(*new.certificate("two"))})
            assert await shown(side.port, new.ca)
            assert not await shown(side.port, old.ca)

    run(play())


# ------------------------------------------------------------------------------------------------------ attacks


@RUNS
def test_a_flood_of_invites_with_a_reset_leaves_nothing(run: Run) -> None:
    async def play() -> None:
        side = Side(answers=False)
        async with sides(side):
            for round_ in range(5):
                reader, writer = await asyncio.open_connection("127.0.0.1", side.port)
                writer.write(b"".join(message("INVITE", number=100 * round_ + n + 1) for n in range(100)))
                await side.hears(Incoming, 100 * (round_ + 1))
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
                del reader
            await side.hears(Ended, 500)
            assert side.shell.endpoint.stats()["sessions"] == 0
            assert len(side.shell.streams) == 0

    run(play())


@RUNS
def test_slow_and_half_messages_meet_deadlines_and_others_do_not_notice(run: Run) -> None:
    limits = StreamLimits(first_s=2.0, message_s=2.0)

    async def play() -> None:
        side = Side(limits=limits)
        async with sides(side):
            silent, half, slow = [await asyncio.open_connection("127.0.0.1", side.port) for _ in range(3)]
            half[1].write(message() + message(number=2)[:-2])

            async def drip() -> None:
                for octet in message():
                    slow[1].write(bytes([octet]))
                    await asyncio.sleep(0.02)

            dripping = asyncio.create_task(drip())
            fresh = await asyncio.open_connection("127.0.0.1", side.port)
            fresh[1].write(message(number=3))
            assert await answers(fresh[0]) == ["SIP/2.0 200 OK"]
            assert await answers(half[0]) == ["SIP/2.0 200 OK"]
            for reader, _ in (silent, half, slow):
                assert await closed(reader) == b""
            dripping.cancel()
            fresh[1].write(message(number=4))
            assert await answers(fresh[0]) == ["SIP/2.0 200 OK"]
            for _, writer in (silent, half, slow, fresh):
                writer.close()

    run(play())


@RUNS
def test_a_head_without_end_needs_no_deadline(run: Run) -> None:
    async def play() -> None:
        side = Side(limits=StreamLimits(first_s=3600.0, message_s=3600.0))
        async with sides(side):
            reader, writer = await asyncio.open_connection("127.0.0.1", side.port)
            writer.write(b"x" * (MAX_HEAD + 1))
            assert await closed(reader) == b""
            writer.close()

    run(play())


@RUNS
def test_an_idle_connection_is_closed_unless_a_registration_lives_on_it(run: Run) -> None:
    async def play() -> None:
        side = Side(limits=StreamLimits(idle_s=2.0))
        async with sides(side):
            idle = await asyncio.open_connection("127.0.0.1", side.port)
            phone = await asyncio.open_connection("127.0.0.1", side.port)
            idle[1].write(message())
            phone[1].write(message("REGISTER"))
            assert await answers(idle[0]) == await answers(phone[0]) == ["SIP/2.0 200 OK"]
            assert await closed(idle[0]) == b""
            assert len(side.shell.streams) == 1
            phone[1].write(message(number=5))
            assert await answers(phone[0]) == ["SIP/2.0 200 OK"]
            for _, writer in (idle, phone):
                writer.close()

    run(play())


@RUNS
def test_one_source_cannot_take_all_the_connections(run: Run) -> None:
    async def play() -> None:
        side = Side(limits=StreamLimits(fresh_per_source=3, per_source=5))
        async with sides(side):
            proven = [await asyncio.open_connection("127.0.0.1", side.port) for _ in range(2)]
            for reader, writer in proven:
                writer.write(message())
                assert await answers(reader) == ["SIP/2.0 200 OK"]
            fresh = [await asyncio.open_connection("127.0.0.1", side.port) for _ in range(4)]
            assert await closed(fresh[3][0]) == b"", "the fourth that has said nothing"
            neighbour = await asyncio.open_connection("127.0.0.1", side.port, local_addr=("127.0.0.2", 0))
            neighbour[1].write(message(number=7))
            assert await answers(neighbour[0]) == ["SIP/2.0 200 OK"]
            fresh[0][1].close()
            await settles(lambda: len(side.shell.streams) == 5, "its place is free again")
            for _, writer in (*proven, *fresh, neighbour):
                writer.close()
            await settles(lambda: len(side.shell.streams) == 0, "all are gone")
            assert side.shell.streams.turned_away == 1

    run(play())


@RUNS
def test_who_does_not_read_is_cut_off(run: Run) -> None:
    async def play() -> None:
        side = Side(limits=StreamLimits(unsent=64 * 1024))
        async with sides(side):
            with socket.socket() as deaf:
                deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                deaf.connect(("127.0.0.1", side.port))
                deaf.setblocking(False)
                flood = b"".join(message(number=n + 1) for n in range(200))
                loop = asyncio.get_running_loop()

                async def ask() -> None:
                    while True:
                        await loop.sock_sendall(deaf, flood)

                with pytest.raises(OSError):
                    async with asyncio.timeout(2 * SOON_S):
                        await ask()
                await settles(lambda: len(side.shell.streams) == 0, "cut off")

    run(play())


@RUNS
@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (message(length=""), ["SIP/2.0 400 No sound Content-Length"]),
        (message(lines="l: 0\r\n"), ["SIP/2.0 400 No sound Content-Length"]),
        (message(length="Content-Length: 999999999\r\n"), ["SIP/2.0 513 Message Too Large"]),
        (message() + message(number=2, length=""), ["SIP/2.0 200 OK", "SIP/2.0 400 No sound Content-Length"]),
        # Too short: what follows the message is no message.
        (message(body="v=0\r\n\r\n"), ["SIP/2.0 200 OK"]),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\r\n\r\n", []),
        (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", []),
    ],
)
def test_a_stream_that_cannot_be_cut_is_answered_and_closed(run: Run, sent: bytes, told: list[str]) -> None:
    async def play() -> None:
        side = Side()
        async with sides(side):
            reader, writer = await asyncio.open_connection("127.0.0.1", side.port)
            writer.write(sent)
            received = await closed(reader)
            assert [line for line in received.decode().split("\r\n") if line.startswith("SIP/2.0 ")] == told
            writer.close()

    run(play())


@RUNS
def test_a_great_many_messages_at_once_are_all_answered(run: Run) -> None:
    async def play() -> None:
        side = Side()
        async with sides(side):
            reader, writer = await asyncio.open_connection("127.0.0.1", side.port)
            writer.write(b"".join(message(number=n + 1) for n in range(500)))
            assert await answers(reader, 500) == ["SIP/2.0 200 OK"] * 500
            writer.close()

    run(play())


# ---------------------------------------------------------------------------------------------------------- TLS


def _tls(directory: Path) -> Tls:
    authority = Authority(directory)
    return Tls(*authority.certificate("one"), authority.ca)


@RUNS
def test_what_is_no_proper_tls_is_refused_within_the_deadline(run: Run, tmp_path: Path) -> None:
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    ours = authority.certificate("one")

    async def ask(port: int, context: ssl.SSLContext) -> list[str]:
        """With TLS 1.3 a client learns that it was refused when it reads. Raises `OSError` then."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        try:
            writer.write(message())
            return await answers(reader)
        except asyncio.IncompleteReadError:
            raise ConnectionResetError from None
        finally:
            writer.transport.abort()

    def client(certificate: tuple[Path, Path] | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(authority.ca))
        if certificate is not None:
            context.load_cert_chain(*certificate)
        return context

    async def play() -> None:
        handshake_s = 2.0
        side = Side("tls", Tls(*ours, authority.ca, verify_client=True), StreamLimits(handshake_s=handshake_s))
        loop = asyncio.get_running_loop()
        async with sides(side):
            mute = await asyncio.open_connection("127.0.0.1", side.port)
            junk = await asyncio.open_connection("127.0.0.1", side.port)
            junk[1].write(b"OPTIONS sip:x SIP/2.0\r\n\r\n" * 100)
            nobody, late = client(stranger.certificate("nobody")), client(authority.certificate("late", days=-1))
            for context in (client(None), nobody, late, _old(client(ours))):
                with pytest.raises(OSError):
                    await ask(side.port, context)
            await closed(mute[0])
            await closed(junk[0])
            while True:
                began = loop.time()
                try:
                    assert await ask(side.port, client(ours)) == ["SIP/2.0 200 OK"]
                    break
                except OSError:
                    assert loop.time() - began > handshake_s / 2, "at once"
            for _, writer in (mute, junk):
                writer.close()
            await settles(lambda: len(side.shell.streams) == 0, "none is left")

    run(play())


def _old(context: ssl.SSLContext) -> ssl.SSLContext:
    """It speaks nothing newer than TLS 1.1."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
    return context


@RUNS
def test_we_call_nobody_whose_certificate_is_not_believed(run: Run, tmp_path: Path) -> None:
    stranger = Authority(tmp_path, "stranger")
    tls = _tls(tmp_path)

    async def play() -> None:
        caller, callee = Side("tls", tls), Side("tls", Tls(*stranger.certificate("nobody")))
        async with sides(caller, callee):
            caller.call(callee.hop)
            ended = await caller.hears(Ended)
            assert (ended.by, ended.cause) == ("network", "unreachable")
            assert not callee.events

    run(play())


@RUNS
@pytest.mark.parametrize(("domain", "believed"), [("carrier.example", True), ("other.example", False), ("", False)])
def test_a_certificate_must_be_of_the_name_that_is_called(
    run: Run, domain: str, believed: bool, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    theirs = Tls(*authority.certificate("carrier", of="DNS:carrier.example"), authority.ca)

    async def play() -> None:
        caller, callee = Side("tls", Tls(*authority.certificate("one"), authority.ca)), Side("tls", theirs)
        async with sides(caller, callee):
            caller.call(replace(callee.hop, domain=domain))
            told = await caller.hears(Answered if believed else Ended)
            assert bool(callee.events) == believed
            assert isinstance(told, Answered) or told.cause == "unreachable"

    run(play())


def test_a_listener_of_tls_needs_a_certificate(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="listener l: TLS needs a certificate"):
        SipShell(EndpointSettings((Listener("l", "127.0.0.1", 0, "tls"),)), lambda events: None)


# ------------------------------------------------------------------------------------------------------ torture


TORTURE = Path(__file__).parent.parent / "torture"
CASES: list[dict[str, Any]] = json.loads((TORTURE / "manifest.json").read_text())


def _wrong(told: list[str]) -> dict[str, tuple[str, list[str]]]:
    """By name, what was said to a torture message and what may be said; a response is never answered."""
    assert len(told) == len(CASES) == 61
    return {
        case["name"]: (said, case["accept"])
        for case, said in zip(CASES, told, strict=True)
        if said not in (["drop"] if case["kind"] == "response" else case["accept"])
    }


def test_every_torture_datagram_gets_its_answer() -> None:
    told = []
    for case in CASES:
        wire = Wire(listeners=(Listener("l", Wire.ours, 5060, algorithms=("MD5",)),))
        wire.endpoint.receive((TORTURE / case["file"]).read_bytes(), wire.peer, 0.0)
        told.append(wire.endpoint.outgoing[0][0][8:11].decode() if wire.endpoint.outgoing else "drop")
    assert _wrong(told) == {}


def test_every_torture_message_gets_its_answer_over_a_connection() -> None:
    async def outcome(port: int, data: bytes, within_s: float = SOON_S) -> str:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        try:
            async with asyncio.timeout(within_s):
                return (await reader.readuntil(b"\r\n"))[8:11].decode()
        except (TimeoutError, asyncio.IncompleteReadError, ConnectionError):
            return "drop"
        finally:
            writer.transport.abort()

    async def play() -> None:
        side = Side(algorithms=("MD5",))
        async with sides(side):
            told = []
            for case in CASES:
                # clerr's body is shorter than its Content-Length: over a connection the rest may yet come.
                silent = case["kind"] == "response" or "drop" in case["accept"] or case["name"] == "clerr"
                data = (TORTURE / case["file"]).read_bytes()
                told.append(await outcome(side.port, data, 0.3 if silent else SOON_S))
            assert _wrong(told) == {"clerr": ("drop", ["400"])}
            assert await outcome(side.port, message()) == "200"

    asyncio.run(play())
