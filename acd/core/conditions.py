"""What a condition may ask of the hotline as it is now: ``open("office")``, ``waiting("loans") > 20`` …

Calendars, surges and queues that nobody configured (any more) are closed, off and empty.
"""

import heapq
from collections.abc import Callable
from typing import Any, Final

from acd.core import expr
from acd.core.context import Core
from acd.core.flow import Expr
from acd.core.ids import CallId, QueueId
from acd.core.settings import Number


def value_of(core: Core, tree: Expr, variables: dict[str, Any]) -> Any:
    """The value of an expression at this instant."""
    if not isinstance(tree, list):
        return tree
    known = core.formulas.get(id(tree))
    if known is None:
        formula, ask = expr.formula(tree), lambda what, name: FACTS[what](core, name)
        known = core.formulas[id(tree)] = (tree, formula, ask)  # kept with it, so that its id stays its own
    return known[1](variables, known[2])


def is_open(core: Core, calendar: str) -> bool:
    """As set by hand, else as planned."""
    state = core.state
    by_hand = state.hours_set.get(calendar)
    if by_hand is not None:
        return by_hand
    return expr.is_open(state.hours.get(calendar, []), core.now + state.wall_offset_s)


def flow_of(core: Core, number: Number) -> str:
    """The number's flow, or outside its hours that of the night service."""
    if number.closed is not None and number.hours is not None and not is_open(core, number.hours):
        return number.closed
    return number.flow


def is_on(core: Core, surge: str) -> bool:
    state = core.state.surges.get(surge)
    return state is not None and state.on


def _waiting(core: Core, queue: QueueId) -> int:
    return core.dispatcher.length(queue)


def _longest_wait_s(core: Core, queue: QueueId) -> float:
    """Of those who are in the queue, since the first queue of their wait. From the first question on its calls are kept
    in the order they joined; who left is forgotten once he comes first."""
    calls, waiting = core.state.calls, core.dispatcher.waiting
    oldest = core.oldest.get(queue)
    if oldest is None or len(oldest) > 2 * core.dispatcher.length(queue) + 64:
        here = [(calls[w.contact].joined_at, w.contact) for w in waiting.values() if w.queue == queue]
        oldest = core.oldest[queue] = sorted([(at, call) for at, call in here if at is not None])
    while oldest:
        joined_at, call = oldest[0]
        stands = waiting.get(call)
        if stands is not None and stands.queue == queue and calls[call].joined_at == joined_at:
            return core.now - joined_at
        heapq.heappop(oldest)
    return 0.0


def joined(core: Core, queue: QueueId, call: CallId, at: float) -> None:
    """A call has joined, with a wait that began at this instant."""
    if queue in core.oldest:
        heapq.heappush(core.oldest[queue], (at, call))


def _expected_wait_s(core: Core, queue: QueueId) -> float | None:
    """Of somebody who joined now; None when nobody signed on may serve him."""
    return core.dispatcher.prospect(queue, core.now)[1]


def _signed_on(core: Core, queue: QueueId) -> int:
    """Agents who may serve it, in whichever ring, whatever they do at the moment."""
    return core.dispatcher.prospect(queue, core.now)[0]


FACTS: Final[dict[str, Callable[[Core, str], Any]]] = {
    "open": is_open,
    "surge": is_on,
    "waiting": _waiting,
    "longest_wait_s": _longest_wait_s,
    "expected_wait_s": _expected_wait_s,
    "signed_on": _signed_on,
}
