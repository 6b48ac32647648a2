"""What a decision costs: ours, a naive scan, one sorted list, one global heap, a bare index without rules.

    python -m benchmarks.dispatch [--json] [--plot FILE] [--quick]

Microseconds for an agent who comes free (10,000 contacts wait), a call that arrives (half of the agents are idle), a
caller who gives up and a change of skills (10,000 wait), each with all that follows from it, the offer included. 50
skills; 50 or 300 distinct skill sets among the agents and as many sets of required skills. Every contestant gets the
same events from the same seed and must choose the same. The aims were set on another machine, on which the bare index
was measured, too: beside each stands what it means here, by what the bare index takes in the same run. The clock itself
(about 0.4 µs) is in every figure. The garbage collector rests meanwhile, as it does in an engine that serves.
"""

import argparse
import gc
import heapq
import json
import sys
from bisect import bisect_left, insort
from collections.abc import Callable
from dataclasses import asdict, dataclass
from random import Random
from time import thread_time_ns
from typing import Protocol, TypeAlias, TypeVar

from acd.core.agents import Agents, Input
from acd.core.dispatch import Dispatcher
from acd.core.settings import Agent, Device, Queue, Settings
from benchmarks.machine import describe, scaled

Skills: TypeAlias = frozenset[str]
A = TypeVar("A")
B = TypeVar("B")
T = TypeVar("T")
WAITING = 10_000
SKILLS = [f"skill-{i:02}" for i in range(50)]
ROUNDS = {"ours": 4000, "bare index": 4000, "naive scan": 60, "sorted list": 1500, "global heap": 1500}
THERE = 2.5
"""µs p50 of the bare index for an agent freed, 10,000 agents, on the machine of the aims: "2–3 µs" in the issue that
set them. Its other figure there, 5–9 µs for a call that arrives, is of an index that does more then than this one."""
AIM_P50, AIM_P99, AIM_ONE_QUEUE = 10.0, 40.0, 4.0  # µs, the first two at 10,000 agents


class Contestant(Protocol):
    def freed(self, agent: str, call: str, now: float) -> str | None:
        """The agent ends a call; which one he is offered next."""
        ...

    def arrives(self, call: str, needs: Skills, now: float) -> str | None:
        """Which agent it is offered to."""
        ...

    def gives_up(self, call: str, why: str, now: float) -> None: ...

    def reskilled(self, agent: str, skills: Skills, now: float) -> None: ...


class Ours:
    """Agents and dispatcher as the engine uses them, one queue a set of required skills."""

    def __init__(self, agents: dict[str, Skills], wanted: list[Skills]) -> None:
        settings = Settings("benchmark")
        for name, skills in agents.items():
            about = Agent(name, device=f"d-{name}", skills=dict.fromkeys(sorted(skills), 5), sign_on="at_start")
            settings.agents[name] = about
            settings.devices[f"d-{name}"] = Device(f"d-{name}", number="1")
        self.queue = {needs: f"q{i}" for i, needs in enumerate(wanted)}
        for needs, name in self.queue.items():
            settings.queues[name] = Queue(name, needs=dict.fromkeys(sorted(needs), 3), max_length=1_000_000)
        self.agents = Agents()
        self.agents.configure(settings, 0.0)
        self.dispatcher = Dispatcher(self.agents, None, Random(1))
        self.dispatcher.configure(settings, 0.0)
        self.dispatcher.match(0.0)

    def freed(self, agent: str, call: str, now: float) -> str | None:
        self.agents.advance(agent, call, Input.HUNG_UP, now)
        for offer in self.dispatcher.match(now):
            self.agents.advance(offer.agent, offer.contact, Input.ACCEPTED, now)
            self.dispatcher.accepted(offer.contact, offer.agent, now)
            return offer.contact
        return None

    def arrives(self, call: str, needs: Skills, now: float) -> str | None:
        self.dispatcher.join(call, self.queue[needs], now)
        for offer in self.dispatcher.match(now):
            self.agents.advance(offer.agent, offer.contact, Input.ACCEPTED, now)
            self.dispatcher.accepted(offer.contact, offer.agent, now)
            return offer.agent
        return None

    def gives_up(self, call: str, why: str, now: float) -> None:
        self.dispatcher.leave(call)
        self.dispatcher.match(now)

    def reskilled(self, agent: str, skills: Skills, now: float) -> None:
        self.agents.set_skills(agent, dict.fromkeys(sorted(skills), 5), now)
        self.dispatcher.match(now)


class Scan:
    """Look at everybody, every time."""

    def __init__(self, agents: dict[str, Skills], wanted: list[Skills]) -> None:
        self.skills = dict(agents)
        self.idle = {name: (0.0, i) for i, name in enumerate(agents)}
        self.serial = {name: i for i, name in enumerate(agents)}
        self.waiting: dict[str, tuple[float, int, Skills]] = {}
        self.count = 0

    def freed(self, agent: str, call: str, now: float) -> str | None:
        skills = self.skills[agent]
        best = min(((k, s, c) for c, (k, s, needs) in self.waiting.items() if needs <= skills), default=None)
        if best is None:
            self.idle[agent] = (now, self.serial[agent])
            return None
        del self.waiting[best[2]]
        return best[2]

    def arrives(self, call: str, needs: Skills, now: float) -> str | None:
        best = min(((i, a) for a, i in self.idle.items() if needs <= self.skills[a]), default=None)
        if best is None:
            self.count += 1
            self.waiting[call] = (now, self.count, needs)
            return None
        del self.idle[best[1]]
        return best[1]

    def gives_up(self, call: str, why: str, now: float) -> None:
        del self.waiting[call]

    def reskilled(self, agent: str, skills: Skills, now: float) -> None:
        self.skills[agent] = skills


class SortedList(Scan):
    """One list of all who wait, one of all who are idle: take the first that fits."""

    def __init__(self, agents: dict[str, Skills], wanted: list[Skills]) -> None:
        super().__init__(agents, wanted)
        self.calls: list[tuple[float, int, str]] = []
        self.agents = sorted((since, serial, name) for name, (since, serial) in self.idle.items())

    def freed(self, agent: str, call: str, now: float) -> str | None:
        skills, waiting = self.skills[agent], self.waiting
        for i, (_, _, contact) in enumerate(self.calls):
            if waiting[contact][2] <= skills:
                del self.calls[i], waiting[contact]
                return contact
        insort(self.agents, (now, self.serial[agent], agent))
        return None

    def arrives(self, call: str, needs: Skills, now: float) -> str | None:
        skills = self.skills
        for i, (_, _, agent) in enumerate(self.agents):
            if needs <= skills[agent]:
                del self.agents[i]
                return agent
        self.count += 1
        self.waiting[call] = (now, self.count, needs)
        insort(self.calls, (now, self.count, call))
        return None

    def gives_up(self, call: str, why: str, now: float) -> None:
        key, serial, _ = self.waiting.pop(call)
        del self.calls[bisect_left(self.calls, (key, serial, call))]


class GlobalHeap(Scan):
    """One heap of all who wait, one of all who are idle: pop until one fits, put the others back."""

    def __init__(self, agents: dict[str, Skills], wanted: list[Skills]) -> None:
        super().__init__(agents, wanted)
        self.calls: list[tuple[float, int, str]] = []
        self.agents = sorted((since, serial, name) for name, (since, serial) in self.idle.items())

    def freed(self, agent: str, call: str, now: float) -> str | None:
        skills, waiting = self.skills[agent], self.waiting
        found = _pop_until(self.calls, lambda c: c in waiting and waiting[c][2] <= skills, lambda c: c in waiting)
        if found is None:
            heapq.heappush(self.agents, (now, self.serial[agent], agent))
        else:
            del waiting[found]
        return found

    def arrives(self, call: str, needs: Skills, now: float) -> str | None:
        found = _pop_until(self.agents, lambda agent: needs <= self.skills[agent], lambda agent: True)
        if found is None:
            self.count += 1
            self.waiting[call] = (now, self.count, needs)
            heapq.heappush(self.calls, (now, self.count, call))
        return found


def _pop_until(
    heap: list[tuple[float, int, str]], fits: Callable[[str], bool], lives: Callable[[str], bool]
) -> str | None:
    aside, found = [], None
    while heap:
        entry = heapq.heappop(heap)
        if fits(entry[2]):
            found = entry[2]
            break
        if lives(entry[2]):
            aside.append(entry)
    for entry in aside:
        heapq.heappush(heap, entry)
    return found


class BareIndex:
    """Waiting calls in a heap for each set of required skills, idle agents in one for each set of skills, and each
    knows those it can be matched with; what is gone is left out when it comes first. No rule, state or event more."""

    def __init__(self, agents: dict[str, Skills], wanted: list[Skills]) -> None:
        self.skills = dict(agents)
        self.serial = {name: i for i, name in enumerate(agents)}
        self.waiting: set[str] = set()
        self.since = dict.fromkeys(agents, 0.0)  # of who is idle
        self.count = 0
        self.idle: dict[Skills, list[tuple[float, int, str]]] = {skills: [] for skills in agents.values()}
        self.calls: dict[Skills, list[tuple[float, int, str]]] = {needs: [] for needs in wanted}
        self.serves = {have: [heap for needs, heap in self.calls.items() if needs <= have] for have in self.idle}
        self.served_by = {needs: [heap for have, heap in self.idle.items() if needs <= have] for needs in wanted}
        for name, skills in agents.items():
            self.idle[skills].append((0.0, self.serial[name], name))

    def freed(self, agent: str, call: str, now: float) -> str | None:
        skills, waiting = self.skills[agent], self.waiting
        best: list[tuple[float, int, str]] | None = None
        for heap in self.serves[skills]:
            while heap and heap[0][2] not in waiting:
                heapq.heappop(heap)
            if heap and (best is None or heap[0] < best[0]):
                best = heap
        if best is None:
            self.since[agent] = now
            heapq.heappush(self.idle[skills], (now, self.serial[agent], agent))
            return None
        taken = heapq.heappop(best)[2]
        waiting.remove(taken)
        return taken

    def arrives(self, call: str, needs: Skills, now: float) -> str | None:
        since = self.since
        best: list[tuple[float, int, str]] | None = None
        for heap in self.served_by[needs]:
            while heap and since.get(heap[0][2]) != heap[0][0]:
                heapq.heappop(heap)
            if heap and (best is None or heap[0] < best[0]):
                best = heap
        if best is None:
            self.count += 1
            self.waiting.add(call)
            heapq.heappush(self.calls[needs], (now, self.count, call))
            return None
        taken = heapq.heappop(best)[2]
        del since[taken]
        return taken

    def gives_up(self, call: str, why: str, now: float) -> None:
        self.waiting.discard(call)

    def reskilled(self, agent: str, skills: Skills, now: float) -> None:
        self.skills[agent] = skills  # of somebody who is not idle


CONTESTANTS: dict[str, Callable[[dict[str, Skills], list[Skills]], Contestant]] = {
    "ours": Ours,
    "bare index": BareIndex,
    "naive scan": Scan,
    "sorted list": SortedList,
    "global heap": GlobalHeap,
}


# ------------------------------------------------------------------------------------------------------ measuring


@dataclass
class Figure:
    """Microseconds of one kind of decision."""

    contestant: str
    what: str
    agents: int
    sets: int
    p50: float
    p99: float
    max: float
    rounds: int


class Measured:
    """Microseconds of this thread's CPU time for each thing done, so that neighbours do not count, and the answers."""

    def __init__(self) -> None:
        self.us: list[float] = []
        self.decided: list[object] = []

    def do(self, what: Callable[[A, B, float], T], a: A, b: B, now: float) -> T:
        start = thread_time_ns()
        answer = what(a, b, now)
        self.us.append((thread_time_ns() - start) / 1000.0)
        self.decided.append(answer)
        return answer

    def figure(self, contestant: str, what: str, agents: int, sets: int) -> Figure:
        us = sorted(self.us)
        p99 = us[min(len(us) - 1, int(len(us) * 0.99))]
        return Figure(contestant, what, agents, sets, us[len(us) // 2], p99, us[-1], len(us))


def _world(agents: int, sets: int) -> tuple[dict[str, Skills], list[Skills]]:
    random = Random(sets)
    have = [frozenset(random.sample(SKILLS, 5)) for _ in range(sets)]
    wanted: dict[Skills, None] = {}
    while len(wanted) < sets:  # each can be served by somebody
        wanted[frozenset(random.sample(sorted(random.choice(have[: agents or 1])), random.choice((1, 2, 2, 3))))] = None
    return {f"a{i}": have[i % sets] for i in range(agents)}, list(wanted)


def loaded(name: str, agents: int, sets: int, rounds: int) -> tuple[list[Figure], list[object]]:
    """All agents are busy and 10,000 contacts wait."""
    people, wanted = _world(agents, sets)
    random = Random(7)
    contestant = CONTESTANTS[name](people, wanted)
    now = 0.0
    talking: dict[str, str] = {}
    waiting: list[str] = []

    def arrives(call: str) -> str | None:
        agent = contestant.arrives(call, random.choice(wanted), now)
        if agent is None:
            waiting.append(call)
        else:
            talking[agent] = call
        return agent

    calls = 0
    while len(waiting) < WAITING:
        calls, now = calls + 1, now + 0.01
        arrives(f"c{calls}")
    busy = list(talking)
    left: set[str] = set()
    freed, given_up, reskilled = Measured(), Measured(), Measured()
    skill_sets = list(dict.fromkeys(people.values()))
    gc.collect()
    gc.disable()
    for i in range(rounds):
        now += 0.01
        agent = random.choice(busy)
        taken = freed.do(contestant.freed, agent, talking[agent], now)
        if taken is None:
            busy.remove(agent)
        else:
            talking[agent] = taken
            left.add(taken)
        while (caller := waiting[random.randrange(len(waiting))]) in left:
            pass
        left.add(caller)
        given_up.do(contestant.gives_up, caller, "", now)
        for _ in range(2):
            calls += 1
            arrives(f"c{calls}")
        if i % 4 == 0:
            agent, skills = random.choice(busy), random.choice(skill_sets)
            reskilled.do(contestant.reskilled, agent, skills, now)
        if not busy:
            break
    gc.enable()
    kinds = {"agent freed": freed, "caller gives up": given_up, "skills changed": reskilled}
    return [measured.figure(name, what, agents, sets) for what, measured in kinds.items()], freed.decided


def quiet(name: str, agents: int, sets: int, rounds: int) -> tuple[list[Figure], list[object]]:
    """Half of the agents are idle and nobody waits."""
    people, wanted = _world(agents, sets)
    random = Random(8)
    contestant = CONTESTANTS[name](people, wanted)
    talking: dict[str, str] = {}
    now, calls = 0.0, 0
    arrived = Measured()
    gc.collect()
    gc.disable()
    while len(arrived.us) < rounds:
        calls, now = calls + 1, now + 0.01
        call, needs = f"c{calls}", random.choice(wanted)
        if len(talking) < agents // 2:
            agent = contestant.arrives(call, needs, now)
        else:
            agent = arrived.do(contestant.arrives, call, needs, now)
        if agent is None:
            contestant.gives_up(call, "", now)
        else:
            talking[agent] = call
        if len(talking) > agents // 2:
            tired = random.choice(list(talking)) if len(talking) < 200 else next(iter(talking))
            contestant.freed(tired, talking.pop(tired), now)
    gc.enable()
    return [arrived.figure(name, "call arrives", agents, sets)], arrived.decided


def one_queue(agents: int, steps: int = 60_000) -> Figure:
    """Plain steps of one queue: a call joins, waits, an agent hangs up and takes the next; the mean of a step."""
    needs: Skills = frozenset()
    ours = Ours({f"a{i}": needs for i in range(agents)}, [needs])
    talking = []
    for i in range(agents + 20):
        agent = ours.arrives(f"c{i}", needs, 0.0)
        if agent is not None:
            talking.append((agent, f"c{i}"))
    measured, now = Measured(), 0.0
    gc.collect()
    gc.disable()
    for i in range(steps // 2):
        now += 0.1
        start = thread_time_ns()
        ours.arrives(f"d{i}", needs, now)
        middle = thread_time_ns()
        agent, call = talking[i]
        taken = ours.freed(agent, call, now)
        end = thread_time_ns()
        talking.append((agent, taken or ""))
        measured.us += [(middle - start) / 1000.0, (end - middle) / 1000.0]
    gc.enable()
    return measured.figure("ours", "one queue, a step", agents, 1)


def run(quick: bool) -> list[Figure]:
    figures = []
    for agents in (100, 1000) if quick else (100, 1000, 10_000):
        for sets in (50,) if quick else (50, 300):
            decided: dict[str, tuple[list[object], list[object]]] = {}
            for name, rounds in ROUNDS.items():
                rounds = rounds // 10 if quick else rounds
                busy, freed = loaded(name, agents, sets, rounds)
                calm, arrived = quiet(name, agents, sets, rounds)
                figures += busy + calm
                decided[name] = (freed, arrived)
                print(f"{agents} agents, {sets} sets, {name}: done", file=sys.stderr)
            for name, (freed, arrived) in decided.items():
                same = freed == decided["ours"][0][: len(freed)] and arrived == decided["ours"][1][: len(arrived)]
                assert same, f"{name} decides otherwise"
    return figures + [one_queue(agents, 6000 if quick else 60_000) for agents in (100, 1000)]


def aims(figures: list[Figure]) -> list[dict[str, str | float]]:
    """What was aimed at, what that means on this machine by the bare index of the same run, and what was measured; of
    the largest number of agents there is."""
    most = max(f.agents for f in figures)
    bare = {f.sets: f.p50 for f in figures if (f.contestant, f.what, f.agents) == ("bare index", "agent freed", most)}
    found: list[dict[str, str | float]] = []

    def add(f: Figure, of: str, aim: float, calibrator: float, measured: float) -> None:
        what = f"{f.what}, {f.agents:,} agents, {f.sets} set{'s' * (f.sets > 1)}, {of}"
        found.append({"what": what, "aim": aim, "here": scaled(aim, calibrator, THERE), "measured": measured})

    for f in figures:
        if f.contestant == "ours" and f.agents == most and f.what in ("agent freed", "call arrives"):
            add(f, "p50", AIM_P50, bare[f.sets], f.p50)
            add(f, "p99", AIM_P99, bare[f.sets], f.p99)
        elif f.what == "one queue, a step":
            add(f, "p50", AIM_ONE_QUEUE, min(bare.values()), f.p50)
    return found


def plot(figures: list[Figure], path: str) -> None:
    """Growth with the number of agents, both axes logarithmic."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    matplotlib.rcParams |= {"svg.fonttype": "none", "svg.hashsalt": "dispatch", "font.size": 8}  # small, and comparable
    kinds = ["agent freed", "call arrives", "caller gives up", "skills changed"]
    sets = max(figure.sets for figure in figures)
    shown, axes = pyplot.subplots(1, len(kinds), figsize=(11, 3.2), sharey=True)
    for axis, what in zip(axes, kinds, strict=True):
        for name in CONTESTANTS:
            line = [f for f in figures if f.what == what and f.contestant == name and f.sets == sets]
            axis.loglog([f.agents for f in line], [f.p50 for f in line], marker="o", label=name)
            axis.fill_between([f.agents for f in line], [f.p50 for f in line], [f.p99 for f in line], alpha=0.15)
        axis.set(title=what, xlabel="agents")
        axis.grid(True, alpha=0.3)
    axes[0].set_ylabel("µs: p50, shaded to p99")
    axes[0].legend()
    shown.suptitle(f"One decision, {WAITING:,} waiting, 50 skills, {sets} skill sets")
    shown.tight_layout()
    shown.savefig(path, metadata={"Date": None} if path.endswith(".svg") else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", action="store_true", help="one JSON document instead of the table")
    parser.add_argument("--plot", metavar="FILE", help="growth with the number of agents, as PNG or SVG")
    parser.add_argument("--quick", action="store_true", help="a tenth of it, to see that it works")
    options = parser.parse_args()
    figures = run(options.quick)
    if options.plot:
        plot(figures, options.plot)
    if options.json:
        print(json.dumps({"machine": describe(), "figures": [asdict(f) for f in figures], "aims": aims(figures)}))
        return
    print(f"{'µs':20} {'agents':>7} {'sets':>5} {'':14} {'p50':>9} {'p99':>9} {'max':>9}")
    for f in sorted(figures, key=lambda f: (f.what, f.sets, f.agents)):
        print(f"{f.what:20} {f.agents:7} {f.sets:5} {f.contestant:14} {f.p50:9.1f} {f.p99:9.1f} {f.max:9.1f}")
    print(f"\n{'aims, µs':44} {'aim':>9} {'here':>9} {'measured':>9}")
    for aim in aims(figures):
        print(f"{aim['what']:44} {aim['aim']:9.1f} {aim['here']:9.1f} {aim['measured']:9.1f}")
    print(describe())


if __name__ == "__main__":
    main()
