"""An agent at home whose line stays up between calls."""

import pytest

from acd.core import commands as c
from acd.core import events as e
from acd.core.engine import Engine
from acd.core.record import Quality
from acd.core.settings import Queue, Settings, WrapUp
from tests.core.hotline import PLAIN, hotline
from tests.core.test_metrics import report
from tests.core.world import World, story


def settings(wrap_up_s: float = 0.0, nailed_up_s: float = 3600.0) -> Settings:
    wrap_up = WrapUp("timed", wrap_up_s) if wrap_up_s else WrapUp()
    made = hotline(PLAIN, answer="at_once", agents=1, confirm=(1,), queue=Queue("loans", wrap_up=wrap_up))
    made.devices["home-1"].nailed_up_s = nailed_up_s
    return made


def after_a_call(**more: float) -> World:
    """1001 has served one caller on the telephone at home; his line is up."""
    world = World(settings(**more))
    world.call()
    world.run(3)
    world.press("home-1", "1")
    world.run(7)
    world.hang_up("caller")
    return world


def work(world: World) -> tuple[tuple[str, str], ...]:
    return world.engine.view(world.now).agents[0].work


def test_the_next_caller_is_whispered_to_him_on_the_same_leg() -> None:
    world = after_a_call()
    assert world.told(10) == story("""
        10s caller hangs up
        10s home-1 hears silence
        10s record 1-1: answered, by caller
    """)
    assert work(world) == ()
    world.run(50)
    world.call(caller="13800000002")
    assert work(world) == (("1-2", "answered"),)
    world.run(2)
    world.press("home-1", "1")
    assert world.told(60) == story("""
        60s 13800000002 calls 95588
        60s caller2 is answered
        60s caller2 hears music default
        60s home-1 hears prompts
        60s home-1 is played whisper:loans
        62s home-1 presses 1
        62s caller2 hears home-1
        62s home-1 hears caller2
    """)
    world.hang_up("home-1")
    world.run(1)
    assert [(r.agent, r.outcome, r.wait_s) for r in world.records] == [("1001", "answered", 3), ("1001", "answered", 2)]
    view = world.engine.view(world.now)
    assert (view.legs, view.timers) == (0, 0)
    world.call(caller="13800000003")
    assert world.told(63)[-1] == "63s home-1 rings, 13800000003 calling", "his line is gone: he is called again"


def test_the_line_is_seen_in_a_call_and_between_two() -> None:
    world = World(settings())

    def until() -> float | None:
        return world.engine.view(world.now).agents[0].line_ends_at

    world.call()
    world.run(3)
    assert until() is None, "it rings: nothing is kept up yet"
    world.press("home-1", "1")
    ends = world.engine.view(world.now).wall_offset_s + 3 + 3600.0
    assert until() == ends
    world.run(7)
    world.hang_up("caller")
    assert (world.engine.view(world.now).agents[0].work, until()) == ((), ends)
    world.hang_up("home-1")
    assert until() is None


def test_a_key_of_the_call_before_takes_no_call() -> None:
    world = after_a_call()
    world.press("home-1", "1")
    world.call(caller="13800000002")
    world.run(1)
    assert work(world) == (("1-2", "answered"),)


def test_wrap_up_is_kept() -> None:
    world = after_a_call(wrap_up_s=5.0)
    assert work(world) == (("1-1", "wrap_up"),)
    world.call(caller="13800000002")
    world.run(4.9)
    assert world.told(10.1) == []
    world.run(0.2)
    assert world.told(15)[-1] == "15s home-1 is played whisper:loans"


def test_without_a_key_it_was_nobody_and_the_line_is_hung_up() -> None:
    world = after_a_call()
    world.call(caller="13800000002")
    world.run(10.1)
    assert world.told(20) == story("""
        20s home-1 is released: no_answer
    """)
    world.run(6)
    assert world.told(25)[0] == "25s home-1 rings, 13800000002 calling"


def test_a_caller_who_gives_up_meanwhile_leaves_the_line_up() -> None:
    world = after_a_call()
    world.call(caller="13800000002")
    world.run(1)
    world.hang_up("caller2")
    assert work(world) == ()
    assert "home-1" not in " ".join(line for line in world.told(11) if "released" in line)
    world.call(caller="13800000003")
    assert world.told(11)[-1] == "11s home-1 is played whisper:loans"


@pytest.mark.parametrize("kind", [e.SignOff, e.Break])
def test_he_goes_and_so_does_his_line(kind: type) -> None:
    world = after_a_call()
    world.ask(kind, agent="1001", **({"reason": "lunch"} if kind is e.Break else {}))
    assert world.told(10)[-2:] == ["10s r1: yes", "10s home-1 is released: hangup"]
    assert world.engine.view(world.now).timers == 0


def test_he_asked_for_a_break_in_the_call() -> None:
    world = World(settings())
    world.call()
    world.run(3)
    world.press("home-1", "1")
    world.ask(e.Break, agent="1001", reason="lunch")
    world.hang_up("caller")
    assert "3s home-1 is released: hangup" in world.told(3)
    assert work(world) == ()


def test_it_lasts_so_long_at_most_but_a_call_is_not_cut() -> None:
    world = after_a_call(nailed_up_s=60.0)
    world.run(52)
    world.call(caller="13800000002")
    world.press("home-1", "1")
    world.run(10)
    assert work(world) == (("1-2", "talking"),), "the time was up at 63 s"
    world.hang_up("caller2")
    assert "72s home-1 is released: hangup" in world.told(72)


def test_the_time_is_up_between_calls() -> None:
    world = after_a_call(nailed_up_s=60.0)
    world.run(60)
    assert world.told(11) == ["63s home-1 is released: hangup"]
    assert world.engine.view(world.now).legs == 0


@pytest.mark.parametrize("how", ["peer", "network", "media"])
def test_it_drops_and_he_is_called_again(how: str) -> None:
    world = after_a_call()
    if how == "peer":
        world.hang_up("home-1")
    else:
        leg = world.leg("home-1").id
        world.send(e.MediaLost(leg, "silent") if how == "media" else e.LegEnded(leg, "network", "unreachable", 408))
        world.run(1)
    world.call(caller="13800000002")
    assert world.story[-1].endswith("home-1 rings, 13800000002 calling")


def test_what_comes_on_it_between_calls_changes_nothing() -> None:
    world = after_a_call()
    leg = world.leg("home-1").id
    assert world.send(e.LegReferred(leg, "op", "1002")) == [c.AnswerRefer(leg, "op", 403)]
    crossing: tuple[e.Event, ...] = (e.LegAnswered(leg), e.LegRinging(leg), e.LegHeld(leg, True), e.Digit(leg, "1"))
    for event in crossing:
        assert world.send(event) == []
    quality = Quality("PCMA", False, 1, 0.0, 0.0, 4.0)
    (written,) = world.send(e.LegQuality(leg, quality))
    assert isinstance(written, c.WriteLeg)
    assert written.record.call == "1-1"


def test_a_restart_and_a_drain_hang_up() -> None:
    world = after_a_call()
    leg = world.leg("home-1").id
    again = World(settings(), boot=2, snapshot=world.engine.snapshot())
    assert c.EndLeg(leg) in [command for given in again.commands for command in given]
    assert again.engine.view(0.0).legs == 0
    assert world.ask(e.Drain).ok
    assert world.told(10)[-2] == "10s home-1 is released: hangup"


def test_a_reload_without_it_hangs_up() -> None:
    world = after_a_call()
    world.send(e.Configured(settings(nailed_up_s=0.0)))
    assert world.told(10)[-1] == "10s home-1 is released: hangup"


def test_a_snapshot_keeps_it() -> None:
    world = after_a_call()
    world.engine = Engine(world.engine.snapshot())
    world.call(caller="13800000002")
    assert world.told(10)[-1] == "10s home-1 is played whisper:loans"


def test_of_two_calls_at_once_one_line_stays() -> None:
    made = settings()
    made.agents["1001"].capacity = {"voice": 2}
    world = World(made)
    for caller in ("13800000001", "13800000002"):
        world.call(caller=caller)
        world.run(3)
        world.press("home-1", "1")
    world.hang_up("caller")
    world.hang_up("caller2")
    world.run(1)
    assert world.engine.view(world.now).legs == 1
    world.call(caller="13800000003")
    assert world.story[-1].endswith("home-1 is played whisper:loans")


def test_a_call_told_on_the_line_counts_as_rung() -> None:
    world = after_a_call()
    world.call(caller="13800000002")
    world.run(2)
    world.press("home-1", "1")
    world.hang_up("caller2")
    tally = report(world, "agent").rows["1001",]
    assert (tally.rung, tally.handled) == (2, 2)
