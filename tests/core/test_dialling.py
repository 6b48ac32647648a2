"""Class of service: who may dial what, through which trunk, and what he is told who may not."""

import pytest

from acd.core import events as e
from acd.core.agents import Refused
from acd.core.dialling import anybody_may, dialled, trunk_for
from acd.core.settings import Agent, DialRule, Settings
from tests.core.hotline import PLAIN, hotline
from tests.core.world import Phone, World, story

RULES = (
    DialRule((r"021\d{8}", r"1[3-9]\d{9}"), "carrier", teams=("night", "day")),
    DialRule((r"1\d*",), "cheap", sites=("shanghai",), queues=("loans",)),
    DialRule((r"0044\d+", r"\+44\d+"), "abroad", teams=("day",), special=True),
    DialRule((r"0\d*",), "carrier", teams=("day",)),
)
SETTINGS = Settings(
    "v1",
    agents={
        "day": Agent("day", teams=("day",), site="beijing"),
        "shanghai": Agent("shanghai", site="shanghai"),
        "none": Agent("none"),
    },
    dialling=RULES,
    special=("+", "00", "0900"),
)


@pytest.mark.parametrize(
    ("number", "agent", "queue", "through"),
    [
        ("02112345678", "day", None, "carrier"),
        ("13800000001", "day", None, "carrier"),
        ("13800000001", "shanghai", "loans", "cheap"),
        ("0044201234", "day", None, "abroad"),
        ("+44201234", "day", "cards", "abroad"),
        ("0123", "day", None, "carrier"),
    ],
)
def test_the_first_rule_that_allows_it(number: str, agent: str, queue: str | None, through: str) -> None:
    assert trunk_for(SETTINGS, number, agent, queue) == through


@pytest.mark.parametrize(
    ("number", "agent", "queue", "why"),
    [
        ("02112345678", "none", None, " by agent none: no rule allows it to him"),
        ("02112345678", "gone", None, " by agent gone: no rule allows it to him"),
        ("13800000001", "shanghai", "cards", " by agent shanghai: no rule allows it to him"),
        ("13800000001", "shanghai", None, " by agent shanghai: no rule allows it to him"),
        ("0044201234", "shanghai", "loans", " by agent shanghai: no rule allows it to him"),
        ("0033123", "day", None, ": numbers with 00 need a rule with special: true"),
        ("0900123", "day", None, ": numbers with 0900 need a rule with special: true"),
        ("+33123", "day", None, ": no rule allows that number"),
        ("7", "day", None, ": no rule allows that number"),
    ],
)
def test_everything_else_is_refused(number: str, agent: str, queue: str | None, why: str) -> None:
    with pytest.raises(Refused) as raised:
        trunk_for(SETTINGS, number, agent, queue)
    assert str(raised.value) == f"{number} may not be dialled{why}"


@pytest.mark.parametrize(
    ("rule", "number", "may"),
    [
        (DialRule((r"02\d+",), "carrier"), "021234", True),
        (DialRule((r"02\d+",), "other"), "021234", False),
        (DialRule((r"02\d+",), "carrier"), "031234", False),
        (DialRule((r"02\d+",), "carrier", teams=("day",)), "021234", False),
        (DialRule((r"02\d+",), "carrier", sites=("here",)), "021234", False),
        (DialRule((r"02\d+",), "carrier", queues=("loans",)), "021234", False),
        (DialRule((r"0\d+",), "carrier"), "0900123", False),
        (DialRule((r"0\d+",), "carrier", special=True), "0900123", True),
    ],
)
def test_a_carrier_may_name_what_anybody_may_dial(rule: DialRule, number: str, may: bool) -> None:
    settings = Settings("v1", dialling=(rule,), special=("0900",))
    assert anybody_may(settings, number, "carrier") is may


def test_without_rules_nobody_may() -> None:
    with pytest.raises(Refused, match="no rule under dialling: allows any number"):
        trunk_for(Settings("v1", agents=SETTINGS.agents), "110", "day", None)


@pytest.mark.parametrize(
    ("text", "number"), [("+44 (20) 123-4", "+44201234"), ("021/123.45", "02112345"), ("*21#", "*21#")]
)
def test_a_number_as_people_write_it(text: str, number: str) -> None:
    assert dialled(text) == number


@pytest.mark.parametrize("text", ["", "+", "1+2", "sip:1@192.0.2.1", "12;phone-context=x", "1\n", "１２", "9" * 33])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(Refused, match="is no number"):
        dialled(text)


def test_an_agent_consults_somebody_outside_and_leaves_the_caller_with_him() -> None:
    rule = DialRule((r"021\d+",), "carrier", queues=("loans",))
    world = World(hotline(PLAIN, answer="at_once", agents=1, dialling=(rule,), special=("00",)))
    world.phones["02112345"] = Phone()
    world.call()
    world.run(5)
    refused = world.ask(e.Consult, agent="1001", to="0044201234")
    assert refused.detail == "0044201234 may not be dialled: no rule allows that number"
    assert world.ask(e.Consult, agent="1001", to="021 12345").ok
    world.run(5)
    assert world.ask(e.CompleteTransfer, agent="1001").ok
    world.run(5)
    world.hang_up("caller")
    assert world.told(5)[:4] == story("""
        5s r1: no, 0044201234 may not be dialled: no rule allows that number
        5s 02112345 rings, 13800000001 calling
        5s caller hears music default
        5s desk-1 hears music ringback
    """)
    (record,) = world.records
    assert [(s.kind, s.name, s.result) for s in record.segments if s.kind == "agent"] == [
        ("agent", "1001", "transferred"),
        ("agent", "02112345", "answered"),
    ]


def test_somebody_outside_who_does_not_answer_is_given_up() -> None:
    rule = DialRule((r"021\d+",), "carrier")
    world = World(hotline(PLAIN, answer="at_once", agents=1, dialling=(rule,)))
    world.phones["02112345"] = Phone(answers_after_s=None)
    world.call()
    world.run(5)
    assert world.ask(e.Consult, agent="1001", to="02112345").ok
    world.run(21)
    assert world.told(25) == story("""
        25s 02112345 is released: cancelled
        25s caller hears desk-1
        25s desk-1 hears caller
    """)
    assert world.probed == []
