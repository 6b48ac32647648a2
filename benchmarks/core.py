"""What a call costs in the pure core: ``python -m benchmarks.core [--json] [--calls N] [--agents N]``.

A call is all its events from arrival to record; the agents wrap up none. `waiting` keeps so many callers in the queue
throughout. CPU time of this process, best of three runs.
"""

import argparse
import gc
import json
from collections.abc import Callable
from time import process_time

from acd.core import commands as c
from acd.core import events as e
from acd.core.engine import Engine
from acd.core.flow import Answer, Enqueue, Flow, Menu, Say
from acd.core.settings import Agent, Device, Number, Queue, Settings

MENU = Flow("menu", (Answer(), Say(("welcome",)), Menu(("main_menu",), keys={"1": (Enqueue("loans"),)})))
PLAIN = Flow("plain", (Enqueue("loans"),))


def settings(agents: int) -> Settings:
    names = range(agents)
    return Settings(
        "bench",
        devices={f"d{n}": Device(f"d{n}") for n in names},
        agents={f"a{n}": Agent(f"a{n}", device=f"d{n}", skills={"loans": 5}, sign_on="at_start") for n in names},
        queues={"loans": Queue("loans", needs={"loans": 3}, max_length=100_000)},
        numbers={"1": Number("1", "plain", "by_agent"), "2": Number("2", "menu")},
        flows={"menu": MENU, "plain": PLAIN},
        max_calls=1_000_000,
    )


class Bench:
    """Feeds an engine a call at a time, as fast as it goes."""

    def __init__(self, agents: int, waiting: int) -> None:
        self.engine = Engine()
        self.now = 0.0
        self.steps = 0
        self.commands = 0
        self.ringing: list[tuple[str, str]] = []  # (agent's leg, call)
        self.step(e.Started(1, 0.0, 1))
        self.step(e.Configured(settings(agents)))
        for n in range(agents):
            self.step(e.DeviceUp(f"d{n}"))
        self.serial = 0
        if waiting:
            for _ in range(agents + waiting):
                self.arrive("1")
            self.talking = [self.pick_up() for _ in range(agents)]

    def step(self, event: e.Event) -> list[c.Command]:
        self.now += 0.0001
        self.steps += 1
        given = self.engine.step(event, self.now)
        self.engine.deadline()  # a shell asks after every turn
        self.commands += len(given)
        for command in given:
            if type(command) is c.StartLeg:
                self.ringing.append((command.leg, command.call))
        return given

    def arrive(self, called: str) -> str:
        self.serial += 1
        call = f"1-{self.serial}"
        self.step(e.LegArrived(f"{call}.0", call, "trunk:t", called, "13800000001"))
        return call

    def pick_up(self) -> tuple[str, str]:
        leg, call = self.ringing.pop(0)
        self.step(e.LegRinging(leg))
        self.step(e.LegAnswered(leg))
        self.step(e.LegAnswered(f"{call}.0"))
        return leg, call

    def by_agent(self) -> None:
        self.arrive("1")
        leg, call = self.pick_up()
        self.step(e.LegEnded(f"{call}.0", "peer", "hangup"))
        self.step(e.LegEnded(leg, "us", "hangup"))

    def by_menu(self) -> None:
        call = self.arrive("2")
        self.step(e.LegAnswered(f"{call}.0"))
        self.step(e.PlayEnded(f"{call}.p1", "finished"))
        self.step(e.Digit(f"{call}.0", "1"))
        self.step(e.PlayEnded(f"{call}.p2", "stopped"))
        leg, call = self.pick_up()
        self.step(e.LegEnded(leg, "peer", "hangup"))
        self.step(e.LegEnded(f"{call}.0", "us", "hangup"))

    def from_the_queue(self) -> None:
        """An agent hangs up, takes the next who waits, and another caller joins."""
        leg, call = self.talking.pop(0)
        self.step(e.LegEnded(leg, "peer", "hangup"))
        self.step(e.LegEnded(f"{call}.0", "us", "hangup"))
        self.talking.append(self.pick_up())
        self.arrive("1")


def measure(agents: int, waiting: int, calls: int, what: Callable[[Bench], None]) -> dict[str, float]:
    """Microseconds of CPU per call and per step, the best of three."""
    best: dict[str, float] = {}
    for _ in range(3):
        bench = Bench(agents, waiting)
        for _ in range(200):
            what(bench)
        gc.collect()
        gc.freeze()
        bench.steps = bench.commands = 0
        began = process_time()
        for _ in range(calls):
            what(bench)
        spent_us = (process_time() - began) * 1e6
        gc.unfreeze()
        if not best or spent_us / calls < best["us_per_call"]:
            best = {
                "us_per_call": spent_us / calls,
                "us_per_step": spent_us / bench.steps,
                "steps_per_call": bench.steps / calls,
                "commands_per_call": bench.commands / calls,
            }
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description="CPU of the pure core per call")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--calls", type=int, default=5000)
    parser.add_argument("--agents", type=int, default=100)
    given = parser.parse_args()
    cases: dict[str, tuple[int, int, Callable[[Bench], None]]] = {
        "by_agent": (given.agents, 0, Bench.by_agent),
        "menu": (given.agents, 0, Bench.by_menu),
        "10 agents, 20 waiting": (10, 20, Bench.from_the_queue),
        "100 agents, 200 waiting": (100, 200, Bench.from_the_queue),
        "500 agents, 500 waiting": (500, 500, Bench.from_the_queue),
    }
    results = {name: measure(agents, waiting, given.calls, what) for name, (agents, waiting, what) in cases.items()}
    if given.json:
        print(json.dumps(results))
        return
    print(f"{'':26}{'us_per_call':>14}{'us_per_step':>14}{'steps_per_call':>16}{'commands_per_call':>19}")
    for name, f in results.items():
        print(
            f"{name:26}{f['us_per_call']:14.1f}{f['us_per_step']:14.2f}"
            f"{f['steps_per_call']:16.1f}{f['commands_per_call']:19.1f}"
        )


if __name__ == "__main__":
    main()
