"""Everything goes wrong at once, on a hotline that uses what there is: nobody is lost, nothing is left behind."""

import pytest

from acd.core.engine import Engine
from acd.core.flow import Enqueue, HangUpStep, Menu, Say
from acd.core.settings import Agent, Announce, Device, Queue, Reserve, Ring, Settings, WrapUp
from acd.journal import replay
from simulator.journal import Journalled
from simulator.scenario import Scenario, fit
from simulator.tally import Book
from simulator.world import play
from tests.simulator.hotlines import hotline, scenario


def rough_hotline() -> Settings:
    people = [
        Agent(
            f"a{i}",
            device=f"d{i % 20}",  # some share a desk
            skills={"talk": 1 + i % 9, **({"old": 5} if i % 4 == 0 else {})},
            teams=("early",) if i < 16 else ("late",),
            site="north" if i % 2 else "south",
        )
        for i in range(28)
    ]
    common = {"ring_s": 8.0, "no_answer_delay_s": 3.0, "max_no_answer": 2, "target_s": 10.0}
    queues = {
        "old": Queue("old", {"old": 5}, tier=0, rings=(Ring(6, {"talk": 3}),), reserve=Reserve(1, 15), **common),  # type: ignore[arg-type]
        "all": Queue("all", {"talk": 2}, strategy="ring_all", wrap_up=WrapUp("timed", 5), max_length=40, **common),  # type: ignore[arg-type]
        "few": Queue(
            "few",
            {"talk": 5},
            strategy="most_skilled",
            wrap_up=WrapUp("until_done"),
            max_wait_s=60,
            announce=Announce(20, ("hold",), position=True, expected_wait=True),
            **common,  # type: ignore[arg-type]
        ),
    }
    settings = hotline(people=people, queues=queues, max_calls=35)
    settings.devices["d3"] = Device("d3", number="13800001234", through="carrier", confirm_key="1")
    settings.numbers["few"].answer = "by_agent"
    settings.numbers["all"].answer = "by_flow"
    settings.flows["all"].steps = (
        Say(("welcome",)),
        Menu(("menu",), {"1": (Enqueue("all"),), "2": (Enqueue("few"),)}, retries=1, otherwise=(HangUpStep(),)),
        Menu(("survey",), {"5": ()}, retries=0),
    )
    return settings


def rough_day(seed: int) -> Scenario:
    return scenario(
        f"""\
        version: 1
        run: {{start: "2026-03-02T08:00:00+08:00", length_s: 5400, seed: {seed}, replications: 1}}
        arrivals: {{all: {{per_hour: 700}}}}
        busyness: {{interval_cv: 0.3, interval_s: 900}}
        callers:
          old: {{number: old, share: 1, patience: {{weibull: {{mean_s: 60, shape: 0.7}}}}}}
          menu:
            {{number: all, share: 4, patience: {{exponential: {{mean_s: 40}}}},
             keys: [{{press: {{one_of: [["1", 3], ["2", 2], ["7", 1], ["", 1]]}},
                      after: {{exponential: {{mean_s: 4}}}}}}, "5", "5"],
             redial: {{share: 0.6, after: {{exponential: {{mean_s: 120}}}}}}}}
          few: {{number: few, share: 2, patience: {{exponential: {{mean_s: 30}}}}}}
        handling:
          - {{callers: [old], talk: {{erlang: {{mean_s: 120, stages: 3}}}}}}
          - {{talk: {{lognormal: {{mean_s: 90, sd_s: 111}}}},
              hold: {{share: 0.2, lasts: {{exponential: {{mean_s: 15}}}}}},
              wrap_up: {{exponential: {{mean_s: 10}}}}, agent_ends: 0.4}}
        agents:
          roster:
            - {{teams: [early], start: "07:00", end: "08:50", breaks: [{{at: "08:20", lasts_s: 300}}], absence: 0.1}}
            - {{teams: [late], start: "08:30", end: "16:00", late: {{exponential: {{mean_s: 120}}}}}}
          behaviour: [{{ring_delay: {{lognormal: {{mean_s: 4, sd_s: 4}}}}, no_answer: 0.1, reject: 0.1}}]
        world:
          latency: {{lognormal: {{mean_s: 0.3, sd_s: 0.6}}}}
          failed: 0.05
          faults:
            trunk_down: [{{trunk: carrier, at_s: 1500, lasts_s: 60}}]
            phones_down: [{{sites: [north], at_s: 2400, lasts_s: 400}}, {{share: 0.3, at_s: 4000, lasts_s: 20}}]
            surge: [{{at_s: 3200, lasts_s: 600, times: 3}}]
        """
    )


def check(book: Book, engine_calls: int, legs: int) -> None:
    total = book.total
    assert (engine_calls, legs) == (0, 0)
    assert sum(total.outcomes.values()) == total.offered == book.calls
    assert "unfinished" not in total.outcomes
    assert {"answered", "abandoned", "self_service", "refused", "media_lost"} <= set(total.outcomes)
    assert book.redials > 10
    assert book.unreached > 0
    assert 0 < book.staff.busy_s <= book.staff.staffed_s * 1.0001


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_nobody_is_lost_and_nothing_is_left(seed: int) -> None:
    settings, given, engine = rough_hotline(), rough_day(seed), Engine()
    assert fit(given, settings) == []
    book = play(settings, given, 0, core=engine)
    view = engine.view(20_000)
    check(book, len(view.calls), view.legs)


def test_its_journal_replays(tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("rough") / "00000001.journal"
    given = rough_day(4)
    with Journalled(path, given.model.run.seed, given.model.run.start.timestamp()) as core:
        book = play(rough_hotline(), given, 0, core=core)
    result = replay([path])
    assert result.exact, str(result.difference)
    assert result.records == book.calls
