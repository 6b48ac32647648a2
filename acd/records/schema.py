"""Two tables: calls, and how their legs sounded; the same in SQLite and in PostgreSQL. Instants are seconds since the
epoch, durations seconds; ISO times are made when a row is shown."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from operator import attrgetter
from typing import Any, Final, Literal, TypeAlias, get_args, get_type_hints

import msgspec

from acd.core.record import LegRecord, Quality, Record, Segment
from acd.text import storable, without_surrogates

VERSION: Final = 1
TableName: TypeAlias = Literal["calls", "legs"]
Value: TypeAlias = str | float | None
Row: TypeAlias = tuple[Value, ...]

COLUMN_TYPES: Final[dict[type, str]] = {str: "text", float: "double precision", int: "bigint", bool: "boolean"}
"""SQLite reads the affinity it knows from these names."""


@dataclass(slots=True, frozen=True)
class Table:
    name: TableName
    types: Mapping[str, str]  # of the columns, in the order of a row
    key: tuple[str, ...]

    @property
    def create(self) -> str:
        columns = [f"{name} {kind}" for name, kind in self.types.items()]
        return f"create table if not exists {self.name} ({', '.join(columns)}, primary key ({', '.join(self.key)}))"

    def insert(self, place: Callable[[int], str]) -> str:
        """Writes a row, whose n-th value is at `place(n)`, from 1. A call has one record: one that is put again, after
        a restart, changes nothing."""
        places = ", ".join(place(number) for number in range(1, len(self.types) + 1))
        there = f"on conflict ({', '.join(self.key)}) do nothing"
        return f"insert into {self.name} ({', '.join(self.types)}) values ({places}) {there}"

    def missing(self, there: set[str]) -> Iterator[str]:
        """What adds the columns that a table of an earlier version has not."""
        for name, kind in self.types.items():
            if name not in there:
                yield f"alter table {self.name} add column {name} {kind}"


def _types(kind: type[Any], *left_out: str) -> dict[str, str]:
    hints = get_type_hints(kind)
    return {each.name: _column_type(hints[each.name]) for each in fields(kind) if each.name not in left_out}


def _column_type(hint: Any) -> str:
    """Of the type itself, of the one that may be None, or text for a literal."""
    kinds = [kind for kind in (hint, *get_args(hint)) if isinstance(kind, type) and kind is not type(None)]
    return COLUMN_TYPES[kinds[0] if kinds else str]


CALLS: Final = Table("calls", _types(Record, "segments") | {"segments": "text"}, ("call",))
LEGS: Final = Table("legs", _types(LegRecord, "quality") | _types(Quality), ("call", "leg"))
TABLES: Final[dict[TableName, Table]] = {"calls": CALLS, "legs": LEGS}
COLUMNS: Final = tuple(CALLS.types)
LEG_COLUMNS: Final = tuple(LEGS.types)
INDEXES: Final = (
    "create index if not exists calls_started on calls (started_at)",
    "create index if not exists calls_queue on calls (queue, started_at)",
    "create index if not exists calls_agent on calls (agent, started_at)",
)

_plain = attrgetter(*COLUMNS[:-1])
_of_leg = attrgetter(*_types(LegRecord, "quality"))
_of_quality = attrgetter(*_types(Quality))
_segments = msgspec.json.Decoder(list[Segment])
_encoder = msgspec.json.Encoder()


def to_row(record: Record) -> Row:
    """The record in the order of `COLUMNS`. What no database can hold of a peer's text is replaced."""
    plain = [storable(value) if value.__class__ is str else value for value in _plain(record)]
    try:
        segments = _encoder.encode(record.segments)
    except UnicodeEncodeError:
        segments = _encoder.encode(without_surrogates(msgspec.to_builtins(record.segments)))
    return (*plain, segments.decode())


def to_leg_row(record: LegRecord) -> Row:
    """The record in the order of `LEG_COLUMNS`."""
    return (*_of_leg(record), *_of_quality(record.quality))


def to_record(row: Row) -> Record:
    """The record of a row. Raises `msgspec.ValidationError` for a row that is none."""
    values: dict[str, object] = dict(zip(COLUMNS, row, strict=True))
    values["segments"] = _segments.decode(str(values["segments"]))
    return msgspec.convert(values, Record)


def to_leg_record(row: Row) -> LegRecord:
    """The same for a row of `legs`."""
    values = dict(zip(LEG_COLUMNS, row, strict=True))
    return msgspec.convert({**values, "quality": values}, LegRecord, strict=False)  # SQLite's truth is a number
