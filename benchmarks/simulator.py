"""How fast the simulator is, beside SimPy and Ciw models of the same system, in one run.

    python -m benchmarks.simulator                 every figure, as a table
    python -m benchmarks.simulator --json          the same as one JSON object
    python -m benchmarks.simulator --only bank     the reference bank's day alone

CPU time of this process, the best of three, machine and all else being equal for all columns. Every model is Erlang A
(mean handling and patience 300 s, 95 % loaded); the skill-based one has six kinds of calls and agents who know two of
them each. `steps` are events given to the engine or dispatcher, per call.

The aims were set on another machine, on which SimPy and the bare heap were measured, too: beside each stands what it
means here, by what they do in the same run.
"""

import argparse
import gc
import heapq
import json
import resource
from collections import deque
from collections.abc import Callable, Generator
from pathlib import Path
from random import Random
from time import process_time
from typing import Any, TypeAlias

import ciw
import simpy

from acd.config.yaml import parse
from acd.core.flow import Answer, Enqueue, Flow, Menu, Say, Step
from acd.core.settings import Agent, Device, Number, Queue, Settings, Trunk
from benchmarks.bank_day import bank_day
from benchmarks.machine import describe, scaled
from simulator import lean
from simulator.distributions import Exponential
from simulator.scenario import Scenario, checked
from simulator.world import play

AHT = PATIENCE = 300.0
LOAD = 0.95
SKILLS = 6
AIMS = {"dispatcher 100": 60_000, "dispatcher 1600": 45_000, "engine with a menu 100": 10_000}  # calls per CPU second
AIM_BANK_S = 30.0
THERE = {"SimPy 100": 88_600, "SimPy 1600": 39_000, "bare heap 100": 673_000, "bare heap 1600": 356_000}
"""Calls per CPU second on the machine of the aims: from the issue that set them."""
Measured: TypeAlias = tuple[int, int]  # calls, steps


def hotline(agents: int, *, skills: bool = False, flow: tuple[Step, ...] = ()) -> Settings:
    """One queue that all serve, or one for each skill; one number for each queue."""
    names = [f"q{i}" for i in range(SKILLS if skills else 1)]
    knows = [{names[i % SKILLS]: 5, names[(i // SKILLS + i + 1) % SKILLS]: 3} for i in range(agents)] if skills else []
    people = [Agent(f"a{i}", device=f"d{i}", skills=knows[i] if skills else {}) for i in range(agents)]
    needs = {name: {name: 1} if skills else {} for name in names}
    return Settings(
        "benchmark",
        trunks={"carrier": Trunk("carrier")},
        devices={f"d{i}": Device(f"d{i}") for i in range(agents)},
        agents={agent.id: agent for agent in people},
        queues={name: Queue(name, needs[name], nobody_signed_on="wait", max_length=10**6) for name in names},
        numbers={name: Number(name, name, "at_once") for name in names},
        flows={name: Flow(name, flow or (Enqueue(name),)) for name in names},
        max_calls=10**6,
    )


def day(settings: Settings, calls_per_hour: float, length_s: float, keys: str = "[]") -> Scenario:
    lanes = list(settings.numbers)
    kinds = "\n".join(
        f"  {name}: {{number: {name}, keys: {keys}, patience: {{exponential: {{mean_s: {PATIENCE}}}}}}}"
        for name in lanes
    )
    text = f"""\
version: 1
run: {{start: "2026-03-02T00:00:00+00:00", length_s: {length_s}}}
arrivals: {{all: {{per_hour: {calls_per_hour}}}}}
callers:
{kinds}
handling: [{{talk: {{exponential: {{mean_s: {AHT}}}}}}}]
agents: {{behaviour: [{{ring_delay: 2}}]}}
world: {{latency: 0.02}}
"""
    return checked(parse(text, "benchmark.yaml"), Path())


# ------------------------------------------------------------------------------------------------------------ ours


def dispatcher(agents: int, calls: int, *, skills: bool = False) -> Measured:
    settings = hotline(agents, skills=skills)
    rate = agents * LOAD * 3600 / AHT / len(settings.queues)
    lanes = [lean.Lane(name, rate, Exponential(AHT), Exponential(PATIENCE)) for name in settings.queues]
    done = lean.run(settings, lanes, length_s=length_of(agents, calls))
    return done.calls, done.steps


def engine(agents: int, calls: int, *, skills: bool = False) -> Measured:
    settings = hotline(agents, skills=skills)
    book = play(settings, day(settings, agents * LOAD * 3600 / AHT, length_of(agents, calls)), 0)
    return book.calls, book.steps


MENU: tuple[Step, ...] = (Answer(), Say(("welcome",)), Menu(("menu",), {"1": (Enqueue("q0"),)}))


def menu(agents: int, calls: int) -> Measured:
    settings = hotline(agents, flow=MENU)
    given = day(settings, agents * LOAD * 3600 / AHT, length_of(agents, calls), '["1"]')
    book = play(settings, given, 0)
    return book.calls, book.steps


def length_of(agents: int, calls: int) -> float:
    return calls * AHT / agents / LOAD


# ---------------------------------------------------------------------------------------------------------- theirs


def bare_heap(agents: int, calls: int) -> Measured:
    """Nothing but Erlang A: no events, no names, no rules. A floor."""
    uniform = Random(1).expovariate
    rate, end = agents * LOAD / AHT, length_of(agents, calls)
    heap: list[tuple[float, int]] = [(uniform(rate), 0)]  # 0 arrives, 1 ends
    queue: deque[float] = deque()  # when each gives up
    idle, made = agents, 0
    while heap:
        now, what = heapq.heappop(heap)
        if what:
            while queue and queue[0] <= now:
                queue.popleft()
            if queue:
                queue.popleft()
                heapq.heappush(heap, (now + uniform(1 / AHT), 1))
            else:
                idle += 1
            continue
        if now >= end:
            break
        made += 1
        heapq.heappush(heap, (now + uniform(rate), 0))
        if idle:
            idle -= 1
            heapq.heappush(heap, (now + uniform(1 / AHT), 1))
        else:
            queue.append(now + uniform(1 / PATIENCE))
    return made, 0


def with_simpy(agents: int, calls: int) -> Measured:
    uniform = Random(1).expovariate
    world = simpy.Environment()
    staff = simpy.Resource(world, agents)
    made = 0

    def call() -> Generator[Any, Any, None]:
        with staff.request() as turn:
            yield turn | world.timeout(uniform(1 / PATIENCE))
            if turn.triggered:
                yield world.timeout(uniform(1 / AHT))

    def arrivals() -> Generator[Any, Any, None]:
        nonlocal made
        while True:
            yield world.timeout(uniform(agents * LOAD / AHT))
            made += 1
            world.process(call())

    world.process(arrivals())
    world.run(length_of(agents, calls))
    return made, 0


def with_simpy_skills(agents: int, calls: int) -> Measured:
    """Idle agents in a store, each caller takes the first who knows his kind."""
    random = Random(1)
    uniform = random.expovariate
    world = simpy.Environment()
    staff = simpy.FilterStore(world)
    settings = hotline(agents, skills=True)
    kinds = list(settings.queues)
    staff.items.extend(settings.agents.values())
    made = 0

    def call(kind: str) -> Generator[Any, Any, None]:
        turn = staff.get(lambda agent: kind in agent.skills)
        yield turn | world.timeout(uniform(1 / PATIENCE))
        if turn.triggered:
            yield world.timeout(uniform(1 / AHT))
            yield staff.put(turn.value)
        else:
            turn.cancel()

    def arrivals() -> Generator[Any, Any, None]:
        nonlocal made
        while True:
            yield world.timeout(uniform(agents * LOAD / AHT))
            made += 1
            world.process(call(random.choice(kinds)))

    world.process(arrivals())
    world.run(length_of(agents, calls))
    return made, 0


def with_ciw(agents: int, calls: int) -> Measured:
    ciw.seed(1)
    network = ciw.create_network(
        arrival_distributions=[ciw.dists.Exponential(agents * LOAD / AHT)],
        service_distributions=[ciw.dists.Exponential(1 / AHT)],
        reneging_time_distributions=[ciw.dists.Exponential(1 / PATIENCE)],
        number_of_servers=[agents],
    )
    world = ciw.Simulation(network)
    world.simulate_until_max_time(length_of(agents, calls))
    return world.nodes[0].number_of_individuals, 0


# ---------------------------------------------------------------------------------------------------- measuring


def best_of_three(model: Callable[[], Measured]) -> dict[str, float]:
    best: dict[str, float] = {}
    for _ in range(3):
        gc.collect()
        began = process_time()
        calls, steps = model()
        cpu_s = process_time() - began
        if not best or calls / cpu_s > best["calls_per_cpu_s"]:
            best = {"calls_per_cpu_s": calls / cpu_s, "steps_per_call": steps / calls, "calls": calls}
    return best


MODELS: dict[str, Callable[[], Measured]] = {
    "bare heap 100": lambda: bare_heap(100, 30_000),
    "bare heap 1600": lambda: bare_heap(1600, 30_000),
    "SimPy 100": lambda: with_simpy(100, 15_000),
    "SimPy 1600": lambda: with_simpy(1600, 20_000),
    "Ciw 100": lambda: with_ciw(100, 4_000),
    "Ciw 1600": lambda: with_ciw(1600, 6_000),
    "dispatcher 100": lambda: dispatcher(100, 20_000),
    "dispatcher 1600": lambda: dispatcher(1600, 40_000),
    "engine 100": lambda: engine(100, 8_000),
    "engine 1600": lambda: engine(1600, 12_000),
    "engine with a menu 100": lambda: menu(100, 6_000),
    "SimPy skills 100": lambda: with_simpy_skills(100, 8_000),
    "SimPy skills 1600": lambda: with_simpy_skills(1600, 4_000),
    "dispatcher skills 100": lambda: dispatcher(100, 20_000, skills=True),
    "dispatcher skills 1600": lambda: dispatcher(1600, 40_000, skills=True),
    "engine skills 100": lambda: engine(100, 8_000, skills=True),
}


def bank() -> dict[str, float]:
    """The reference bank's day, once."""
    settings, given = bank_day()
    began = process_time()
    book = play(settings, given, 0)
    cpu_s = process_time() - began
    total = book.total
    return {
        "calls": book.calls,
        "cpu_s": cpu_s,
        "calls_per_cpu_s": book.calls / cpu_s,
        "steps_per_call": book.steps / book.calls,
        "answered": total.outcomes["answered"] / total.offered,
        "mean_wait_s": total.wait_s / max(total.queued, 1),
        "agents_at_peak": max(shift.staffed_s / book.interval_s for shift in book.staff_intervals),
        "peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def calibrators(name: str) -> list[str]:
    """The plain models by which the aim of this one is understood: of as many agents."""
    return [plain for plain in THERE if plain.split()[-1] == ("1600" if "1600" in name or "bank" in name else "100")]


def aim(name: str, found: dict[str, dict[str, float]]) -> str:
    """The aim, and what it means here."""
    by = {plain: (found[plain]["calls_per_cpu_s"], THERE[plain]) for plain in calibrators(name)}
    if name == "bank day":
        here = [f"{scaled(AIM_BANK_S, there, now):.0f} by {plain}" for plain, (now, there) in by.items()]
        return f"aim {AIM_BANK_S:.0f}; here {', '.join(here)}"
    here = [f"{scaled(AIMS[name], now, there):,.0f} by {plain}" for plain, (now, there) in by.items()]
    return f"aim {AIMS[name]:,}; here {', '.join(here)}"


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.simulator",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--json", action="store_true", help="one JSON object")
    parser.add_argument("--only", default="", help="those whose name contains this, and what their aims are scaled by")
    given = parser.parse_args()
    wanted = [name for name in [*MODELS, "bank day"] if given.only in name]
    wanted += [plain for name in wanted if name in AIMS or name == "bank day" for plain in calibrators(name)]
    found: dict[str, dict[str, float]] = {}
    for name, model in MODELS.items():
        if name not in wanted:
            continue
        one = found[name] = best_of_three(model)
        if not given.json:
            steps = f"{one['steps_per_call']:5.1f} steps a call" if one["steps_per_call"] else ""
            told = f"   ({aim(name, found)})" if name in AIMS else ""
            print(f"{name:26} {one['calls_per_cpu_s']:10,.0f} calls per CPU second  {steps}{told}", flush=True)
    if "bank day" in wanted:
        one = found["bank day"] = bank()
        if not given.json:
            print(
                f"the reference bank's day: {one['calls']:,.0f} calls in {one['cpu_s']:.1f} s of CPU "
                f"({aim('bank day', found)}), {one['steps_per_call']:.1f} steps a call; {one['agents_at_peak']:.0f} "
                f"agents at the peak, {one['answered']:.2%} answered, mean wait {one['mean_wait_s']:.1f} s; "
                f"{one['peak_mib']:.0f} MiB at most"
            )
    if given.json:
        aims = {name: aim(name, found) for name in [*AIMS, "bank day"] if name in found}
        print(json.dumps({"machine": describe(), "results": found, "aims": aims}, indent=2))
    else:
        print(describe())


if __name__ == "__main__":
    main()
