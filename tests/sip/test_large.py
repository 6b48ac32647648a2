"""A request too large for a datagram: over TCP, over UDP after all where TCP is refused (RFC 3261 §18.1.1)."""

from __future__ import annotations

import asyncio
import socket

import pytest

from sip.aio import SipShell
from sip.endpoint import Ended, EndpointSettings, Hop, Listener
from sip.large import LARGE, UDP_ONLY_S
from sip.message import Request
from sip.parsing import parse
from tests.sip.shells import closed_for_good
from tests.sip.world import Wire

LISTENERS = (Listener("a:0", "192.0.2.1", 5060), Listener("a:1", "192.0.2.1", 5070, "tcp"))
BY_UDP, BY_TCP = Hop("a:0", "192.0.2.9", 5060), Hop("a:1", "192.0.2.9", 5060, "tcp")
LONG_LINE = (("X-Long", "x" * LARGE),)


def wire(*listeners: Listener) -> Wire:
    found = Wire(listeners=listeners or LISTENERS)
    found.peer = BY_UDP
    return found


def sent(wire: Wire) -> list[tuple[str, str, Hop]]:
    """Method, transport of the Via and its address, hop of each message that went out."""
    outgoing, wire.endpoint.outgoing = wire.endpoint.outgoing, []
    found = []
    for data, hop in outgoing:
        message = parse(data)
        assert isinstance(message, Request)
        found.append((message.method, (message.get("Via") or "").partition(";")[0], hop))
    return found


def call(wire: Wire) -> Request:
    _, invite = wire.call(headers=LONG_LINE)
    return invite


def large(wire: Wire) -> list[tuple[str, str, Hop]]:
    wire.endpoint.invite("x", "sip:a@192.0.2.9", BY_UDP, b"", wire.now, from_="<sip:b@192.0.2.1>", headers=LONG_LINE)
    return sent(wire)


def test_a_large_one_goes_over_tcp_and_its_via_says_so() -> None:
    one = wire()
    assert large(one) == [("INVITE", "SIP/2.0/TCP 192.0.2.1:5070", BY_TCP)]
    one.pass_time(31)
    assert sent(one) == [], "no datagram repeats it"


def test_a_small_one_goes_as_ever() -> None:
    one = wire()
    one.endpoint.invite("x", "sip:a@192.0.2.9", BY_UDP, b"", one.now, from_="<sip:b@192.0.2.1>")
    assert sent(one) == [("INVITE", "SIP/2.0/UDP 192.0.2.1:5060", BY_UDP)]


@pytest.mark.parametrize("others", [(), (Listener("b:0", "192.0.2.1", 5070, "tcp"),),
                                    (Listener("a:1", "2001:db8::1", 5070, "tcp"),)])  # fmt: skip
def test_where_the_network_does_not_listen_on_tcp_it_goes_over_udp(others: tuple[Listener, ...]) -> None:
    assert large(wire(LISTENERS[0], *others)) == [("INVITE", "SIP/2.0/UDP 192.0.2.1:5060", BY_UDP)]


def test_its_cancel_and_the_ack_of_its_refusal_go_the_same_way() -> None:
    one = wire()
    invite = call(one)
    one.answer(invite, 180)
    [session] = one.endpoint.sessions.values()
    session.end()
    one.answer(invite, 487)
    assert sent(one) == [
        ("CANCEL", "SIP/2.0/TCP 192.0.2.1:5070", BY_TCP),
        ("ACK", "SIP/2.0/TCP 192.0.2.1:5070", BY_TCP),
    ]


def test_refused_over_tcp_it_is_sent_over_udp_and_repeated_there() -> None:
    one = wire()
    large(one)
    one.endpoint.connections_lost({BY_TCP}, one.now)
    assert sent(one) == [("INVITE", "SIP/2.0/UDP 192.0.2.1:5060", BY_UDP)]
    one.pass_time(0.6)
    assert sent(one) == [("INVITE", "SIP/2.0/UDP 192.0.2.1:5060", BY_UDP)]
    one.endpoint.lost(BY_UDP, one.now)
    one.happened()
    assert [type(event) for event in one.events] == [Ended]


def test_after_that_its_ack_names_udp() -> None:
    one = wire()
    invite = call(one)
    one.endpoint.connections_lost({BY_TCP}, one.now)
    sent(one)
    one.answer(invite, 486)
    assert sent(one) == [("ACK", "SIP/2.0/UDP 192.0.2.1:5060", BY_UDP)]


def test_who_does_not_take_tcp_is_not_asked_again_at_once() -> None:
    one = wire()
    large(one)
    one.endpoint.connections_lost({BY_TCP}, one.now)
    sent(one)
    assert [hop for _, _, hop in large(one)] == [BY_UDP]
    one.now += UDP_ONLY_S
    assert [hop for _, _, hop in large(one)] == [BY_TCP]


def test_a_connection_that_breaks_once_it_was_answered_changes_nothing() -> None:
    one = wire()
    invite = call(one)
    one.answer(invite, 180)
    one.endpoint.connections_lost({BY_TCP}, one.now)
    assert sent(one) == []


@pytest.mark.parametrize("takes_tcp", [True, False])
def test_on_the_wire(takes_tcp: bool) -> None:
    """A far end that takes TCP gets it there; one with UDP alone refuses, and gets it as a datagram."""

    async def run() -> None:
        settings = EndpointSettings((Listener("a:0", "127.0.0.1", 0), Listener("a:1", "127.0.0.1", 0, "tcp")))
        shell = SipShell(settings, lambda events: None)
        came: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

        async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            came.set_result(await reader.readuntil(b"\r\n\r\n"))
            writer.close()

        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far:
            far.bind(("127.0.0.1", 0))
            far.setblocking(False)
            port = far.getsockname()[1]
            server = await asyncio.start_server(accept, "127.0.0.1", port) if takes_tcp else None
            shell.start()
            hop = Hop("a:0", "127.0.0.1", port)
            now = loop.time()
            shell.endpoint.invite("x", f"sip:a@127.0.0.1:{port}", hop, b"", now, from_="<sip:b@c>", headers=LONG_LINE)
            shell.flush()
            async with asyncio.timeout(20):
                data = await came if takes_tcp else await loop.sock_recv(far, 65535)
            via = b"SIP/2.0/TCP" if takes_tcp else b"SIP/2.0/UDP"
            assert data.startswith(b"INVITE ")
            assert b"\r\nVia: " + via in data
            shell.close()
            if server is not None:
                server.close()
                await server.wait_closed()
        await closed_for_good()

    asyncio.run(run())
