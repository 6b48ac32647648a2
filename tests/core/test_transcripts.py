"""The six transcripts of the contract, against the fake world."""

from acd.core import events as e
from acd.core.calls import LegState
from acd.core.flow import Answer, CollectDigits, Enqueue, HangUpStep, Menu, Say
from tests.core.hotline import PLAIN, SURVEY, flow, hotline
from tests.core.world import Phone, World, story


def test_1_a_survey_after_the_agent_hangs_up() -> None:
    world = World(hotline(flow(Enqueue("loans"), SURVEY, Say(("goodbye",))), answer="at_once", agents=1))
    world.call()
    world.run(5)
    world.hang_up("desk-1")
    world.run(1)
    world.press("caller", "5")
    world.run(5)
    assert world.story == story("""
        0s 13800000001 calls 95588
        0s caller is answered
        0s caller hears music default
        0s desk-1 rings, 13800000001 calling
        3s desk-1 picks up
        3s caller hears desk-1
        3s desk-1 hears caller
        5s desk-1 hangs up
        5s caller hears prompts
        5s caller is played rate_us
        6s caller presses 5
        6s caller is played goodbye
        8s caller is released: hangup
        8s record 1-1: answered, by engine
    """)
    assert [(s.kind, s.result) for s in world.records[0].segments] == [
        ("queue", "answered"),
        ("agent", "hung_up"),
        ("flow", "ended"),
    ]


def test_2_consult_swap_complete() -> None:
    world = World(hotline(PLAIN, answer="at_once"))
    world.call()
    world.run(10)
    assert world.ask(e.Consult, agent="1001", to="agent:1002").ok
    world.run(5)
    assert world.ask(e.Swap, agent="1001").ok
    assert world.ask(e.Swap, agent="1001").ok
    assert world.ask(e.CompleteTransfer, agent="1001").ok
    world.run(5)
    assert [agent.work for agent in world.engine.view(world.now).agents] == [
        (("1-1", "wrap_up"),),
        (("1-1", "talking"),),
    ]
    world.hang_up("desk-2")
    world.run(1)
    assert world.told(10) == story("""
        10s desk-2 rings, 13800000001 calling
        10s caller hears music default
        10s desk-1 hears music ringback
        10s r1: yes
        13s desk-2 picks up
        13s desk-1 hears desk-2
        13s desk-2 hears desk-1
        15s caller hears desk-1
        15s desk-1 hears caller
        15s desk-2 hears music default
        15s r2: yes
        15s caller hears music default
        15s desk-1 hears desk-2
        15s desk-2 hears desk-1
        15s r3: yes
        15s caller hears desk-2
        15s desk-2 hears caller
        15s desk-1 is released: hangup
        15s r4: yes
        20s desk-2 hangs up
        20s caller is released: hangup
        20s record 1-1: answered, by agent
    """)
    (record,) = world.records
    assert [(s.name, s.result, s.talk_s, s.hold_s) for s in record.segments if s.kind == "agent"] == [
        ("1001", "transferred", 12.0, 5.0),
        ("1002", "hung_up", 5.0, 0.0),
    ]
    assert (record.agent, record.talk_s) == ("1002", 17.0)


def test_3_a_home_agent_confirms_while_another_s_voice_mail_answers() -> None:
    world = World(hotline(PLAIN, answer="at_once", confirm=(1, 2)))
    world.phones["home-1"] = Phone(answers_after_s=1.0)  # voice mail: it never presses a key
    world.phones["home-2"] = Phone(answers_after_s=4.0)
    world.call()
    world.run(16)
    world.press("home-2", "7")
    world.press("home-2", "1")
    world.run(1)
    assert world.story == story("""
        0s 13800000001 calls 95588
        0s caller is answered
        0s caller hears music default
        0s home-1 rings, 13800000001 calling
        1s home-1 picks up
        1s home-1 hears prompts
        1s home-1 is played whisper:loans
        11s home-1 is released: no_answer
        11s home-2 rings, 13800000001 calling
        15s home-2 picks up
        15s home-2 hears prompts
        15s home-2 is played whisper:loans
        16s home-2 presses 7
        16s home-2 presses 1
        16s caller hears home-2
        16s home-2 hears caller
    """)
    assert [agent.work for agent in world.engine.view(world.now).agents] == [(), (("1-1", "talking"),)]


def test_4_a_masked_pin_with_type_ahead() -> None:
    ask = Menu(("main_menu",), keys={"1": (CollectDigits("pin", ("your_pin",), 4, 6, secret=True),)})
    world = World(hotline(flow(Answer(), Say(("welcome",)), ask, Say(("thank_you",)), HangUpStep())))
    world.call()
    world.run(1)
    world.press("caller", "14711#")  # the menu's key and the whole PIN, before anybody asked
    world.run(10)
    assert world.story == story("""
        0s 13800000001 calls 95588
        0s caller is answered
        0s caller hears prompts
        0s caller is played welcome
        1s caller presses 14711#
        1s caller is played main_menu
        1s caller is played your_pin
        1s digits of caller are collected in secret
        1s caller is played thank_you
        3s caller is released: hangup
        3s record 1-1: self_service, by engine
    """)
    digits = [event.digit for _, event in world.events if isinstance(event, e.Digit)]
    assert digits == ["1", "•", "•", "•", "•"], "no digit of the PIN has reached the core"
    (collected,) = [event for _, event in world.events if isinstance(event, e.Collected)]
    assert (collected.value, collected.length) == ("secret:1-1.p4", 4)
    assert world.secrets == {"secret:1-1.p4": "4711"}
    assert "4711" not in repr(world.engine.snapshot())


def test_5_an_answer_that_crosses_our_cancel() -> None:
    world = World(hotline(PLAIN, answer="at_once", agents=1))
    world.phones["desk-1"] = Phone(answers_after_s=5.05)
    world.call()
    world.run(5)
    world.hang_up("caller")
    leg = world.leg("desk-1").id
    world.run(0.06)
    assert world.leg("desk-1").up, "the phone was picked up 50 ms after we gave up"
    assert [agent.work for agent in world.engine.view(world.now).agents] == [(("1-1", "offered"),)]
    world.run(1)
    assert world.told(5) == story("""
        5s caller hangs up
        5s desk-1 is released: cancelled
        5s record 1-1: abandoned, by caller
        5.05s desk-1 picks up
    """)
    assert [type(event).__name__ for _, event in world.events if getattr(event, "leg", "") == leg] == [
        "LegRinging",
        "LegAnswered",
        "LegEnded",
    ]
    assert [agent.work for agent in world.engine.view(world.now).agents] == [()]
    assert world.engine.view(world.now).legs == 0


def test_6_a_restart_in_mid_call() -> None:
    settings = hotline(PLAIN, answer="at_once")
    before = World(settings)
    before.call()
    before.run(3)
    before.ask(e.Break, agent="1002", reason="lunch")
    before.call(caller="13800000002")
    before.run(2)
    after = World(settings, boot=2, snapshot=before.engine.snapshot())
    # What the killed engine had up is known from its saved dialogs: the shell sends BYE in each.
    assert after.story == story("""
        0s record 1-1: interrupted, by engine
        0s record 1-2: interrupted, by engine
    """)
    core = after.engine._core
    assert {leg.id: leg.state for leg in core.legs.values()} == dict.fromkeys(
        ("1-1.0", "1-1.1", "1-2.0"), LegState.ENDING
    )
    assert [(a.id, a.presence, a.reason) for a in after.engine.view(0.0).agents] == [
        ("1001", "ready", ""),
        ("1002", "break", "lunch"),
    ]
    after.call(caller="13800000003")
    assert after.told()[-2:] == story("""
        0s caller is answered
        0s caller hears music default
    """), "the agent is offered nothing before his BYE is answered"
    after.run(0.1)
    assert after.engine.view(after.now).agents[0].work == (("1-1", "wrap_up"),)
    after.run(10)
    assert after.told(10)[0] == "10s desk-1 rings, 13800000003 calling"


def test_a_key_in_early_media_takes_no_call() -> None:
    """Only who has picked up can be a person: an announcement before the answer may hold any tone."""
    world = World(hotline(PLAIN, answer="at_once", agents=1, confirm=(1,)))
    world.send(e.DeviceUp("home-1"))
    world.phones["home-1"] = Phone(answers_after_s=4.0)
    world.call()
    world.send(e.Digit(world.leg("home-1").id, "1"))
    world.run(3)
    assert world.hears("caller") == "music default"
    world.run(2)
    world.press("home-1", "1")
    assert world.hears("caller") == "home-1"
