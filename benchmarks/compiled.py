"""What a compiled core and simulator would be worth: the same sources through mypyc, in a copy, beside themselves.

    python -m benchmarks.compiled DIR             copy everything to DIR and compile core and simulated world there
    python -m benchmarks.compiled DIR --core      only the core, as one would who ships it
    python -m benchmarks.compiled DIR --as-they-are   dataclasses keep the `__init__` that Python writes for them
    PYTHONPATH=DIR acd simulate …                 use it

mypyc has no slots in dataclasses, cannot inherit from most exceptions, and leaves what `dataclass` generates to the
interpreter: the copy does without. Nothing of the project itself changes. See docs/decisions for what came of it.
"""

import argparse
import ast
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PLAIN: Final = {"activity", "explain", "invariants", "metrics", "observe", "values"}
"""Modules of the core that watch or check it, and stay as they are."""
WORLD: Final = ("world/*", "desks", "distributions", "handling", "lean", "tally", "workload")
"""What of the simulator is with every call."""

SETUP: Final = """\
import sys
from mypyc.build import mypycify
from setuptools import setup

options = ["--python-version=3.11", "--config-file=", "--follow-imports=silent"]
modules = mypycify([*options, *sys.argv[3:]], debug_level="0", opt_level="2")
setup(name="compiled", packages=[], ext_modules=modules, script_args=sys.argv[1:3])
"""


def translated(text: str, *, written_out: bool) -> str:
    """A module as mypyc takes it."""
    text = text.replace("(AssertionError):", "(Exception):")
    if not written_out:
        return text
    lines = text.splitlines()
    for node in reversed([node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]):
        for decorator in node.decorator_list:
            how = ast.unparse(decorator)
            if how in ("value", "event", "command") or how.startswith("dataclass"):
                given = ["unsafe_hash=True"] if "frozen" in how else []
                lines[node.body[-1].end_lineno : node.body[-1].end_lineno] = constructor(node)
                lines[decorator.lineno - 1] = f"@dataclass({', '.join(['init=False', *given])})"
    text = "\n".join(lines) + "\n"
    if "@dataclass" in text and not re.search(r"^from dataclasses import .*\bdataclass\b", text, flags=re.M):
        text = re.sub(r"^(?=from |import )", "from dataclasses import dataclass\n", text, count=1, flags=re.M)
    return text


def constructor(node: ast.ClassDef) -> list[str]:
    """What `dataclass` would write, to be compiled with the rest."""
    parameters, body = ["self"], []
    for field in node.body:
        if not isinstance(field, ast.AnnAssign) or not isinstance(field.target, ast.Name):
            continue
        name, kind = field.target.id, ast.unparse(field.annotation)
        if isinstance(field.value, ast.Call) and ast.unparse(field.value.func) == "field":
            made = ast.unparse(field.value.keywords[0].value)
            parameters.append(f'{name}: "{kind.strip(chr(39))} | None" = None')
            body.append(f"        self.{name} = {name} if {name} is not None else ({made})()")
        else:
            default = f" = {ast.unparse(field.value)}" if field.value is not None else ""
            parameters.append(f"{name}: {kind}{default}")
            body.append(f"        self.{name} = {name}")
    if any(isinstance(method, ast.FunctionDef) and method.name == "__post_init__" for method in node.body):
        body.append("        self.__post_init__()")
    return ["", f"    def __init__({', '.join(parameters)}) -> None:", *(body or ["        pass"])]


def build(into: Path, *, core_only: bool, written_out: bool) -> None:
    """Raises `CalledProcessError` when the compiler refuses."""
    unwanted = shutil.ignore_patterns("__pycache__")
    for folder in ("acd", "simulator", "sip", "media", "benchmarks", "examples", "ivr_flows"):
        shutil.copytree(ROOT / folder, into / folder, ignore=unwanted, dirs_exist_ok=True)
    chosen = [path for path in (into / "acd/core").glob("*.py") if path.stem not in PLAIN | {"__init__"}]
    if not core_only:
        chosen += [path for pattern in WORLD for path in (into / "simulator").glob(f"{pattern}.py")]
    for path in chosen:
        path.write_text(translated(path.read_text(), written_out=written_out))
    names = [str(path.relative_to(into)) for path in sorted(chosen)]
    (into / "setup_compiled.py").write_text(SETUP)
    subprocess.run([sys.executable, "setup_compiled.py", "build_ext", "--inplace", *names], cwd=into, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("into", metavar="DIR", type=Path)
    parser.add_argument("--core", action="store_true", help="leave the simulator as it is")
    parser.add_argument("--as-they-are", action="store_true", help="leave dataclasses their generated `__init__`")
    given = parser.parse_args()
    build(given.into.absolute(), core_only=given.core, written_out=not given.as_they_are)


if __name__ == "__main__":
    main()
