"""What a call costs in `sip` alone: two endpoints in memory, no socket, no SDP read, virtual time.

    python -m benchmarks.sip_calls [--json] [--calls N] [--held N] [--profile]

A call is INVITE, 100, 180, 200, ACK, BYE, 200: seven messages, each built by one side and parsed by the other.
"""

from __future__ import annotations

import argparse
import gc
import json
import time
import tracemalloc
from random import Random

from sip.endpoint import Answered, Endpoint, EndpointSettings, Hop, Incoming, Listener, Peer, Session

MESSAGES = 7
SDP = (
    b"v=0\r\no=- 4711 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\nm=audio 30000 RTP/AVP 8 0 101\r\n"
    b"a=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-16\r\n"
    b"a=ptime:20\r\na=sendrecv\r\n"
)


class Pair:
    """A caller (a trunk) and a callee, joined without delay."""

    def __init__(self) -> None:
        self.now = 0.0
        self.at_caller = Hop("l", "192.0.2.10", 5060)  # as the callee sees the caller
        self.at_callee = Hop("l", "192.0.2.20", 5060)
        caller = Listener("l", "192.0.2.10", 5060)
        callee = Listener("l", "192.0.2.20", 5060)
        self.caller = Endpoint(EndpointSettings((caller,)), Random(1))
        peers = (Peer("carrier", (("192.0.2.10", 0),)),)
        self.callee = Endpoint(EndpointSettings((callee,), peers=peers), Random(2))
        self.arrived: list[Session] = []
        self.answered: list[Session] = []

    def call(self, number: int) -> Session:
        session = self.caller.invite(
            f"call-{number}",
            "sip:95588@192.0.2.20",
            self.at_callee,
            SDP,
            self.now,
            from_="<sip:13800000000@192.0.2.10>",
        )
        self.run()
        return session

    def run(self) -> None:
        caller, callee = self.caller, self.callee
        while caller.outgoing or callee.outgoing or caller.events or callee.events:
            sent, caller.outgoing = caller.outgoing, []
            for data, _ in sent:
                callee.receive(data, self.at_caller, self.now)
            sent, callee.outgoing = callee.outgoing, []
            for data, _ in sent:
                caller.receive(data, self.at_callee, self.now)
            happened, callee.events = callee.events, []
            for event in happened:
                if isinstance(event, Incoming):
                    self.arrived.append(event.session)
                    event.session.ring()
                    event.session.answer(SDP)
            happened, caller.events = caller.events, []
            for event in happened:
                if isinstance(event, Answered):
                    self.answered.append(event.session)

    def pass_time(self, seconds: float) -> None:
        self.now += seconds
        for endpoint in (self.caller, self.callee):
            endpoint.wake(self.now)
        self.run()


def speed(calls: int) -> tuple[float, int]:
    """CPU seconds for so many calls at 100 calls/s of virtual time, and how many were answered."""
    pair = Pair()
    for number in range(200):
        pair.call(number).end()
        pair.run()
    pair.answered.clear()
    gc.collect()
    gc.freeze()
    began = time.process_time()
    for number in range(calls):
        session = pair.call(number)
        session.end()
        pair.run()
        pair.pass_time(0.01)
    took = time.process_time() - began
    gc.unfreeze()
    return took, len(pair.answered)


def memory(held: int) -> float:
    """KiB per held call, both sides of it together halved; transactions of the set-up have expired."""
    pair = Pair()
    for number in range(50):
        pair.call(number)
    pair.pass_time(40)
    pair.arrived.clear()
    pair.answered.clear()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    for number in range(held):
        pair.call(number)
    pair.arrived.clear()
    pair.answered.clear()
    pair.pass_time(40)
    gc.collect()
    after = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    return (after - before) / held / 2 / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--held", type=int, default=2000)
    parser.add_argument("--profile", action="store_true", help="where the time goes")
    arguments = parser.parse_args()
    if arguments.profile:
        import cProfile
        import pstats

        with cProfile.Profile() as profile:
            speed(arguments.calls)
        pstats.Stats(profile).sort_stats("tottime").print_stats(45)
        return
    took, answered = speed(arguments.calls)
    figures = {
        "calls": arguments.calls,
        "answered": answered,
        "us_per_call_both_sides": round(took / arguments.calls * 1e6, 1),
        "us_per_message_both_sides": round(took / arguments.calls / MESSAGES * 1e6, 1),
        "us_per_message": round(took / arguments.calls / MESSAGES / 2 * 1e6, 1),
        "kib_per_held_session": round(memory(arguments.held), 2),
    }
    if arguments.json:
        print(json.dumps(figures))
        return
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):28} {value}")


if __name__ == "__main__":
    main()
