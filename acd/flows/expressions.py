"""Conditions as a designer writes them, `age >= 65 and caller in ["4711", "4712"]`, to the core's `Expr` tree.

The grammar is Python's, read by `ast`, of which only these are let in: names, texts, numbers, True, False, None,
lists, `and or not`, `== != < <= > >= in not in`, `+ - *`, and questions to the hotline with one text, such as
`open("office")`. Nothing is evaluated here.
"""

import ast
import re
import warnings
from dataclasses import dataclass
from typing import TypeAlias

from acd.core.expr import ASKED
from acd.core.flow import Expr

MAX_DEPTH = 20
MAX_LENGTH = 1000

_COMPARE: dict[type[ast.cmpop], str] = {
    ast.Eq: "==",
    ast.NotEq: "!=",
    ast.Lt: "<",
    ast.LtE: "<=",
    ast.Gt: ">",
    ast.GtE: ">=",
    ast.In: "in",
}
_ARITHMETIC: dict[type[ast.operator], str] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*"}
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_SLIPS = (
    (re.compile(r"(?<![=!<>])=(?!=)"), "one = does not compare", "write =="),
    (re.compile(r"&&|\|\|"), "&& and || are not known here", "write and, or"),
    (re.compile(r"!(?!=)"), "! is not known here", "write not"),
)
_CONSTANTS = {"true": True, "false": False, "null": None, "none": None}


@dataclass(slots=True)
class ExpressionError(Exception):
    """`offset` characters into the expression (from 0) something is wrong."""

    offset: int
    what: str
    fix: str = ""


Asked: TypeAlias = tuple[str, str]
"""A question to the hotline: ``("open", "office")``."""


def parse(text: str) -> tuple[Expr, dict[str, int], dict[Asked, int]]:
    """The tree; the variables it names and what it asks of the hotline, with the offset of their first use. Raises
    `ExpressionError`."""
    if len(text) > MAX_LENGTH:
        raise ExpressionError(0, f"longer than {MAX_LENGTH} characters")
    lead = len(text) - len(text.lstrip())
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of Python's own about odd literals
            tree = ast.parse(text[lead:], mode="eval")
    except SyntaxError as error:
        raise _syntax(text, lead + max(0, (error.offset or 1) - 1), error.msg) from None
    except (ValueError, RecursionError, MemoryError):
        raise ExpressionError(0, "not an expression") from None
    reader = _Reader(text, lead)
    return reader.expr(tree.body, 0), reader.names, reader.asked


def written(expr: Expr) -> str:
    """The reverse of `parse`: an expression as a designer would write it."""
    if not isinstance(expr, list):
        if isinstance(expr, str):
            return f'"{expr}"'
        return str(expr).lower() if expr is None or isinstance(expr, bool) else str(expr)
    name, *rest = expr
    if name == "var":
        return str(rest[0])
    if name in ASKED:
        return f'{name}("{rest[0]}")'
    operands = [written(operand) for operand in rest]  # type: ignore[arg-type] # checked when read
    if name == "list":
        return f"[{', '.join(operands)}]"
    if name == "not":
        return f"not {operands[0]}"
    return f" {name} ".join(operands)


def _syntax(text: str, offset: int, message: str) -> ExpressionError:
    """The usual slips by name, else what Python says of it."""
    if not text.strip():
        return ExpressionError(0, "an empty condition", "write one, such as age >= 65")
    bare = _QUOTED.sub(lambda found: " " * len(found[0]), text)
    for slip, what, fix in _SLIPS:
        if (found := slip.search(bare)) is not None:
            return ExpressionError(found.start(), what, fix)
    return ExpressionError(min(offset, len(text)), f"not a condition: {message}")


class _Reader:
    def __init__(self, text: str, lead: int) -> None:
        self.text = text
        self.lead = lead
        self.names: dict[str, int] = {}
        self.asked: dict[Asked, int] = {}

    def offset(self, node: ast.expr) -> int:
        """Characters, where `ast` counts UTF-8 bytes."""
        line = self.text[self.lead :].split("\n")[: node.lineno]
        return self.lead + sum(len(part) + 1 for part in line[:-1]) + len(line[-1].encode()[: node.col_offset].decode())

    def wrong(self, node: ast.expr, what: str, fix: str = "") -> ExpressionError:
        return ExpressionError(self.offset(node), what, fix)

    def expr(self, node: ast.expr, depth: int) -> Expr:
        if depth > MAX_DEPTH:
            raise self.wrong(node, "nested too deep", "split it with set")
        inner = depth + 1
        match node:
            case ast.Constant(value=value) if value is None or isinstance(value, (str, int, float)):
                return value
            case ast.Name(id=name):
                if name in _CONSTANTS:
                    return _CONSTANTS[name]
                self.names.setdefault(name, self.offset(node))
                return ["var", name]
            case ast.BoolOp(op=op, values=values):
                return ["and" if isinstance(op, ast.And) else "or", *(self.expr(value, inner) for value in values)]
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                return ["not", self.expr(operand, inner)]
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=value)) if isinstance(value, (int, float)):
                return -value
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _ARITHMETIC:
                return [_ARITHMETIC[type(op)], self.expr(left, inner), self.expr(right, inner)]
            case ast.Compare():
                return self.compare(node, inner)
            case ast.List(elts=items) | ast.Tuple(elts=items) | ast.Set(elts=items):
                return ["list", *(self.expr(item, inner) for item in items)]
            case ast.Call(func=ast.Name(id=name)) if name in ASKED:
                match node:
                    case ast.Call(args=[ast.Constant(value=str(about))], keywords=[]):
                        self.asked.setdefault((name, about), self.offset(node))
                        return [name, about]
                raise self.wrong(node, f"{name} is asked with one text", f'write {name}("…")')
        raise self.wrong(node, *_unknown(node))

    def compare(self, node: ast.Compare, depth: int) -> Expr:
        sides = [self.expr(side, depth) for side in (node.left, *node.comparators)]
        parts: list[Expr] = []
        for left, op, right in zip(sides, node.ops, sides[1:], strict=False):
            if isinstance(op, ast.NotIn):
                parts.append(["not", ["in", left, right]])
            elif type(op) in _COMPARE:
                parts.append([_COMPARE[type(op)], left, right])
            else:
                raise self.wrong(node, "`is` is not known here", "write ==")
        return parts[0] if len(parts) == 1 else ["and", *parts]


def _unknown(node: ast.expr) -> tuple[str, str]:
    match node:
        case ast.Call():
            known = ", ".join(f'{name}("…")' for name in sorted(ASKED))
            return "there is no such function", f"known: {known}"
        case ast.Attribute() | ast.Subscript():
            return "a variable has no parts", "use its plain name"
        case ast.BinOp(op=ast.BitAnd()) | ast.BinOp(op=ast.BitOr()):
            return "& and | are not known here", "write and, or"
        case ast.IfExp():
            return "if … else is not known here", "use a when step"
    return "not known in a condition", "use names, texts, numbers, lists, and, or, not, comparisons, + - *"
