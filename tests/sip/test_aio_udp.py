"""Two endpoints call each other over real sockets on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine

import pytest
import uvloop

from sip.aio import SipShell
from sip.endpoint import Answered, Ended, EndpointSettings, Hop, Incoming, Listener, Progress, SipEvent

OFFER, ANSWER = b"v=0\r\no=offer\r\n", b"v=0\r\no=answer\r\n"


def _settings(port: int = 0) -> EndpointSettings:
    return EndpointSettings((Listener("l", "127.0.0.1", port, algorithms=()),))


def test_a_call_is_answered_and_ended_by_the_caller() -> None:
    heard: list[str] = []

    async def call() -> None:
        done = asyncio.Event()

        def callee_hears(events: list[SipEvent]) -> None:
            for event in events:
                heard.append(f"callee {type(event).__name__}")
                if isinstance(event, Incoming):
                    assert event.session.remote_sdp == OFFER
                    event.session.ring()
                    event.session.answer(ANSWER)

        def caller_hears(events: list[SipEvent]) -> None:
            for event in events:
                what = f" {event.status}" if isinstance(event, Progress) else ""
                heard.append(f"caller {type(event).__name__}{what}")
                if isinstance(event, Answered):
                    assert event.sdp == ANSWER
                    event.session.end()
                if isinstance(event, Ended):
                    assert (event.by, event.cause) == ("us", "hangup")
                    done.set()

        callee, caller = SipShell(_settings(), callee_hears), SipShell(_settings(), caller_hears)
        try:
            callee.start()
            caller.start()
            to = Hop("l", "127.0.0.1", callee.ports["l"])
            now = asyncio.get_running_loop().time()
            caller.endpoint.invite("one", f"sip:bob@127.0.0.1:{to.port}", to, OFFER, now, from_="<sip:a@127.0.0.1>")
            caller.flush()
            await asyncio.wait_for(done.wait(), 30)
            assert caller.endpoint.stats()["sessions"] == callee.endpoint.stats()["sessions"] == 0
        finally:
            callee.close()
            caller.close()

    asyncio.run(call())
    assert sorted(heard) == sorted(
        [
            "callee Incoming",
            "caller Progress 180",
            "caller Answered",
            "callee Confirmed",
            "callee Ended",
            "caller Ended",
        ]
    )


@pytest.mark.parametrize("run", [asyncio.run, uvloop.run])
def test_icmp_ends_a_call_at_once_and_the_listener_goes_on(run: Callable[[Coroutine[None, None, None]], None]) -> None:
    async def call() -> None:
        ended: list[Ended] = []
        done = asyncio.Event()

        def hear(events: list[SipEvent]) -> None:
            ended.extend([event for event in events if isinstance(event, Ended)])
            done.set()

        shell = SipShell(_settings(), hear)
        try:
            shell.start()
            loop = asyncio.get_running_loop()
            for _ in range(3):
                done.clear()
                hop = Hop("l", "127.0.0.1", _unused_port())
                shell.endpoint.invite("x", f"sip:x@127.0.0.1:{hop.port}", hop, OFFER, loop.time(), from_="<sip:a@b>")
                shell.flush()
                await asyncio.wait_for(done.wait(), 30)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
                stranger.bind(("127.0.0.1", 0))
                stranger.setblocking(False)
                stranger.connect(("127.0.0.1", shell.ports["l"]))
                await loop.sock_sendall(stranger, _options())
                answer = await asyncio.wait_for(loop.sock_recv(stranger, 2000), 30)
            assert answer.startswith(b"SIP/2.0 200 OK\r\n")
        finally:
            shell.close()
        assert [(end.by, end.cause, end.status) for end in ended] == [("network", "unreachable", 503)] * 3

    run(call())


def _unused_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


def _options() -> bytes:
    return (
        b"OPTIONS sip:x SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n"
        b"To: <sip:x>\r\nCall-ID: c\r\nCSeq: 1 OPTIONS\r\nMax-Forwards: 70\r\nContent-Length: 0\r\n\r\n"
    )


def test_a_port_in_use_is_named() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"listener l: cannot bind udp:127.0.0.1:{port}"):
            SipShell(_settings(port), lambda events: None)


def test_an_instant_that_has_come_is_a_deadline_like_any_other() -> None:
    async def ask() -> bytes:
        loop = asyncio.get_running_loop()
        shell = SipShell(_settings(), lambda events: None)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            phone.bind(("127.0.0.1", 0))
            phone.setblocking(False)
            host, port = phone.getsockname()
            shell.start()
            try:
                shell.endpoint.probe("desk", "sip:desk@127.0.0.1", Hop("l", host, port), loop.time())
                shell.flush()  # it is due: the timer is set for now
                shell.flush()
                return await asyncio.wait_for(loop.sock_recv(phone, 2048), 30)
            finally:
                shell.close()

    assert uvloop.run(ask()).startswith(b"OPTIONS ")
