"""Flows: what a caller is led through, step by step."""

from acd.core import commands as c
from acd.core import events as e
from acd.core.flow import (
    Answer,
    Case,
    CollectDigits,
    Enqueue,
    Flow,
    GoTo,
    HangUpStep,
    Menu,
    RingTone,
    Say,
    Set,
    Step,
    When,
)
from tests.core.hotline import flow, hotline
from tests.core.world import World, story


def caller_in(*steps: Step, answer: str = "by_flow", agents: int = 1) -> World:
    world = World(hotline(flow(*steps), answer=answer, agents=agents))
    world.call()
    return world


def variables(world: World) -> dict[str, object]:
    return dict(world.engine._core.state.calls["1-1"].variables)


def test_a_menu_answers_first_repeats_and_gives_up() -> None:
    menu = Menu(("m",), {"1": ()}, 5.0, 2, ("wrong",), ("silent",), otherwise=(Say(("sorry",)),), variable="key")
    world = caller_in(menu, Say(("bye",)))
    world.run(1)
    world.press("caller", "9")
    world.run(40)
    assert world.story == story("""
        0s 13800000001 calls 95588
        0s caller is answered
        0s caller hears prompts
        0s caller is played m
        1s caller presses 9
        1s caller is played wrong m
        10s caller is played silent m
        19s caller is played sorry
        21s caller is played bye
        23s caller is released: hangup
        23s record 1-1: self_service, by engine
    """)


def test_the_key_pressed_is_kept_and_its_branch_runs() -> None:
    world = caller_in(Menu(("m",), {"1": (Say(("one",)),), "2": (Say(("two",)),)}, variable="key"), Say(("both",)))
    world.run(0.5)
    world.press("caller", "2")
    assert variables(world)["key"] == "2"
    world.run(10)
    assert [line for line in world.story if "played" in line] == story("""
        0s caller is played m
        0.5s caller is played two
        2.5s caller is played both
    """)


def test_one_key_at_a_time_the_next_is_for_the_next_menu() -> None:
    inner = Menu(("inner",), {"5": (Say(("right",)),)})
    world = caller_in(Menu(("outer",), {"1": (inner,)}))
    world.press("caller", "15")
    world.run(1)
    assert [line for line in world.story if "played" in line] == story("""
        0s caller is played outer
        0s caller is played inner
        0s caller is played right
    """)


def test_before_the_answer_prompts_go_by_early_media() -> None:
    world = caller_in(RingTone(4.0), Say(("notice",)), Answer(), Say(("welcome",)), HangUpStep())
    world.run(10)
    assert world.story == story("""
        0s 13800000001 calls 95588
        0s caller gets 180
        4s caller gets 183
        4s caller hears prompts
        4s caller is played notice
        6s caller is answered
        6s caller is played welcome
        8s caller is released: hangup
        8s record 1-1: self_service, by engine
    """)


def test_a_call_that_is_never_answered_is_refused_with_the_step_s_status() -> None:
    world = caller_in(RingTone(1.0), HangUpStep(603))
    world.run(2)
    assert world.told(1) == story("""
        1s caller is released: hangup 603
        1s record 1-1: self_service, by engine
    """)


def test_ringing_is_repeated_each_minute_and_bounded() -> None:
    world = caller_in(RingTone(500.0))
    world.run(200)
    assert world.story[1:] == story("""
        0s caller gets 180
        60s caller gets 180
        120s caller is released: hangup 480
        120s record 1-1: failed, by engine
    """)
    assert world.records[0].detail == "unanswered for too long"


def test_digits_too_few_then_none_then_otherwise() -> None:
    collect = CollectDigits("number", ("ask",), 3, 5, retries=1, wrong=("again",), otherwise=(Say(("sorry",)),))
    world = caller_in(collect)
    world.run(3)
    world.press("caller", "12#")
    world.run(30)
    assert [line for line in world.story if "played" in line or "collected" in line] == story("""
        0s caller is played ask
        2s digits of caller are collected
        3s caller is played again ask
        7s digits of caller are collected
        15s caller is played sorry
    """)


def test_digits_are_kept() -> None:
    world = caller_in(CollectDigits("number", ("ask",), 3, 5), Say(("thanks",)))
    world.press("caller", "1234#")
    world.run(1)
    assert variables(world)["number"] == "1234"


def test_set_when_and_go_to() -> None:
    steps = (
        Set({"age": 70, "vip": ["and", [">=", ["var", "age"], 65], ["==", ["var", "called"], "95588"]]}),
        When((Case(["var", "vip"], (GoTo("senior"),)),), otherwise=(Say(("never",)),)),
        Say(("never",)),
    )
    settings = hotline(flow(*steps), agents=1)
    settings.flows["senior"] = Flow("senior", (Answer(), Say(("respect",))))
    world = World(settings)
    world.call()
    world.run(5)
    assert [line for line in world.story if "played" in line] == ["0s caller is played respect"]
    assert [(s.kind, s.name) for s in world.records[0].segments] == [("flow", "senior")]


def test_opening_hours() -> None:
    world = World(hotline(flow(Answer(), When((Case(["open", "days"], (Say(("open",)),)),), (Say(("closed",)),)))))
    world.send(e.HoursSet({"days": [(1_000_000.0, True), (1_000_100.0, False)]}))
    world.call()
    world.run(100)
    world.call()
    assert [line for line in world.story if "played" in line] == story("""
        0s caller is played open
        100s caller2 is played closed
    """)


def test_a_flow_that_goes_round_is_broken_off() -> None:
    world = caller_in(Set({"n": 1}), GoTo("main"))
    assert world.records[0].outcome == "failed"
    assert world.records[0].detail == "flow goes round without waiting"


def test_a_live_call_keeps_the_flow_it_began_with() -> None:
    world = caller_in(Answer(), Say(("old_1",)), Say(("old_2",)))
    changed = hotline(flow(Say(("new",))), version="v2")
    world.send(e.Configured(changed))
    world.run(2)
    world.call()
    world.run(2)
    assert [line for line in world.story if "played" in line] == story("""
        0s caller is played old_1
        2s caller is played old_2
        2s caller2 is played new
    """)
    assert list(world.engine._core.state.flows) == ["v1", "v2"]
    world.send(e.Configured(hotline(flow(Say(("newer",))), version="v3")))
    assert list(world.engine._core.state.flows) == ["v3"], "nobody needs the others any more"


def test_without_a_key_in_the_queue_nothing_is_listened_to() -> None:
    world = caller_in(Answer(), Enqueue("loans"))
    assert not [command for step in world.commands for command in step if isinstance(command, c.Listen)]


def test_a_key_on_the_caller_s_phone_while_talking_goes_nowhere() -> None:
    world = caller_in(Answer(), Enqueue("loans"))
    world.run(5)
    told = len(world.story)
    world.send(e.Digit("1-1.0", "5"))
    assert len(world.story) == told


def test_two_configurations_told_apart_by_nothing_but_their_flows() -> None:
    world = caller_in(Answer(), Say(("old_1",)), Say(("old_2",)))
    world.send(e.Configured(hotline(flow(Answer(), Say(("new",))))))
    world.call()
    world.run(3)
    assert [line for line in world.story if "played" in line] == story("""
        0s caller is played old_1
        0s caller2 is played new
        2s caller is played old_2
    """)
