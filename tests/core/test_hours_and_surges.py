"""Opening hours, surges, overflow, and what a person lays over the configuration."""

import pytest

from acd.core import commands as c
from acd.core import events as e
from acd.core.engine import Engine
from acd.core.flow import Answer, Case, Enqueue, Expr, Flow, Menu, Say, Set, When
from acd.core.settings import Number, Queue, Settings, Surge, WrapUp
from tests.core.hotline import flow, hotline
from tests.core.world import World, story

WALL = 1_000_000.0  # at 0 s
LOANS = Queue("loans", {"loans": 3}, wrap_up=WrapUp("timed", 10.0))
WAIT = flow(Answer(), Enqueue("loans"), Say(("sorry",)))


def world_of(settings: Settings, *, on_break: bool = True) -> World:
    world = World(settings)
    for agent in settings.agents if on_break else ():
        world.ask(e.Break, agent=agent, reason="lunch")
    return world


def played(world: World) -> list[str]:
    return [line for line in world.story if "played" in line]


def surging(world: World, name: str = "storm") -> bool:
    return next(surge.on for surge in world.engine.view(world.now).surges if surge.id == name)


# --------------------------------------------------------------------------------------------------------------- hours


def night_and_day() -> World:
    """A number with a night service; the office opens at 100 s and closes at 200 s."""
    settings = hotline(flow(Answer(), Say(("day",))), agents=1)
    settings.flows["night"] = Flow("night", (Answer(), Say(("night",))))
    settings.numbers["95588"] = Number("95588", "main", "by_flow", "office", "night")
    world = World(settings)
    world.send(e.HoursSet({"office": [(WALL, False), (WALL + 100.0, True), (WALL + 200.0, False)]}))
    return world


def test_outside_its_hours_a_number_has_another_flow() -> None:
    world = night_and_day()
    for _ in range(3):
        world.call()
        world.run(100)
    assert played(world) == story("""
        0s caller is played night
        100s caller2 is played day
        200s caller3 is played night
    """)


def test_closed_by_hand_in_an_emergency_over_reload_and_restart_until_as_planned() -> None:
    world = night_and_day()
    world.run(100)
    assert world.ask(e.SetHours, calendar="office", open=False).ok
    world.send(e.Configured(world.engine._core.state.settings))
    world.engine = Engine(world.engine.snapshot())
    world.call()
    world.run(10)
    assert world.engine.view(world.now).overlay == {"hours:office": "closed"}
    (calendar,) = world.engine.view(world.now).calendars
    assert (calendar.open, calendar.by_hand, calendar.next_change_at) == (False, True, WALL + 200.0)
    assert world.ask(e.SetHours, calendar="office", open=None).ok
    world.call()
    world.run(100)
    assert world.ask(e.SetHours, calendar="office", open=True).ok
    world.call()
    world.run(5)
    assert played(world) == story("""
        100s caller is played night
        110s caller2 is played day
        210s caller3 is played day
    """)


def test_outside_its_hours_nobody_joins_a_queue_and_who_waits_is_served() -> None:
    settings = hotline(WAIT, agents=1, queue=Queue("loans", {"loans": 3}, hours="office"))
    world = world_of(settings)
    world.send(e.HoursSet({"office": [(WALL, True), (WALL + 50.0, False)]}))
    world.call()
    world.run(60)
    world.call()
    world.ask(e.Ready, agent="1001")
    world.run(5)
    assert world.hears("caller") == "desk-1"
    assert [(record.call, record.outcome, record.queue) for record in world.records] == [("1-2", "closed", "loans")]
    assert "60s caller2 is played sorry" in world.story


def test_nobody_is_moved_into_a_closed_queue() -> None:
    settings = hotline(flow(Answer(), Enqueue("cards")), agents=1, queue=Queue("loans", {"loans": 3}, hours="office"))
    world = world_of(settings)
    call = world.call()
    assert world.ask(e.MoveCall, call=call, queue="loans").detail == "queue loans: closed"
    assert world.engine.view(world.now).calls[0].queue == "cards"


# -------------------------------------------------------------------------------------------------------- being asked


@pytest.mark.parametrize(
    ("expr", "value"),
    [
        (["waiting", "loans"], 2),
        (["waiting", "nowhere"], 0),
        (["longest_wait_s", "loans"], 30.0),
        (["longest_wait_s", "cards"], 0.0),
        (["signed_on", "loans"], 2),
        (["signed_on", "nowhere"], 0),
        (["expected_wait_s", "nowhere"], None),
        (["<", ["expected_wait_s", "nowhere"], 100], False),
        (["open", "nothing"], False),
        (["surge", "nothing"], False),
    ],
)
def test_a_flow_asks_how_the_hotline_is(expr: Expr, value: object) -> None:
    settings = hotline(WAIT, agents=2)
    settings.flows["ask"] = Flow("ask", (Answer(), Set({"told": expr}), Say(("told",))))
    settings.numbers["4711"] = Number("4711", "ask")
    world = world_of(settings)
    world.call()
    world.run(20)
    world.call()
    world.run(10)
    asking = world.call("4711")
    assert world.engine._core.state.calls[asking].variables["told"] == value


def test_the_wait_to_expect_is_that_of_somebody_who_joins_now() -> None:
    settings = hotline(WAIT, agents=2)
    settings.flows["ask"] = Flow("ask", (Answer(), Set({"told": ["expected_wait_s", "loans"]}), Enqueue("loans")))
    settings.numbers["4711"] = Number("4711", "ask")
    world = world_of(settings)
    for _ in range(3):
        world.call()
    asking = world.call("4711")
    core = world.engine._core
    assert core.state.calls[asking].variables["told"] == core.dispatcher.expected_wait_s(asking, world.now)


# -------------------------------------------------------------------------------------------------------------- surges


def stormy(**more: object) -> Settings:
    """A surge while two or more wait for loans; then cards' agents help out after 5 s and nobody waits 60 s."""
    storm = Surge(
        "storm",
        on=[">=", ["waiting", "loans"], 2],
        off=["<", ["waiting", "loans"], 1],
        least_s=20.0,
        queues={"loans": Queue("loans", {"loans": 3}, max_wait_s=60.0)},
    )
    settings = hotline(WAIT, agents=2, queue=LOANS)
    settings.surges = {"storm": storm, "by_hand": Surge("by_hand")}
    for name, value in more.items():
        setattr(storm, name, value)
    return settings


def test_a_surge_comes_and_goes_with_hysteresis() -> None:
    world = world_of(stormy())
    world.call()
    world.call()
    assert not surging(world), "it is looked at every five seconds"
    world.run(5)
    assert surging(world)
    world.hang_up("caller")
    world.run(60)
    assert surging(world), "one still waits"
    world.hang_up("caller2")
    world.run(5)
    assert not surging(world)
    assert [line for line in world.story if "alarm" in line] == story("""
        5s alarm surge:storm on
        70s alarm surge:storm off
    """)
    assert world.engine.deadline() is None, "a hotline at rest is woken by nothing"


def test_it_stays_on_for_a_least_time() -> None:
    world = world_of(stormy())
    world.call()
    world.call()
    world.run(5)
    world.hang_up("caller")
    world.hang_up("caller2")
    world.run(19)
    assert surging(world)
    world.run(1)
    assert not surging(world)


def test_the_first_call_after_a_rest_finds_it_as_it_is_now() -> None:
    settings = hotline(flow(Answer(), When((Case(["surge", "holiday"], (Say(("holiday",)),)),))), agents=1)
    settings.surges = {"holiday": Surge("holiday", on=["open", "holiday"])}
    world = World(settings)
    world.send(e.HoursSet({"holiday": [(WALL + 1000.0, True)]}))
    world.run(5000)
    world.call()
    assert played(world) == ["5000s caller is played holiday"]


def test_meanwhile_a_queue_is_what_the_surge_says() -> None:
    world = world_of(stormy())
    world.call()
    world.run(1)
    world.call()
    world.run(10)
    world.call()
    world.run(63)
    assert [(record.call, record.outcome, record.wait_s) for record in world.records] == [("1-3", "max_wait", 60.0)], (
        "who waited before keeps the time he has"
    )


def test_wrap_up_is_left_out_meanwhile() -> None:
    world = world_of(stormy())
    assert world.ask(e.SetSurge, surge="storm", on=True).ok
    world.call()
    world.ask(e.Ready, agent="1001")
    world.run(5)
    world.hang_up("desk-1")
    assert world.engine.view(world.now).agents[0].work == ()


def test_by_hand_whatever_the_condition_says_and_back() -> None:
    world = world_of(stormy())
    assert not world.ask(e.SetSurge, surge="calm", on=True).ok
    assert world.ask(e.SetSurge, surge="storm", on=False).ok
    world.call()
    world.call()
    world.run(30)
    assert not surging(world)
    assert world.ask(e.SetSurge, surge="by_hand", on=True).ok
    assert surging(world, "by_hand")
    assert world.engine.view(world.now).overlay == {"surge:storm": "off", "surge:by_hand": "on"}
    assert world.ask(e.SetSurge, surge="storm", on=None).ok
    assert surging(world), "auto looks at once"
    assert world.ask(e.SetSurge, surge="by_hand", on=None).ok
    assert not surging(world, "by_hand")


def test_a_surge_survives_a_restart_with_its_alarm_and_a_reload_without_it_ends_it() -> None:
    settings = stormy()
    world = world_of(settings)
    world.ask(e.SetSurge, surge="by_hand", on=True)
    snapshot = world.engine.snapshot()
    later = World(settings, boot=2, snapshot=snapshot)
    assert surging(later, "by_hand")
    assert later.story[0] == "0s alarm surge:by_hand on"
    later.send(e.Configured(hotline(WAIT, agents=2, queue=LOANS)))
    assert later.story[-1] == "0s alarm surge:by_hand off"
    assert later.engine.view(0.0).surges == ()


def test_a_surge_without_off_ends_when_its_condition_does() -> None:
    world = world_of(stormy(off=None, least_s=0.0))
    world.call()
    world.call()
    world.run(5)
    world.hang_up("caller")
    world.run(5)
    assert not surging(world)


# ------------------------------------------------------------------------------------------------------------ overflow


def test_overflow_to_another_queue_keeps_the_wait_and_the_place() -> None:
    """Who waited a minute for loans goes before somebody who joined cards half a minute ago."""
    over = flow(
        Answer(),
        Menu(("menu",), {"1": (Enqueue("loans", max_wait_s=60.0),)}, otherwise=(), retries=0, timeout_s=0.1),
        When((Case(["in", ["var", "queue_result"], ["list", "max_wait", None]], (Enqueue("cards"),)),)),
    )
    world = world_of(hotline(over, agents=1, queue=LOANS))
    world.call()
    world.press("caller", "1")
    world.run(30)
    world.call()
    world.run(40)
    assert world.engine.view(world.now).calls[0].queue == "cards"
    world.ask(e.Ready, agent="1001")
    world.run(5)
    assert world.hears("caller") == "desk-1"
    world.hang_up("caller")
    record = world.records[0]
    assert [(s.kind, s.name, s.result) for s in record.segments] == [
        ("flow", "main", "queue"),
        ("queue", "loans", "max_wait"),
        ("queue", "cards", "answered"),
        ("agent", "1001", "answered"),
    ]
    assert record.wait_s == pytest.approx(73.0)


@pytest.mark.parametrize(
    ("queues", "steps", "left_after_s"), [(90.0, 60.0, 60.0), (40.0, 60.0, 40.0), (0.0, 60.0, 0.01)]
)
def test_of_two_longest_waits_the_shorter_counts(queues: float, steps: float, left_after_s: float) -> None:
    queue = Queue("loans", {"loans": 3}, max_wait_s=queues)
    world = world_of(hotline(flow(Answer(), Enqueue("loans", max_wait_s=steps)), agents=1, queue=queue))
    world.call()
    world.run(200)
    assert world.records[0].outcome == "max_wait"
    assert world.records[0].wait_s == pytest.approx(left_after_s)


# --------------------------------------------------------------------------------------------------- emptying, overlay


def test_a_queue_is_emptied_in_the_order_they_stand() -> None:
    world = world_of(hotline(WAIT, agents=1, queue=LOANS))
    for _ in range(3):
        world.call()
        world.run(10)
    world.ask(e.MoveCall, call="1-3", tier=0)
    assert world.ask(e.EmptyQueue, queue="loans", to="loans").detail == "name another queue"
    assert world.ask(e.EmptyQueue, queue="loans", to="x").detail == "there is no queue x"
    assert world.ask(e.EmptyQueue, queue="loans", to="cards").detail == "3 moved"
    calls = world.engine.view(world.now).calls
    assert [(call.queue, call.position) for call in calls] == [("cards", 1), ("cards", 2), ("cards", 3)], (
        "a tier belongs to its queue; within one the longest wait goes first"
    )


def test_who_may_not_join_the_other_queue_stays() -> None:
    settings = hotline(WAIT, agents=1, queue=LOANS)
    settings.queues["cards"].max_length = 1
    world = world_of(settings)
    world.call()
    world.call()
    assert world.ask(e.EmptyQueue, queue="loans", to="cards").detail == "1 moved, 1 could not join cards and stay"
    assert [call.queue for call in world.engine.view(world.now).calls] == ["cards", "loans"]


def test_the_overlay_is_listed_and_taken_off_one_by_one_or_as_a_whole() -> None:
    world = world_of(stormy())
    world.send(e.HoursSet({"office": [(WALL, True)]}))
    world.ask(e.SetSkills, agent="1002", skills={"cards": 4, "loans": 2})
    world.ask(e.SetSkills, agent="1001", skills={})
    world.ask(e.BlockQueue, queue="cards", blocked=True)
    world.ask(e.SetHours, calendar="office", open=False)
    world.ask(e.SetSurge, surge="storm", on=True)
    everything = {
        "agent:1001": "skills none",
        "agent:1002": "skills cards=4, loans=2",
        "queue:cards": "blocked",
        "hours:office": "closed",
        "surge:storm": "on",
    }
    assert world.engine.view(world.now).overlay == everything
    assert world.ask(e.ResetOverlay, name="hours:home").detail == "nothing was changed of hours:home"
    assert world.ask(e.ResetOverlay, name="hours:office").detail == "1 taken off"
    assert world.engine.view(world.now).calendars[0].open
    assert world.ask(e.ResetOverlay).detail == "4 taken off"
    view = world.engine.view(world.now)
    assert view.overlay == {}
    assert not any(queue.blocked for queue in view.queues)
    assert surging(world), "not off again before it has lasted for its least time"
    world.run(20)
    assert not surging(world)
    assert world.engine._core.agents.skills("1002") == {"loans": 5, "cards": 5}
    world.call()
    assert world.ask(e.ResetOverlay).detail == "0 taken off"


def day_and_night() -> World:
    """1001 is of the day, 1002 of the night and on a break; loans are the day's business."""
    settings = hotline(WAIT, agents=2, queue=Queue("loans", {"loans": 3}, ("day",), level_delays_s=(0.0, 8.0)))
    settings.agents["1001"].teams, settings.agents["1002"].teams = ("day",), ("night",)
    return world_of(settings)


def test_an_agent_is_put_into_another_team_over_reload_and_restart() -> None:
    world = day_and_night()
    world.ask(e.Ready, agent="1002")
    world.call()
    world.run(30)
    assert world.hears("caller") == "music default", "no agent of the night serves loans"
    assert world.ask(e.SetTeams, agent="1002", teams=("day", "night")).ok
    world.run(5)
    assert world.hears("caller") == "desk-2"
    world.hang_up("caller")
    world.send(e.Configured(day_and_night().engine._core.state.configured or hotline()))
    world.engine = Engine(world.engine.snapshot())
    assert world.engine.view(world.now).overlay == {"agent:1002": "teams day, night"}
    world.call()
    world.run(5)
    assert world.hears("caller2") == "desk-2"
    world.hang_up("caller2")
    assert world.ask(e.SetTeams, agent="1002", teams=None).ok
    world.call()
    world.run(30)
    assert world.hears("caller3") == "music default"
    assert world.engine.view(world.now).overlay == {}


def test_whoever_comes_second_for_a_queue_waits_for_his_level() -> None:
    world = day_and_night()
    assert world.ask(e.SetQueues, agent="1001", queues={"loans": 2}).ok
    world.ask(e.Ready, agent="1001")
    world.call()
    world.run(30)
    assert "8s desk-1 rings, 13800000001 calling" in world.story
    assert world.engine.view(world.now).overlay == {"agent:1001": "queues loans=2"}
    assert world.ask(e.SetSkills, agent="1001", skills={"loans": 9}).ok
    assert world.ask(e.SetTeams, agent="1001", teams=()).ok
    assert world.engine.view(world.now).overlay == {"agent:1001": "skills loans=9; queues loans=2; teams none"}
    assert world.ask(e.ResetOverlay, name="agent:1001").ok
    assert world.engine._core.agents.settings["1001"] == day_and_night().engine._core.agents.settings["1001"]


@pytest.mark.parametrize(
    ("kind", "what", "why"),
    [
        (e.SetTeams, {"agent": "x", "teams": ()}, "there is no agent x"),
        (e.SetTeams, {"agent": "1001", "teams": ("x",)}, "there is no team x"),
        (e.SetQueues, {"agent": "x", "queues": {}}, "there is no agent x"),
        (e.SetQueues, {"agent": "1001", "queues": {"x": 1}}, "there is no queue x"),
        (e.SetQueues, {"agent": "1001", "queues": {"loans": 10}}, "queue loans: a preference level is 1 to 9, not 10"),
        (e.SetHours, {"calendar": "x", "open": True}, "there is no calendar x"),
        (e.SetSurge, {"surge": "x", "on": True}, "there is no surge x"),
        (e.EmptyQueue, {"queue": "x", "to": "loans"}, "there is no queue x"),
        (e.ResetOverlay, {"name": "x"}, "nothing was changed of x"),
        (e.ResetOverlay, {"name": "agent:1001"}, "nothing was changed of agent:1001"),
    ],
)
def test_what_cannot_be_done_is_said(kind: type, what: dict[str, object], why: str) -> None:
    settings = stormy()
    settings.teams = ("day", "night")
    reply: c.Reply = World(settings).ask(kind, **what)
    assert (reply.ok, reply.detail) == (False, why)
