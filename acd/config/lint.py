"""What is not wrong but will surprise somebody: warnings about routing, each with its place (DESIGN §6)."""

from collections.abc import Iterator
from typing import TypeAlias

from acd.config.problem import Problem
from acd.config.yaml import Document
from acd.config.yaml import Step as PathStep
from acd.core.expr import ASKED
from acd.core.flow import CollectDigits, Enqueue, Expr, Menu, Set, Step, When
from acd.core.pools import Needs, at_stage
from acd.core.settings import Agent, Queue, Settings

Reach: TypeAlias = dict[str, list[set[str]]]


def warnings(document: Document, settings: Settings) -> list[Problem]:
    """All of them; `settings` must be free of errors."""
    reach = reaches(settings)
    return [
        *_unserved(document, settings, reach),
        *_unasked(document, settings),
        *_unreached(document, settings),
        *_rings(document, settings, reach),
        *_reserves(document, settings, reach),
        *_starving(document, settings, reach),
        *_unused_windows(document, settings),
        *_shared_devices(document, settings),
        *_unread(document, settings),
    ]


def _warn(document: Document, path: tuple[PathStep, ...], what: str, fix: str) -> Problem:
    return document.problem(path, what, fix, at="key", severity="warning")


def reaches(settings: Settings) -> Reach:
    """For each queue the agents who may serve it: at once, and in each of its rings."""
    staff = [agent for agent in settings.agents.values() if agent.capacity.get("voice", 0) > 0]
    return {
        name: [_who(staff, *at_stage(queue, n)) for n in range(len(queue.rings) + 1)]
        for name, queue in settings.queues.items()
    }


def _who(staff: list[Agent], needs: Needs, teams: tuple[str, ...], sites: tuple[str, ...]) -> set[str]:
    for skill, level in needs:
        staff = [agent for agent in staff if agent.skills.get(skill, 0) >= level]
    if teams:
        staff = [agent for agent in staff if not set(teams).isdisjoint(agent.teams)]
    return {agent.id for agent in staff if not sites or agent.site in sites}


def _ever(reach: Reach, queue: str) -> set[str]:
    return set().union(*reach[queue])


def _unserved(document: Document, settings: Settings, reach: Reach) -> Iterator[Problem]:
    for name, queue in settings.queues.items():
        if not _ever(reach, name):
            missing = _missing(queue, settings)
            yield _warn(document, ("queues", name), f"no agent can ever serve queue {name!r}", missing)


def _missing(queue: Queue, settings: Settings) -> str:
    """Why nobody can: the first thing that nobody has."""
    if not settings.agents:
        return "there are no agents"
    for skill, level in queue.needs.items():
        best = max((agent.skills.get(skill, 0) for agent in settings.agents.values()), default=0)
        if best < level:
            return f"nobody has {skill} at {level}" + (f", the best has {best}" if best else "")
    return "nobody has all its skills and is in one of its teams and sites"


def _unasked(document: Document, settings: Settings) -> Iterator[Problem]:
    queues = [*settings.queues.values(), *(q for surge in settings.surges.values() for q in surge.queues.values())]
    asked = {skill for queue in queues for skill in queue.needs}
    asked |= {skill for queue in queues for ring in queue.rings for skill in ring.needs or {}}
    asked |= {skill for flow in settings.flows.values() for step in walk(flow.steps) for skill in _needs(step)}
    declared = document.value.get("skills") if isinstance(document.value, dict) else None
    for index, skill in enumerate(declared if isinstance(declared, list) else []):
        if skill not in asked:
            yield _warn(
                document, ("skills", index), f"no queue and no flow asks for skill {skill!r}", "remove it, or use it"
            )


def _needs(step: Step) -> dict[str, int]:
    return step.needs if isinstance(step, Enqueue) else {}


def walk(steps: tuple[Step, ...]) -> Iterator[Step]:
    """The steps and all that are nested in them."""
    for step in steps:
        yield step
        if isinstance(step, (Menu, Enqueue)):
            for inner in step.keys.values():
                yield from walk(inner)
        if isinstance(step, When):
            for case in step.cases:
                yield from walk(case.steps)
        if isinstance(step, (Menu, CollectDigits, When)):
            yield from walk(step.otherwise)


def _unreached(document: Document, settings: Settings) -> Iterator[Problem]:
    joined = {step.queue for flow in settings.flows.values() for step in walk(flow.steps) if isinstance(step, Enqueue)}
    for name in settings.queues:
        if name not in joined:
            yield _warn(
                document, ("queues", name), f"no flow leads to queue {name!r}", "add a queue step, or remove it"
            )


def _rings(document: Document, settings: Settings, reach: Reach) -> Iterator[Problem]:
    for name, queue in settings.queues.items():
        before, last = reach[name][0], reach[name][0]
        for index, (ring, reached) in enumerate(zip(queue.rings, reach[name][1:], strict=True)):
            if lost := sorted(last - reached):
                what = f"from this ring of queue {name!r} on {_some(lost)} can no longer serve it"
                yield _warn(
                    document, ("queues", name, "rings", index), what, "ask for what they have, too, or for less"
                )
            last = reached
            if reached <= before:
                what = f"this ring of queue {name!r} never widens: it reaches nobody new"
                yield _warn(document, ("queues", name, "rings", index), what, "ask for less in it, or remove it")
            before = before | reached
            if queue.max_wait_s is not None and ring.after_s >= queue.max_wait_s:
                what = f"this ring begins after callers have left: max_wait_s is {queue.max_wait_s:g}"
                yield _warn(document, ("queues", name, "rings", index, "after_s"), what, "begin it earlier")


def _some(agents: list[str]) -> str:
    return ("agent " if len(agents) == 1 else f"{len(agents)} agents, among them ") + agents[0]


def _reserves(document: Document, settings: Settings, reach: Reach) -> Iterator[Problem]:
    reserved = [(name, queue, _ever(reach, name)) for name, queue in settings.queues.items() if queue.reserve]
    for index, (name, queue, agents) in enumerate(reserved):
        assert queue.reserve is not None
        path = ("queues", name, "reserve")
        if queue.reserve.agents >= len(agents) > 0:
            what = f"the reserve of queue {name!r} keeps all {len(agents)} agents who serve it"
            yield _warn(document, path, what, "later tiers get one of them only when the reserve lapses: keep fewer")
        for other, _, others in reserved[:index]:
            if shared := agents & others:
                what = f"queues {other!r} and {name!r} both reserve {len(shared)} of the same agents"
                yield _warn(document, path, what, "keep one reserve, or give them agents of their own")


def _starving(document: Document, settings: Settings, reach: Reach) -> Iterator[Problem]:
    """Tier is strict: where each agent of a queue serves an earlier tier, too, its callers may wait without bound."""
    served = {name: _ever(reach, name) for name in settings.queues}
    for name, queue in settings.queues.items():
        if queue.max_wait_s is not None or not served[name]:
            continue
        earlier = [o for o, at in settings.queues.items() if at.tier < queue.tier and served[o] & served[name]]
        whole = [other for other in earlier if served[other] >= served[name]][:1] or earlier
        if served[name] <= set().union(*(served[other] for other in whole)):
            what = f"callers of queue {name!r} may wait without bound: all its agents serve {_either(whole)} first"
            fix = "an earlier tier always wins: set max_wait_s, or put them into one tier with a credit_s"
            yield _warn(document, ("queues", name), what, fix)


def _either(queues: list[str]) -> str:
    return " or ".join(repr(queue) for queue in queues)


def _unused_windows(document: Document, settings: Settings) -> Iterator[Problem]:
    """Time kept for an agent or site that no flow names."""
    joining = [s for flow in settings.flows.values() for s in walk(flow.steps) if isinstance(s, Enqueue)]
    preferring = {step.queue for step in joining if step.preferred_agent is not None}
    placed = {step.queue for step in joining if step.site is not None}
    for name, queue in settings.queues.items():
        for key, kept, step_key in (
            ("preferred_for_s", queue.preferred_for_s > 0.0 and name not in preferring, "preferred_agent"),
            ("own_site_for_s", queue.own_site_for_s > 0.0 and name not in placed, "site"),
        ):
            if kept:
                what = f"{key} of queue {name!r} never counts: no flow says whose"
                fix = f"name a variable in the queue step: {{to: {name}, {step_key}: VARIABLE}}"
                yield _warn(document, ("queues", name, key), what, fix)


def _shared_devices(document: Document, settings: Settings) -> Iterator[Problem]:
    """Devices that two agents take from the start."""
    taken: dict[str, str] = {}
    for name, agent in settings.agents.items():
        if agent.sign_on == "at_start" and agent.device is not None:
            first = taken.setdefault(agent.device, name)
            if first != name:
                what = f"agents {first!r} and {name!r} both sign on at device {agent.device!r} at start"
                yield _warn(
                    document, ("agents", name, "device"), what, "give each a device, or let one sign on by hand"
                )


def _unread(document: Document, settings: Settings) -> Iterator[Problem]:
    """Calendars and surges that make no difference to anything."""
    read = {asked for expr in _expressions(settings) for asked in _asked(expr)}
    queues = [*settings.queues.values(), *(q for surge in settings.surges.values() for q in surge.queues.values())]
    read |= {("open", calendar) for calendar in [queue.hours for queue in queues] if calendar is not None}
    read |= {("open", number.hours) for number in settings.numbers.values() if number.hours is not None}
    read |= {("surge", surge.id) for surge in settings.surges.values() if surge.queues}
    for what, section in (("open", "hours"), ("surge", "surges")):
        declared = document.value.get(section) if isinstance(document.value, dict) else None
        for name in declared if isinstance(declared, dict) else ():
            if (what, name) not in read:
                fix = f'ask {what}("{name}") in a flow, name it in a number or queue, or remove it'
                if what == "surge":
                    fix = f'ask surge("{name}") in a flow, give it queues:, or remove it'
                yield _warn(document, (section, name), f"nothing reads {name!r}", fix)


def _expressions(settings: Settings) -> Iterator[Expr]:
    for surge in settings.surges.values():
        yield surge.on
        yield surge.off
    for flow in settings.flows.values():
        for step in walk(flow.steps):
            if isinstance(step, When):
                yield from (case.condition for case in step.cases)
            elif isinstance(step, Set):
                yield from step.values.values()


def _asked(expr: Expr) -> Iterator[tuple[str, str]]:
    if isinstance(expr, list):
        if expr[0] in ASKED:
            yield str(expr[0]), str(expr[1])
        else:
            for operand in expr[1:]:
                yield from _asked(operand)  # type: ignore[arg-type] # checked when read
