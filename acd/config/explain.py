"""Pydantic's findings in a person's words, each at its place in the file."""

import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError

from acd.config.problem import Problem, did_you_mean, one_of
from acd.config.yaml import Document, Step

_Model = TypeVar("_Model", bound=BaseModel)
_WANTED = {
    "string_type": "a text",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "bool_type": "true or false",
    "list_type": "a list",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "model_attributes_type": "a mapping",
    "finite_number": "a finite number",
}
_BOUNDS = {
    "greater_than_equal": ("ge", "at least"),
    "less_than_equal": ("le", "at most"),
    "greater_than": ("gt", "more than"),
    "less_than": ("lt", "less than"),
}


def check(model: type[_Model], value: object, document: Document, at: Sequence[Step] = ()) -> _Model | list[Problem]:
    """Validate `value`, which stands at `at` in the document, against the model."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        found: dict[tuple[int, int, str], Problem] = {}
        for detail in error.errors(include_url=False):
            problem = _problem(model, dict(detail), document, tuple(at))
            # The branches of a union each complain about the same place: the first one speaks.
            found.setdefault((problem.line, problem.column, "" if _of_union(detail["type"]) else problem.what), problem)
        return sorted(found.values())


def _of_union(kind: str) -> bool:
    return kind in _WANTED or kind == "literal_error"


def _problem(model: type[BaseModel], detail: Mapping[str, Any], document: Document, at: tuple[Step, ...]) -> Problem:
    kind, given, context = detail["type"], detail["input"], detail.get("ctx", {})
    location: tuple[Step, ...] = detail["loc"]
    is_key = bool(location) and location[-1] == "[key]"
    path = at + (location[:-1] if is_key else location)
    if kind == "extra_forbidden":
        name = str(location[-1])
        known = fields_at(model, location[:-1])
        fix = "write a space behind the colon" if ":" in name else did_you_mean(name, known, one_of(known))
        return document.problem(path, f"unknown key {name!r}", fix, at="key")
    if kind == "missing":
        return document.problem(path[:-1], f"{location[-1]!r} is missing", f"add {location[-1]}: …", at="key")
    if kind == "hotline":
        return document.problem(path, context["what"], context["fix"], at="key" if is_key else "value")
    if kind == "literal_error":
        known = _words(context["expected"])
        what = f"{given!r} is not {one_of(known) if len(known) > 1 else known[0]}"
        fix = "write it without quotes" if given in known else did_you_mean(str(given), known)
        return document.problem(path, what, fix, at="key" if is_key else "value")
    if kind in _WANTED:
        node = document.scalar(path)
        return document.problem(path, *_wrong_type(_WANTED[kind], given, node.value if node is not None else ""))
    if kind in _BOUNDS:
        name, words = _BOUNDS[kind]
        return document.problem(path, f"{given} is out of range", f"{words} {context[name]:g}")
    if kind in ("too_short", "string_too_short"):
        return document.problem(path, "must not be empty", "")
    return document.problem(path, str(detail["msg"]))


def _wrong_type(wanted: str, given: object, written: str) -> tuple[str, str]:
    """`written` is the scalar as it stands in the file: a telephone number keeps its leading zero."""
    if given is None:
        return f"nothing stands here, {wanted} is expected", "leave the key out for its default, or give a value"
    fix = ""
    if wanted == "a text" and isinstance(given, (int, float)):
        return f"{written or given} is not a text", f'write it in quotes: "{written or given}"'
    if wanted == "true or false" and isinstance(given, str):
        fix = "in YAML 1.2 yes, no, on and off are texts: write true or false"
    elif isinstance(given, str) and wanted in ("a number", "a whole number"):
        fix = "write it without quotes" if _numeric(given) else "write seconds as a plain number" * _timelike(given)
    elif wanted == "a list":
        fix = "put it in [ ]"
    elif wanted == "a mapping":
        fix = "write key: value pairs"
    return f"{_shown(given)} is not {wanted}", fix


def _numeric(text: str) -> bool:
    return text.replace(".", "", 1).lstrip("+-").isdecimal()


def _timelike(text: str) -> bool:
    return text[:1].isdecimal() and text[-1:] in ("s", "m", "h")


def _shown(value: object) -> str:
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list):
        return "a list"
    text = str(value).lower() if isinstance(value, bool) else repr(value)
    return text if len(text) <= 40 else text[:39] + "…"


def _words(expected: str) -> list[str]:
    """Of pydantic's ``'a', 'b' or 'c'``."""
    return [part.strip().strip("'") for part in expected.replace(" or ", ", ").split(",")]


def fields_at(model: type[BaseModel], location: Sequence[Step]) -> list[str]:
    """The keys that may stand at a place of the model."""
    kind: Any = model
    for step in location:
        kind = _inner(kind, step)
    found = next((option for option in _options(kind) if _is_model(option)), None)
    return list(found.model_fields) if found is not None else []


def _inner(kind: Any, step: Step) -> Any:
    for option in _options(kind):
        if _is_model(option):
            if step == option.__name__:
                return option
            if step in option.model_fields:
                return option.model_fields[step].annotation
        elif get_origin(option) is dict:
            return get_args(option)[1]
        elif get_origin(option) is list and isinstance(step, int):
            return get_args(option)[0]
    return kind


def _options(kind: Any) -> list[Any]:
    """The types a value may have, unions and annotations taken apart."""
    origin = get_origin(kind)
    if origin is Annotated:
        return _options(get_args(kind)[0])
    if origin in (Union, types.UnionType):
        return [inner for option in get_args(kind) for inner in _options(option)]
    return [] if origin is Literal or kind is type(None) else [kind]


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
