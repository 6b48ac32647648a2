"""A trunk's connection ends while its requests are being answered and its calls go on (RFC 3261 §18.2.2)."""

from __future__ import annotations

import asyncio

import pytest

from sip.aio import SipShell
from sip.endpoint import Confirmed, Ended, EndpointSettings, Hop, Incoming, Listener, Peer, Session, SipEvent
from sip.reopened import reopened
from tests.sip.shells import closed_for_good
from tests.sip.world import ANSWER, OFFER, Wire

OLD = Hop("l", "192.0.2.9", 40123, "tcp", 7)
VIA, CONTACT = Hop("l", "192.0.2.9", 5080, "tcp"), Hop("l", "192.0.2.9", 5090, "tcp")
TRUNK = (Peer("carrier", (("192.0.2.9", 0),)),)


def wire(peers: tuple[Peer, ...] = TRUNK) -> Wire:
    found = Wire(peers=peers, listeners=(Listener("l", "192.0.2.1", 5060, "tcp", algorithms=()),))
    found.peer = OLD
    return found


def arrives(wire: Wire, contact: str = "<sip:c@192.0.2.9:5090;transport=tcp>") -> Session:
    """A call over the connection."""
    text = wire.request("INVITE", body=OFFER, branch="z9hG4bK-x")
    text = text.replace(b"SIP/2.0/UDP 192.0.2.9:5060", b"SIP/2.0/TCP 192.0.2.9:5080")
    wire.give(text.replace(b"<sip:c@192.0.2.9:5060>", contact.encode()))
    (event,) = wire.events
    assert isinstance(event, Incoming)
    wire.sent()
    return event.session


def sent(wire: Wire) -> list[tuple[str, Hop]]:
    """First words and hop of each message that went out."""
    outgoing, wire.endpoint.outgoing = wire.endpoint.outgoing, []
    return [(data.decode().replace("SIP/2.0 ", "").partition(" ")[0], hop) for data, hop in outgoing]


def test_an_unanswered_call_is_answered_at_its_via_and_goes_on_at_its_contact() -> None:
    one = wire()
    session = arrives(one)
    one.endpoint.connections_lost({OLD}, one.now)
    one.happened()
    session.ring()
    session.answer(ANSWER)
    assert sent(one) == [("180", VIA), ("200", VIA)]
    one.pass_time(0.6)
    assert sent(one) == [("200", VIA)], "again, until the ACK"
    one.give(one.within(session, "ACK", 1))
    session.end()
    assert sent(one) == [("BYE", CONTACT)]
    assert [type(event) for event in one.events] == [Incoming, Confirmed]


def test_a_refusal_that_may_have_been_lost_is_sent_again() -> None:
    one = wire()
    session = arrives(one)
    session.end(486)
    assert sent(one) == [("486", OLD)]
    one.endpoint.connections_lost({OLD}, one.now)
    assert sent(one) == [("486", VIA)]


def test_if_nobody_is_there_either_the_call_is_over() -> None:
    one = wire()
    session = arrives(one)
    one.endpoint.connections_lost({OLD}, one.now)
    one.endpoint.connections_lost({VIA}, one.now)
    one.happened()
    assert one.events[1:] == [Ended(session, "network", "unreachable", 0)]


def test_a_call_that_is_up_goes_on_at_its_contact() -> None:
    one = wire()
    session = arrives(one)
    session.answer(ANSWER)
    one.give(one.within(session, "ACK", 1))
    sent(one)
    one.endpoint.connections_lost({OLD}, one.now)
    session.end()
    assert sent(one) == [("BYE", CONTACT)]


@pytest.mark.parametrize(
    ("peers", "contact"), [((), "<sip:c@192.0.2.9:5090;transport=tcp>"), (TRUNK, "<sip:c@198.51.100.1;transport=tcp>")]
)
def test_a_stranger_or_one_who_is_somewhere_else_is_not_called_back(peers: tuple[Peer, ...], contact: str) -> None:
    one = wire(peers)
    session = arrives(one, contact)
    one.endpoint.connections_lost({OLD}, one.now)
    one.happened()
    assert one.events[1:] == [Ended(session, "network", "unreachable", 0)]
    assert not [hop for _, hop in sent(one) if hop.host == "198.51.100.1"]


@pytest.mark.parametrize(
    ("sent_by", "transport", "port", "domain"),
    [
        ("192.0.2.9:5080", "tcp", 5080, ""),
        ("192.0.2.9", "tcp", 5060, ""),
        ("[2001:db8::1]", "tls", 5061, ""),
        ("[2001:db8::1]:5071", "tls", 5071, ""),
        ("Edge.example:5071", "tls", 5071, "edge.example"),
        ("edge.example", "tcp", 5060, ""),
        ("192.0.2.9:0", "tcp", 5060, ""),
        ("192.0.2.9:99999", "tcp", 5060, ""),
    ],
)
def test_where(sent_by: str, transport: str, port: int, domain: str) -> None:
    hop = Hop("l", "192.0.2.9", 40123, transport, 7)  # type: ignore[arg-type]  # one of them
    assert reopened(sent_by, hop) == Hop("l", "192.0.2.9", port, transport, 0, domain)  # type: ignore[arg-type]


def test_on_the_wire() -> None:
    """The carrier opens a connection, sends an INVITE, and is gone; our 200 comes to where it listens."""

    async def run() -> None:
        sessions: asyncio.Queue[Session] = asyncio.Queue()
        answers: asyncio.Queue[bytes] = asyncio.Queue()

        def hear(events: list[SipEvent]) -> None:
            for event in events:
                if isinstance(event, Incoming):
                    sessions.put_nowait(event.session)

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await answers.put(await reader.readuntil(b"\r\n\r\n"))
            writer.close()

        listener = Listener("l", "127.0.0.1", 0, "tcp", algorithms=())
        shell = SipShell(EndpointSettings((listener,), peers=(Peer("carrier", (("127.0.0.1", 0),)),)), hear)
        shell.start()
        server = await asyncio.start_server(accept, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        reader, writer = await asyncio.open_connection("127.0.0.1", shell.ports["l"])
        text = Wire().request("INVITE").replace(b"SIP/2.0/UDP 192.0.2.9:5060", b"SIP/2.0/TCP 127.0.0.1:%d" % port)
        writer.write(text.replace(b"<sip:c@192.0.2.9:5060>", b"<sip:c@127.0.0.1:%d;transport=tcp>" % port))
        async with asyncio.timeout(20):
            session = await sessions.get()
            await reader.readuntil(b"\r\n\r\n")  # 100
            writer.close()
            await writer.wait_closed()
            while session.hop.connection:  # noqa: ASYNC110 - the endpoint tells nobody that it has noticed
                await asyncio.sleep(0.01)
            session.answer(ANSWER)
            shell.flush()
            assert (await answers.get()).startswith(b"SIP/2.0 200 ")
        shell.close()
        server.close()
        await server.wait_closed()
        await closed_for_good()

    asyncio.run(run())
