"""Lines that stay up between calls: an agent at home is rung once."""

import pytest

from acd.core.settings import Device, Queue, Settings, WrapUp
from simulator.results import Replication
from simulator.world import play
from tests.simulator.hotlines import hotline
from tests.simulator.test_rough_day import rough_day, rough_hotline
from tests.simulator.test_world import Watched, day, watch

FIRST = [
    "10.00 arrives 1-2.0",
    "10.00 > start 1-2.1",
    "10.10 answered 1-2.0",
    "10.20 rings 1-2.1",
    "12.20 answered 1-2.1",
    "13.80 digit 1-2.1 1",
    "13.90 played 1-2.1.w stopped",
    "63.90 ended 1-2.0 peer hangup",
    "63.90 > record answered after 3.80",
]


def at_home(nailed_up_s: float = 3600.0, wrap_up: WrapUp | None = None) -> Settings:
    settings = hotline(1, queues={"main": Queue("main", nobody_signed_on="wait", wrap_up=wrap_up or WrapUp())})
    settings.devices["d0"] = Device("d0", "13800001234", "carrier", "1", nailed_up_s)
    return settings


def test_the_next_caller_is_whispered_on_the_line_that_is_up() -> None:
    """Nothing rings: he waits for the key alone."""
    said, total = watch(at_home(), day(["10", "100"], talk="50"))
    assert said == [
        *FIRST,
        "100.00 arrives 1-3.0",
        "100.10 answered 1-3.0",
        "101.60 digit 1-2.1 1",
        "101.70 played 1-2.1.w stopped",
        "151.70 ended 1-3.0 peer hangup",
        "151.70 > record answered after 1.60",
    ]
    assert total["mean_wait_s"] == pytest.approx((3.8 + 1.6) / 2)


@pytest.mark.parametrize(
    ("wrap_up", "begins_s", "busy_s"),
    [
        (WrapUp(), 0, 53.9 + 51.7),
        (WrapUp("timed", 10), 10, 63.9 + 61.7),
        (WrapUp("until_done"), 7, 60.9 + 58.7),
    ],
    ids=["none", "timed", "until_done"],
)
def test_whoever_waits_comes_when_he_has_wrapped_up(wrap_up: WrapUp, begins_s: float, busy_s: float) -> None:
    core = Watched()
    given = day(["10", "20"], talk="50", handling=", wrap_up: 7")
    book = play(at_home(wrap_up=wrap_up), given, 0, core=core)
    pressed = [line for line in core.said if "digit" in line]
    assert pressed == ["13.80 digit 1-2.1 1", f"{63.9 + begins_s + 1.6:.2f} digit 1-2.1 1"]
    assert book.staff.busy_s == pytest.approx(busy_s)
    assert Replication.of(0, book).total["answered"] == 2


def test_the_line_is_hung_up_when_he_goes() -> None:
    shift = "agents: {roster: [{agents: [a0], start: '07:00', end: '08:03'}]}"
    said, _ = watch(at_home(), day(["10"], talk="50", more=shift))
    assert said == [*FIRST, "180.00 signs off a0", "180.00 > end 1-2.1 hangup", "180.20 ended 1-2.1 us hangup"]


@pytest.mark.parametrize(
    ("nailed_up_s", "handling"), [(40.0, ""), (3600.0, ", agent_ends: 1")], ids=["too long", "by the agent"]
)
def test_once_it_is_down_he_is_rung_again(nailed_up_s: float, handling: str) -> None:
    said, total = watch(at_home(nailed_up_s), day(["10", "100"], talk="50", handling=handling))
    assert [line for line in said if "rings" in line] == ["10.20 rings 1-2.1", "100.20 rings 1-3.1"]
    assert total["mean_wait_s"] == pytest.approx(3.8)


def test_who_does_not_press_the_key_is_hung_up_on_and_rung_later() -> None:
    absent = "agents: {behaviour: [{no_answer: 0.5}]}"
    said, total = watch(at_home(), day(["10", "100"], talk="50", more=absent))
    assert said[len(FIRST) : len(FIRST) + 5] == [
        "100.00 arrives 1-3.0",
        "100.10 answered 1-3.0",
        "110.00 > end 1-2.1 no_answer",
        "110.20 ended 1-2.1 us no_answer",
        "115.00 > start 1-3.1",
    ]
    assert total["answered"] == 2


def test_a_caller_lost_while_he_is_whispered_leaves_the_line_up() -> None:
    """The key meant for him, at 101.60, takes not the next, who is whispered by then."""
    fault = "trunk_down: [{trunk: carrier, at_s: 101, lasts_s: 0.5}]"
    said, _ = watch(at_home(), day(["10", "100", "101.55"], talk="50", faults=fault))
    assert said[len(FIRST) :] == [
        "100.00 arrives 1-3.0",
        "100.10 answered 1-3.0",
        "101.10 ended 1-3.0 network failed",
        "101.10 > record failed after 1.10",
        "101.55 arrives 1-4.0",
        "101.65 answered 1-4.0",
        "103.15 digit 1-2.1 1",
        "103.25 played 1-2.1.w stopped",
        "153.25 ended 1-4.0 peer hangup",
        "153.25 > record answered after 1.60",
    ]


def test_a_dead_telephone_takes_nobody_on_its_line() -> None:
    fault = "phones_down: [{at_s: 90, lasts_s: 15, agents: [a0]}]"
    said, total = watch(at_home(), day(["10", "100"], talk="50", faults=fault))
    assert said[len(FIRST) :][2:6] == [
        "105.00 up d0",
        "110.00 > end 1-2.1 no_answer",
        "110.20 ended 1-2.1 us no_answer",
        "115.00 > start 1-3.1",
    ]
    assert total["answered"] == 2


def test_a_rough_day_at_home_loses_nobody() -> None:
    settings, given, engine = rough_hotline(), rough_day(5), Watched()
    for device in settings.devices.values():
        device.confirm_key, device.nailed_up_s = "1", 600.0
    book = play(settings, given, 0, core=engine)
    view = engine.view(20_000)
    assert sum(book.total.outcomes.values()) == book.total.offered == book.calls
    assert "unfinished" not in book.total.outcomes
    assert 0 < book.staff.busy_s <= book.staff.staffed_s * 1.0001
    up = [agent for agent in view.agents if agent.line_ends_at is not None]
    assert (view.calls, view.legs, view.timers) == ((), len(up), len(up)), "nothing but lines that are up"
