"""Where each second of waiting went, as stories; and over random worlds the parts add up to the wait exactly."""

from collections.abc import Mapping, Sequence
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acd.core import events as e
from acd.core.agents import Agents, Presence
from acd.core.commands import Command
from acd.core.context import Core
from acd.core.dispatch import Dispatcher
from acd.core.explain import SECOND, Decision, Explained, Explainer
from acd.core.flow import Enqueue, Flow, Say
from acd.core.ids import AgentId
from acd.core.observe import Enough, Observed, Watcher
from acd.core.reasons import CAUSES, Cause, Doings, barrier, standing, why_not
from acd.core.settings import Agent, Device, Number, Queue, Reserve, Ring, Settings, Trunk, WrapUp
from acd.core.waiting import Waiting
from tests.core.histories import Floor, Storyteller, some_settings
from tests.core.test_machine import Machine
from tests.core.world import Phone, World


def bank(agents: dict[str, Agent], *queues: Queue) -> Settings:
    """One number a queue; each agent ``ann`` sits at ``ann``."""
    return Settings(
        "v1",
        trunks={"carrier": Trunk("carrier")},
        devices={name: Device(name) for name in agents},
        agents=agents,
        queues={queue.id: queue for queue in queues},
        numbers={queue.id: Number(queue.id, queue.id, "at_once") for queue in queues},
        flows={queue.id: Flow(queue.id, (Enqueue(queue.id),)) for queue in queues},
    )


def agent(name: str, sign_on: bool = True, **more: object) -> Agent:
    made = Agent(name, device=name, skills={"loans": 5}, sign_on="at_start" if sign_on else "manual")
    for field, value in more.items():
        setattr(made, field, value)
    return made


def loans(**more: object) -> Queue:
    return Queue("loans", needs={"loans": 1}, nobody_signed_on="wait", **more)  # type: ignore[arg-type] # its fields


def explained(world: World, call: str) -> list[Explained]:
    explainer = Explainer(call=call)
    watched(world, explainer)
    return explainer.waits


def watched(world: World, *watchers: Watcher) -> None:
    """Let them see what happened in a world."""
    engine = Observed(None, watchers)
    try:
        for now, event in world.events:
            engine.step(event, now)
    except Enough:
        pass
    for watcher in watchers:
        watcher.end()


def told(world: World, call: str) -> list[str]:
    """The time line of a call, as it is told."""
    return [
        f"{(part.ended_us - part.began_us) / SECOND:g} s {part.queue}: {part.cause}"
        + (f" ({part.about})" if part.about else "")
        + ("" if not part.did else f" ({', '.join(f'{what} {us / SECOND:g}' for what, us in part.did.items())})")
        for wait in explained(world, call)
        for part in wait.parts
    ]


def decisions(world: World, call: str) -> list[Decision]:
    return [decision for wait in explained(world, call) for decision in wait.decisions]


def test_somebody_signs_on_then_somebody_with_the_skill() -> None:
    world = World(bank({"ann": agent("ann", False), "bob": agent("bob", False, skills={"cards": 5})}, loans()))
    call = world.call("loans")
    world.run(10)
    world.ask(e.SignOn, agent="bob")
    world.run(5)
    world.ask(e.SignOn, agent="ann")
    world.run(4)
    assert told(world, call) == [
        "10 s loans: nobody_signed_on",
        "5 s loans: no_skill",
        "3 s loans: ringing (ann)",
    ]
    assert [(d.at_us // SECOND, d.what, d.candidates) for d in decisions(world, call)] == [
        (0, "joined loans", ()),
        (15, "offered to ann", ()),
    ]


def test_a_ring_that_widens() -> None:
    far = agent("far", site="south")
    queue = loans(sites=("north",), rings=(Ring(10.0, sites=()),))
    world = World(bank({"ann": agent("ann", site="north"), "far": far}, queue))
    first, second = world.call("loans"), world.call("loans")
    world.run(20)
    assert told(world, first) == ["3 s loans: ringing (ann)"]
    assert told(world, second) == ["10 s loans: ring", "3 s loans: ringing (far)"]
    assert [(d.what, d.candidates) for d in decisions(world, second)] == [
        ("joined loans", (("ann", "ringing"), ("far", "ring"))),
        ("offered to far", (("ann", "talking"),)),
    ]


def test_a_preference_level_and_its_delay() -> None:
    queue = loans(level_delays_s=(0.0, 6.0))
    world = World(bank({"ann": agent("ann"), "bob": agent("bob", queues={"loans": 2})}, queue))
    first, second = world.call("loans"), world.call("loans")
    world.run(20)
    assert decisions(world, first)[0].candidates == (("bob", "level_delay"),)
    assert told(world, second) == ["6 s loans: level_delay", "3 s loans: ringing (bob)"]


def test_kept_for_the_preferred_agent_then_for_a_lane_then_a_pause() -> None:
    vip = Queue("vip", needs={"loans": 1}, tier=0, reserve=Reserve(1, 8.0))
    settings = bank({"ann": agent("ann"), "bob": agent("bob")}, loans(preferred_for_s=5.0), vip)
    settings.flows["loans"] = Flow("loans", (Enqueue("loans", preferred_agent="own"),))
    world = World(settings)
    world.call("vip")  # ann has it
    call = world.call("loans", attributes={"own": "ann"})
    world.run(4)
    world.phones["bob"] = Phone(refuses=486)
    world.run(20)
    assert told(world, call)[:3] == ["5 s loans: preferred", "3 s loans: reserve", "0.1 s loans: ringing (bob)"]
    assert told(world, call)[3] == "5 s loans: penalty"
    assert decisions(world, call)[0].candidates == (("ann", "ringing"), ("bob", "preferred"))


def test_a_reserve_that_an_offer_brings_about_kept_nobody_from_it() -> None:
    vip = Queue("vip", needs={"loans": 1}, tier=0, reserve=Reserve(1, 60.0))
    world = World(bank({"ann": agent("ann"), "bob": agent("bob")}, loans(), vip))
    first, second = world.call("loans"), world.call("loans")
    world.run(4)
    assert [d.candidates for d in decisions(world, first)] == [(("bob", "strategy"),)]
    assert [d.candidates for d in decisions(world, second)] == [(("ann", "ringing"), ("bob", "reserve"))]


def test_whoever_came_free_went_to_another() -> None:
    world = World(bank({"ann": agent("ann")}, loans(wrap_up=WrapUp("timed", 2.0)), Queue("vip", tier=0)))
    first = world.call("loans")
    second = world.call("loans")
    world.run(10)
    vip = world.call("vip")
    world.hang_up("ann")
    world.run(20)
    world.hang_up("caller2")
    assert told(world, first) == ["3 s loans: ringing (ann)"]
    assert told(world, second) == [
        "12 s loans: all_busy (ringing 3, talking 7, wrap_up 2)",
        f"3 s loans: went_elsewhere (ann for {vip}: tier 0 before tier 5)",
        "15 s loans: all_busy (talking 15)",
    ]
    assert explained(world, second)[0].result == "abandoned"


def test_all_busy_is_split_over_those_who_may_serve() -> None:
    people = {"ann": agent("ann"), "bob": agent("bob"), "cod": agent("cod", skills={"cards": 5})}
    world = World(bank(people, loans()))
    world.call("loans")
    world.run(5)
    world.ask(e.Break, agent="bob", reason="tea")
    call = world.call("loans")
    world.run(9)
    world.hang_up("caller2")
    assert told(world, call) == ["9 s loans: all_busy (break 4.5, talking 4.5)"]
    assert decisions(world, call)[0].candidates == (("ann", "talking"), ("bob", "break"))
    assert explained(world, call)[0].result == "abandoned"


def test_an_overflow_is_one_wait_and_what_is_between_is_told() -> None:
    settings = bank({"ann": agent("ann", False)}, loans(max_wait_s=5.0), Queue("cards", nobody_signed_on="wait"))
    settings.flows["loans"] = Flow("loans", (Enqueue("loans"), Say(("sorry",)), Enqueue("cards")))
    world = World(settings)
    call = world.call("loans")
    world.run(10)
    world.hang_up("caller")
    assert told(world, call) == [
        "5 s loans: nobody_signed_on",
        "2 s loans: in_flow",
        "3 s cards: nobody_signed_on",
    ]
    assert world.records[0].wait_s == 10.0


def test_of_a_queue_every_stay_that_began_in_time() -> None:
    world = World(bank({"ann": agent("ann")}, loans(), Queue("cards")))
    for _ in range(3):
        world.call("loans")
        world.call("cards")
        world.run(10)
    explainer = Explainer(queue="loans", since=1_000_005.0, until=1_000_025.0)
    watched(world, explainer)
    assert [(wait.joined_at, wait.queue) for wait in explainer.waits] == [(1e6 + 10, "loans"), (1e6 + 20, "loans")]
    assert all(not wait.decisions for wait in explainer.waits)


def test_a_restart_ends_a_wait() -> None:
    world = World(bank({"ann": agent("ann", False)}, loans()))
    call = world.call("loans")
    world.run(7)
    world.send(e.Woke())
    events = list(world.events)
    explainer = Explainer(call=call)
    first = Observed(None, [explainer])
    for now, event in events:
        first.step(event, now)
    second = Observed(first.snapshot(), [explainer])
    with pytest.raises(Enough):
        second.step(e.Started(2, 1e6, 1), 9.0)
    assert [(p.cause, p.began_us // SECOND, p.ended_us // SECOND) for p in explainer.waits[0].parts] == [
        ("nobody_signed_on", 0, 7),
        ("engine_down", 7, 9),
    ]
    assert explainer.waits[0].result == "interrupted"


# ------------------------------------------------------------------------------------------------- random worlds


class Keeping:
    """Every cause found from what was kept up step by step is that found afresh."""

    done = False

    def __init__(self) -> None:
        self.doings = Doings()
        self.seen: dict[str, int] = {}

    def begin(self, core: Core) -> None:
        pass

    def end(self) -> None:
        pass

    def after(
        self, core: Core, now: float, event: e.Event, commands: Sequence[Command], touched: Mapping[AgentId, None]
    ) -> None:
        self.doings.keep_up(core.dispatcher, now, touched)
        fresh = Doings()
        fresh.keep_up(core.dispatcher, now, dict.fromkeys(core.agents.states))
        fresh.rung = self.doings.rung
        for waiting in core.dispatcher.waiting.values():
            cause = self.doings.cause(core.dispatcher, waiting, now)
            assert cause == fresh.cause(core.dispatcher, waiting, now)
            self.seen[cause.why] = self.seen.get(cause.why, 0) + 1


class AddsUp(Machine):
    """Whatever happened in a random world, its waits add up."""

    def teardown(self) -> None:
        super().teardown()
        world = self.world
        keeping = Keeping()
        calls = {record.call: Explainer(call=record.call) for record in world.records}
        queues = {name: Explainer(queue=name) for name in ("loans", "cards")}
        watched(world, keeping, *queues.values())
        for record in world.records:
            explainer = calls[record.call]
            watched(world, explainer)
            for wait in explainer.waits:
                whole(wait)
            waited_us = sum(wait.ended_us - wait.joined_us for wait in explainer.waits)
            assert abs(waited_us / SECOND - record.wait_s) < 1e-4, (record, explainer.waits)
        for name, explainer in queues.items():
            stays = [s for r in world.records for s in r.segments if s.kind == "queue" and s.name == name]
            waited_us = 0
            for wait in explainer.waits:
                whole(wait)
                waited_us += wait.ended_us - wait.joined_us
            assert abs(waited_us / SECOND - sum(s.ended_at - s.started_at for s in stays)) < 1e-3


def whole(wait: Explained) -> None:
    """Its parts follow one another without a gap, and sum up to it to the microsecond."""
    at = wait.joined_us
    for part in wait.parts:
        assert part.began_us == at
        assert part.ended_us > at
        assert part.cause in CAUSES
        if part.cause == "all_busy":
            assert sum(part.did.values()) == part.ended_us - part.began_us
        at = part.ended_us
    assert at == wait.ended_us
    assert sum(part.ended_us - part.began_us for part in wait.parts) == wait.ended_us - wait.joined_us


TestAddsUp = AddsUp.TestCase
TestAddsUp.settings = settings(
    max_examples=25, stateful_step_count=40, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True
)


# -------------------------------------------------------------------------- the dispatcher's predicate, taken apart


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.integers(0, 2**32))
def test_why_not_is_may_match_and_a_cause_the_first_that_holds(seed: int) -> None:
    random = Random(seed)
    floor = Floor(some_settings(random))
    story = Storyteller(random)
    for _ in range(120):
        floor.do(story.next(floor))
        floor.do_match()
        if (due := floor.dispatcher.deadline()) is not None and due <= floor.now:
            continue
        dispatcher, agents = floor.dispatcher, floor.agents
        assert isinstance(dispatcher, Dispatcher)
        doings = Doings()
        doings.keep_up(dispatcher, floor.now, dict.fromkeys(agents.states))
        for waiting in dispatcher.waiting.values():
            cause = doings.cause(dispatcher, waiting, floor.now)
            if waiting.rung:
                assert cause.why == "ringing"
                continue
            place = standing(dispatcher, waiting, floor.now)
            for member in dispatcher._market.members.values():
                fits = why_not(place, member, floor.now) is None
                assert fits == dispatcher.may_match(waiting.contact, member.id, floor.now)
            assert cause.why in plainly(dispatcher, agents, waiting, floor.now), (seed, waiting, cause)


def plainly(dispatcher: Dispatcher, agents: Agents, waiting: Waiting, now: float) -> list[str]:
    """The cause by looking at every agent in turn."""
    place = standing(dispatcher, waiting, now)
    here = [
        (member, seat)
        for member in dispatcher._market.members.values()
        for seat in member.seats
        if seat.pool.channel == waiting.channel and member.state.presence is not Presence.SIGNED_OFF
    ]
    if not here:
        return ["nobody_signed_on"]
    able = [(m, s, why_not(place, m, now)) for m, s in here if why_not(place, m, now) != "no_skill"]
    if not able:
        return ["no_skill"]
    kept = [why for _, seat, why in able if seat.entry is not None and why is not None]
    if all(barrier(place.demand, seat.pool) for _, seat, _ in able):
        kept += [why for _, _, why in able if why is not None]
    paused = [m for m, s, _ in able if barrier(place.demand, s.pool) is None and now < m.state.not_before]
    kept += ["penalty" for m in paused if m.state.presence is Presence.READY and not m.state.tasks]
    return [min(kept, key=CAUSES.index)] if kept else ["went_elsewhere", "all_busy"]


def test_a_cause_is_a_word_of_the_list() -> None:
    assert Cause("all_busy").why in CAUSES
    assert len(set(CAUSES)) == len(CAUSES)
