"""What is not wrong but will surprise somebody: warnings about routing, each with its place (DESIGN §6)."""

from collections.abc import Iterator

from acd.config.problem import Problem
from acd.config.yaml import Document
from acd.config.yaml import Step as PathStep
from acd.core.flow import CollectDigits, Enqueue, Menu, Step, When
from acd.core.settings import Agent, Queue, Settings


def warnings(document: Document, settings: Settings) -> list[Problem]:
    """All of them; `settings` must be free of errors."""
    return [
        *_unserved(document, settings),
        *_unasked(document, settings),
        *_unreached(document, settings),
        *_rings(document, settings),
        *_reserves(document, settings),
        *_starving(document, settings),
        *_spare(document, settings),
    ]


def _warn(document: Document, path: tuple[PathStep, ...], what: str, fix: str) -> Problem:
    return document.problem(path, what, fix, at="key", severity="warning")


def can_serve(agent: Agent, queue: Queue, extra: dict[str, int] | None = None) -> bool:
    """Whether the agent may ever be offered a call of this queue: in the queue itself or one of its rings."""
    stages = [(queue.needs, queue.teams, queue.sites)]
    for ring in queue.rings:
        needs, teams, sites = stages[-1]
        stages.append(
            (
                needs if ring.needs is None else ring.needs,
                teams if ring.teams is None else ring.teams,
                sites if ring.sites is None else ring.sites,
            )
        )
    return agent.capacity.get("voice", 0) > 0 and any(
        all(agent.skills.get(skill, 0) >= level for skill, level in {**needs, **(extra or {})}.items())
        and (not teams or bool(set(teams) & set(agent.teams)))
        and (not sites or agent.site in sites)
        for needs, teams, sites in stages
    )


def _served_by(queue: Queue, settings: Settings) -> set[str]:
    return {name for name, agent in settings.agents.items() if can_serve(agent, queue)}


def _unserved(document: Document, settings: Settings) -> Iterator[Problem]:
    for name, queue in settings.queues.items():
        if not _served_by(queue, settings):
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
    asked = {skill for queue in settings.queues.values() for skill in queue.needs}
    asked |= {skill for queue in settings.queues.values() for ring in queue.rings for skill in ring.needs or {}}
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


def _rings(document: Document, settings: Settings) -> Iterator[Problem]:
    for name, queue in settings.queues.items():
        before = {agent for agent, at in settings.agents.items() if can_serve(at, _without_rings(queue))}
        for index, ring in enumerate(queue.rings):
            widened = _without_rings(queue)
            for earlier in queue.rings[: index + 1]:
                widened.needs = widened.needs if earlier.needs is None else earlier.needs
                widened.teams = widened.teams if earlier.teams is None else earlier.teams
                widened.sites = widened.sites if earlier.sites is None else earlier.sites
            reached = {agent for agent, at in settings.agents.items() if can_serve(at, widened)}
            if reached <= before:
                what = f"this ring of queue {name!r} never widens: it reaches nobody new"
                yield _warn(document, ("queues", name, "rings", index), what, "ask for less in it, or remove it")
            before |= reached
            if queue.max_wait_s is not None and ring.after_s >= queue.max_wait_s:
                what = f"this ring begins after callers have left: max_wait_s is {queue.max_wait_s:g}"
                yield _warn(document, ("queues", name, "rings", index, "after_s"), what, "begin it earlier")


def _without_rings(queue: Queue) -> Queue:
    return Queue(queue.id, needs=queue.needs, teams=queue.teams, sites=queue.sites)


def _reserves(document: Document, settings: Settings) -> Iterator[Problem]:
    reserved = [(name, queue, _served_by(queue, settings)) for name, queue in settings.queues.items() if queue.reserve]
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


def _starving(document: Document, settings: Settings) -> Iterator[Problem]:
    """Tier is strict: where every agent of a queue also serves an earlier tier, its callers may wait without bound."""
    served = {name: _served_by(queue, settings) for name, queue in settings.queues.items()}
    for name, queue in settings.queues.items():
        if queue.max_wait_s is not None or not served[name]:
            continue
        earlier = [
            other for other, at in settings.queues.items() if at.tier < queue.tier and served[other] >= served[name]
        ]
        if earlier:
            what = f"callers of queue {name!r} may wait without bound: all its agents serve {earlier[0]!r} first"
            tier = settings.queues[earlier[0]].tier
            fix = f"tier {tier} always wins over {queue.tier}: set max_wait_s, or give credit_s"
            yield _warn(document, ("queues", name), what, fix)


def _spare(document: Document, settings: Settings) -> Iterator[Problem]:
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
