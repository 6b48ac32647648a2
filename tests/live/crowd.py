"""A crowd of callers and a floor of agents, all raw SIP: some callers lose patience at the worst moment. Seeded."""

from __future__ import annotations

import random
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from tests.live.bank import Bank
from tests.live.ear import EVENT
from tests.live.harness import SOON_S, free_port, wait_until
from tests.live.rawsip import HOST, Call, RawSip, media_of, sdp
from tests.live.relay import Relay, Stubborn

FLOW = """
steps:
  - answer
  - menu:
      prompts: menu
      timeout_s: 20
      keys: {"1": [{queue: loans}]}
      otherwise: [{hang_up: {status: 480}}]
"""
QUEUE = (
    "{needs: {loans: 1}, wrap_up: none, ring_s: 30, busy_delay_s: 0.5, exclude_after_reject_s: 1, "
    "nobody_signed_on: wait}"
)
NUMBERS = 'numbers: {"95588": {flow: main, answer: by_flow}, "95599": {flow: straight, answer: by_agent}}'


def write_bank(bank: Bank) -> str:
    """The text of a bank with a second number, which goes straight to the queue and is answered by the agent."""
    (bank.directory / "flows" / "straight.yaml").write_text("steps: [{queue: loans}]")
    return bank.text.replace('numbers: {"95588": {flow: main, answer: by_flow}}', NUMBERS)


@dataclass
class Plan:
    """What one caller will do: at `leaves_s` after dialling he is gone, whatever has happened until then."""

    caller: str
    called: str
    key_after_s: float
    talk_s: float
    leaves_s: float | None
    by_agent: bool  # hangs up
    saw: str = ""


@dataclass
class Crowd:
    bank: Bank
    seed: int
    impatient: float = 0.2
    refusing: float = 0.03
    menu_share: float = 0.5
    plans: list[Plan] = field(default_factory=list)
    talking: dict[str, threading.Event] = field(default_factory=dict)
    agents: dict[str, Call] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    through: dict[int, Relay] = field(default_factory=dict)  # what lies between a port of theirs and the engine

    def plan(self, calls: int) -> None:
        rng = random.Random(self.seed)
        for n in range(calls):
            self.plans.append(
                Plan(
                    caller=f"139{n:08}",
                    called="95588" if rng.random() < self.menu_share else "95599",
                    key_after_s=0.1 + 0.3 * rng.random(),  # a person needs longer
                    talk_s=0.1 + 0.4 * rng.random(),
                    leaves_s=1.5 * rng.random() ** 2 if rng.random() < self.impatient else None,
                    by_agent=rng.random() < 0.5,
                )
            )
        self._rng = random.Random(self.seed + 1)

    def run(self, calls: int, rate: float, settled: Callable[[], object]) -> Counter[str]:
        """Make the calls, so many a second. The telephones are there until it is `settled`, since an engine that missed
        the answer to its BYE asks again. Returns how many callers saw what."""
        self.plan(calls)
        with self._telephones(self.bank.caller_port) as trunk, self._telephones(self.bank.agent_port) as phones:
            self.trunk, self.phones = trunk, phones
            self.callers = ThreadPoolExecutor(256)
            self.desks = ThreadPoolExecutor(256)
            phones.on_call = lambda call: self.desks.submit(self._agent, call)  # type: ignore[assignment]  # what comes of it is in `problems`
            begun = time.monotonic()
            waiting = []
            for n, plan in enumerate(self.plans):
                time.sleep(max(0.0, begun + n / rate - time.monotonic()))
                waiting.append(self.callers.submit(self._caller, plan))
            for one in waiting:
                one.result(120)
            self.callers.shutdown()
            self.desks.shutdown()
            settled()
        return Counter(plan.saw for plan in self.plans)

    def _telephones(self, port: int) -> RawSip:
        return Stubborn(self.through[port]) if port in self.through else RawSip(port)

    def _caller(self, plan: Plan) -> None:
        try:
            plan.saw = self._call(plan)
        except AssertionError as error:
            plan.saw = "problem"
            self.problems.append(f"{plan}: {error}")

    def _call(self, plan: Plan) -> str:
        there = self.talking[plan.caller] = threading.Event()
        line = self.through.get(self.bank.caller_port)
        hotline = (HOST, line.front if line else self.bank.trunk_port)
        begun = time.monotonic()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as rtp:
            rtp.bind((HOST, free_port()))
            rtp.settimeout(SOON_S)
            call = self.trunk.call(hotline, plan.called, caller=plan.caller, body=sdp(rtp.getsockname()[1]))
            if plan.leaves_s is not None:
                return self._leave(plan, call, begun)
            answer = call.connect()
            if plan.called == "95588":
                rtp.recv(2048)  # the menu's first words
                time.sleep(plan.key_after_s)
                press_one(rtp, media_of(answer.body))
            assert there.wait(SOON_S), f"nobody talked to him; there came {call.words}"
            if plan.by_agent:
                assert call.ended.wait(SOON_S), f"the agent's hang-up was not told; there came {call.words}"
            else:
                time.sleep(plan.talk_s)
                call.bye()
        return "talked"

    def _leave(self, plan: Plan, call: Call, begun: float) -> str:
        assert plan.leaves_s is not None
        left = plan.leaves_s - (time.monotonic() - begun)
        try:
            call.connect(max(0.0, left))
        except AssertionError:
            wait_until(lambda: [word for word in call.words if " INVITE" in word], "an answer")
            call.cancel()
            wait_until(lambda: call.ended.is_set() or call.answered, "a 487, or the 200 that crossed it")
            if call.answered:
                call.ack()
                call.bye()
            assert call.ended.wait(SOON_S), f"CANCEL came to nothing; there came {call.words}"
            return "cancelled"
        call.ended.wait(max(0.0, plan.leaves_s - (time.monotonic() - begun)))
        if not call.ended.is_set():
            call.bye()
        return "left"

    def _agent(self, call: Call) -> None:
        try:
            self._serve(call)
        except AssertionError as error:
            self.problems.append(f"agent: {error}")

    def _serve(self, call: Call) -> None:
        assert call.invite is not None
        caller = call.invite["from"].partition("sip:")[2].partition("@")[0]
        plan = self.plans[int(caller[3:])]
        call.ring()
        chance = self._rng.random()
        if call.ended.wait(0.6 * self._rng.random()):
            return
        if chance < self.refusing:
            call.refuse(486)
            return
        if not call.pick_up(self.phones.sink):
            assert call.ended.wait(SOON_S), f"CANCEL came to nothing; there came {call.words}"
            return
        call.expect("ACK")
        self.talking[caller].set()
        if plan.by_agent and not call.ended.wait(plan.talk_s):
            call.bye()
        assert call.ended.wait(SOON_S), f"it goes on; there came {call.words}"


def press_one(rtp: socket.socket, target: tuple[str, int]) -> None:
    for step, end in ((1, 0), (5, 0x80), (5, 0x80), (5, 0x80)):
        rtp.sendto(
            struct.pack("!BBHII", 0x80, EVENT | (128 if step == 1 else 0), step, 1000, 7)
            + struct.pack("!BBH", 1, end | 10, 160 * step),
            target,
        )
