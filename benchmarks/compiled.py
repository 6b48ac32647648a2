"""What a compiled core would be worth: the same sources through mypyc, in a copy, beside themselves.

    python -m benchmarks.compiled DIR         copy acd and simulator to DIR and compile there (two minutes of CPU, gcc)
    PYTHONPATH=DIR acd simulate …             use it

mypyc has no slots in dataclasses and cannot inherit from most exceptions: the copy does without. Nothing of the project
itself changes. See docs/decisions for what came of it.
"""

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
PLAIN: Final = {"__init__", "activity", "explain", "invariants", "metrics", "observe", "values"}
"""Modules of the core that watch or check it, and stay as they are."""

SETUP: Final = """\
import sys
from mypyc.build import mypycify
from setuptools import setup

options = ["--python-version=3.11", "--config-file=", "--follow-imports=silent"]
modules = mypycify([*options, *sys.argv[3:]], debug_level="0")
setup(name="compiled", packages=[], ext_modules=modules, script_args=sys.argv[1:3])
"""


def translated(text: str) -> str:
    """A module as mypyc takes it."""
    text, values = re.subn(r"^@(value|event|command|dataclass\(slots=True\))$", "@dataclass", text, flags=re.M)
    if values and not re.search(r"^from dataclasses import .*\bdataclass\b", text, flags=re.M):
        text = re.sub(r"^(?=from |import )", "from dataclasses import dataclass\n", text, count=1, flags=re.M)
    return text.replace("(AssertionError):", "(Exception):")


def build(into: Path) -> None:
    """Raises `CalledProcessError` when the compiler refuses."""
    unwanted = shutil.ignore_patterns("__pycache__")
    for folder in ("acd", "simulator", "sip", "media", "benchmarks", "examples", "ivr_flows"):
        shutil.copytree(ROOT / folder, into / folder, ignore=unwanted, dirs_exist_ok=True)
    chosen = [path for path in sorted((into / "acd/core").glob("*.py")) if path.stem not in PLAIN]
    for path in chosen:
        path.write_text(translated(path.read_text()))
    names = [str(path.relative_to(into)) for path in chosen]
    (into / "setup_compiled.py").write_text(SETUP)
    subprocess.run([sys.executable, "setup_compiled.py", "build_ext", "--inplace", *names], cwd=into, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("into", metavar="DIR", type=Path)
    build(parser.parse_args().into.absolute())


if __name__ == "__main__":
    main()
