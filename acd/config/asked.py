"""What conditions ask of the hotline, ``open("office")``, must be there: in flows and in surges alike."""

from collections.abc import Collection, Mapping, Sequence

from acd.config.problem import Problem, did_you_mean
from acd.config.yaml import Document, Step
from acd.flows.expressions import Asked

SECTIONS = {"open": ("calendar", "hours"), "surge": ("surge", "surges")}
"""What is asked, if it is not about a queue: the kind of thing, and the section it is declared in."""


def judge_asked(
    document: Document, path: Sequence[Step], asked: Mapping[Asked, int], known: Mapping[str, Collection[str]]
) -> list[Problem]:
    """Problems of the condition at `path`; `known` holds the names of each section."""
    problems = []
    for (what, name), offset in asked.items():
        kind, section = SECTIONS.get(what, ("queue", "queues"))
        if name not in known[section]:
            fix = did_you_mean(name, known[section], f"declare it under {section}:")
            problems.append(document.inside(path, offset, f"{kind} {name!r} does not exist", fix))
    return problems
