"""What the compiled wheel brings: the same figures of both builds, alternating, in one run.

    python -m benchmarks.compiled                  build the wheel first (some minutes of CPU; needs a C compiler)
    python -m benchmarks.compiled --wheel FILE     take this one
    python -m benchmarks.compiled --day            the bank's whole day, not a tenth of it

CPU of one process each, the best of the rounds. Both must come to the same decisions and books, to the last digit.
"""

import argparse
import gc
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from time import process_time
from typing import Final

import acd.core.engine
from benchmarks import bank_day, dispatch, simulator, sip_calls
from benchmarks.machine import describe
from simulator.world import play

ROOT: Final = Path(__file__).parents[1]
ROUNDS: Final = 3
HIGHER: Final = "calls per CPU s"
AGENTS: Final = 10_000
CALLS: Final = 5000


def figures(day: bool) -> dict[str, tuple[float, str]]:
    """Of the build that runs this, each with a digest of what came of it: calls per CPU second, or µs."""
    found: dict[str, tuple[float, str]] = {}

    def rate(name: str, model: Callable[[], simulator.Measured]) -> None:
        gc.collect()
        began = process_time()
        calls, steps = model()
        found[f"{name}, {HIGHER}"] = calls / (process_time() - began), f"{calls} {steps}"

    rate("dispatcher, 100 agents", lambda: simulator.dispatcher(100, 20_000))
    rate("dispatcher, 1,600 agents", lambda: simulator.dispatcher(1600, 40_000))
    rate("engine, 100 agents", lambda: simulator.engine(100, 8_000))
    rate("engine with a menu", lambda: simulator.menu(100, 6_000))
    bank_day.CALLS = 274_000 if day else 27_400
    settings, given = bank_day.bank_day()
    gc.collect()
    began = process_time()
    book = play(settings, given, 0)
    name = "the bank's day, µs a call" if day else "a tenth of the bank's day, µs a call"
    us = (process_time() - began) / book.calls * 1e6
    found[name] = us, _digest((book.total, book.queues, book.staff, book.steps))
    busy, freed = dispatch.loaded("ours", AGENTS, 300, 3000)
    calm, arrived = dispatch.quiet("ours", AGENTS, 300, 3000)
    for figure in [*busy, *calm]:
        found[f"{figure.what}, {AGENTS:,} agents, µs p50"] = figure.p50, _digest((freed, arrived))
    found["one queue, a step, µs p50"] = dispatch.one_queue(1000).p50, ""
    took, answered = sip_calls.speed(CALLS)
    found["a call's SIP, both sides, µs"] = took / CALLS * 1e6, f"{answered}"
    return found


def _digest(what: object) -> str:
    return sha256(repr(what).encode()).hexdigest()[:12]


def wheel(into: Path) -> Path:
    """Built. Raises `CalledProcessError` when the compiler refuses."""
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(into), str(ROOT)]
    subprocess.run(build, env={**os.environ, "HOTLINE_COMPILED": "1"}, check=True)
    return next(into.glob("*.whl"))


def beside(given: Path | None, day: bool) -> dict[str, dict[str, list[tuple[float, str]]]]:
    """By figure and build, a value and a digest for each round; in a folder without sources, where only the build that
    is meant can be imported."""
    found: dict[str, dict[str, list[tuple[float, str]]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        away, unpacked = Path(folder, "away"), Path(folder, "compiled")
        for part in ("benchmarks", "examples", "ivr_flows"):
            shutil.copytree(ROOT / part, away / part)
        shutil.unpack_archive(given or wheel(Path(folder)), unpacked, "zip")
        for turn in range(ROUNDS):
            for build, path in (("plain", ROOT), ("compiled", unpacked)):
                print(f"round {turn + 1} of {ROUNDS}, {build} …", file=sys.stderr)
                ran = subprocess.run(
                    [sys.executable, "-m", "benchmarks.compiled", "--figures", *(["--day"] if day else [])],
                    cwd=away,
                    env={**os.environ, "PYTHONPATH": str(path)},
                    stdout=subprocess.PIPE,
                    check=True,
                )
                told = json.loads(ran.stdout)
                assert told["compiled"] == (build == "compiled"), told
                for name, one in told["figures"].items():
                    found.setdefault(name, {}).setdefault(build, []).append(one)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wheel", metavar="FILE", type=Path, help="a compiled wheel, built before")
    parser.add_argument("--day", action="store_true", help="the bank's whole day")
    parser.add_argument("--figures", action="store_true", help="only those of the build that runs this, as JSON")
    given = parser.parse_args()
    if given.figures:
        native = not (acd.core.engine.__file__ or "").endswith(".py")
        print(json.dumps({"compiled": native, "figures": figures(given.day)}))
        return
    print(f"{'':48}{'plain':>10}{'compiled':>10}")
    for name, by in beside(given.wheel, given.day).items():
        digests = {digest for rounds in by.values() for _, digest in rounds}
        assert len(digests) == 1, f"{name}: the builds decide differently"
        best = max if HIGHER in name else min
        plain, compiled = (best(value for value, _ in by[build]) for build in ("plain", "compiled"))
        times = compiled / plain if HIGHER in name else plain / compiled
        print(f"{name:48}{plain:10,.1f}{compiled:10,.1f}   ×{times:.1f}")
    print(describe())


if __name__ == "__main__":
    main()
