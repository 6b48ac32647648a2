"""The crossing table: everything that can arrive, in every state of the caller's and the agent's leg.

Each situation is reached, one event is let in, then the world runs on until nothing happens any more. What must hold
everywhere: one record per call, no leg, timer or work left, and the agent can take the next call. What came of each is
kept in ``crossings.txt``; ``python -m tests.core.test_crossings`` writes it anew.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from acd.core import events as e
from acd.core.calls import LegState
from acd.core.flow import Answer, Enqueue, Flow, RingTone, Say
from tests.core.hotline import PLAIN, flow, hotline
from tests.core.world import Phone, World

GOLDEN = Path(__file__).with_name("crossings.txt")


def unanswered(main: Flow = PLAIN, *, confirm: bool = False, on_break: bool = False) -> World:
    return _arrived("by_agent", main, confirm, on_break)


def answered(main: Flow = PLAIN, *, confirm: bool = False, on_break: bool = False) -> World:
    return _arrived("at_once", main, confirm, on_break)


def _arrived(answer: str, main: Flow, confirm: bool, on_break: bool) -> World:
    world = World(hotline(main, answer=answer, agents=2, confirm=(1,) if confirm else ()))
    for device in world.phones:
        world.phones[device] = Phone(answers_after_s=None, rings=False)
    world.ask(e.Break, agent="1002", reason="aside")
    if on_break:
        world.ask(e.Break, agent="1001", reason="lunch")
    world.call()
    return world


def starting(world: World) -> World:
    assert state(world, "agent") is LegState.STARTING
    return world


def ringing(world: World) -> World:
    world.send(e.LegRinging("1-1.1"))
    return world


def picked_up(world: World) -> World:
    leg = world.legs["1-1.1"]
    leg.up = True
    world.send(e.LegAnswered(leg.id))
    world.run()
    return world


def answering(world: World) -> World:
    """The agent has accepted, our answer to the caller is on its way out."""
    world.legs["1-1.1"].up = True
    world.send(e.LegAnswered("1-1.1"))
    return world


def held(world: World) -> World:
    world.hold(world.legs["1-1.1"].name)
    return world


def consulting(world: World) -> World:
    world.ask(e.Ready, agent="1002")
    assert world.ask(e.Consult, agent="1001", to="agent:1002").ok
    return world


def aside(world: World) -> World:
    consulting(world).legs["1-1.2"].up = True
    world.send(e.LegAnswered("1-1.2"))
    return world


def back(world: World) -> World:
    assert aside(world).ask(e.Swap, agent="1001").ok
    return world


def caller_gone(world: World) -> World:
    """The caller has hung up; the agent's phone has not answered our BYE or CANCEL yet."""
    _deaf(world)
    world.hang_up("caller")
    return world


def missed(world: World) -> World:
    """It has rung long enough; the phone has not answered our CANCEL yet."""
    _deaf(world)
    world.run(20)
    return world


def agent_gone(world: World) -> World:
    """The agent has hung up; the caller has not answered our BYE yet."""
    world.legs["1-1.0"].phone.ends_when_told = False
    world.hang_up("desk-1")
    return world


def _deaf(world: World) -> None:
    for leg in world.legs.values():
        leg.phone.ends_when_told = False


SITUATIONS: dict[str, Callable[[], World]] = {
    "unanswered, ring tone": lambda: unanswered(flow(RingTone(30.0), Enqueue("loans"))),
    "unanswered, early prompt": lambda: unanswered(flow(Say(("hello",)), Enqueue("loans"))),
    "unanswered, waiting": lambda: unanswered(on_break=True),
    "unanswered, agent starting": lambda: starting(unanswered()),
    "unanswered, agent ringing": lambda: ringing(unanswered()),
    "unanswered, agent confirming": lambda: picked_up(unanswered(confirm=True)),
    "answering, agent talking": lambda: answering(unanswered()),
    "answered, prompt": lambda: answered(flow(Answer(), Say(("hello",)), Enqueue("loans"))),
    "answered, waiting": lambda: answered(on_break=True),
    "answered, agent starting": lambda: starting(answered()),
    "answered, agent ringing": lambda: ringing(answered()),
    "answered, agent confirming": lambda: picked_up(answered(confirm=True)),
    "answered, agent talking": lambda: picked_up(answered()),
    "answered, agent holding": lambda: held(picked_up(answered())),
    "answered, consult ringing": lambda: consulting(picked_up(answered())),
    "answered, consult talking": lambda: aside(picked_up(answered())),
    "answered, consult waiting": lambda: back(picked_up(answered())),
    "answered, agent cancelled": lambda: missed(ringing(answered())),
    "caller gone, agent cancelled": lambda: caller_gone(ringing(answered())),
    "caller gone, agent confirming": lambda: caller_gone(picked_up(answered(confirm=True))),
    "caller gone, agent releasing": lambda: caller_gone(picked_up(answered())),
    "caller releasing, agent gone": lambda: agent_gone(picked_up(answered())),
}

ROLES = {"caller": "1-1.0", "agent": "1-1.1", "consult": "1-1.2"}

Inputs = dict[str, Callable[[str, bool], e.Event]]
INPUTS: Inputs = {
    "180": lambda leg, up: e.LegRinging(leg),
    "200": lambda leg, up: e.LegAnswered(leg),
    "486": lambda leg, up: e.LegEnded(leg, "peer", "busy", 486),
    "603": lambda leg, up: e.LegEnded(leg, "peer", "rejected", 603),
    "480": lambda leg, up: e.LegEnded(leg, "peer", "rejected", 480),
    "BYE": lambda leg, up: e.LegEnded(leg, "peer", "hangup"),
    "CANCEL": lambda leg, up: e.LegEnded(leg, "peer", "cancelled"),
    "time-out": lambda leg, up: e.LegEnded(leg, "network", "not_acknowledged" if up else "unreachable"),
    "media lost": lambda leg, up: e.MediaLost(leg, "worker"),
}
FOR = {
    "caller": ("200", "CANCEL", "BYE", "time-out", "media lost"),
    "agent": ("180", "200", "480", "486", "603", "BYE", "time-out", "media lost"),
    "consult": ("180", "200", "480", "486", "603", "BYE", "time-out", "media lost"),
}


def state(world: World, role: str) -> LegState | None:
    leg = world.engine._core.legs.get(ROLES[role])
    return leg.state if leg is not None else None


def pairs() -> list[tuple[str, str, str]]:
    found = []
    for situation, reach in SITUATIONS.items():
        world = reach()
        for role, inputs in FOR.items():
            if state(world, role) is not None:
                found += [(situation, role, given) for given in inputs]
        found += [(situation, "operator", "hang-up"), (situation, "nobody", "time passes")]
    return found


def let_in(world: World, role: str, given: str) -> None:
    """One event, whatever the leg is doing."""
    if role == "operator":
        world.ask(e.HangUp, call="1-1")
        return
    if role == "nobody":
        world.run(1)
        return
    leg = world.legs[ROLES[role]]
    event = INPUTS[given](leg.id, leg.up)
    if isinstance(event, e.LegEnded):
        leg.gone = True
    if isinstance(event, e.LegAnswered):
        leg.up = True
    world.send(event)


def run_out(world: World) -> None:
    """The shell ends what it was told to end at the latest after 32 s; whoever is left hangs up."""
    world.run(32)
    for leg in list(world.legs.values()):
        core_leg = world.engine._core.legs.get(leg.id)
        if core_leg is not None and core_leg.state is LegState.ENDING:
            leg.gone = True
            world.send(e.LegEnded(leg.id, "us", "hangup"))
    for leg in world.legs.values():
        leg.phone.ends_when_told = True
    world.run(60)
    if "1-1.0" in world.engine._core.legs and not world.legs["1-1.0"].gone:
        world.hang_up("caller")
    world.run(60)


def outcome(situation: str, role: str, given: str) -> str:
    """What comes of it, as a line of the table, after checking that nobody is stuck."""
    world = SITUATIONS[situation]()
    let_in(world, role, given)
    world.run()
    after = [f"{a.id}:{a.presence}" + "".join(f"/{work}" for _, work in a.work) for a in world.engine.view(0.0).agents]
    run_out(world)
    view = world.engine.view(world.now)
    assert (view.legs, view.timers, view.calls) == (0, 0, ())
    assert all(agent.work == () for agent in view.agents), "nobody is stuck"
    (record,) = world.records
    assert record.call == "1-1"
    _takes_the_next_call(world)
    ended = record.ended_at - record.started_at
    return (
        f"{situation:31}{role + ' ' + given:22}{record.outcome:20}by {record.released_by:9}"
        f"{ended:5.1f}s  {' '.join(after)}"
    )


def _takes_the_next_call(world: World) -> None:
    for device in sorted(set(world.probed)):
        world.send(e.DeviceUp(device))
    for n in (1, 2):
        world.ask(e.Ready, agent=f"100{n}")
    for device in world.phones:
        world.phones[device] = Phone(answers_after_s=1.0)
    call = world.call(caller="13800000099")
    world.run(40)
    if not any(leg.name.startswith("desk") and leg.up and not leg.gone for leg in world.legs.values()):
        world.press("home-1", "1")
    (view,) = [view for view in world.engine.view(world.now).calls if view.id == call]
    assert view.state == "talking"


@pytest.fixture(scope="module")
def golden() -> dict[str, str]:
    return {line[:53]: line for line in GOLDEN.read_text().splitlines()}


PAIRS = pairs()


@pytest.mark.parametrize("situation", SITUATIONS)
def test_one_outcome_each_and_nobody_stuck(situation: str, golden: dict[str, str]) -> None:
    for where, role, given in PAIRS:
        if where == situation:
            line = outcome(where, role, given)
            print(line)
            assert line == golden.get(line[:53])


def test_the_table_is_whole(golden: dict[str, str]) -> None:
    assert [f"{situation:31}{role + ' ' + given:22}" for situation, role, given in PAIRS] == list(golden)


if __name__ == "__main__":
    GOLDEN.write_text("".join(outcome(*pair) + "\n" for pair in PAIRS))
    print(GOLDEN.read_text())
