"""YAML 1.2 with the exact place of every key and value.

The document is composed to nodes only; values are made here by the core schema (YAML 1.2.2 §10.3.2): ``no`` is a text,
``012`` is twelve, a date is a text. Keys are always texts, as written: ``95588:`` and ``"95588":`` are the same key.
"""

import re
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, ReusedAnchorWarning, YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.reader import ReaderError

from acd.config.problem import ConfigError, Problem, Severity

Step: TypeAlias = str | int
Place: TypeAlias = tuple[int, int]
MAX_BYTES = 8 << 20
MAX_VALUES = 200_000  # aliases can make a small file enormous
MAX_DEPTH = 60

_INT = re.compile(r"[-+]?[0-9]+")
_OCTAL = re.compile(r"0o[0-7]+")
_HEX = re.compile(r"0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_WORDS: dict[str, object] = {"": None, "~": None} | {
    form: meaning
    for word, meaning in (("null", None), ("true", True), ("false", False))
    for form in (word, word.capitalize(), word.upper())
}


@dataclass(slots=True)
class Document:
    """A file that was read: its value in plain dicts, lists and scalars, and where each of them stands."""

    file: str
    value: object
    root: Node | None
    lines: list[str] = field(default_factory=list)
    elsewhere: dict[tuple[Step, ...], tuple[str, Place]] = field(default_factory=dict)
    """Values that came from another file (a CSV): the place of a path in there."""

    def problem(
        self,
        path: Sequence[Step],
        what: str,
        fix: str = "",
        *,
        at: Literal["value", "key"] = "value",
        severity: Severity = "error",
    ) -> Problem:
        """A problem with what stands at `path`, or as near to it as there is something."""
        for end in range(len(path), 0, -1):
            if (found := self.elsewhere.get(tuple(path[:end]))) is not None:
                return Problem(found[0], *found[1], what, fix, severity)
        return Problem(self.file, *self.place(path, at), what, fix, severity)

    def inside(self, path: Sequence[Step], offset: int, what: str, fix: str) -> Problem:
        """A problem `offset` characters into a text, where the text stands in the file as it reads."""
        problem = self.problem(path, what, fix)
        node = self.scalar(path)
        if node is None or node.style in ("|", ">"):
            return problem
        mark = node.start_mark
        column = mark.column + (0 if node.style is None else 1)
        if self.lines[mark.line][column : column + offset] != node.value[:offset]:
            return problem  # escapes or folded lines before it: point at the text as a whole
        return Problem(problem.file, mark.line + 1, column + offset + 1, what, fix)

    def place(self, path: Sequence[Step], at: Literal["value", "key"] = "value") -> Place:
        """Line and column, from 1. A step that leads nowhere (a missing key, the branch of a union) is passed over;
        the place of a mapping, a list or nothing is that of its key, since what comes next is not what is meant."""
        node, key = self.root, None
        for step in path:
            found = _child(node, step)
            if found is not None:
                key, node = found
        if node is None:
            return 1, 1
        if key is not None and (at == "key" or not isinstance(node, ScalarNode) or _is_nothing(node)):
            node = key
        mark = node.start_mark
        return mark.line + 1, mark.column + 1

    def scalar(self, path: Sequence[Step]) -> ScalarNode | None:
        """The scalar exactly at `path`, to point into it."""
        node: Node | None = self.root
        for step in path:
            found = _child(node, step)
            if found is None:
                return None
            node = found[1]
        return node if isinstance(node, ScalarNode) else None


def _child(node: Node | None, step: Step) -> tuple[Node | None, Node] | None:
    """The key (None in a list) and value that a step of a path leads to."""
    if isinstance(node, MappingNode):
        for key, value in node.value:
            if key.value == step:
                return key, value
    elif isinstance(node, SequenceNode) and isinstance(step, int) and 0 <= step < len(node.value):
        return None, node.value[step]
    return None


def _is_nothing(node: ScalarNode) -> bool:
    return node.style is None and node.value == ""


def read(path: Path, shown: str) -> Document:
    """Read and compose a file; `shown` names it in problems. Raises `ConfigError` with every syntax problem found
    (YAML stops at its first; duplicate keys are all named)."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ConfigError([Problem(shown, 1, 1, f"cannot be read: {error.strerror}")]) from None
    if len(data) > MAX_BYTES:
        raise ConfigError([Problem(shown, 1, 1, f"longer than {MAX_BYTES >> 20} MiB", "keep agents in a CSV file")])
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        column = error.start - data.rfind(b"\n", 0, error.start)
        raise ConfigError([Problem(shown, line, column, "not UTF-8", "save the file as UTF-8")]) from None
    return parse(text, shown)


def parse(text: str, shown: str) -> Document:
    """Compose a text; see `read`."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ReusedAnchorWarning)  # YAML allows it: the nearest one before counts
            reader = YAML(typ="safe", pure=True)
            reader.max_depth = MAX_DEPTH
            root = reader.compose(text)
    except MarkedYAMLError as error:
        raise ConfigError([_syntax(error, shown)]) from None
    except ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        column = error.position - text.rfind("\n", 0, error.position)
        what = f"character U+{_code(error.character):04X} is not allowed in YAML"
        raise ConfigError([Problem(shown, line, column, what, "remove it")]) from None
    except (YAMLError, RecursionError) as error:
        raise ConfigError([Problem(shown, 1, 1, f"not YAML: {error or 'nested too deep'}")]) from None
    builder = _Builder(shown)
    value = builder.value(root, 0) if root is not None else None
    if builder.problems:
        raise ConfigError(builder.problems)
    return Document(shown, value, root, text.split("\n"))


def _code(character: object) -> int:
    """Ruamel says which character in three ways."""
    return character if isinstance(character, int) else ord(str(character)[:1])


def _syntax(error: MarkedYAMLError, shown: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    what = str(error.problem or error.context)
    fix = ""
    if "'\\t'" in what:
        what, fix = "a tab in the indentation", "indent with spaces"
    elif "maximum depth" in what:
        what = "nested too deep, or too much of it"
    elif "could not find expected ':'" in what:
        fix = "write `key: value`, with a space behind the colon"
    elif "mapping values are not allowed" in what:
        fix = "put a text that holds ': ' in quotes, or mend the indentation"
    elif "expected <block end>" in what:
        fix = "this line's indentation fits nothing above it"
    elif "undefined alias" in what:
        fix = "put a text that begins with * in quotes"
    elif "cannot start any token" in what:
        fix = "put a text that begins with @, ` or % in quotes"
    elif "while scanning a quoted scalar" in str(error.context):
        fix = "close the quote"
    elif "expected ',' or" in what:
        fix = "close the bracket, or put a comma between"
    line, column = (mark.line + 1, mark.column + 1) if mark else (1, 1)
    return Problem(shown, line, column, what, fix)


class _Builder:
    """Nodes to plain values."""

    def __init__(self, shown: str) -> None:
        self.shown = shown
        self.problems: list[Problem] = []
        self.values = 0

    def value(self, node: Node, depth: int) -> object:
        self.values += 1
        if depth > MAX_DEPTH or self.values > MAX_VALUES:
            if not self.problems or self.problems[-1].what != "nested too deep, or too much of it":
                self._complain(node, "nested too deep, or too much of it", "")
            return None
        if str(node.tag).startswith("!"):
            self._complain(node, f"the tag {node.tag} means nothing here", "leave it out; secrets are {env: NAME}")
        if isinstance(node, ScalarNode):
            return _scalar(node)
        if isinstance(node, SequenceNode):
            return [self.value(child, depth + 1) for child in node.value]
        assert isinstance(node, MappingNode)
        values: dict[str, object] = {}
        lines: dict[str, int] = {}
        for key, child in node.value:
            if not isinstance(key, ScalarNode):
                self._complain(key, "a key must be a text", "a mapping or list cannot be a key")
            elif key.value in values:
                fix = f"it stands on line {lines[key.value]} already: merge the two, or rename one"
                self._complain(key, f"key {key.value!r} twice", fix)
            elif key.value == "<<" and key.style is None:
                self._complain(key, "merge keys are not part of YAML 1.2", "use an alias for the whole value")
            else:
                lines[key.value] = key.start_mark.line + 1
                values[key.value] = self.value(child, depth + 1)
        return values

    def _complain(self, node: Node, what: str, fix: str) -> None:
        mark = node.start_mark
        self.problems.append(Problem(self.shown, mark.line + 1, mark.column + 1, what, fix))


def _scalar(node: ScalarNode) -> object:
    text: str = node.value
    if node.style is not None or node.tag == "tag:yaml.org,2002:str":  # quoted, a block, or !!str
        return text
    if text in _WORDS:
        return _WORDS[text]
    if _INT.fullmatch(text):
        return int(text) if len(text) <= 18 else text
    if _FLOAT.fullmatch(text):
        return float(text)
    if _OCTAL.fullmatch(text):
        return int(text[2:], 8)
    if _HEX.fullmatch(text):
        return int(text[2:], 16)
    return text
