"""Which keys lead out of which queue."""

from collections.abc import Iterator

from acd.core.flow import CollectDigits, Enqueue, Menu, Step, When
from acd.core.settings import Settings


def waiting_keys(settings: Settings) -> dict[str, set[str]]:
    """By queue, the keys by which any flow lets callers leave it."""
    found: dict[str, set[str]] = {}
    for flow in settings.flows.values():
        for step in _every(flow.steps):
            if isinstance(step, Enqueue):
                found.setdefault(step.queue, set()).update(step.keys)
    return found


def _every(steps: tuple[Step, ...]) -> Iterator[Step]:
    for step in steps:
        yield step
        for branch in _branches(step):
            yield from _every(branch)


def _branches(step: Step) -> list[tuple[Step, ...]]:
    if isinstance(step, When):
        return [*(case.steps for case in step.cases), step.otherwise]
    branches = list(step.keys.values()) if isinstance(step, (Menu, Enqueue)) else []
    return [*branches, step.otherwise] if isinstance(step, (Menu, CollectDigits)) else branches
