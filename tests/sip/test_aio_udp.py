"""Two endpoints call each other over real sockets on loopback."""

from __future__ import annotations

import asyncio
import socket

import pytest

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
            await asyncio.wait_for(done.wait(), 5)
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


def test_a_port_in_use_is_named() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=rf"listener l: cannot bind udp:127.0.0.1:{port}"):
            SipShell(_settings(port), lambda events: None)
