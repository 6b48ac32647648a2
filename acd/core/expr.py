"""Conditions and values in flows: a small checked tree, see `flow.Expr`. Nothing in here can raise on a checked tree:
a comparison that makes no sense is False, arithmetic that makes none is None."""

import operator
from bisect import bisect_right
from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from acd.core.flow import Expr

COMPARE: Final[dict[str, Callable[[Any, Any], bool]]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
    "in": lambda item, several: item in several,
}
REACH: Final = 10**15  # beyond this a sum or product is None: a number cannot be made to grow without bound
COMPUTE: Final[dict[str, Callable[[Any, Any], Any]]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}

Ask: TypeAlias = Callable[[str, str], Any]
"""Tells how the hotline is: ``ask("open", "office")``."""


ASKED: Final = frozenset({"open", "surge", "waiting", "longest_wait_s", "expected_wait_s", "signed_on"})
"""Operators with one operand, a name, whose value `Ask` knows."""


def evaluate(expr: Expr, variables: Mapping[str, Any], ask: Ask) -> Any:
    """The value of `expr`."""
    if not isinstance(expr, list):
        return expr
    name, *rest = expr
    if name == "var":
        return variables.get(str(rest[0]))
    if name in ASKED:
        return ask(str(name), str(rest[0]))
    values = [evaluate(operand, variables, ask) for operand in rest]  # type: ignore[arg-type] # checked when read
    if name == "and":
        return all(values)
    if name == "or":
        return any(values)
    if name == "not":
        return not values[0]
    if name == "list":
        return values
    left, right = values
    try:
        if name in COMPARE:
            return COMPARE[str(name)](left, right)
        return _bounded(COMPUTE[str(name)](left, right))
    except TypeError:
        return False if name in COMPARE else None


def _bounded(value: Any) -> Any:
    if isinstance(value, str):
        return value[:256]
    return value if isinstance(value, (int, float)) and -REACH < value < REACH else None


def is_open(changes: list[tuple[float, bool]], wall: float) -> bool:
    """What the last change up to `wall` (seconds since the epoch) says; before the first one the opposite of it, and
    closed without any."""
    at = bisect_right(changes, wall, key=lambda change: change[0])
    if at:
        return changes[at - 1][1]
    return bool(changes) and not changes[0][1]
