"""What people ask for: one reply each, with a reason a person can read."""

import pytest

from acd.core import commands as c
from acd.core import events as e
from acd.core.engine import Engine
from acd.core.settings import Queue
from tests.core.hotline import PLAIN, hotline
from tests.core.world import World, story

UNKNOWN = [
    (e.SignOn, {"agent": "x"}, "there is no agent x"),
    (e.SignOff, {"agent": "x"}, "there is no agent x"),
    (e.Ready, {"agent": "x"}, "there is no agent x"),
    (e.Break, {"agent": "x", "reason": "tea"}, "there is no agent x"),
    (e.ExtendWrapUp, {"agent": "x", "seconds": 5.0}, "there is no agent x"),
    (e.ExtendWrapUp, {"agent": "1001", "seconds": -5.0}, "extend by more than 0 and at most 86400 seconds"),
    (e.ExtendWrapUp, {"agent": "1001", "seconds": float("nan")}, "extend by more than 0 and at most 86400 seconds"),
    (e.SetSkills, {"agent": "x", "skills": {}}, "there is no agent x"),
    (e.SetSkills, {"agent": "1001", "skills": {"loans": 11}}, "skill loans: a level is 1 to 10, not 11"),
    (e.SetSkills, {"agent": "1001", "skills": {"lones": 7}}, "there is no skill lones"),
    (e.HangUp, {"call": "x"}, "there is no call x"),
    (e.MoveCall, {"call": "x", "queue": "cards"}, "no call x waits in a queue"),
    (e.BlockQueue, {"queue": "x", "blocked": True}, "there is no queue x"),
    (e.BlockQueue, {"queue": "x", "blocked": False}, "there is no queue x"),
    (e.EmptyQueue, {"queue": "x", "to": "cards"}, "there is no queue x"),
    (e.EmptyQueue, {"queue": "cards", "to": "x"}, "there is no queue x"),
    (e.SetTeams, {"agent": "x", "teams": ()}, "there is no agent x"),
    (e.SetQueues, {"agent": "x", "queues": {}}, "there is no agent x"),
    (e.SetQueues, {"agent": "1001", "queues": {"x": 1}}, "there is no queue x"),
    (e.SetHours, {"calendar": "x", "open": True}, "there is no calendar x"),
    (e.SetSurge, {"surge": "x", "on": True}, "there is no surge x"),
    (e.ResetOverlay, {"name": "queue:x"}, "nothing was changed of queue:x"),
    (e.Transfer, {"agent": "x", "to": "queue:cards"}, "there is no agent x"),
    (e.Consult, {"agent": "x", "to": "agent:1001"}, "there is no agent x"),
    (e.Swap, {"agent": "x"}, "there is no agent x"),
    (e.CompleteTransfer, {"agent": "x"}, "there is no agent x"),
    (e.CancelTransfer, {"agent": "x"}, "there is no agent x"),
    (e.SignOn, {"agent": "1001", "device": "x"}, "there is no device x"),
]


@pytest.mark.parametrize(("kind", "what", "why"), UNKNOWN)
def test_refused_with_a_reason(kind: type, what: dict[str, object], why: str) -> None:
    reply = World(hotline(skills=("loans", "cards"))).ask(kind, **what)
    assert (reply.ok, reply.detail) == (False, why)


NO_LONGER = "queue loans is configured no longer: it takes no new calls, and is gone after its last one"


def reloaded_without_loans(world: World, agents: int = 1) -> None:
    settings = hotline(PLAIN, agents=agents, version="v2")
    del settings.queues["loans"]
    world.send(e.Configured(settings))


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        (e.BlockQueue, {"queue": "loans", "blocked": False}),
        (e.BlockQueue, {"queue": "loans", "blocked": True}),
        (e.EmptyQueue, {"queue": "cards", "to": "loans"}),
        (e.MoveCall, {"call": "1-1", "queue": "loans"}),
        (e.SetQueues, {"agent": "1001", "queues": {"loans": 1}}),
    ],
)
def test_a_queue_that_a_reload_removed_is_not_what_it_was(kind: type, what: dict[str, object]) -> None:
    world = World(hotline(PLAIN, agents=1))
    world.ask(e.Break, agent="1001", reason="")
    world.call()
    reloaded_without_loans(world)
    assert (reply := world.ask(kind, **what)).detail == NO_LONGER
    assert not reply.ok
    assert world.engine.view(world.now).overlay == {}
    assert world.ask(e.EmptyQueue, queue="loans", to="cards").detail == "1 moved", "who waits there may leave"


def test_nobody_is_sent_on_into_a_queue_that_a_reload_removed() -> None:
    world = World(hotline(PLAIN, answer="at_once", agents=1))
    world.call()
    world.run(5)
    reloaded_without_loans(world)
    assert world.ask(e.Transfer, agent="1001", to="queue:loans").detail == "there is no queue loans"
    assert world.hears("caller") == "desk-1"


def test_the_overlay_of_an_agent_and_a_queue_that_a_reload_removed_is_listed_and_taken_off() -> None:
    world = World(hotline(PLAIN, answer="at_once", agents=2))
    world.ask(e.BlockQueue, queue="cards", blocked=True)
    world.ask(e.SetSkills, agent="1001", skills={"loans": 9})
    for agent in ("1001", "1002"):
        world.ask(e.SetQueues, agent=agent, queues={"loans": 2})
    world.call()
    world.run(5)
    assert world.hears("caller") == "desk-1"
    settings = hotline(PLAIN, answer="at_once", agents=0, version="v2")
    del settings.queues["cards"]
    world.send(e.Configured(settings))
    assert world.engine.view(world.now).overlay == {
        "agent:1001": "skills loans=9; queues loans=2",
        "agent:1002": "queues loans=2",
        "queue:cards": "blocked",
    }
    assert world.ask(e.SetSkills, agent="1001", skills=None).detail == "there is no agent 1001"
    assert world.ask(e.ResetOverlay).detail == "3 taken off"
    assert world.engine.view(world.now).overlay == {}
    world.send(e.Configured(hotline(PLAIN, answer="at_once", agents=2, version="v3")))
    assert world.engine.view(world.now).overlay == {}, "it does not come back with them"
    assert world.hears("caller") == "desk-1"


def test_moving_needs_something_to_do() -> None:
    world = World(hotline(PLAIN, agents=1))
    world.ask(e.Break, agent="1001", reason="")
    call = world.call()
    assert world.ask(e.MoveCall, call=call).detail == "name a queue, or a tier, or both"
    assert world.ask(e.MoveCall, call=call, queue="x").detail == "there is no queue x"
    assert world.ask(e.MoveCall, call=call, tier=-1).detail == "a tier is 0 or more"
    assert world.ask(e.MoveCall, call=call, tier=0).ok


def test_hang_up_by_an_operator() -> None:
    world = World(hotline(PLAIN, answer="at_once", agents=1))
    call = world.call()
    assert world.ask(e.HangUp, call=call).ok
    world.run(1)
    assert world.told()[-4:] == story("""
        0s caller is released: hangup
        0s desk-1 is released: cancelled
        0s record 1-1: hung_up_by_operator, by operator
        0s r1: yes
    """)
    assert not world.ask(e.HangUp, call=call).ok


def test_draining_takes_no_new_calls() -> None:
    world = World(hotline(PLAIN))
    world.call()
    assert world.ask(e.Drain).detail == "1 calls left"
    world.call()
    world.run(5)
    assert "0s caller2 is released: rejected 503, retry after 10 s" in world.story
    assert (world.records[0].outcome, world.records[0].detail) == ("refused", "draining")
    assert world.hears("caller") == "desk-1"


def test_too_many_calls_and_too_many_of_a_trunk() -> None:
    settings = hotline(PLAIN, max_calls=2)
    settings.trunks["carrier"].max_calls = 1
    world = World(settings)
    for source in ("trunk:carrier", "trunk:carrier", "device:desk-2", "device:desk-2"):
        world.call(source=source)
    assert [(record.call, record.detail) for record in world.records] == [
        ("1-2", "too many calls from trunk:carrier"),
        ("1-4", "too many calls"),
    ]
    world.hang_up("caller")
    world.call()
    assert len(world.records) == 3, "there is room again"


def test_skills_set_live_survive_a_reload() -> None:
    world = World(hotline(PLAIN, agents=1))
    world.ask(e.SetSkills, agent="1001", skills={})
    world.send(e.Configured(hotline(PLAIN, agents=1, version="v2")))
    world.call()
    assert world.records[0].outcome == "nobody_signed_on"
    world.ask(e.SetSkills, agent="1001", skills=None)
    world.call()
    assert world.story[-1] == "0s desk-1 rings, 13800000001 calling"


def test_a_blocked_queue_stays_blocked_over_a_reload() -> None:
    world = World(hotline(PLAIN))
    world.ask(e.BlockQueue, queue="loans", blocked=True)
    world.send(e.Configured(hotline(PLAIN, version="v2")))
    world.call()
    assert (world.records[0].outcome, world.engine.view(0.0).queues[0].blocked) == ("refused", True)
    world.ask(e.BlockQueue, queue="loans", blocked=False)
    assert world.engine.view(0.0).overlay == {}, "as configured: nothing is laid over it"
    world.call()
    assert world.story[-1] == "0s desk-1 rings, 13800000001 calling"


def test_a_queue_blocked_by_its_configuration_is_opened_until_reset() -> None:
    world = World(hotline(PLAIN, queue=Queue("loans", blocked=True)))
    world.ask(e.BlockQueue, queue="loans", blocked=False)
    world.send(e.Configured(hotline(PLAIN, queue=Queue("loans", blocked=True), version="v2")))
    assert world.engine.view(0.0).overlay == {"queue:loans": "not blocked"}
    world.call()
    assert world.story[-1] == "0s desk-1 rings, 13800000001 calling"
    world.ask(e.ResetOverlay)
    world.call()
    assert world.records[0].outcome == "refused"


def test_storage_trouble_is_an_alarm_and_calls_go_on() -> None:
    world = World(hotline(PLAIN))
    world.send(e.StorageTrouble("journal", True, "disk full"))
    world.call()
    world.send(e.StorageTrouble("journal", False))
    assert world.story == story("""
        0s alarm journal on
        0s 13800000001 calls 95588
        0s caller gets 180
        0s desk-1 rings, 13800000001 calling
        0s alarm journal off
    """)


def test_the_wall_clock_moves_no_timer_and_no_time_of_a_live_call() -> None:
    world = World(hotline(PLAIN))
    world.call()
    world.run(1)
    world.send(e.WallClockSet(5_000_000.0))
    world.run(4)
    world.hang_up("caller")
    (record,) = world.records
    assert (record.started_at, record.agent_answered_at, record.ended_at) == (1_000_000.0, 1_000_003.0, 1_000_005.0)


def test_before_there_is_a_configuration_calls_are_asked_to_come_back() -> None:
    engine = Engine()
    engine.step(e.Started(1, 0.0, 1), 0.0)
    end, record = engine.step(e.LegArrived("1-1.0", "1-1", "trunk:carrier", "95588", "1"), 0.0)
    assert end == c.EndLeg("1-1.0", 503, "rejected", 10.0)
    assert isinstance(record, c.WriteRecord)
    assert record.record.detail == "not configured"
