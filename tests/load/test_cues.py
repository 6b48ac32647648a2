"""What a rehearsal finds out: when callers are asked for keys, and when they join a queue."""

from acd.core.flow import Answer, Enqueue, Menu, Say
from acd.core.settings import Queue
from simulator.load.cues import Cue, Rehearsal, who
from simulator.load.run import distinct
from simulator.workload import Workload
from simulator.world import play
from tests.simulator.hotlines import hotline, scenario


def test_keys_count_from_the_answer_and_the_agents_hang_up_patience_from_the_key_that_leads_into_the_queue() -> None:
    menu = Menu(prompts=("menu",), keys={"1": (Enqueue("main"),)}, retries=0)
    survey = Menu(prompts=("survey",), keys={"5": ()}, retries=0)
    settings = hotline(2, queues={"main": Queue("main")}, flow=(Answer(), Say(("welcome",)), menu, survey))
    played = scenario(
        """\
        version: 1
        run: {start: 2026-03-02T00:00:00+08:00, length_s: 600, seed: 1}
        arrivals: {caller: {per_hour: 60}}
        callers: {caller: {number: main, calling: "1", keys: [{press: "1", after: 3}, "5"], patience: never}}
        handling: [{talk: 5, agent_ends: 1}]
        world: {latency: 0.5}
        """,
        settings,
    )
    callers = list(Workload(played, "carrier", 0).callers())
    cues = Rehearsal({caller.calling: who(caller) for caller in callers})
    play(settings, played, 0, prompts={"welcome": 4.0, "menu": 2.0}, core=cues)
    [me] = {who(caller) for caller in callers}
    assert cues.asks == {
        (me, 0): Cue("caller", 4.0),  # after the welcome, counted from the answer
        (me, 1): Cue("agent_gone", 0.0, asked=1),
    }
    assert cues.joins == {me: Cue("caller", 0.0, asked=1, queue="main")}


def test_types_that_begin_their_numbers_alike_are_told_apart() -> None:
    played = scenario(
        """\
        version: 1
        run: {start: 2026-03-02T00:00:00+08:00, length_s: 600}
        arrivals: {all: {per_hour: 60}}
        callers:
          a: {number: main, calling: "137", patience: never}
          b: {number: main, calling: "137", patience: never}
          c: {number: main, calling: "138", patience: never}
        handling: [{talk: 5}]
        """
    )
    assert {name: caller.calling for name, caller in distinct(played).model.callers.items()} == {
        "a": "13700", "b": "13701", "c": "138",
    }  # fmt: skip
