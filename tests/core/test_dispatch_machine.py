"""A state machine over agents and dispatcher: Hypothesis chooses each step, so that a failure shrinks to a short story.
Every rule of `Watch` holds after every step, and the naive dispatcher, told the same, decides the same."""

import copy
from random import Random
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from acd.core.agents import Input, Presence, Work
from acd.core.dispatch import Dispatcher
from tests.core.histories import SITES, SKILLS, Floor, Op, some_settings, some_skills
from tests.core.reference import ReferenceDispatcher
from tests.core.watch import Watch

pick = st.integers(0, 1000)
FREE = {
    Work.TALKING: (Input.HUNG_UP, Input.RELEASED, Input.HOLD, Input.CONSULT, Input.GONE),
    Work.HELD: (Input.RESUME, Input.HUNG_UP, Input.RELEASED),
    Work.CONSULTING: (Input.CONSULT_ENDED, Input.RELEASED),
    Work.RELEASING: (Input.GONE,),
    Work.WRAP_UP: (Input.DONE,),
}


class Hotline(RuleBasedStateMachine):
    @initialize(seed=pick, plain=st.booleans())
    def opens(self, seed: int, plain: bool) -> None:
        configured = some_settings(Random(seed), plain=plain)
        self.floor = Floor(configured, Dispatcher)
        self.naive = Floor(copy.deepcopy(configured), ReferenceDispatcher)
        self.watch = Watch(self.floor)
        self.calls = 0
        self.match()

    def do(self, *op: Any) -> None:
        answer, expected = self.floor.do(op), self.naive.do(copy.deepcopy(op))
        assert answer == expected, f"{op}: {answer}, not {expected}"
        self.watch.saw(op, answer)

    def match(self) -> None:
        decided = self.floor.do_match()
        expected = self.naive.do_match()
        assert decided == expected
        self.watch.decided(decided)
        assert self.floor.view() == self.naive.view()

    def step(self, *op: Any) -> None:
        self.do(*op)
        self.match()

    # ----------------------------------------------------------------------------------------------------- callers

    @rule(
        queue=pick, skill=st.none() | st.sampled_from(SKILLS), preferred=st.none() | pick, site=st.sampled_from(SITES)
    )
    def arrives(self, queue: int, skill: str | None, preferred: int | None, site: str) -> None:
        queues = list(self.floor.settings.queues)
        self.calls += 1
        how: dict[str, Any] = {"site": site}
        if skill is not None:
            how["needs"] = {skill: 1}
        if preferred is not None:
            how["preferred"] = f"a{preferred % 7}"
        self.step("join", f"c{self.calls}", queues[queue % len(queues)], how)

    @precondition(lambda self: self.floor.dispatcher.waiting)
    @rule(which=pick)
    def gives_up(self, which: int) -> None:
        waiting = list(self.floor.dispatcher.waiting)
        self.step("abandon", waiting[which % len(waiting)])

    @precondition(lambda self: self.floor.dispatcher.waiting)
    @rule(which=pick, tier=st.integers(0, 3))
    def is_moved_to_tier(self, which: int, tier: int) -> None:
        waiting = list(self.floor.dispatcher.waiting)
        self.step("tier", waiting[which % len(waiting)], tier)

    # ------------------------------------------------------------------------------------------------------ agents

    def _rung(self) -> list[tuple[str, str]]:
        return [(c, a) for c, w in self.floor.dispatcher.waiting.items() for a in w.rung]

    @precondition(lambda self: self._rung())
    @rule(which=pick, how=st.sampled_from(("accept", "accept", "rejected", "busy", "no_answer", "unreachable")))
    def comes_of_an_offer(self, which: int, how: str) -> None:
        rung = self._rung()
        contact, agent = rung[which % len(rung)]
        self.step(*(("accept", contact, agent) if how == "accept" else ("miss", contact, agent, how)))

    def _working(self) -> list[tuple[str, str, Work]]:
        states = self.floor.agents.states.values()
        return [(t.contact, s.id, t.work) for s in states for t in s.tasks.values() if t.work in FREE]

    @precondition(lambda self: self._working())
    @rule(which=pick, then=pick)
    def works(self, which: int, then: int) -> None:
        working = self._working()
        contact, agent, work = working[which % len(working)]
        self.step("work", contact, agent, FREE[work][then % len(FREE[work])])

    @precondition(lambda self: self.floor.agents.states)
    @rule(which=pick, what=st.sampled_from(("ready", "take_break", "sign_off", "phone", "skills")), seed=pick)
    def asks(self, which: int, what: str, seed: int) -> None:
        states = list(self.floor.agents.states.values())
        state = states[which % len(states)]
        op: Op = ("ask", what, state.id)
        if state.presence is Presence.SIGNED_OFF:
            op = ("ask", "sign_on", state.id, None)
        elif what == "phone":
            op = ("device", state.device, state.presence is Presence.UNREACHABLE)
        elif what == "skills":
            op = ("ask", "set_skills", state.id, some_skills(Random(seed)))
        elif what == "take_break":
            op = (*op, "tea")
        self.step(*op)

    # -------------------------------------------------------------------------------------------- time, and reloads

    @rule(seconds=st.sampled_from((0.5, 1.0, 3.0, 5.0, 10.0)))
    def passes(self, seconds: float) -> None:
        until = self.floor.now + seconds
        while True:
            due = [self.floor.dispatcher.deadline(), self.floor.agents.deadline()]
            at = min([d for d in due if d is not None and d > self.floor.now] + [until])
            self.step("time", min(at, until))
            if at >= until:
                return

    @rule(seed=pick)
    def reloads(self, seed: int) -> None:
        self.step("configure", some_settings(Random(seed)))

    @rule()
    def restarts(self) -> None:
        self.step("restart")


TestHotline = Hotline.TestCase
TestHotline.settings = settings(
    max_examples=40, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck)
)
