"""State machines as tables: ``(state, input) → state``. An absent pair is a mistake of ours, never bad input from
outside: events that crossed are sorted out before a table is asked."""

from enum import Enum
from typing import TypeVar

S = TypeVar("S", bound=Enum)
I = TypeVar("I", bound=Enum)  # noqa: E741 - input; the pair reads as in the literature


class Impossible(Exception):
    """The core was about to take a step that its table does not have: a bug here."""


def advance(table: dict[tuple[S, I], S], state: S, given: I) -> S:
    """The state after `given`. Raises `Impossible` for a pair the table does not have."""
    try:
        return table[state, given]
    except KeyError:
        raise Impossible(f"{type(state).__name__}.{state.name} does not take {given.name}") from None
