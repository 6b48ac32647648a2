"""Warm transfers beyond the plain one: what may go wrong in between."""

import pytest

from acd.core import events as e
from tests.core.hotline import PLAIN, SURVEY, flow, hotline
from tests.core.world import Phone, World, story


def talking(agents: int = 2) -> World:
    world = World(hotline(PLAIN, answer="at_once", agents=agents))
    world.call()
    world.run(5)
    return world


def test_the_consulted_party_is_busy_back_to_the_caller() -> None:
    world = talking()
    world.phones["desk-2"] = Phone(refuses=486)
    assert world.ask(e.Consult, agent="1001", to="agent:1002").ok
    world.run(1)
    assert world.told(5) == story("""
        5s desk-2 rings, 13800000001 calling
        5s caller hears music default
        5s desk-1 hears music ringback
        5s r1: yes
        5.1s caller hears desk-1
        5.1s desk-1 hears caller
    """)
    assert [a.work for a in world.engine.view(0.0).agents] == [(("1-1", "talking"),), ()]


def test_the_consulted_party_does_not_answer() -> None:
    world = talking()
    world.phones["desk-2"] = Phone(answers_after_s=None)
    world.ask(e.Consult, agent="1001", to="device:desk-2")
    world.run(21)
    assert world.told(25) == story("""
        25s desk-2 is released: cancelled
        25s caller hears desk-1
        25s desk-1 hears caller
    """)
    assert [a.work for a in world.engine.view(0.0).agents] == [(("1-1", "talking"),), ()]


def test_cancelled_by_the_agent() -> None:
    world = talking()
    world.ask(e.Consult, agent="1001", to="agent:1002")
    world.run(5)
    assert world.ask(e.CancelTransfer, agent="1001").ok
    world.run(1)
    assert world.told(10)[:3] == story("""
        10s desk-2 is released: hangup
        10s caller hears desk-1
        10s desk-1 hears caller
    """)
    assert [a.work for a in world.engine.view(0.0).agents] == [(("1-1", "talking"),), (("1-1", "wrap_up"),)]


def test_the_agent_hangs_up_and_leaves_his_caller_with_the_consulted_party() -> None:
    world = talking()
    world.ask(e.Consult, agent="1001", to="agent:1002")
    world.run(5)
    world.hang_up("desk-1")
    assert world.told(10) == story("""
        10s desk-1 hangs up
        10s caller hears desk-2
        10s desk-2 hears caller
    """)
    world.run(5)
    world.hang_up("caller")
    (record,) = world.records
    assert [(s.name, s.result) for s in record.segments if s.kind == "agent"] == [
        ("1001", "transferred"),
        ("1002", "answered"),
    ]


def test_the_agent_hangs_up_while_the_other_still_rings_the_flow_goes_on() -> None:
    world = World(hotline(flow(*PLAIN.steps, SURVEY), answer="at_once"))
    world.phones["desk-2"] = Phone(answers_after_s=None)
    world.call()
    world.run(5)
    world.ask(e.Consult, agent="1001", to="agent:1002")
    world.hang_up("desk-1")
    world.run(1)
    assert world.told(5)[-4:] == story("""
        5s desk-1 hangs up
        5s desk-2 is released: cancelled
        5s caller hears prompts
        5s caller is played rate_us
    """)
    assert [a.work for a in world.engine.view(0.0).agents] == [(("1-1", "wrap_up"),), ()]


def test_the_caller_hangs_up_while_a_telephone_rings_that_nobody_sits_at() -> None:
    settings = hotline(PLAIN, answer="at_once")
    settings.agents["1002"].sign_on = "manual"
    world = World(settings)
    world.phones["desk-2"] = Phone(answers_after_s=None)
    world.call()
    world.run(5)
    world.ask(e.Consult, agent="1001", to="device:desk-2")
    world.run(1)
    world.hang_up("caller")
    world.run(40)
    assert "6s desk-2 is released: cancelled" in world.told(6)
    assert world.engine.view(world.now).legs == 0


def test_the_caller_hangs_up_in_a_consultation_both_are_released() -> None:
    world = talking()
    world.ask(e.Consult, agent="1001", to="agent:1002")
    world.run(5)
    world.hang_up("caller")
    assert world.told(10) == story("""
        10s caller hangs up
        10s desk-1 is released: hangup
        10s desk-2 is released: hangup
        10s record 1-1: answered, by caller
    """)


def test_wrap_up_is_kept_after_a_transfer() -> None:
    world = talking()
    world.ask(e.Consult, agent="1001", to="agent:1002")
    world.run(5)
    world.ask(e.CompleteTransfer, agent="1001")
    world.run(9.9)
    assert world.engine.view(0.0).agents[0].work == (("1-1", "wrap_up"),)
    world.run(0.2)
    assert world.engine.view(0.0).agents[0].work == ()


def test_a_device_nobody_has_signed_on_at_can_be_consulted() -> None:
    world = talking(agents=2)
    world.ask(e.SignOff, agent="1002")
    world.ask(e.Consult, agent="1001", to="device:desk-2")
    world.run(5)
    world.ask(e.CompleteTransfer, agent="1001")
    world.run(5)
    world.hang_up("desk-2")
    assert world.records[0].segments[-1].name == "desk-2"


@pytest.mark.parametrize(
    ("agent", "to", "why"),
    [
        ("1001", "agent:1001", "nobody consults himself"),
        ("1001", "agent:1009", "there is no agent 1009"),
        ("1001", "agent:1003", "agent 1003 is break"),
        ("1001", "device:none", "there is no device none"),
        ("1001", "95588", "'95588': a queue or number of the hotline is not consulted, only transferred to"),
        ("1001", "13900000000", "13900000000 may not be dialled: no rule under dialling: allows any number"),
        ("1001", "nobody", "'nobody' is no agent, device, queue or number"),
        ("1002", "agent:1001", "agent 1002 is not talking with a caller"),
        ("1009", "agent:1001", "there is no agent 1009"),
    ],
)
def test_refused(agent: str, to: str, why: str) -> None:
    world = talking(agents=3)
    world.ask(e.Break, agent="1003", reason="")
    reply = world.ask(e.Consult, agent=agent, to=to)
    assert (reply.ok, reply.detail) == (False, why)


def test_nothing_to_swap_and_nothing_to_complete() -> None:
    world = talking()
    for kind in (e.Swap, e.CompleteTransfer, e.CancelTransfer):
        assert world.ask(kind, agent="1001").detail == "agent 1001 is not consulting"
    world.ask(e.Consult, agent="1001", to="agent:1002")
    assert world.ask(e.Consult, agent="1001", to="agent:1002").detail == "agent 1001 is consulting already"
    for kind in (e.Swap, e.CompleteTransfer):
        assert world.ask(kind, agent="1001").detail == "the consulted party has not answered"


def test_hold_by_the_phone() -> None:
    world = talking()
    world.hold("desk-1")
    world.run(5)
    world.hold("desk-1", on=False)
    world.run(5)
    world.hang_up("caller")
    assert world.told(5) == story("""
        5s desk-1 holds
        5s caller hears music default
        10s desk-1 takes back
        10s caller hears desk-1
        15s caller hangs up
        15s desk-1 is released: hangup
        15s record 1-1: answered, by caller
    """)
    assert (world.records[0].segments[-1].hold_s, world.records[0].segments[-1].talk_s) == (5.0, 12.0)


def test_hold_is_counted_whoever_ends_it() -> None:
    world = talking()
    world.ask(e.Consult, agent="1001", to="agent:1002")
    world.run(4)
    world.ask(e.CancelTransfer, agent="1001")
    world.run(10)
    world.hold("desk-1")
    world.run(3)
    world.hang_up("caller")
    assert world.records[0].segments[-1].hold_s == 4.0 + 3.0


def test_a_phone_that_does_not_answer_our_bye_after_a_transfer() -> None:
    world = talking()
    world.leg("desk-1").phone = Phone(ends_when_told=False)
    world.ask(e.Consult, agent="1001", to="agent:1002")
    world.run(5)
    world.ask(e.CompleteTransfer, agent="1001")
    world.run(5)
    assert world.probed == ["desk-1"]
    assert [a.work for a in world.engine.view(0.0).agents][1] == (("1-1", "talking"),)
