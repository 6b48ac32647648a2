"""One telephone of ours calls another: what an agent needs for a warm transfer by his own keys."""

import pytest

from acd.core import events as e
from tests.core.hotline import PLAIN, hotline
from tests.core.world import Phone, World, story


def floor(agents: int = 3, **phone: object) -> World:
    world = World(hotline(PLAIN, answer="at_once", agents=agents))
    world.phones["desk-2"] = Phone(**phone)  # type: ignore[arg-type] # the test's own keywords
    return world


def calls(world: World, to: str) -> None:
    world.call(to, caller="desk-1", source="device:desk-1")


def test_a_colleague_answers_and_is_called_by_nobody_else_meanwhile() -> None:
    world = floor()
    calls(world, "1002")
    world.run(5)
    assert world.told(0) == story("""
        0s desk-1 calls 1002
        0s desk-2 rings, desk-1 calling
        0s caller gets 180
        3s desk-2 picks up
        3s caller is answered
        3s caller hears desk-2
        3s desk-2 hears caller
    """)
    assert [a.work for a in world.engine.view(world.now).agents][1] == (("1-1", "talking"),)
    world.hang_up("desk-2")
    world.run(1)
    (record,) = world.records
    assert (record.outcome, record.agent, record.released_by, record.queue) == ("answered", "1002", "agent", None)
    assert [(s.kind, s.name, s.result) for s in record.segments] == [("agent", "1002", "hung_up")]
    view = world.engine.view(world.now)
    assert (view.legs, view.timers) == (0, 0)


@pytest.mark.parametrize(("refuses", "status"), [(486, 486), (None, 480)])
def test_who_does_not_take_it_has_not(refuses: int | None, status: int) -> None:
    world = floor(refuses=refuses, answers_after_s=None)
    calls(world, "1002")
    world.run(31)
    assert (world.records[0].outcome, world.records[0].detail) == ("failed", f"not taken: {status}")
    assert f"caller is released: hangup {status}" in " ".join(world.story)
    assert [a.work for a in world.engine.view(world.now).agents] == [(), (), ()]


def test_the_caller_gives_up() -> None:
    world = floor(answers_after_s=None)
    calls(world, "1002")
    world.run(5)
    world.hang_up("caller")
    world.run(1)
    assert world.records[0].outcome == "cancelled"
    assert world.engine.view(world.now).legs == 0


@pytest.mark.parametrize(("to", "status"), [("1001", 486), ("1003", 480), ("13900000000", 404), ("nobody", 404)])
def test_who_cannot_be_called(to: str, status: int) -> None:
    """Outside nobody calls so, whatever his class of service."""
    world = floor()
    world.ask(e.Break, agent="1003", reason="")
    calls(world, to)
    assert f"0s caller is released: rejected {status}" in world.story
    assert world.records[0].outcome == "refused"


def test_a_trunk_may_not() -> None:
    world = floor()
    world.call("1002")
    assert "0s caller is released: rejected 404" in world.story


def test_a_queue_may_be_called() -> None:
    world = floor()
    calls(world, "cards")
    assert world.story[-1].endswith("rings, desk-1 calling")


def test_a_warm_transfer_by_two_calls_of_one_telephone() -> None:
    world = floor()
    world.call()
    world.run(5)
    world.hold("desk-1")
    world.call("1002", caller="desk-1", source="device:desk-1")
    world.run(5)
    world.refer("desk-1", "", "caller2")
    assert world.hears("caller") == "desk-2"
    world.run(1)
    world.hang_up("caller")
    world.run(1)
    assert [(record.call, record.outcome) for record in world.records] == [("1-2", "answered"), ("1-1", "answered")]


def test_who_was_called_may_send_the_call_on() -> None:
    world = floor()
    calls(world, "1002")
    world.run(5)
    world.phones["desk-3"] = Phone(answers_after_s=None)
    world.refer("desk-2", "1003")
    world.hang_up("desk-2")
    world.run(31)
    assert (world.records[0].outcome, world.records[0].detail) == ("answered", "not taken: 480")
