"""What a party says of why it refuses or ends its leg (RFC 3326), in the records."""

from acd.core import events as e
from tests.core.hotline import PLAIN, SURVEY, flow, hotline
from tests.core.world import Phone, World

NO_CIRCUIT, NORMAL, BROKEN = "Q.850;cause=34", 'Q.850;cause=16;text="Normal"', "Q.850;cause=41"


def ends(world: World, name: str, reason: str | None, by: e.Party = "peer") -> None:
    leg = next(leg for leg in world.legs.values() if leg.name == name and not leg.gone)
    world._end(leg, by, "hangup", reason=reason)


def stretches(world: World) -> list[tuple[str, str, str | None]]:
    [record] = world.records
    return [(segment.name, segment.result, segment.reason) for segment in record.segments]


def test_a_caller_who_gives_one_when_he_hangs_up() -> None:
    world = World(hotline(PLAIN, answer="at_once", agents=1))
    world.call()
    world.run(5)
    ends(world, "caller", NORMAL)
    assert stretches(world) == [("loans", "answered", None), ("1001", "answered", None)], "it is the call's"
    assert world.records[0].reason == NORMAL


def test_a_refusal_is_with_the_queue_in_which_it_rang_in_vain() -> None:
    world = World(hotline(PLAIN, answer="at_once", agents=1))
    world.phones["desk-1"] = Phone(answers_after_s=None)
    world.call()
    world.run(1)
    leg = next(leg for leg in world.legs.values() if leg.name == "desk-1")
    world._end(leg, "peer", "failed", 503, NO_CIRCUIT)
    ends(world, "caller", NORMAL)
    assert stretches(world) == [("loans", "abandoned", NO_CIRCUIT)]
    assert world.records[0].reason == NORMAL


def test_an_agent_whose_telephone_gives_one_and_the_survey_behind_him() -> None:
    world = World(hotline(flow(*PLAIN.steps, SURVEY), answer="at_once", agents=1))
    world.call()
    world.run(5)
    ends(world, "desk-1", BROKEN)
    world.run(20)
    assert stretches(world)[1:] == [("1001", "hung_up", BROKEN), ("main", "ended", None)]
    assert (world.records[0].reason, world.records[0].released_by) == (BROKEN, "engine")


def test_a_consulted_party_who_refuses() -> None:
    world = World(hotline(PLAIN, answer="at_once", agents=2))
    world.phones["desk-2"] = Phone(answers_after_s=None)
    world.call()
    world.run(5)
    world.ask(e.Consult, agent="1001", to="agent:1002")
    leg = next(leg for leg in world.legs.values() if leg.name == "desk-2")
    world._end(leg, "peer", "failed", 503, NO_CIRCUIT)
    world.run(5)
    ends(world, "caller", None)
    assert stretches(world)[1] == ("1001", "answered", NO_CIRCUIT)
    assert world.records[0].reason == NO_CIRCUIT


def test_what_is_said_of_a_leg_that_we_end_is_nobodys_news() -> None:
    world = World(hotline(PLAIN, answer="at_once", agents=1))
    world.call()
    world.run(1)
    agent = next(leg for leg in world.legs.values() if leg.name == "desk-1")
    agent.phone.ends_when_told = False
    ends(world, "caller", None)
    world._end(agent, "peer", "cancelled", 487, NORMAL)
    assert world.records[0].reason is None
    assert {reason for _, _, reason in stretches(world)} == {None}
