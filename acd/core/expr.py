"""Conditions and values in flows: a small checked tree, see `flow.Expr`. Nothing in here can raise on a checked tree:
a comparison that makes no sense is False, arithmetic that makes none is None."""

import operator
from bisect import bisect_right
from collections.abc import Callable
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
ORDERS: Final = frozenset({"<", "<=", ">", ">="})
REACH: Final = 10**15  # beyond this a sum or product is None: a number cannot be made to grow without bound
COMPUTE: Final[dict[str, Callable[[Any, Any], Any]]] = {"+": operator.add, "-": operator.sub, "*": operator.mul}

Ask: TypeAlias = Callable[[str, str], Any]
"""Tells how the hotline is: ``ask("open", "office")``."""


ASKED: Final = frozenset({"open", "surge", "waiting", "longest_wait_s", "expected_wait_s", "signed_on"})
"""Operators with one operand, a name, whose value `Ask` knows."""


Formula: TypeAlias = Callable[[dict[str, Any], Ask], Any]
"""A tree made into one function of variables and `Ask`: a third of the time of going through it."""


def evaluate(expr: Expr, variables: dict[str, Any], ask: Ask) -> Any:
    """The value of `expr`."""
    return formula(expr)(variables, ask)


def formula(expr: Expr) -> Formula:
    """`expr` as a function."""
    if not isinstance(expr, list):
        return lambda variables, ask: expr
    name, first = str(expr[0]), expr[1] if len(expr) > 1 else None
    if name == "var":
        variable = str(first)
        return lambda variables, ask: variables.get(variable)
    if name in ASKED:
        about = str(first)
        return lambda variables, ask: ask(name, about)
    if name in COMPARE and isinstance(first, list) and first[0] == "var" and _is_fixed(expr[2]):  # type: ignore[arg-type]
        return _variable_compared(name, str(first[1]), evaluate(expr[2], {}, _nobody))  # type: ignore[arg-type]
    operands = [formula(operand) for operand in expr[1:]]  # type: ignore[arg-type] # checked when read
    if len(operands) == 2 and name in ("and", "or"):
        one, other = operands
        if name == "and":
            return lambda variables, ask: bool(one(variables, ask) and other(variables, ask))
        return lambda variables, ask: bool(one(variables, ask) or other(variables, ask))
    if name == "and":
        return lambda variables, ask: all([operand(variables, ask) for operand in operands])  # noqa: C419 - twice as fast
    if name == "or":
        return lambda variables, ask: any([operand(variables, ask) for operand in operands])  # noqa: C419
    if name == "list":
        return lambda variables, ask: [operand(variables, ask) for operand in operands]
    if name == "not":
        (negated,) = operands
        return lambda variables, ask: not negated(variables, ask)
    left, right = operands
    return _compared(COMPARE[name], left, right) if name in COMPARE else _computed(COMPUTE[name], left, right)


def _is_fixed(expr: Expr) -> bool:
    """A constant, or a list of constants."""
    return not isinstance(expr, list) or (expr[0] == "list" and not any(isinstance(item, list) for item in expr[1:]))


def _nobody(what: str, name: str) -> Any:
    raise AssertionError("constants ask nothing")


def _variable_compared(name: str, variable: str, right: Any) -> Formula:
    """What most conditions are."""
    compare, orders = COMPARE[name], name in ORDERS

    def value(variables: dict[str, Any], ask: Ask) -> bool:
        given = variables.get(variable)
        if given is None and orders:
            return False  # as below, at a tenth of the price: most callers have no age
        try:
            return compare(given, right)
        except TypeError:
            return False

    return value


def _compared(compare: Callable[[Any, Any], bool], left: Formula, right: Formula) -> Formula:
    def value(variables: dict[str, Any], ask: Ask) -> bool:
        a, b = left(variables, ask), right(variables, ask)
        try:
            return compare(a, b)
        except TypeError:
            return False

    return value


def _computed(compute: Callable[[Any, Any], Any], left: Formula, right: Formula) -> Formula:
    def value(variables: dict[str, Any], ask: Ask) -> Any:
        a, b = left(variables, ask), right(variables, ask)
        try:
            return _bounded(compute(a, b))
        except TypeError:
            return None

    return value


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
