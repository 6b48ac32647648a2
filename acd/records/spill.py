"""Rows that no database takes now, in a file beside it, one a line, until one does."""

import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeAlias

import msgspec

from acd.records.schema import TABLES, Row, TableName, Value

MAX_BYTES: Final = 1 << 30
Kept: TypeAlias = tuple[TableName, Row]

_encode = msgspec.json.Encoder().encode
_line = msgspec.json.Decoder(tuple[TableName, dict[str, Value]])


class Spill:
    """A file that is appended to, read from its beginning, and taken away once all of it is written elsewhere. After a
    crash some of it may be read again: putting a row twice is harmless. A line cut off is left out."""

    def __init__(self, path: Path, max_bytes: int = MAX_BYTES) -> None:
        self._path = path
        self._max_bytes = max_bytes
        self._taken = 0  # bytes
        self.rows = 0
        """How many there are to be taken."""
        with suppress(OSError), path.open("rb") as file:
            self.rows = sum(1 for _ in file)

    def add(self, rows: Sequence[Kept]) -> None:
        """Keep these; on the disk when it returns. Raises `OSError`, and then keeps none of them."""
        lines = [_encode((table, dict(zip(TABLES[table].types, row, strict=True)))) for table, row in rows]
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with open(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600), "r+b", 0) as file:
            size = file.seek(0, os.SEEK_END)
            cut_off = size and os.pread(file.fileno(), 1, size - 1) != b"\n"
            data = b"\n".join([b"", *lines, b""] if cut_off else [*lines, b""])
            if size + len(data) > self._max_bytes:
                raise OSError(f"{self._path}: full")
            try:
                if file.write(data) != len(data):
                    raise OSError(f"{self._path}: no room")
                os.fsync(file.fileno())
            except OSError:
                file.truncate(size)
                raise
        self.rows += len(rows)

    def first(self, most: int) -> tuple[list[Kept], int]:
        """The first of them, `most` at the most, and what to tell `taken` once they are written. Raises `OSError`."""
        found: list[Kept] = []
        with self._path.open("rb") as file:
            file.seek(self._taken)
            while len(found) < most and (line := file.readline()):
                with suppress(msgspec.MsgspecError):  # cut off by a crash: the journal has it
                    table, values = _line.decode(line)
                    found.append((table, tuple(values.get(column) for column in TABLES[table].types)))
            return found, file.tell()

    def taken(self, rows: int, end: int) -> None:
        """These are written elsewhere. Raises `OSError`."""
        self._taken = end
        self.rows -= rows
        if end >= self._path.stat().st_size:
            self._path.unlink()
            self._taken = self.rows = 0
