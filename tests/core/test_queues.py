"""Each way of leaving a queue is a reason of its own; and what happens to offers."""

from dataclasses import replace
from typing import Any

import pytest

from acd.core import events as e
from acd.core.engine import Engine
from acd.core.flow import Answer, Enqueue, GoTo, Menu, RingTone, Say
from acd.core.settings import Announce, Queue, WrapUp
from tests.core.hotline import PLAIN, flow, hotline
from tests.core.world import Phone, World, story

NEEDS = {"loans": 3}
SORRY = flow(Answer(), Enqueue("loans", keys={"9": (Say(("call_back",)),)}), Say(("sorry",)))


def left(world: World) -> dict[str, int]:
    """How many left the queue, by reason; together with those who wait, all that were offered."""
    counts = world.engine._core.state.counts["loans"]
    found = {"answered": counts.answered, "abandoned": counts.abandoned, **counts.left}
    return {why: number for why, number in found.items() if number}


def world_with(queue: Queue, agents: int = 1) -> World:
    world = World(hotline(SORRY, queue=queue, agents=agents))
    for n in range(1, agents + 1):
        world.ask(e.Break, agent=f"100{n}", reason="lunch")
    return world


def test_answered() -> None:
    world = World(hotline(SORRY))
    world.call()
    world.run(5)
    world.hang_up("caller")
    assert (left(world), world.records[0].outcome) == ({"answered": 1}, "answered")


def test_served_once_then_gone_from_the_next_queue() -> None:
    """The call was answered, by the record; the queue it waited in last was left."""
    world = World(hotline(flow(Answer(), Enqueue("loans"), Enqueue("loans")), agents=1))
    world.phones["desk-1"] = Phone(answers_after_s=1.0)
    world.call()
    world.run(3)
    world.ask(e.Break, agent="1001", reason="lunch")
    world.hang_up("desk-1")
    world.run(4)
    world.hang_up("caller")
    record = world.records[0]
    assert record.outcome == "answered"
    assert [segment.result for segment in record.segments if segment.kind == "queue"] == ["answered", "abandoned"]
    assert left(world) == {"answered": 1, "abandoned": 1}


def test_abandoned() -> None:
    world = world_with(Queue("loans", NEEDS))
    world.call()
    world.run(5)
    world.hang_up("caller")
    assert (left(world), world.records[0].outcome, world.records[0].wait_s) == ({"abandoned": 1}, "abandoned", 5.0)


def test_max_wait() -> None:
    world = world_with(Queue("loans", NEEDS, max_wait_s=30.0))
    world.call()
    world.run(40)
    assert (left(world), world.records[0].outcome, world.records[0].wait_s) == ({"max_wait": 1}, "max_wait", 30.0)
    assert "30s caller is played sorry" in world.story


def test_full() -> None:
    world = world_with(Queue("loans", NEEDS, max_length=1))
    world.call()
    world.call()
    world.run(3)
    assert (left(world), world.records[0].outcome) == ({"queue_full": 1}, "queue_full")


def test_nobody_signed_on_when_joining() -> None:
    world = World(hotline(SORRY, agents=1))
    world.ask(e.SignOff, agent="1001")
    world.call()
    world.run(3)
    assert (left(world), world.records[0].outcome) == ({"nobody_signed_on": 1}, "nobody_signed_on")


def test_nobody_signed_on_any_more() -> None:
    world = world_with(Queue("loans", NEEDS))
    world.call()
    world.run(7)
    world.ask(e.SignOff, agent="1001")
    world.run(3)
    assert (left(world), world.records[0].outcome) == ({"nobody_signed_on": 1}, "nobody_signed_on")
    assert "7s caller is played sorry" in world.story


def test_the_last_agent_signs_off_in_his_call_the_others_leave_after_it() -> None:
    world = World(hotline(SORRY, agents=1, queue=Queue("loans", NEEDS, wrap_up=WrapUp("timed", 5.0))))
    world.call()
    world.run(5)
    world.call()
    assert world.ask(e.SignOff, agent="1001").detail == "after the call"
    world.run(5)
    world.hang_up("desk-1")
    assert not [line for line in world.story if "caller2 is played" in line]
    world.run(10)
    assert "15s caller2 is played sorry" in world.story


def test_where_one_waits_even_for_nobody() -> None:
    world = World(hotline(SORRY, agents=1, queue=Queue("loans", NEEDS, nobody_signed_on="wait")))
    world.ask(e.SignOff, agent="1001")
    world.call()
    world.run(60)
    world.ask(e.SignOn, agent="1001")
    assert "60s desk-1 rings, 13800000001 calling" in world.story


def test_expected_wait_too_long() -> None:
    world = world_with(Queue("loans", NEEDS, max_expected_wait_s=100.0, handle_s=80.0))
    world.call()
    world.call()
    world.run(3)
    assert (left(world), world.records[0].outcome) == ({"expected_wait_too_long": 1}, "expected_wait_too_long")


def test_a_key_leads_out() -> None:
    world = world_with(Queue("loans", NEEDS))
    world.call()
    world.run(5)
    world.press("caller", "19")
    world.run(5)
    assert (left(world), world.records[0].outcome) == ({"key_pressed": 1}, "key_pressed")
    assert [line for line in world.story if "played" in line] == [
        "5s caller is played call_back",
        "7s caller is played sorry",
    ]


def test_moved_with_the_time_waited() -> None:
    world = world_with(Queue("loans", NEEDS))
    world.call()
    world.run(10)
    assert world.ask(e.MoveCall, call="1-1", queue="cards").ok
    assert left(world) == {"moved": 1}
    waiting = world.engine._core.dispatcher.waiting["1-1"]
    assert (waiting.queue, waiting.key) == ("cards", 0.0)
    world.ask(e.Ready, agent="1001")
    world.run(5)
    world.hang_up("caller")
    (record,) = world.records
    assert [(s.name, s.result) for s in record.segments] == [
        ("loans", "moved"),
        ("cards", "answered"),
        ("1001", "answered"),
    ]
    assert (record.queue, record.wait_s) == ("cards", 13.0)


def test_own_site_first_as_the_flow_says_which_and_after_a_move_too() -> None:
    queue = Queue("loans", NEEDS, own_site_for_s=10.0)
    settings = hotline(flow(Answer(), Enqueue("loans", site="town")), queue=queue, agents=2)
    settings.agents["1001"].site, settings.agents["1002"].site = "beijing", "shanghai"
    settings.queues["cards"] = replace(settings.queues["cards"], own_site_for_s=30.0)
    world = World(settings)
    world.ask(e.Break, agent="1002", reason="tea")
    world.call(attributes={"town": "shanghai"})
    world.call(attributes={"town": "shanghai"})
    world.call()  # of no site
    rung = [line for line in world.story if "rings" in line]
    assert rung == ["0s desk-1 rings, 13800000001 calling"]
    assert world.leg("caller3").hears == "music default", "desk-1 has been rung for him"
    world.ask(e.MoveCall, call="1-2", queue="cards")
    world.run(5)
    world.hang_up("caller3")
    world.run(5)
    assert [line for line in world.told(1.0) if "rings" in line] == ["10s desk-1 rings, 13800000001 calling"]
    world.run(5)
    world.hang_up("caller")
    world.run(20)
    assert [line for line in world.told(11.0) if "rings" in line] == ["30s desk-1 rings, 13800000001 calling"]


def test_a_move_that_is_refused_changes_nothing() -> None:
    world = world_with(Queue("loans", NEEDS))
    world.ask(e.BlockQueue, queue="cards", blocked=True)
    world.call()
    world.run(10)
    reply = world.ask(e.MoveCall, call="1-1", queue="cards")
    assert (reply.ok, reply.detail) == (False, "queue cards: blocked")
    assert world.engine.view(world.now).calls[0].queue == "loans"


def test_blocked_and_removed() -> None:
    world = world_with(Queue("loans", NEEDS))
    world.call()
    settings = hotline(SORRY, agents=1, version="v2")
    del settings.queues["loans"]
    world.send(e.Configured(settings))
    world.call()
    world.run(3)
    assert (left(world), world.records[0].outcome) == ({"blocked": 1}, "refused")
    world.ask(e.Ready, agent="1001")
    world.run(5)
    assert world.hears("caller") == "desk-1", "who waits is served"


def taken_out(restored: bool, **rules: Any) -> World:
    """Queue `loans` leaves the configuration while somebody waits in it, and the engine is restored from a snapshot."""
    queue = Queue("loans", NEEDS, wrap_up=WrapUp("timed", 10.0), **rules)
    world = world_with(queue)
    world.call()
    without = hotline(SORRY, agents=1, version="v2")
    del without.queues["loans"]
    world.send(e.Configured(without))
    return restart(world) if restored else world


def restart(world: World) -> World:
    world.engine = Engine(world.engine.snapshot())
    return world


@pytest.mark.parametrize("restored", [False, True])
def test_the_rules_of_a_queue_taken_out_hold_for_who_waits_in_it_and_over_a_restart(restored: bool) -> None:
    world = taken_out(restored, ring_s=7.0, no_answer_delay_s=2.0, max_no_answer=5)
    world.phones["desk-1"] = Phone(answers_after_s=None)
    world.ask(e.Ready, agent="1001")
    world.run(7)
    if restored:
        restart(world)
    world.phones["desk-1"] = Phone(answers_after_s=1.0)
    world.run(5)
    if restored:
        restart(world)
    world.hang_up("caller")
    world.run(5)
    assert [line for line in world.story if "desk-1" in line] == story("""
        0s desk-1 rings, 13800000001 calling
        7s desk-1 is released: no_answer
        9s desk-1 rings, 13800000001 calling
        10s desk-1 picks up
        10s caller hears desk-1
        10s desk-1 hears caller
        12s desk-1 is released: hangup
    """)
    assert world.engine.view(world.now).agents[0].work == (("1-1", "wrap_up"),)
    world.run(5.1)
    assert world.engine.view(world.now).agents[0].work == ()


@pytest.mark.parametrize("restored", [False, True])
def test_and_for_the_agent_who_is_still_in_it_when_the_call_has_gone_on_to_another(restored: bool) -> None:
    queue = Queue("loans", NEEDS, wrap_up=WrapUp("timed", 10.0))
    settings = hotline(PLAIN, agents=1, queue=queue)
    world = World(settings)
    world.call()
    world.run(5)
    world.legs["1-1.1"].phone.ends_when_told = False
    assert world.ask(e.Transfer, agent="1001", to="queue:cards").ok
    del settings.queues["loans"]
    world.send(e.Configured(replace(settings, version="v2")))
    if restored:
        restart(world)
    world._end(world.legs["1-1.1"], "us", "hangup")
    assert world.engine.view(world.now).agents[0].work == (("1-1", "wrap_up"),)


@pytest.mark.parametrize(
    ("status", "again_after_s"),
    [(486, 7.0), (600, 7.0), (480, 5.0), (603, 5.0), (404, 7.0), (500, 7.0), (503, 7.0)],
)
def test_who_says_no_is_left_alone_for_a_while(status: int, again_after_s: float) -> None:
    queue = Queue("loans", NEEDS, rejected_delay_s=5.0, busy_delay_s=7.0, exclude_after_reject_s=0.0)
    world = World(hotline(PLAIN, agents=1, queue=queue))
    world.phones["desk-1"] = Phone(refuses=status)
    world.call()
    world.run(2 * again_after_s)
    rung = [line for line in world.story if "rings" in line]
    assert rung[1] == f"{0.1 + again_after_s:g}s desk-1 rings, 13800000001 calling"


def test_no_answer_the_next_agent_at_once_and_in_the_end_not_responding() -> None:
    world = World(hotline(PLAIN, agents=2, queue=Queue("loans", NEEDS, ring_s=10.0, max_no_answer=1)))
    world.phones["desk-1"] = Phone(answers_after_s=None)
    world.call()
    world.run(12)
    assert world.told(10) == story("""
        10s desk-1 is released: no_answer
        10s desk-2 rings, 13800000001 calling
    """)
    assert [agent.presence for agent in world.engine.view(world.now).agents] == ["not_responding", "ready"]


def test_a_phone_that_answers_neither_bye_nor_cancel_makes_its_agent_unreachable() -> None:
    world = World(hotline(PLAIN, agents=1))
    world.call()
    world.run(5)
    world.legs["1-1.1"].phone.ends_when_told = False
    world.hang_up("caller")
    world.run(1.9)
    assert [a.presence for a in world.engine.view(0.0).agents] == ["ready"]
    world.run(0.1)
    assert [(a.presence, a.work) for a in world.engine.view(0.0).agents] == [("unreachable", (("1-1", "wrap_up"),))]
    assert world.probed == ["desk-1"]
    world.call()
    world.run(20)
    assert "rings" not in world.story[-1]
    world.send(e.DeviceUp("desk-1"))
    assert world.story[-1] == "27s desk-1 rings, 13800000001 calling"


def test_ring_all_the_first_wins_the_others_are_answered_elsewhere() -> None:
    world = World(hotline(PLAIN, agents=3, queue=Queue("loans", NEEDS, strategy="ring_all")))
    world.phones["desk-2"] = Phone(answers_after_s=2.0)
    world.call()
    world.run(5)
    assert world.story == story("""
        0s 13800000001 calls 95588
        0s caller gets 180
        0s desk-1 rings, 13800000001 calling
        0s desk-2 rings, 13800000001 calling
        0s desk-3 rings, 13800000001 calling
        2s desk-2 picks up
        2s desk-1 is released: answered_elsewhere
        2s desk-3 is released: answered_elsewhere
        2s caller is answered
        2s caller hears desk-2
        2s desk-2 hears caller
    """)


def test_announcements_and_a_position_that_never_rises() -> None:
    queue = Queue("loans", NEEDS, announce=Announce(10.0, ("please_wait",), position=True))
    world = world_with(queue)
    world.call()
    world.call()
    world.run(11)
    assert world.engine._core.state.calls["1-2"].announced == 2
    world.run(10)
    assert [line for line in world.story if line.split(" ")[1] == "caller2"] == story("""
        0s caller2 is answered
        0s caller2 hears music default
        10s caller2 hears prompts
        10s caller2 is played please_wait queue_position number:2
        16s caller2 hears music default
        20s caller2 hears prompts
        20s caller2 is played please_wait queue_position number:2
    """)
    assert world.ask(e.MoveCall, call="1-1", tier=9).ok
    world.run(10)
    world.ask(e.MoveCall, call="1-2", tier=9)
    world.run(20)
    told = [line.rsplit(":", 1)[1] for line in world.story if "caller2 is played" in line]
    assert told == sorted(told, reverse=True)


def test_a_second_queue_after_the_first() -> None:
    main = flow(Answer(), Enqueue("loans"), Menu(("else",), {"1": (Enqueue("cards"),)}))
    world = World(hotline(main, agents=2, queue=Queue("loans", NEEDS, max_wait_s=10.0)))
    world.ask(e.Break, agent="1001", reason="")
    world.ask(e.Break, agent="1002", reason="")
    world.call()
    world.run(11)
    world.press("caller", "1")
    world.ask(e.Ready, agent="1002")
    world.run(9)
    world.hang_up("caller")
    (record,) = world.records
    assert [(s.kind, s.name, s.result) for s in record.segments] == [
        ("queue", "loans", "max_wait"),
        ("flow", "main", "queue"),
        ("queue", "cards", "answered"),
        ("agent", "1002", "answered"),
    ]
    assert (record.outcome, record.wait_s) == ("answered", 14.0), "from joining the first queue to the agent"


def test_a_second_agent_is_a_wait_of_its_own() -> None:
    main = flow(Answer(), Enqueue("loans"), Say(("and_now",)), Enqueue("cards"))
    world = World(hotline(main, agents=2))
    world.call()
    world.run(20)
    world.hang_up("desk-1")
    world.run(20)
    world.hang_up("caller")
    (record,) = world.records
    assert [(s.name, s.result) for s in record.segments if s.kind != "flow"] == [
        ("loans", "answered"),
        ("1001", "hung_up"),
        ("cards", "answered"),
        ("1002", "answered"),
    ]
    assert (record.wait_s, record.talk_s) == (3.0 + 3.0, 17.0 + 15.0)


def test_unanswered_the_wait_is_bounded_and_its_ringing_repeated() -> None:
    world = World(hotline(PLAIN, answer="by_agent", agents=1))
    world.ask(e.Break, agent="1001", reason="lunch")
    world.call()
    world.run(200)
    assert world.story[2:] == story("""
        0s caller gets 180
        60s caller gets 180
        120s caller is released: hangup 480
        120s record 1-1: max_wait, by engine
    """)


def test_a_flow_that_waits_for_nothing_does_not_stop_time() -> None:
    main = flow(RingTone(0.0), Enqueue("loans"), GoTo("main"))
    world = World(hotline(main, agents=1, queue=Queue("loans", NEEDS, max_wait_s=0.0)))
    world.ask(e.Break, agent="1001", reason="lunch")
    world.call()
    world.run(1)
    world.hang_up("caller")
    assert world.records[0].outcome in ("max_wait", "abandoned")


@pytest.mark.parametrize(
    ("ended", "presence", "free_after_s"),
    [
        (e.LegEnded("1-1.1", "peer", "rejected"), "ready", 5.0),
        (e.LegEnded("1-1.1", "peer", "busy"), "ready", 7.0),
        (e.LegEnded("1-1.1", "peer", "no_answer"), "ready", 9.0),
        (e.LegEnded("1-1.1", "peer", "unreachable"), "unreachable", None),
        (e.LegEnded("1-1.1", "network", "unreachable"), "unreachable", None),
        (e.LegEnded("1-1.1", "us", "unreachable", 480), "unreachable", None),
        (e.LegEnded("1-1.1", "peer", "unreachable", 404), "ready", 7.0),
    ],
)
def test_what_an_ended_offer_says_of_its_agent(ended: e.LegEnded, presence: str, free_after_s: float | None) -> None:
    queue = Queue("loans", NEEDS, rejected_delay_s=5.0, busy_delay_s=7.0, no_answer_delay_s=9.0)
    world = World(hotline(PLAIN, agents=1, queue=queue))
    world.call()
    world.legs["1-1.1"].gone = True
    world.send(ended)
    (agent,) = world.engine.view(0.0).agents
    assert (agent.presence, agent.work) == (presence, ())
    assert world.engine._core.state.agents["1001"].not_before == (free_after_s or 0.0)
    assert world.probed == (["desk-1"] if presence == "unreachable" else [])


def test_who_rejects_a_call_is_not_offered_the_same_one_for_a_while() -> None:
    queue = Queue("loans", NEEDS, rejected_delay_s=5.0, exclude_after_reject_s=30.0)
    world = World(hotline(PLAIN, agents=1, queue=queue))
    world.phones["desk-1"] = Phone(refuses=603)
    world.call()
    world.run(10)
    world.phones["desk-1"] = Phone(answers_after_s=None)
    world.call(caller="13800000002")
    world.run(30)
    assert [line for line in world.story if "rings" in line] == story("""
        0s desk-1 rings, 13800000001 calling
        10s desk-1 rings, 13800000002 calling
        35s desk-1 rings, 13800000001 calling
    """)


def test_once_answered_a_call_may_wait_for_as_long_as_it_likes() -> None:
    world = World(hotline(flow(RingTone(1.0), Say(("early",)), Answer(), Enqueue("loans")), agents=1))
    world.ask(e.Break, agent="1001", reason="lunch")
    world.call()
    world.run(500)
    assert world.story[2:] == story("""
        0s caller gets 180
        1s caller gets 183
        1s caller hears prompts
        1s caller is played early
        3s caller is answered
        3s caller hears music default
    """)


def test_leaving_while_a_phone_rings_stops_it() -> None:
    world = World(hotline(SORRY, agents=1, queue=Queue("loans", NEEDS, max_wait_s=5.0)))
    world.phones["desk-1"] = Phone(answers_after_s=None)
    world.call()
    world.run(6)
    assert world.told(5) == story("""
        5s desk-1 is released: cancelled
        5s caller hears prompts
        5s caller is played sorry
    """)
    assert world.engine.view(0.0).agents[0].work == ()
