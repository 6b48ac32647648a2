"""Coverage-guided fuzzing of everything a peer's octets reach first: ``python -m tests.sip.fuzz [SECONDS]``.

The coverage of `sip` and `media` guides it, by atheris, which `make fuzz` installs; where there is no wheel of that the
torture messages are mutated blindly, and it says so.
A message, a value or our error type comes back; anything else is a find, printed with its input, and exit status 1.
"""

from __future__ import annotations

import importlib
import sys
import tempfile
import time
import traceback
from pathlib import Path
from random import Random, SystemRandom
from types import ModuleType

TORTURE = Path(__file__).parent.parent / "torture"
GLUE = [b"\r\n", b"\r\n ", b'"', b"<", b">", b",", b";", b"\\", b"%00", b"\x00", b"\xff", b":", b"=", b"99999999999"]


def seeds() -> list[bytes]:
    return [path.read_bytes() for path in sorted(TORTURE.rglob("*.dat"))]


def guided(atheris: ModuleType, seconds: int) -> None:
    """Ends the process: with status 0 after so many seconds, or at the first find, whose input it keeps in `out`."""
    with atheris.instrument_imports(include=["sip", "media"]):
        from tests.sip.peers_octets import one
    found = Path("out")
    found.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as corpus:
        for number, data in enumerate(seeds()):
            (Path(corpus) / f"{number:03}").write_bytes(data)
        limits = (f"-max_total_time={seconds}", "-max_len=4096", "-timeout=10", f"-artifact_prefix={found}/")
        atheris.Setup([sys.argv[0], *limits, "-print_final_stats=1", corpus], one)
        atheris.Fuzz()


def blind(seconds: int) -> int:
    from tests.sip.peers_octets import one

    seed = SystemRandom().getrandbits(32)
    random = Random(seed)
    corpus = seeds()
    until = time.monotonic() + seconds
    count = 0
    while time.monotonic() < until:
        data = mutated(random, corpus)
        try:
            one(data)
        except Exception:
            traceback.print_exc()
            print(f"after {count} inputs with seed {seed}: {data!r}", file=sys.stderr)
            return 1
        count += 1
    print(f"{count} inputs, seed {seed}, nothing found (blind)")
    return 0


def mutated(random: Random, corpus: list[bytes]) -> bytes:
    data = bytearray(random.choice(corpus))
    for _ in range(random.randint(1, 8)):
        start = random.randrange(len(data) + 1)
        end = min(len(data), start + random.choice((0, 0, 1, 2, 8, 40)))
        other = random.choice(corpus)
        cut = random.randrange(len(other))
        data[start:end] = random.choice(
            (b"", random.choice(GLUE), random.randbytes(random.randint(1, 4)), other[cut : cut + random.randint(1, 60)])
        )
    return bytes(data)


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 60
    try:
        atheris = importlib.import_module("atheris")
    except ImportError:
        print("atheris could not be installed for this Python: mutating blindly, without coverage", file=sys.stderr)
        return blind(seconds)
    guided(atheris, seconds)
    return 0


if __name__ == "__main__":
    sys.exit(main())
