"""Plain calls, as a caller and an agent would tell them."""

from acd.core import commands as c
from acd.core import events as e
from acd.core.engine import Engine
from acd.core.flow import CollectDigits, Enqueue, Say
from tests.core.hotline import MAIN, PLAIN, SURVEY, flow, hotline
from tests.core.world import Phone, World, story


def test_menu_queue_agent_wrap_up_record() -> None:
    world = World(hotline(MAIN, agents=1))
    world.call()
    world.run(5)
    world.press("caller", "1")
    world.run(20)
    world.hang_up("desk-1")
    assert world.story == story("""
        0s 13800000001 calls 95588
        0s caller is answered
        0s caller hears prompts
        0s caller is played welcome
        2s caller is played main_menu
        5s caller presses 1
        5s caller hears music default
        5s desk-1 rings, 13800000001 calling
        8s desk-1 picks up
        8s caller hears desk-1
        8s desk-1 hears caller
        25s desk-1 hangs up
        25s caller is released: hangup
        25s record 1-1: answered, by agent
    """)
    assert [agent.work for agent in world.engine.view(world.now).agents] == [(("1-1", "wrap_up"),)]
    world.run(10)
    assert [agent.work for agent in world.engine.view(world.now).agents] == [()]
    (record,) = world.records
    assert (record.wait_s, record.talk_s, record.queue, record.agent) == (3.0, 17.0, "loans", "1001")
    assert [(s.kind, s.name, s.result) for s in record.segments] == [
        ("flow", "main", "queue"),
        ("queue", "loans", "answered"),
        ("agent", "1001", "hung_up"),
    ]
    assert (record.started_at, record.answered_at, record.agent_answered_at, record.ended_at) == (
        1_000_000.0,
        1_000_000.0,
        1_000_008.0,
        1_000_025.0,
    )
    assert world.engine.view(world.now).legs == 0


def test_by_agent_the_caller_is_answered_when_the_agent_is() -> None:
    world = World(hotline(PLAIN, answer="by_agent", agents=1))
    world.call()
    world.run(10)
    world.hang_up("caller")
    world.run(1)
    assert world.story == story("""
        0s 13800000001 calls 95588
        0s caller gets 180
        0s desk-1 rings, 13800000001 calling
        3s desk-1 picks up
        3s caller is answered
        3s caller hears desk-1
        3s desk-1 hears caller
        10s caller hangs up
        10s desk-1 is released: hangup
        10s record 1-1: answered, by caller
    """)
    assert world.records[0].answered_at == 1_000_003.0


def test_an_unknown_number_is_refused_and_recorded() -> None:
    world = World(hotline())
    world.call(called="12345")
    assert world.told() == story("""
        0s 13800000001 calls 12345
        0s caller is released: rejected 404
        0s record 1-1: refused, by engine
    """)
    assert world.records[0].detail == "unknown number"


def test_survey_after_the_agent_hangs_up() -> None:
    world = World(hotline(flow(Enqueue("loans"), SURVEY, Say(("goodbye",))), answer="at_once", agents=1))
    world.phones["desk-1"] = Phone(answers_after_s=1.0)
    world.call()
    world.run(5)
    world.hang_up("desk-1")
    world.run(1)
    world.press("caller", "5")
    world.run(5)
    assert world.told(5) == story("""
        5s desk-1 hangs up
        5s caller hears prompts
        5s caller is played rate_us
        6s caller presses 5
        6s caller is played goodbye
        8s caller is released: hangup
        8s record 1-1: answered, by engine
    """)


def test_a_leg_that_arrives_twice_is_one_call() -> None:
    world = World(hotline())
    world.call()
    assert world.send(e.LegArrived("1-1.0", "1-1", "trunk:carrier", "95588", "13800000001")) == []
    assert world.send(e.LegArrived("1-1.9", "1-1", "trunk:carrier", "95588", "13800000001")) == []
    assert world.engine.view(0.0).legs == 1


def test_events_of_an_operation_that_do_not_fit_it_change_nothing() -> None:
    ask = CollectDigits("pin", ("your_pin",), 4, 4)
    world = World(hotline(flow(ask, Say(("thanks",)))))
    world.call()
    assert world.send(e.Collected("1-1.p1", "1-1.0", "1234", 4, "max")) == []
    world.run(3)
    assert world.send(e.PlayEnded("1-1.p2", "finished")) == []
    assert world.send(e.PlayEnded("1-1.p1", "finished")) == []
    world.press("caller", "1234")
    assert world.story[-1] == "3s caller is played thanks"


def test_a_restart_ends_again_what_was_being_ended() -> None:
    settings = hotline(PLAIN, answer="at_once", agents=1)
    before = World(settings)
    before.call()
    before.run(5)
    before.legs["1-1.1"].phone.ends_when_told = False
    before.hang_up("caller")
    engine = Engine(before.engine.snapshot())
    assert engine.step(e.Started(2, 1_000_000.0, 1), 5.5) == [c.EndLeg("1-1.1", 0, "interrupted")]
    assert len(before.records) == 1, "its record was out already"
    engine.step(e.LegEnded("1-1.1", "us", "interrupted"), 5.6)
    assert engine.view(5.6).agents[0].work == (("1-1", "wrap_up"),)
