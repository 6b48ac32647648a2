"""What was seen of agents in a segment, beside it: ``00000042.shifts``, a line that says of which segment it is, and
JSON lines, compressed.

A report needs no more than these, and reads them many times faster than it could replay the segment. The follower
writes them while it replays; a report that finds none replays, and leaves them for the next.
"""

import gzip
import math
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO, Final

import msgspec

from acd.core.activity import SIGHTINGS, Observer, Sighting
from acd.journal.codec import JournalError
from acd.journal.segments import is_start, read_header, segments_of
from acd.journal.watch import needed, watch
from acd.text import without_surrogates

FORMAT: Final = 1
SUFFIX: Final = ".shifts"
AT_ONCE: Final = 500
"""Lines that are written in one go."""
NAMES: Final = {kind: kind.__name__ for kind in SIGHTINGS}

_encode = msgspec.json.Encoder().encode
_line = msgspec.json.Decoder(tuple[str, msgspec.Raw])
_decoders: Final[dict[str, msgspec.json.Decoder[Any]]] = {
    name: msgspec.json.Decoder(kind) for kind, name in NAMES.items()
}


class Writing:
    """The file beside `segment`, being written. Whatever hinders it, nobody else is hindered: there is none then."""

    def __init__(self, segment: Path) -> None:
        self._segment = segment
        self._part = beside(segment).with_suffix(".part")
        self._lines: list[bytes] = []
        self._file: BinaryIO | None = None
        with suppress(OSError):
            self._file = self._part.open("wb")
            self._file.write(_head(0))
            self._packed = gzip.GzipFile(fileobj=self._file, mode="wb", compresslevel=1)

    def take(self, sighting: Sighting) -> None:
        line = (NAMES[type(sighting)], sighting)
        try:
            self._lines.append(_encode(line))
        except UnicodeEncodeError:  # as in the journal
            self._lines.append(_encode(without_surrogates(msgspec.to_builtins(line))))
        if len(self._lines) == AT_ONCE:
            self._write()

    def _write(self) -> None:
        data = b"\n".join([*self._lines, b""])
        self._lines.clear()
        if self._file is not None:
            try:
                self._packed.write(data)
            except OSError:
                self.give_up()

    def keep(self) -> None:
        """All of it is there, and the segment as long as it will be."""
        self._write()
        if self._file is not None:
            with suppress(OSError):
                self._packed.close()
                self._file.seek(0)
                self._file.write(_head(self._segment.stat().st_size))
                self._file.close()
                self._part.replace(beside(self._segment))
            self._file = None

    def give_up(self) -> None:
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()
            with suppress(OSError):
                self._part.unlink()


def _head(size: int) -> bytes:
    """The first line, not compressed: the format, and which segment this is of, told by its length in bytes."""
    return b"hotline-shifts %d %20d\n" % (FORMAT, size)


def beside(segment: Path) -> Path:
    return segment.with_suffix(SUFFIX)


def is_known(segment: Path) -> bool:
    """Whether it is known what was seen in all of a segment."""
    try:
        with beside(segment).open("rb") as file:
            return file.readline(64) == _head(segment.stat().st_size)
    except OSError:
        return False


def read(segment: Path, wants: Callable[[type[Sighting]], bool]) -> Iterator[Sighting]:
    """What was seen in a segment, of the kinds that are wanted. Raises `JournalError` if that file is damaged."""
    decoders = {name: _decoders[name].decode for kind, name in NAMES.items() if wants(kind)}
    path = beside(segment)
    try:
        with path.open("rb") as file:
            file.readline(64)
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                for line in unpacked:
                    name, fields = _line.decode(line)
                    if (decode := decoders.get(name)) is not None:
                        yield decode(fields)
    except (OSError, EOFError, zlib.error, msgspec.MsgspecError) as problem:
        raise JournalError(f"{path}: damaged ({problem}); remove it") from None


def observe(
    paths: Sequence[Path],
    take: Callable[[Sighting], None],
    wants: Callable[[type[Sighting]], bool],
    *,
    since: float = -math.inf,
) -> list[str]:
    """Go through segments, or directories of them, from the last start before `since` (wall clock seconds) on: what
    was seen is read where it is known, and else found by replay. Returns what was not as usual. Raises
    `JournalError`."""
    paths = needed(segments_of(list(paths)), since)
    known = next((number for number, path in enumerate(paths) if not is_known(path)), len(paths))
    while 0 < known < len(paths) and not is_start(paths[known], read_header(paths[known])):
        known -= 1
    for path in paths[:known]:
        for sighting in read(path, wants):
            take(sighting)
    rest = paths[known:]
    if not rest:
        return []
    with Keeping(take) as keeping:
        return watch(rest, [keeping.observer], before=keeping.begin, behind=keeping.end)


class Keeping:
    """An observer's sightings, kept beside each segment that an engine is led through between `begin` and `end`. To be
    used in a `with`: what has not come to its end then is not kept."""

    def __init__(self, take: Callable[[Sighting], None] = lambda sighting: None) -> None:
        self.observer = Observer(take)
        self._take = take
        self._writing: Writing | None = None

    def __enter__(self) -> "Keeping":
        return self

    def __exit__(self, *how: object) -> None:
        if self._writing is not None:
            self._writing.give_up()

    def begin(self, segment: Path) -> None:
        self._writing = writing = Writing(segment)
        take = self._take

        def both(sighting: Sighting) -> None:
            take(sighting)
            writing.take(sighting)

        self.observer.continues = read_header(segment).follows
        self.observer.tell = writing.take
        self.observer.all()  # a report may begin here; whoever listened before knows it
        self.observer.tell = both

    def end(self) -> None:
        """The segment was replayed to its end."""
        self.observer.end()
        if self._writing is not None:
            self._writing.keep()
