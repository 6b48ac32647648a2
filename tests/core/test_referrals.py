"""Transfers by the phone's own key (REFER): blind, and to somebody the agent has called from the same phone."""

import pytest

from acd.core import commands as c
from acd.core import events as e
from acd.core.settings import DialRule, Number
from tests.core.hotline import MAIN, PLAIN, SURVEY, flow, hotline
from tests.core.world import Phone, World, story


def talking(agents: int = 2, confirm: tuple[int, ...] = ()) -> World:
    world = World(hotline(PLAIN, answer="at_once", agents=agents, confirm=confirm))
    world.call()
    world.run(5)
    return world


def test_to_a_colleague_who_answers() -> None:
    world = talking()
    world.refer("desk-1", "1002")
    world.run(5)
    assert world.told(5) == story("""
        5s desk-1 transfers to 1002
        5s desk-1 is told 202
        5s desk-2 rings, 13800000001 calling
        5s caller hears music ringback
        5s desk-1 hears silence
        5.1s desk-1 is told 180
        8s desk-2 picks up
        8s caller hears desk-2
        8s desk-2 hears caller
        8s desk-1 is told 200
        8s desk-1 is released: hangup
    """)
    assert [a.work for a in world.engine.view(0.0).agents] == [(("1-1", "wrap_up"),), (("1-1", "talking"),)]
    world.hang_up("caller")
    (record,) = world.records
    assert [(s.name, s.result) for s in record.segments if s.kind == "agent"] == [
        ("1001", "transferred"),
        ("1002", "answered"),
    ]


def test_the_agent_hangs_up_as_soon_as_he_is_told_202() -> None:
    world = talking()
    world.refer("desk-1", "1002")
    world.hang_up("desk-1")
    assert world.engine.view(world.now).calls[0].state == "transferring"
    world.run(5)
    assert world.told(5)[3:] == story("""
        5s caller hears music ringback
        5s desk-1 hears silence
        5s desk-1 hangs up
        8s desk-2 picks up
        8s caller hears desk-2
        8s desk-2 hears caller
    """)
    assert [a.work for a in world.engine.view(0.0).agents] == [(("1-1", "wrap_up"),), (("1-1", "talking"),)]


@pytest.mark.parametrize(("refuses", "told"), [(486, 486), (603, 603), (None, 480)])
def test_who_does_not_take_him_leaves_him_with_the_agent(refuses: int | None, told: int) -> None:
    world = talking()
    world.phones["desk-2"] = Phone(answers_after_s=None, refuses=refuses)
    world.refer("desk-1", "1002")
    world.run(21)
    back = [line.split("s ", 1)[1] for line in world.told(5.1) if "released" not in line]
    assert back[-3:] == [f"desk-1 is told {told}", "caller hears desk-1", "desk-1 hears caller"]
    assert [a.work for a in world.engine.view(0.0).agents] == [(("1-1", "talking"),), ()]


def test_on_hold_when_it_fails_he_hears_music_until_he_is_taken_back() -> None:
    """Phones put the caller on hold before they ask."""
    world = talking()
    world.phones["desk-2"] = Phone(refuses=486)
    world.hold("desk-1")
    world.refer("desk-1", "1002")
    world.run(1)
    assert world.hears("caller") == "music default"
    assert world.engine.view(0.0).agents[0].work == (("1-1", "held"),)
    world.run(3)
    world.hold("desk-1", on=False)
    assert world.hears("caller") == "desk-1"
    world.hang_up("caller")
    assert world.records[0].segments[-1].hold_s == 4.0


def test_it_fails_and_the_agent_is_gone_back_into_his_queue_at_his_old_place() -> None:
    world = World(hotline(PLAIN, answer="at_once", agents=3))
    world.call()
    world.run(4)
    world.ask(e.Break, agent="1003", reason="")
    world.phones["desk-2"] = Phone(answers_after_s=None)
    world.refer("desk-1", "1002")
    world.hang_up("desk-1")
    world.ask(e.Break, agent="1001", reason="")
    world.run(1)
    world.call(caller="13800000002")  # he waits when the other is put back, and was there before
    world.run(5)
    world.ask(e.Break, agent="1002", reason="")
    world.run(15)
    world.ask(e.Ready, agent="1003")
    world.run(4)
    assert world.told(24) == story("""
        24s desk-2 is released: cancelled
        24s caller hears music default
        25s r4: yes
        25s desk-3 rings, 13800000001 calling
        28s desk-3 picks up
        28s caller hears desk-3
        28s desk-3 hears caller
    """)
    world.hang_up("caller")
    assert world.records[0].wait_s == 3.0 + 4.0


def test_the_caller_gives_up_while_it_rings() -> None:
    world = talking()
    world.refer("desk-1", "1002")
    world.run(1)
    world.hang_up("caller")
    world.run(1)
    assert world.told(6) == story("""
        6s caller hangs up
        6s desk-1 is told 487
        6s desk-1 is released: hangup
        6s desk-2 is released: cancelled
        6s record 1-1: answered, by caller
    """)


def test_the_agent_takes_it_back() -> None:
    world = talking()
    world.refer("desk-1", "1002")
    world.run(1)
    assert world.ask(e.CancelTransfer, agent="1001").ok
    assert world.told(6)[:2] == story("""
        6s desk-1 is told 487
        6s desk-2 is released: cancelled
    """)
    assert world.hears("caller") == "desk-1"


def test_to_a_number_of_the_hotline_its_flow_follows() -> None:
    settings = hotline(PLAIN, answer="at_once")
    settings.flows["other"] = flow(SURVEY)
    settings.numbers["95599"] = Number("95599", "other")
    world = World(settings)
    world.call()
    world.run(5)
    world.refer("desk-1", "95599")
    world.run(1)
    assert world.told(5) == story("""
        5s desk-1 transfers to 95599
        5s desk-1 is told 202
        5s desk-1 is told 200
        5s desk-1 is released: hangup
        5s caller hears prompts
        5s caller is played rate_us
    """)


def test_to_a_queue_a_new_wait() -> None:
    world = talking()
    world.refer("desk-1", "cards")
    world.run(10)
    assert world.told(5) == story("""
        5s desk-1 transfers to cards
        5s desk-1 is told 202
        5s desk-1 is told 200
        5s desk-1 is released: hangup
        5s caller hears music default
        5s desk-2 rings, 13800000001 calling
        8s desk-2 picks up
        8s caller hears desk-2
        8s desk-2 hears caller
    """)
    world.hang_up("desk-2")
    (record,) = world.records
    assert (record.wait_s, record.queue) == (3.0 + 3.0, "cards")


def test_by_order_of_somebody_else() -> None:
    world = talking()
    assert world.ask(e.Transfer, agent="1001", to="queue:cards").ok
    world.run(5)
    assert world.hears("caller") == "desk-2"
    assert world.ask(e.Transfer, agent="1002", to="queue:none").detail == "there is no queue none"
    world.run(20)
    assert world.ask(e.Transfer, agent="1002", to="agent:1001").ok
    assert world.ask(e.Transfer, agent="1002", to="agent:1001").detail == "agent 1002 is consulting already"


def test_a_telephone_at_home_has_to_press_its_key() -> None:
    world = talking(confirm=(2,))
    world.phones["home-2"] = Phone(answers_after_s=1.0)
    world.refer("desk-1", "1002")
    world.run(2)
    assert world.hears("caller") == "music ringback", "a voice mail may have answered"
    world.press("home-2", "51")
    assert world.hears("caller") == "home-2"
    assert [a.work for a in world.engine.view(0.0).agents][1] == (("1-1", "talking"),)


def test_a_voice_mail_at_home_is_nobody() -> None:
    world = talking(confirm=(2,))
    world.refer("desk-1", "1002")
    world.run(14)
    assert world.hears("caller") == "desk-1"
    assert "desk-1 is told 480" in " ".join(world.told(18))
    assert [a.work for a in world.engine.view(0.0).agents] == [(("1-1", "talking"),), ()]


def test_who_hangs_up_at_home_without_a_key_has_refused() -> None:
    world = talking(confirm=(2,))
    world.refer("desk-1", "1002")
    world.run(4)
    world.hang_up("home-2")
    assert world.hears("caller") == "desk-1"


@pytest.mark.parametrize(
    ("to", "status"), [("1001", 486), ("1003", 480), ("0900123456", 403), ("agent:9", 404), ("number:95588", 404)]
)
def test_who_cannot_be_had_is_said_afterwards_and_nothing_has_changed(to: str, status: int) -> None:
    world = talking(agents=3)
    world.ask(e.Break, agent="1003", reason="")
    world.refer("desk-1", to)
    assert world.told(5)[-2:] == ["5s desk-1 is told 202", f"5s desk-1 is told {status}"]
    assert world.hears("caller") == "desk-1"


def test_to_a_number_outside_as_the_sender_s_class_of_service_allows() -> None:
    """Toll fraud: it is his rule that counts, never the caller's wish, and the host he names is not called."""
    rule = DialRule((r"021\d+",), "carrier", queues=("loans",))
    world = World(hotline(PLAIN, answer="at_once", agents=1, dialling=(rule,), special=("00",)))
    world.call()
    world.run(5)
    world.refer("desk-1", "0900123456")
    assert world.told(5)[-2:] == ["5s desk-1 is told 202", "5s desk-1 is told 403"]
    world.refer("caller", "02112345")
    assert world.told(5)[-1] == "5s caller is told 403"
    world.phones["02112345"] = Phone(refuses=486)
    world.refer("desk-1", "02112345")
    world.run(1)
    assert world.told(5.1)[-3:] == story("""
        5.1s desk-1 is told 486
        5.1s caller hears desk-1
        5.1s desk-1 hears caller
    """)
    world.phones["02112345"] = Phone()
    world.refer("desk-1", "02112345")
    world.hang_up("desk-1")
    world.run(4)
    assert world.hears("caller") == "02112345"
    started = [command for given in world.commands for command in given if isinstance(command, c.StartLeg)]
    assert started[-1].to == c.Target(None, "02112345", "carrier")
    world.hang_up("02112345")
    world.run(1)
    assert [(s.name, s.result) for s in world.records[0].segments if s.kind == "agent"] == [
        ("1001", "transferred"),
        ("02112345", "hung_up"),
    ]


def test_a_busy_colleague_is_busy() -> None:
    world = talking()
    world.call(caller="13800000002")
    world.run(5)
    world.refer("desk-1", "1002")
    assert world.told(10)[-1] == "10s desk-1 is told 486"


def test_not_while_consulting() -> None:
    world = talking(agents=3)
    world.ask(e.Consult, agent="1001", to="agent:1002")
    world.refer("desk-1", "1003")
    assert world.told(5)[-2:] == ["5s desk-1 is told 202", "5s desk-1 is told 603"]


def test_only_an_agent_who_talks_may() -> None:
    world = World(hotline(PLAIN, answer="at_once"))
    world.phones["desk-1"] = Phone(answers_after_s=None)
    world.call()
    world.refer("caller", "0900123456")
    world.refer("desk-1", "1002")
    told = [line for line in world.story if "told" in line]
    assert told == ["0s caller is told 403", "0s desk-1 is told 403"]
    assert world.send(e.LegReferred("9-9.1", "x", "1002")) == []


def test_a_party_who_is_being_consulted_may_not() -> None:
    world = talking(agents=3)
    world.ask(e.Consult, agent="1001", to="agent:1002")
    world.run(5)
    world.refer("desk-2", "1003")
    assert world.told(10)[-1] == "10s desk-2 is told 403"


# ------------------------------------------------------------------------------------------- with Replaces


def two_calls(by: str = "device:desk-1", agents: int = 2) -> World:
    """1001 talks with the caller, has put him on hold, and has called 95588 from the same phone: 1002 has answered."""
    world = talking(agents)
    world.hold("desk-1")
    world.call(caller="desk-1", source=by)
    world.run(5)
    return world


@pytest.mark.parametrize(("who", "replaces"), [("desk-1", "caller2"), ("caller2", "desk-1")])
def test_he_brings_together_whom_he_has_called_and_his_caller(who: str, replaces: str) -> None:
    """Whichever of its two calls the phone asks in."""
    world = two_calls()
    world.refer(who, "", replaces)
    world.run(1)
    assert world.told(10) == story(f"""
        10s {who} transfers to {replaces}
        10s {who} is told 202
        10s {who} is told 200
        10s caller hears desk-2
        10s desk-2 hears caller
        10s desk-1 is released: hangup
        10s caller2 is released: hangup
        10s record 1-2: answered, by agent
    """)
    assert [a.work for a in world.engine.view(0.0).agents] == [(("1-1", "wrap_up"),), (("1-1", "talking"),)]
    world.hang_up("desk-2")
    world.run(20)
    assert [(s.name, s.result) for s in world.records[1].segments if s.kind == "agent"] == [
        ("1001", "transferred"),
        ("1002", "hung_up"),
    ]
    assert world.engine.view(world.now).legs == 0


def test_nobody_takes_over_what_he_only_guesses() -> None:
    world = two_calls(by="device:desk-9")
    world.refer("desk-1", "", "caller2")
    assert world.told(10)[-2:] == ["10s desk-1 is told 202", "10s desk-1 is told 481"]
    world.send(e.LegReferred("1-1.1", "op", "1002", ""))
    assert world.told(10)[-2:] == ["10s desk-1 is told 202", "10s desk-1 is told 481"]
    world.refer("caller2", "", "desk-1")
    assert world.told(10)[-1] == "10s caller2 is told 403"


def test_nobody_has_answered_there_yet() -> None:
    world = talking(agents=1)
    world.call(caller="desk-1", source="device:desk-1")
    world.refer("desk-1", "", "caller2")
    assert world.told(5)[-1] == "5s desk-1 is told 480"
    assert world.hears("caller") == "desk-1"


def test_nobody_is_joined_to_himself() -> None:
    """Who may have two calls at once dials the hotline's own number and is rung for it himself."""
    settings = hotline(PLAIN, answer="at_once", agents=1)
    settings.agents["1001"].capacity = {"voice": 2}
    world = World(settings)
    world.call()
    world.run(5)
    world.call(caller="desk-1", source="device:desk-1")
    world.run(5)
    world.send(e.LegReferred("1-1.1", "op", "", "1-2.0"))
    assert [a.work for a in world.engine.view(0.0).agents] == [(("1-1", "talking"), ("1-2", "talking"))]
    told = [given for turn in world.commands for given in turn if isinstance(given, c.AnswerRefer)]
    assert told == [c.AnswerRefer("1-1.1", "op", 202), c.AnswerRefer("1-1.1", "op", 486)]


def test_a_restart_in_between_ends_both_legs() -> None:
    world = talking()
    world.refer("desk-1", "1002")
    world.hang_up("desk-1")
    again = World(hotline(PLAIN), boot=2, snapshot=world.engine.snapshot())
    again.run(1)
    assert {command.leg for given in again.commands for command in given if isinstance(command, c.EndLeg)} == {
        "1-1.0",
        "1-1.2",
    }
    assert again.records[0].outcome == "interrupted"


def test_the_flow_goes_on_where_the_queue_takes_nobody_back() -> None:
    world = World(hotline(MAIN))
    world.call()
    world.run(5)
    world.press("caller", "1")
    world.run(5)
    world.refer("desk-1", "1002")
    world.hang_up("desk-1")
    world.phones["desk-2"] = Phone(answers_after_s=None)
    world.ask(e.BlockQueue, queue="loans", blocked=True)
    world.hang_up("desk-2")
    world.run(1)
    assert world.records[0].outcome == "answered"
