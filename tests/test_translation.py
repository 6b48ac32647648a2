"""What the compiler is given in place of the sources, checked without compiling: it is Python, line for line, and its
values are built, compared and described as those of the source."""

from __future__ import annotations

import ast
import dataclasses
import importlib
import inspect
import subprocess
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any, get_type_hints

import pytest

import hatch_build

ROOT = Path(hatch_build.__file__).parent


@dataclass(frozen=True)
class Translated:
    """A module's source, and what `hatch_build` made of it."""

    module: ModuleType
    source: str
    text: str

    @property
    def name(self) -> str:
        return self.module.__name__

    def run(self) -> dict[str, Any]:
        """What a plain import of it would define. Of the mark, only the compiler takes note."""
        names = {"__name__": self.name, "mypyc_attr": lambda **how: lambda marked: marked}
        exec(compile(self.text, self.name, "exec"), names)
        return names


@pytest.fixture(scope="module")
def modules(tmp_path_factory: pytest.TempPathFactory) -> list[Translated]:
    """Every module that is compiled, as far as the compiler's door."""
    folder, asked = tmp_path_factory.mktemp("translation"), list[str]()
    with pytest.MonkeyPatch.context() as patch:
        compiler = SimpleNamespace(run=lambda command, **how: asked.extend(command))
        patch.setattr(hatch_build, "subprocess", SimpleNamespace(**vars(subprocess) | vars(compiler)))
        assert hatch_build.compiled(ROOT, folder) == [], "nothing was built"
    paths = [name for name in asked if name.endswith(".py") and (ROOT / name).is_file()]
    return [
        Translated(
            importlib.import_module(path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")),
            (ROOT / path).read_text(encoding="utf-8"),
            (folder / path).read_text(encoding="utf-8"),
        )
        for path in paths
    ]


def test_what_every_call_passes_through_is_among_it(modules: list[Translated]) -> None:
    names = [module.name for module in modules]
    assert len(names) == len(set(names)) > 40
    assert {"acd.core.engine", "acd.core.events", "sip.endpoint", "simulator.world.agents"} <= set(names)


def test_each_statement_stays_in_its_line_so_that_tracebacks_name_it(modules: list[Translated]) -> None:
    for module in modules:
        moved = _statements(module.source) - _statements(module.text)
        assert not moved, f"{module.name}: {sorted(moved)}"
        behind = module.text.splitlines()[len(module.source.splitlines()) :]
        assert all(line.startswith(("setattr(", "    def __init__(")) or not line for line in behind), module.name


def _statements(text: str) -> set[tuple[int, int, str]]:
    """Line, column and kind of each."""
    found = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.stmt))
    return {(node.lineno, node.col_offset, type(node).__name__) for node in found}


def test_its_values_are_built_compared_and_described_like_those_of_the_source(modules: list[Translated]) -> None:
    seen = 0
    for module in modules:
        names = module.run()
        for name, plain in vars(module.module).items():
            if dataclasses.is_dataclass(plain) and isinstance(plain, type) and plain.__module__ == module.name:
                _alike(plain, names[name], names)
                assert f"\nsetattr({name}, '__annotations__', " in module.text, "the compiler drops them"
                seen += 1
    assert seen > 100


def _alike(plain: Any, translated: Any, names: dict[str, Any]) -> None:
    assert repr(get_type_hints(plain)) == repr(get_type_hints(translated, names)), plain
    fields = [one.name for one in dataclasses.fields(plain)]
    assert fields == [one.name for one in dataclasses.fields(translated)], plain
    for name in ("__eq__", "__hash__", "__lt__", "__init__"):
        inherited = [getattr(kind, name) in (None, getattr(object, name)) for kind in (plain, translated)]
        assert inherited[0] == inherited[1], f"{plain}.{name}"
    parameters = [list(inspect.signature(kind).parameters.values()) for kind in (plain, translated)]
    assert [_shape(one) for one in parameters[0]] == [_shape(one) for one in parameters[1]], plain
    required = [f"<{one.name}>" for one in parameters[0] if one.default is one.empty]
    for given in (required, [f"<{one.name}>" for one in parameters[0]]):
        assert _born(plain, given, fields) == _born(translated, given, fields), plain


def _shape(parameter: inspect.Parameter) -> tuple[str, Any, bool]:
    return parameter.name, parameter.kind, parameter.default is parameter.empty


def _born(kind: Any, given: list[str], fields: list[str]) -> tuple[str, list[bool]]:
    """How two of a kind look, whether they are equal, as each is to one with another last field, and which of their
    fields they share; or the error that it takes no texts, for `__post_init__` may reckon with them."""
    try:
        one, two, other = kind(*given), kind(*given), kind(*[*given[:-1], "another"][: len(given)])
    except (TypeError, ValueError, AttributeError) as error:
        return str(error), []
    return repr(one), [one == two, one == other, *(getattr(one, name) is getattr(two, name) for name in fields)]
