"""Conditions: what is let in, what it becomes, and where exactly a mistake is."""

import ast
from unicodedata import normalize

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acd.core.expr import evaluate
from acd.core.flow import Expr
from acd.flows.expressions import Asked, ExpressionError, parse


def nobody(what: str, name: str) -> None:
    """No hotline is asked."""


TREES: list[tuple[str, Expr]] = [
    ("true", True),
    ("None", None),
    ('"vip"', "vip"),
    ("-3", -3),
    ("age", ["var", "age"]),
    ("age >= 65 and asserted", ["and", [">=", ["var", "age"], 65], ["var", "asserted"]]),
    ("a or b and not c", ["or", ["var", "a"], ["and", ["var", "b"], ["not", ["var", "c"]]]]),
    ('caller in ["1", "2"]', ["in", ["var", "caller"], ["list", "1", "2"]]),
    ("caller not in ('1',)", ["not", ["in", ["var", "caller"], ["list", "1"]]]),
    ("1 < n <= 3", ["and", ["<", 1, ["var", "n"]], ["<=", ["var", "n"], 3]]),
    ("a + b * 2 - 1", ["-", ["+", ["var", "a"], ["*", ["var", "b"], 2]], 1]),
    ('open("office") and not surge("storm")', ["and", ["open", "office"], ["not", ["surge", "storm"]]]),
    ('waiting("loans") + 1 > 20', [">", ["+", ["waiting", "loans"], 1], 20]),
    ("  padded == 1", ["==", ["var", "padded"], 1]),
]


@pytest.mark.parametrize(("text", "tree"), TREES)
def test_a_condition_becomes_a_tree(text: str, tree: Expr) -> None:
    assert parse(text)[0] == tree


WRONG = [
    ("age «= 65", "one = does not compare", "write =="),
    ("age >= 65 «&& asserted", "&& and || are not known here", "write and, or"),
    ("age > 1 and «len(caller) > 3", "there is no such function", "known: expected_wait_s"),
    ("«caller.name == 1", "a variable has no parts", "use its plain name"),
    ("1 + «a / 2", "not known in a condition", "use names"),
    ("«age is None", "`is` is not known here", "write =="),
    ("«1 if a else 2", "if … else is not known here", "use a when step"),
    ("名字 == '张' and «f(x)", "there is no such function", "known: expected_wait_s"),
    ("a and «!b", "! is not known here", "write not"),
    ("«a & b", "& and | are not known here", "write and, or"),
    ("a and «open()", "open is asked with one text", "write open("),
    ("«open(calendar)", "open is asked with one text", "write open("),
    ("«surge('a', 'b')", "surge is asked with one text", "write surge("),
    ("«waiting(queue='a')", "waiting is asked with one text", "write waiting("),
    ("«", "an empty condition", "write one"),
    ("1 + «(a", "not a condition: '(' was never closed", ""),
    ("1 + («lambda: 1)", "not known in a condition", "use names"),
]


@pytest.mark.parametrize(("marked", "what", "fix"), WRONG)
def test_a_wrong_condition_is_told_with_its_spot(marked: str, what: str, fix: str) -> None:
    with pytest.raises(ExpressionError) as raised:
        parse(marked.replace("«", ""))
    error = raised.value
    assert error.what == what
    assert error.fix.startswith(fix)
    assert error.offset == marked.index("«")


def test_the_variables_named_come_with_their_first_use() -> None:
    assert parse("age > 1 and (caller == '1' or age < 0)")[1] == {"age": 0, "caller": 13}


def test_what_is_asked_of_the_hotline_comes_with_its_first_place() -> None:
    assert parse('open("a") or open("b") and open("a")')[2] == {("open", "a"): 0, ("open", "b"): 13}


def test_depth_and_length_are_bounded() -> None:
    for text in ("not " * 30 + "a", "(" * 300 + "a" + ")" * 300, "a" + " + a" * 400, "a" + "+a" * 100):
        with pytest.raises(ExpressionError):
            parse(text)


NUMBERS = st.integers(-5, 5)
VARIABLES = {"a": 2, "b": -1, "yes": True}
OPERANDS = st.one_of(NUMBERS.map(str), st.sampled_from(sorted(VARIABLES)))
CONDITIONS = st.recursive(
    st.tuples(OPERANDS, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), OPERANDS).map(" ".join),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map("not ({})".format),
        st.tuples(OPERANDS, st.lists(OPERANDS, max_size=3)).map(lambda pair: f"{pair[0]} in [{', '.join(pair[1])}]"),
    ),
    max_leaves=8,
)


@given(CONDITIONS)
def test_the_tree_means_what_python_would_mean(text: str) -> None:
    tree, _, _ = parse(text)
    meant = eval(compile(ast.parse(text, mode="eval"), "condition", "eval"), {"__builtins__": {}}, VARIABLES)
    assert bool(evaluate(tree, VARIABLES, nobody)) == bool(meant)


@given(st.text(max_size=60))
def test_no_text_does_worse_than_be_refused(text: str) -> None:
    result: tuple[Expr, dict[str, int], dict[Asked, int]] | ExpressionError
    try:
        result = parse(text)
    except ExpressionError as error:
        result = error
    if isinstance(result, ExpressionError):
        assert 0 <= result.offset <= len(text)
        assert result.what
    else:
        tree, names, _ = result
        assert all(normalize("NFKC", text[at:]).startswith(name) for name, at in names.items())
        evaluate(tree, {}, nobody)
