"""Conditions: a small tree that never raises."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.core.expr import COMPARE, COMPUTE, evaluate, is_open
from acd.core.flow import Expr

HOURS = [(10.0, True), (20.0, False)]


def ask(what: str, name: str) -> str:
    return f"{what} {name}"


@pytest.mark.parametrize(
    ("expr", "value"),
    [
        (7, 7),
        (["var", "x"], 3),
        (["var", "unknown"], None),
        (["==", ["var", "x"], 3], True),
        (["!=", "a", "b"], True),
        (["<", 1, 2], True),
        (["<", 1, "2"], False),
        ([">=", None, 2], False),
        (["in", "b", ["list", "a", "b"]], True),
        (["in", "b", 3], False),
        (["and", True, ["var", "x"]], True),
        (["or", False, ["var", "unknown"]], False),
        (["not", ["var", "unknown"]], True),
        (["+", ["var", "x"], 2], 5),
        (["+", "a", "b"], "ab"),
        (["-", "a", 1], None),
        (["*", 10**9, 10**9], None),
        (["open", "days"], "open days"),
        (["==", ["waiting", "loans"], "waiting loans"], True),
    ],
)
def test_values(expr: Expr, value: object) -> None:
    assert evaluate(expr, {"x": 3}, ask) == value


@pytest.mark.parametrize(("wall", "said"), [(5.0, False), (10.0, True), (19.9, True), (20.0, False)])
def test_hours(wall: float, said: bool) -> None:
    assert is_open(HOURS, wall) is said


def test_before_the_first_change_it_is_the_opposite() -> None:
    assert is_open([(10.0, False)], 5.0) is True


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
TREES = st.recursive(
    SCALARS | st.builds(lambda name: ["var", name], st.sampled_from(["x", "y"])),
    lambda inner: (
        st.builds(lambda op, a, b: [op, a, b], st.sampled_from([*COMPARE, *COMPUTE]), inner, inner)
        | st.builds(
            lambda op, several: [op, *several], st.sampled_from(["and", "or", "list"]), st.lists(inner, max_size=3)
        )
    ),
    max_leaves=12,
)


@given(TREES, SCALARS)
def test_a_checked_tree_never_raises(tree: Expr, x: object) -> None:
    evaluate(tree, {"x": x}, ask)
