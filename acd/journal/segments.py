"""The files of a journal: ``00000042.journal`` is a segment, ``00000042.snapshot`` the state at its start.

The snapshot beside a segment is written later by the follower; a segment that begins a boot holds its own.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from acd.core.engine import Snapshot
from acd.journal.codec import Header, JournalError, decode_header, decode_snapshot

SEGMENT = ".journal"
SNAPSHOT = ".snapshot"


class Line(NamedTuple):
    """A line of a segment without its newline. `number` counts from 1 (the header); `whole` is False for a last line
    that was cut off."""

    number: int
    data: bytes
    whole: bool


def segment_path(directory: Path, serial: int) -> Path:
    return directory / f"{serial:08d}{SEGMENT}"


def segments(directory: Path) -> list[Path]:
    """The segments of a journal, oldest first; none if there is no such directory."""
    if not directory.is_dir():
        return []
    return sorted(path for path in directory.glob("*" + SEGMENT) if path.stem.isdecimal())


def segments_of(paths: list[Path]) -> list[Path]:
    """Segments named one by one or by their directory. Raises `JournalError` if there is none."""
    found = [path for given in paths for path in (segments(given) if given.is_dir() else [given])]
    for path in found:
        if not path.is_file():
            raise JournalError(f"{path}: no such journal")
    if not found:
        raise JournalError(f"{', '.join(map(str, paths))}: holds no *{SEGMENT} file")
    return found


def read_header(path: Path) -> Header:
    """Raises `JournalError` (with the path) if there is no whole header."""
    with path.open("rb") as file:
        line = file.readline()
    try:
        if not line.endswith(b"\n"):
            raise JournalError("the header is cut off")
        return decode_header(line)
    except JournalError as problem:
        raise JournalError(f"{path}:1: {problem}") from None


def read_turns(path: Path) -> Iterator[Line]:
    """The lines after the header."""
    with path.open("rb") as file:
        for number, data in enumerate(file, 1):
            if number > 1:
                yield Line(number, data.rstrip(b"\n"), data.endswith(b"\n"))


def read_snapshot(path: Path, header: Header) -> Snapshot | None:
    """The state at the start of the segment `path`; None if it stands neither in nor beside it."""
    data = header.snapshot
    if data is None:
        with suppress(FileNotFoundError):
            data = path.with_suffix(SNAPSHOT).read_bytes()
    return decode_snapshot(data) if data is not None else None


def is_start(path: Path, header: Header) -> bool:
    """Whether a replay can begin at this segment."""
    return not header.follows or header.snapshot is not None or path.with_suffix(SNAPSHOT).exists()
