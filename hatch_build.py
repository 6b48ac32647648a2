"""What is built besides packing: the relay in C, and on demand the core compiled.

The plain part of the relay, `media/_relay.c`, is compiled where a C compiler is; without one Python does the same.

With ``HOTLINE_COMPILED=1`` a wheel, and never an editable installation, gets what every call passes through – the core,
the simulated world – compiled by mypyc beside its sources. See docs/decisions/0011.
"""

from __future__ import annotations

import ast
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, TypeGuard

from hatchling.builders.hooks.plugin.interface import BuildHookInterface
from setuptools import Distribution, Extension

WANTED = os.environ.get("HOTLINE_COMPILED") == "1"
PURE = ("acd/core/*", "sip/*", "simulator/world/*")
BOOKS = tuple(f"simulator/{name}" for name in ("desks", "distributions", "handling", "lean", "tally", "workload"))
"""What every call passes through, live and simulated, and does nothing but compute: no shell is compiled."""
PYTHONS = {
    *(f"acd/core/{name}" for name in ("activity", "explain", "invariants", "metrics", "observe", "values")),
    "sip/events",
}
"""What stays Python's of it: modules that only watch or check the core – whoever watches may be anybody –, and fields
of a class that is not there yet when they are declared, for `Session` imports them."""

DATA = ("value", "event", "command", "dataclass")
"""The decorators of classes that are nothing but fields."""
INHERITED = ("Endpoint", "Engine", "Step")
"""Classes that data, or Python's own classes, inherit from."""

SETUP = """\
import sys
from mypyc.build import mypycify
from setuptools import setup

options = ["--config-file=", "--follow-imports=silent", "--ignore-missing-imports"]
modules = mypycify([*options, *sys.argv[1:]], group_name="hotline", opt_level="2", debug_level="0")
setup(name="compiled", packages=[], ext_modules=modules, script_args=["build_ext", "--inplace"])
"""


class Build(BuildHookInterface):  # type: ignore[type-arg]
    def dependencies(self) -> list[str]:
        return ["mypy>=2.4"] if WANTED else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name != "wheel":
            return
        if sys.platform == "linux":  # it waits by epoll
            self._relay(build_data)
        if WANTED and version != "editable":  # there a built file would go stale unseen: it wins over its source
            self._compiled = tempfile.TemporaryDirectory()
            folder = Path(self._compiled.name)
            for path in compiled(Path(self.root), folder):
                build_data["force_include"][str(path)] = str(path.relative_to(folder))
            self._is_native(build_data)

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "_compiled"):
            self._compiled.cleanup()

    def _relay(self, build_data: dict[str, Any]) -> None:
        """Builds in place, so that an editable installation finds it too."""
        relay = Extension("media._relay", ["media/_relay.c"], extra_compile_args=["-O2"])
        command = Distribution({"ext_modules": [relay]}).get_command_obj("build_ext")
        command.inplace = True
        try:
            command.ensure_finalized()
            command.run()
        except Exception as problem:  # no compiler, no Python.h: whatever it is, Python does it
            self.app.display_warning(f"the relay stays in Python: {problem}")
            return
        build_data["artifacts"].append("media/_relay*.so")
        self._is_native(build_data)

    @staticmethod
    def _is_native(build_data: dict[str, Any]) -> None:
        build_data["pure_python"] = False
        build_data["infer_tag"] = True


def compiled(root: Path, folder: Path) -> list[Path]:
    """Compile a copy in `folder`; the built files. Raises `CalledProcessError` when the compiler refuses: whoever asks
    for a compiled wheel shall not get another."""
    for package in ("acd", "sip", "simulator"):
        shutil.copytree(root / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
    modules = [path for pattern in PURE + BOOKS for path in folder.glob(f"{pattern}.py") if path.stat().st_size]
    chosen = [path for path in modules if str(path.relative_to(folder).with_suffix("")) not in PYTHONS]
    for path in chosen:
        path.write_text(translated(path.read_text("utf-8")), "utf-8")
    (folder / "setup_compiled.py").write_text(SETUP)
    names = sorted(str(path.relative_to(folder)) for path in chosen)
    subprocess.run([sys.executable, "setup_compiled.py", *names], cwd=folder, check=True)
    return [path for path in folder.rglob("*.so") if path.relative_to(folder).parts[0] != "build"]


# ---------------------------------------------------------------------------------------------------- translation


def translated(text: str) -> str:
    """A module as mypyc takes it, line for line, so that tracebacks name the lines of the source beside it.

    Values and dataclasses become native, with an `__init__` written out, which `dataclass` would leave to the
    interpreter. Their annotations, of which mypyc keeps no more than the class, are put back: journals and snapshots
    are read by them. The mark lets Python inherit from `Engine` – one that is watched –, and keeps `__new__` apart from
    `__init__`, as copying and reading need it.
    """
    lines, behind, marked = text.splitlines(), [], False
    for node in ast.parse(text).body:
        if not isinstance(node, ast.ClassDef):
            continue
        how = next((one for one in node.decorator_list if kind(one) in DATA), None)
        if how is None and node.name not in INHERITED:
            continue
        above = min([node.lineno, *[one.lineno for one in node.decorator_list]]) - 2
        put(lines, above, "@mypyc_attr(allow_interpreted_subclasses=True)")
        if not marked:
            put(lines, above - 1, "if TYPE_CHECKING: from mypy_extensions import mypyc_attr")
            marked = True
        if how is not None:
            lines[how.lineno - 1] = f"@dataclass(init=False, unsafe_hash={'frozen' in ast.unparse(how)})"
            fields = [one for one in node.body if isinstance(one, ast.AnnAssign)]
            put(lines, node.end_lineno or 0, constructor(node, fields))
            kept = {ast.unparse(field.target): annotation(field) for field in fields}
            behind.append(f"setattr({node.name}, '__annotations__', {kept})")
    if marked:
        imports = next(i for i, line in enumerate(lines) if line.startswith(("import ", "from ")))
        beside = 1 if lines[imports].startswith("from __future__") else -1
        put(lines, imports + beside, "from dataclasses import dataclass; from typing import TYPE_CHECKING")
    return "\n".join([*lines, *behind]) + "\n"


def annotation(field: ast.AnnAssign) -> str:
    given = field.annotation
    return given.value if isinstance(given, ast.Constant) and isinstance(given.value, str) else ast.unparse(given)


def kind(decorator: ast.expr) -> str:
    return ast.unparse(decorator).partition("(")[0]


def is_field(value: ast.expr | None) -> TypeGuard[ast.Call]:
    return isinstance(value, ast.Call) and kind(value) == "field"


def put(lines: list[str], at: int, text: str) -> None:
    """Onto an empty line: those that the formatter puts around a class and in front of the imports."""
    if at == len(lines):
        lines.append("")
    assert not lines[at], lines[at]
    lines[at] = text


def constructor(node: ast.ClassDef, fields: list[ast.AnnAssign]) -> str:
    """What `dataclass` would write, on one line."""
    parameters, body = ["self"], []
    for field in fields:
        name, given, value = ast.unparse(field.target), annotation(field), field.value
        if given.startswith("ClassVar"):
            continue
        said = {one.arg: one.value for one in value.keywords} if is_field(value) else {}
        if factory := said.get("default_factory"):
            made = ast.unparse(factory.body) if isinstance(factory, ast.Lambda) else f"{ast.unparse(factory)}()"
            parameters.append(f"{name}: {given + ' | None'!r} = None")
            body.append(f"self.{name} = {name} if {name} is not None else {made}")
        else:
            default = "" if value is None or is_field(value) else f" = {ast.unparse(value)}"
            parameters.append(f"{name}: {given!r}{default}")
            body.append(f"self.{name} = {name}")
    if any(isinstance(method, ast.FunctionDef) and method.name == "__post_init__" for method in node.body):
        body.append("self.__post_init__()")
    return f"    def __init__({', '.join(parameters)}) -> None: {'; '.join(body) or 'pass'}"
