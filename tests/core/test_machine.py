"""Anything may arrive at any time: a random world, stale and crossing events among it; after every step the invariants
hold, and in the end nobody is stuck and every call has its one record."""

import os
from dataclasses import replace
from random import Random

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from acd.core import engine, overlay
from acd.core import events as e
from acd.core.calls import LegState
from acd.core.context import Core
from acd.core.engine import Engine
from acd.core.flow import Answer, CollectDigits, Enqueue, Expr, Flow, HangUpStep, Menu, RingTone, Say
from acd.core.settings import Announce, Number, Queue, Settings, Surge, WrapUp
from tests.core.between import Watched
from tests.core.hotline import SURVEY, flow, hotline
from tests.core.test_dispatch_mutants import MUTANTS
from tests.core.world import Phone

FLOWS = {
    "main": flow(
        Answer(),
        Say(("welcome",)),
        Menu(
            ("main_menu",),
            keys={
                "1": (Enqueue("loans", keys={"9": (Say(("call_back",)),)}),),
                "2": (CollectDigits("pin", ("your_pin",), 2, 4, secret=True), Enqueue("cards", tier=1)),
            },
            retries=1,
            otherwise=(Enqueue("cards"),),
        ),
        SURVEY,
        HangUpStep(),
    ),
    "plain": Flow("plain", (RingTone(1.0), Enqueue("loans"), Enqueue("cards"), SURVEY)),
}
AGENTS = ("1001", "1002", "1003", "nobody")
CROSSING = ("answered", "ringing", "held", "back", "lost", "digit", "ended", "refer")
CONSULTED = ("agent:1001", "agent:1002", "agent:1003", "device:desk-2", "123")
REFERRED = ("1001", "1002", "1003", "desk-2", "1", "2", "loans", "900")
ADMINISTRATION = ("block", "unblock", "unblock", "reload", "restored", "restored", "restored", "restart")
TALKS = ("talking", "held", "consulting")
QUEUES = ("loans", "cards", "none")


def config(version: int, strategy: str, capacity: int = 1) -> Settings:
    queue = Queue(
        "loans",
        needs={"loans": 3},
        strategy=strategy,  # type: ignore[arg-type] # one of the words
        wrap_up=WrapUp("timed", 5.0),
        max_wait_s=60.0,
        max_length=3,
        max_no_answer=2,
        announce=Announce(7.0, ("please_wait",), position=True, expected_wait=True),
    )
    made = hotline(FLOWS["main"], agents=3, confirm=(3,), queue=queue, version=f"v{version}", max_calls=6)
    made.flows = FLOWS
    made.devices["home-3"].nailed_up_s = 30.0
    busier = replace(queue, wrap_up=WrapUp(), strategy="ring_all", max_length=1, hours="office")
    many: Expr = ["or", [">=", ["waiting", "loans"], 2], [">", ["longest_wait_s", "loans"], 20.0]]
    crowd = Surge("crowd", many, ["not", ["open", "office"]], 5.0, {"loans": busier})
    made.surges = {"crowd": crowd}
    made.numbers = {
        "1": Number("1", "main", hours="office", closed="plain"),
        "2": Number("2", "plain", "by_agent"),
        "3": Number("3", "main", "at_once"),
    }
    for agent in made.agents.values():
        agent.capacity = {"voice": capacity}
    if version % 3 == 2:
        made.devices.pop("desk-1")
        made.agents["1001"].device = None
        made.flows = {**FLOWS, "plain": Flow("plain", (Enqueue("loans", max_wait_s=3.0), Enqueue("cards")))}
    if version % 2:
        made.queues.pop("cards")
        made.agents.pop("1002")
    return made


class Machine(RuleBasedStateMachine):
    @initialize(
        strategy=st.sampled_from(["longest_idle", "ring_all", "ring_progressively", "random", "fewest_calls"]),
        capacity=st.sampled_from([1, 1, 2]),
    )
    def begin(self, strategy: str, capacity: int) -> None:
        self.strategy, self.capacity, self.version = strategy, capacity, 0
        self.world = Watched(config(0, strategy, capacity))
        for called in ("2", "1", "2"):
            self.world.call(called)
        self.world.run(5)

    # The everyday, twice as likely as it would be by one rule

    @rule(called=st.sampled_from(["1", "2", "2", "3", "4"]), seconds=st.sampled_from([0.0, 3.0]))
    def somebody_calls(self, called: str, seconds: float) -> None:
        self.world.call(called)
        self.world.run(seconds)

    @rule(seconds=st.sampled_from([0.0, 3.0, 5.0]), source=st.sampled_from(["trunk:carrier", "device:desk-2"]))
    def somebody_calls_in(self, seconds: float, source: str) -> None:
        self.world.call("2", source=source)
        self.world.run(seconds)

    @rule(seconds=st.sampled_from([0.0, 3.0, 5.0]), to=st.sampled_from(REFERRED))
    def a_colleague_is_called(self, seconds: float, to: str) -> None:
        self.world.call(to, caller="desk-2", source="device:desk-2")
        self.world.run(seconds)

    @rule(seconds=st.sampled_from([0.0, 0.05, 0.1, 1.0, 3.0, 12.0, 30.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.run(seconds)

    @precondition(lambda self: self.alive())
    @rule(data=st.data(), digits=st.sampled_from(["1", "1", "2", "12", "9", "247#", "*"]))
    def keys(self, data: st.DataObject, digits: str) -> None:
        leg = self.world.legs[data.draw(st.sampled_from(self.alive()))]
        for digit in digits:
            self.world._key(leg, digit)
        self.world.run()

    @precondition(lambda self: self.talking())
    @rule(data=st.data(), to=st.sampled_from(CONSULTED))
    def consult(self, data: st.DataObject, to: str) -> None:
        self.world.ask(e.Consult, agent=data.draw(st.sampled_from(self.talking())), to=to)
        self.world.run(3)

    @precondition(lambda self: self.talking())
    @rule(data=st.data(), kind=st.sampled_from([e.Swap, e.CompleteTransfer, e.CancelTransfer]))
    def transfer(self, data: st.DataObject, kind: type) -> None:
        self.world.ask(kind, agent=data.draw(st.sampled_from(self.talking())))

    @precondition(lambda self: self.alive())
    @rule(data=st.data(), to=st.sampled_from(REFERRED), replaces=st.booleans())
    def refer(self, data: st.DataObject, to: str, replaces: bool) -> None:
        legs = st.sampled_from(self.alive())
        other = data.draw(legs) if replaces else None
        self.world.send(e.LegReferred(data.draw(legs), "op", to, other))

    @precondition(lambda self: self.alive())
    @rule(data=st.data(), status=st.sampled_from([0, 480, 486, 500, 603]), by=st.sampled_from(["peer", "network"]))
    def a_leg_ends(self, data: st.DataObject, status: int, by: e.Party) -> None:
        leg = self.world.legs[data.draw(st.sampled_from(self.alive()))]
        self.world._end(leg, by, "hangup", status)

    # What should not be, but may

    @precondition(lambda self: self.world.legs)
    @rule(data=st.data(), kind=st.sampled_from(CROSSING))
    def stale_or_crossing(self, data: st.DataObject, kind: str) -> None:
        leg = data.draw(st.sampled_from([*self.world.legs, "9-9.0"]))
        event: dict[str, e.Event] = {
            "answered": e.LegAnswered(leg),
            "ringing": e.LegRinging(leg),
            "held": e.LegHeld(leg, True),
            "back": e.LegHeld(leg, False),
            "lost": e.MediaLost(leg, "worker"),
            "digit": e.Digit(leg, "1"),
            "ended": e.LegEnded(leg, "peer", "hangup"),
            "refer": e.LegReferred(leg, "op", "sip:x@y"),
        }
        self.world.send(event[kind])
        if kind == "ended" and leg in self.world.legs:
            self.world.legs[leg].gone = True

    @rule(call=st.integers(1, 5), op=st.integers(1, 6), how=st.sampled_from(["played", "collected", "looked up"]))
    def an_operation_ends(self, call: int, op: int, how: str) -> None:
        name = f"1-{call}.p{op}"
        event: dict[str, e.Event] = {
            "played": e.PlayEnded(name, "failed"),
            "collected": e.Collected(name, f"1-{call}.0", "12", 2, "end_key"),
            "looked up": e.LookedUp(name, "failed", {}),
        }
        self.world.send(event[how])

    @rule(
        device=st.sampled_from(["desk-1", "desk-2"]),
        after_s=st.sampled_from([None, 0.0, 2.0]),
        refuses=st.sampled_from([None, None, 486, 603]),
        tells=st.booleans(),
    )
    def a_phone(self, device: str, after_s: float | None, refuses: int | None, tells: bool) -> None:
        self.world.phones[device] = Phone(after_s, refuses=refuses, ends_when_told=tells)

    @rule(device=st.sampled_from(["desk-1", "desk-2", "home-3", "none"]), up=st.sampled_from([True, True, False]))
    def a_device(self, device: str, up: bool) -> None:
        self.world.send(e.DeviceUp(device) if up else e.DeviceDown(device))

    # What people ask for

    @rule(
        agent=st.sampled_from(AGENTS),
        what=st.sampled_from(["on", "on", "ready", "ready", "off", "break", "extend", "skills", "no skills", "reset"]),
    )
    def an_agent_asks(self, agent: str, what: str) -> None:
        simple = {"on": e.SignOn, "ready": e.Ready, "off": e.SignOff}
        skills = {"skills": {"loans": 9}, "no skills": {}, "reset": None}
        if what in simple:
            self.world.ask(simple[what], agent=agent)
        elif what == "break":
            self.world.ask(e.Break, agent=agent, reason="tea")
        elif what == "extend":
            self.world.ask(e.ExtendWrapUp, agent=agent, seconds=3.0)
        else:
            self.world.ask(e.SetSkills, agent=agent, skills=skills[what])

    @rule(data=st.data(), what=st.sampled_from(["hang up", "move", "move", "tier"]), queue=st.sampled_from(QUEUES))
    def an_operator_asks(self, data: st.DataObject, what: str, queue: str) -> None:
        calls = [call.id for call in self.world.engine.view(self.world.now).calls]
        call = data.draw(st.sampled_from([*calls, "9-9"]))
        if what == "hang up":
            self.world.ask(e.HangUp, call=call)
        elif what == "move":
            self.world.ask(e.MoveCall, call=call, queue=queue)
        else:
            self.world.ask(e.MoveCall, call=call, tier=3)

    @rule(
        what=st.sampled_from(["block", "unblock", "unblock", "reload", "restored", "restored", "restored", "restart"])
    )
    def administration(self, what: str) -> None:
        if what in ("block", "unblock"):
            self.world.ask(e.BlockQueue, queue="loans", blocked=what == "block")
        elif what == "reload":
            self.version += 1
            self.world.send(e.Configured(config(self.version, self.strategy, self.capacity)))
        else:
            self.world.engine = Engine(self.world.engine.snapshot())
        if what == "restart":
            self.world.boot += 1
            self.world.send(e.Started(self.world.boot, 5.0, 1))

    @rule(
        what=st.sampled_from(
            ["open", "closed", "planned", "on", "off", "auto", "empty", "reset", "told", "queues", "teams"]
        ),
        queue=st.sampled_from(QUEUES),
    )
    def overlaid(self, what: str, queue: str) -> None:
        by_hand = {"open": True, "closed": False, "planned": None, "on": True, "off": False, "auto": None}
        if what in ("open", "closed", "planned"):
            self.world.ask(e.SetHours, calendar="office", open=by_hand[what])
        elif what in ("on", "off", "auto"):
            self.world.ask(e.SetSurge, surge="crowd", on=by_hand[what])
        elif what == "empty":
            self.world.ask(e.EmptyQueue, queue="loans", to=queue)
        elif what == "reset":
            self.world.ask(e.ResetOverlay)
        elif what == "queues":
            self.world.ask(e.SetQueues, agent="1002", queues={queue: 2})
        elif what == "teams":
            self.world.ask(e.SetTeams, agent="1001", teams=() if queue == "none" else None)
        else:
            self.world.send(e.HoursSet({"office": [(1_000_000.0, True), (1_000_030.0, False)]}))

    def talking(self) -> list[str]:
        agents = self.world.engine.view(self.world.now).agents
        return [agent.id for agent in agents if any(work in TALKS for _, work in agent.work)]

    def alive(self) -> list[str]:
        return [leg.id for leg in self.world.legs.values() if not leg.gone]

    def teardown(self) -> None:
        world = self.world
        world.run(40)
        for leg in list(world.legs.values()):
            if leg.id.endswith(".0") and not leg.gone:
                world._end(leg, "peer", "hangup")
        world.run(40)
        for name, core_leg in list(world.engine._core.legs.items()):
            assert core_leg.state is LegState.ENDING
            world.send(e.LegEnded(name, "us", "hangup"))
        world.run(20)
        world.ask(e.SetSurge, surge="crowd", on=False)  # one that stays on is looked at for ever
        view = world.engine.view(world.now)
        assert (view.calls, view.legs, view.timers) == ((), 0, 0)
        assert all(agent.work == () for agent in view.agents)
        arrived = {event.call for _, event in world.events if isinstance(event, e.LegArrived)}
        assert sorted(record.call for record in world.records) == sorted(arrived), "one record each"


TestMachine = Machine.TestCase
TestMachine.settings = settings(
    max_examples=60, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


def forget_the_books(patch: pytest.MonkeyPatch) -> None:
    """A reload that counts anew."""
    right = overlay.configure

    def wrong(core: Core, settings: Settings) -> None:
        core.state.counts.clear()
        right(core, settings)

    patch.setattr(engine, "configure", wrong)


BREAKS = {
    "the last come first": MUTANTS["last_come_first_served"],
    "no wrap-up": MUTANTS["wrap_up_forgotten"],
    "no break after the call": MUTANTS["break_asked_in_a_call_forgotten"],
    "offered to two": MUTANTS["offered_to_two"],
    "lost when put back": MUTANTS["lost_when_put_back"],
    "more than he can": MUTANTS["capacity_ignored"],
    "a reload that forgets": forget_the_books,
}


@pytest.mark.spoils
@pytest.mark.parametrize("name", BREAKS)
def test_a_break_of_the_engine_is_noticed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    BREAKS[name](monkeypatch)
    once = settings(
        TestMachine.settings, max_examples=1500, phases=[Phase.generate], database=None, report_multiple_bugs=False
    )
    with pytest.raises(AssertionError):
        run_state_machine_as_test(Machine, settings=once)


@pytest.mark.prove
def test_two_million_steps_of_anything() -> None:
    """ACD_SEED repeats a run."""
    first = int(os.environ.get("ACD_SEED", Random().randrange(2**32)))
    print(f"ACD_SEED={first}")
    long = settings(TestMachine.settings, max_examples=300, stateful_step_count=80, database=None)
    round, begun = 0, Watched.steps
    while Watched.steps - begun < 2_000_000:
        run_state_machine_as_test(seed(first + round)(type(f"Round{round}", (Machine,), {})), settings=long)
        round += 1
