"""Two tables: calls, and how their legs sounded. Instants are seconds since the epoch, durations seconds; ISO times are
made when a row is shown."""

from dataclasses import fields
from operator import attrgetter
from typing import Final

import msgspec

from acd.core.record import LegRecord, Quality, Record, Segment
from acd.text import without_surrogates

VERSION: Final = 1
COLUMNS: Final = tuple(field.name for field in fields(Record))  # the last one is the segments, as JSON
_LEG: Final = tuple(field.name for field in fields(LegRecord) if field.name != "quality")
_QUALITY: Final = tuple(field.name for field in fields(Quality))
LEG_COLUMNS: Final = _LEG + _QUALITY

CREATE: Final = f"""
create table if not exists calls ({", ".join(COLUMNS)}, primary key (call)) without rowid;
create index if not exists calls_started on calls (started_at);
create index if not exists calls_queue on calls (queue, started_at);
create index if not exists calls_agent on calls (agent, started_at);
create table if not exists legs ({", ".join(LEG_COLUMNS)}, primary key (call, leg)) without rowid;
pragma user_version = {VERSION};
"""
INSERT: Final = f"insert into calls values ({', '.join('?' * len(COLUMNS))}) on conflict (call) do nothing"
"""A call has one record: one that is put again, after a restart, changes nothing."""

INSERT_LEG: Final = f"insert into legs values ({', '.join('?' * len(LEG_COLUMNS))}) on conflict (call, leg) do nothing"

Value = str | float | None
Row = tuple[Value, ...]
_plain = attrgetter(*COLUMNS[:-1])
_segments = msgspec.json.Decoder(list[Segment])
_encoder = msgspec.json.Encoder()


def to_row(record: Record) -> Row:
    """The record in the order of `COLUMNS`. What is not UTF-8 in a peer's text is replaced."""
    plain = [without_surrogates(value) if value.__class__ is str else value for value in _plain(record)]
    try:
        segments = _encoder.encode(record.segments)
    except UnicodeEncodeError:
        segments = _encoder.encode(without_surrogates(msgspec.to_builtins(record.segments)))
    return (*plain, segments.decode())


def to_leg_row(record: LegRecord) -> Row:
    """The record in the order of `LEG_COLUMNS`."""
    return (*(getattr(record, name) for name in _LEG), *(getattr(record.quality, name) for name in _QUALITY))


def to_record(row: Row) -> Record:
    """The record of a row. Raises `msgspec.ValidationError` for a row that is none."""
    values: dict[str, object] = dict(zip(COLUMNS, row, strict=True))
    values["segments"] = _segments.decode(str(values["segments"]))
    return msgspec.convert(values, Record)
