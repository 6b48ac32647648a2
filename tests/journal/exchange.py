"""A journal and a snapshot, for another build to read: what one writes, plain or compiled, the other must read.

    python -m tests.journal.exchange write DIR
    python -m tests.journal.exchange read DIR      replays it, recovers from it, goes on

Reading prints a digest of the state, to be compared.
"""

import sys
from hashlib import sha256
from pathlib import Path

import acd.core.engine
from acd.core.engine import Engine
from acd.core.events import Started
from acd.journal import recover, replay
from acd.journal.codec import decode_snapshot, encode_commands, encode_snapshot
from tests.journal.shift import Told, shift, writer_of


def write(directory: Path) -> None:
    """In small segments, and beside them the state at the end."""
    told = Told()
    writer = writer_of(directory, told, segment_bytes=10_000)
    writer.open(boot=1, seed=1, now=0.0, wall_offset_s=1e6)
    for now, event, commands in shift():
        assert told.engine.step(event, now) == commands
        writer.turn(now, event, commands)
        writer.flush()
    writer.close()
    (directory / "state").write_bytes(encode_snapshot(told.engine.snapshot()))


def read(directory: Path) -> str:
    """Raises AssertionError if it is not what another build wrote."""
    assert replay([directory]).exact
    found = recover(directory)
    assert found.snapshot is not None, found.notes
    assert decode_snapshot((directory / "state").read_bytes()) == found.snapshot
    engine = Engine(found.snapshot)
    assert engine.snapshot() == found.snapshot
    ended = engine.step(Started(2, found.wall_offset_s, found.seed), found.now + 5.0)
    assert ended
    return sha256(encode_snapshot(found.snapshot) + encode_commands(ended)).hexdigest()


def main() -> None:
    what, directory = sys.argv[1], Path(sys.argv[2])
    print(f"{what} {directory.name} with {acd.core.engine.__file__}", file=sys.stderr)
    if what == "write":
        write(directory)
    else:
        print(read(directory))


if __name__ == "__main__":
    main()
