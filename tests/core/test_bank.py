"""The bank example's own configuration as a transcript: its lanes are YAML, and do what they promise."""

from pathlib import Path
from typing import Final

from acd.config.hours import instants
from acd.config.load import load
from acd.core import events as e
from tests.core.world import World, story

BANK: Final = Path(__file__).parents[2] / "examples" / "bank" / "hotline.yaml"
WU_HAO: Final = "1008"  # of all queues: general 5, loans 4, cards 5, senior 7
KEYS: Final = {"loans": "1", "cards": "2", "lost-card": "3", "general": "0"}
WHO: Final = {"senior": {"age": 70}, "vip": {"vip": "yes"}}


def queue(world: World, name: str) -> tuple[bool | None, tuple[str, ...], int]:
    """As it is shown: open or not, the surges that change it, and who could be rung for it."""
    shown = next(queue for queue in world.engine.view(world.now).queues if queue.id == name)
    return shown.open, shown.surges, shown.signed_on


class Morning:
    """The bank with one agent at work, on a break at first. Callers are told by what they want and when they came."""

    def __init__(self) -> None:
        self.world = World(load(BANK).settings)
        for agent in self.world.engine.view(0.0).agents:
            if agent.presence != "signed_off":
                self.world.ask(e.Break if agent.id == WU_HAO else e.SignOff, agent=agent.id, **self._reason(agent.id))
        self.names: dict[str, str] = {}

    @staticmethod
    def _reason(agent: str) -> dict[str, str]:
        return {"reason": "tea"} if agent == WU_HAO else {}

    def calls(self, name: str) -> None:
        """Somebody calls, hears the welcome, and presses what brings him to his queue. Takes 10 s."""
        wants = name.rpartition(" ")[0]
        call = self.world.call(asserted=True, attributes=WHO.get(wants, {}))
        self.names[call] = name
        self.world.run(5)
        if wants in KEYS:
            self.world.press(self.world.legs[f"{call}.0"].name, KEYS[wants])
        self.world.run(5)

    def serves(self, calls: int, meanwhile: dict[str, list[str]] | None = None) -> list[str]:
        """Wu Hao takes so many calls, 45 s each: with whom he talks, one after the other. `meanwhile`: who calls
        while he talks to whom."""
        served: list[str] = []
        self.world.ask(e.Ready, agent=WU_HAO)
        for _ in range(calls):
            self.world.run(5)
            ((call, doing),) = next(agent.work for agent in self.world.engine.view(0.0).agents if agent.id == WU_HAO)
            assert doing == "talking"
            served.append(self.names[call])
            for name in (meanwhile or {}).get(served[-1], ()):
                self.calls(name)
            self.world.run(40)
            self.world.hang_up(self.world.legs[f"{call}.0"].name)
            self.world.run(5)
        return served


def test_senior_callers_first_then_by_lane_and_within_a_lane_by_who_came_first() -> None:
    bank = Morning()
    for name in ("general 1", "loans 1", "cards 1", "loans 2", "vip 1", "senior 1", "lost-card 1"):
        bank.calls(name)
    assert bank.serves(7) == ["senior 1", "lost-card 1", "vip 1", "loans 1", "cards 1", "loans 2", "general 1"]


def test_a_senior_caller_goes_before_all_who_wait_and_nobody_else_is_overtaken_by_him_who_came_later() -> None:
    bank = Morning()
    for name in ("cards 1", "loans 1", "cards 2", "general 1"):
        bank.calls(name)
    came = {"cards 1": ["senior 1", "loans 2"], "loans 1": ["senior 2", "vip 1"], "senior 2": ["cards 3"]}
    assert bank.serves(9, came) == [
        "cards 1",
        "senior 1",  # came while Wu Hao talked, after all others
        "loans 1",
        "senior 2",
        "vip 1",
        "cards 2",
        "loans 2",
        "cards 3",
        "general 1",
    ]


def test_no_lane_of_the_bank_lets_an_ordinary_caller_be_overtaken_beyond_its_credit() -> None:
    """Whoever waits in a tier is served before all who joined later than the credits of that tier's queues differ: with
    the bank's own credits that is the order of joining."""
    bank = Morning()
    order = ["loans 1", "cards 1", "cards 2", "loans 2", "loans 3", "cards 3", "loans 4", "cards 4"]
    for name in order:
        bank.calls(name)
    queues = bank.world.engine._core.state.settings.queues
    assert {queues[name].credit_s for name in ("loans", "cards")} == {0.0}
    assert bank.serves(7) == order[:7]


def test_a_senior_caller_presses_nothing() -> None:
    bank = Morning()
    bank.calls("senior 1")
    bank.serves(1)
    assert not any("presses" in line for line in bank.world.story)
    (record,) = bank.world.records
    assert [(segment.kind, segment.name, segment.result) for segment in record.segments] == [
        ("flow", "main", "queue"),
        ("queue", "senior", "answered"),
        ("agent", WU_HAO, "answered"),
    ]


def test_the_business_line_keeps_office_hours_and_the_bank_is_always_there() -> None:
    hotline = load(BANK)
    world = World(hotline.settings)
    world.send(e.HoursSet(instants(hotline.hours, 1_000_000.0)))  # 21:46 on a Monday in Shanghai
    assert [(calendar.id, calendar.open) for calendar in world.engine.view(0.0).calendars] == [("office", False)]
    world.call("95501")
    world.call("95588")
    world.ask(e.SetHours, calendar="office", open=True)
    world.call("95501")
    assert [line for line in world.story if "is played" in line] == story("""
        0s caller is played sorry
        0s caller2 is played welcome
        0s caller3 is played welcome
    """)


def test_in_a_typhoon_all_who_can_help_do_and_nobody_has_time_for_notes() -> None:
    world = World(load(BANK).settings)
    assert queue(world, "general") == (None, (), 9)
    world.ask(e.SetSurge, surge="typhoon", on=True)
    assert queue(world, "general") == (None, ("typhoon",), 9)
    assert wrap_up(world) == "none"
    world.ask(e.SetSurge, surge="typhoon", on=None)
    assert wrap_up(world) == "timed"


def wrap_up(world: World) -> str:
    return world.engine._core.state.settings.queues["general"].wrap_up.kind
