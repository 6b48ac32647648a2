"""Events, commands and settings as JSON lines; a snapshot as MessagePack.

A segment's first line is its `Header`. Every other line is one turn of the engine::

    [12.345678,"Digit",{"leg":"3-17.0","digit":"1","duration_s":0.1},[["Stop",{"op":"3-17.p1"}]]]

that is `now`, the event and its fields, and the commands it gave. Floats are written with the fewest digits that read
back to the same value, so a line read and written again is the same to the byte. JSON knows no infinity: an event or
command never holds one. A snapshot may (and its dictionaries have tuples for keys), hence MessagePack for it.
"""

from collections.abc import Sequence
from importlib.metadata import version
from platform import python_version
from typing import Any, Final, Generic, TypeVar, get_args

import msgspec

from acd.core.commands import Command
from acd.core.engine import Snapshot
from acd.core.events import Event
from acd.core.flow import STEPS, Step
from acd.core.settings import Settings
from acd.text import without_surrogates

FORMAT: Final = 1
EVENTS: Final[dict[str, type[Event]]] = {kind.__name__: kind for kind in get_args(Event)}
COMMANDS: Final[dict[str, type[Command]]] = {kind.__name__: kind for kind in get_args(Command)}
T = TypeVar("T")


class JournalError(ValueError):
    """A journal that cannot be read: says where and why."""


class Header(msgspec.Struct, kw_only=True):
    """The first line of a segment."""

    journal: int = FORMAT
    engine: str = msgspec.field(default_factory=lambda: version("hotline-acd"))
    python: str = msgspec.field(default_factory=python_version)
    segment: int = 0
    boot: int
    seed: int
    now: float  # seconds since the journal began
    wall_offset_s: float
    follows: bool = False  # the state is that at the end of the segment before
    settings: Settings | None = None  # in force at the start
    snapshot: bytes | None = None  # the state at the start; with neither this nor `follows` a fresh engine


class Turn(msgspec.Struct):
    """One line: `commands` as they stand in it."""

    now: float
    event: Event
    commands: bytes

    def read_commands(self) -> list[Command]:
        """The commands as values. Raises `JournalError`."""
        try:
            return [_command_decoders[name].decode(fields) for name, fields in _named_list.decode(self.commands)]
        except (msgspec.MsgspecError, KeyError) as problem:
            raise JournalError(f"not a list of commands ({problem})") from None


def _steps(kind: type, given: Any) -> Any:
    """msgspec asks this for the two types that are no dataclasses: a flow's step, and an operand of an expression."""
    if kind is Step:
        try:
            return msgspec.convert(given, STEPS[given["do"]], dec_hook=_steps)
        except (KeyError, TypeError):
            raise ValueError(f"not a step: {given!r:.80}") from None
    if kind is object:
        return given
    raise NotImplementedError(f"the journal cannot hold a {kind.__name__}")


class _Decoders(dict[str, "msgspec.json.Decoder[T]"], Generic[T]):
    """One decoder per name, made when it is first needed: most journals hold a third of all kinds."""

    def __init__(self, kinds: dict[str, type[T]]) -> None:
        super().__init__()
        self._kinds = kinds

    def __missing__(self, name: str) -> "msgspec.json.Decoder[T]":
        decoder = self[name] = msgspec.json.Decoder(self._kinds[name], dec_hook=_steps)
        return decoder


_encoder = msgspec.json.Encoder()
_line = msgspec.json.Decoder(tuple[float, str, msgspec.Raw, msgspec.Raw])
_named_list = msgspec.json.Decoder(list[tuple[str, msgspec.Raw]])
_event_decoders: _Decoders[Any] = _Decoders(EVENTS)
_command_decoders: _Decoders[Any] = _Decoders(COMMANDS)
_header = msgspec.json.Decoder(Header, dec_hook=_steps)


def encode_turn(now: float, event: Event, commands: Sequence[Command]) -> bytes:
    """One turn as a line, newline included."""
    given = [(type(command).__name__, command) for command in commands] if commands else commands
    line = (now, type(event).__name__, event, given)
    try:
        return _encoder.encode(line) + b"\n"
    except UnicodeEncodeError:  # a peer's text held half a surrogate pair; the event is kept with that replaced
        return _encoder.encode(without_surrogates(msgspec.to_builtins(line))) + b"\n"


def encode_commands(commands: Sequence[Command]) -> bytes:
    """The commands as they stand in a line."""
    return _encoder.encode([(type(command).__name__, command) for command in commands])


def decode_turn(line: bytes) -> Turn:
    """Read one line. Raises `JournalError`."""
    try:
        now, name, fields, commands = _line.decode(line)
        return Turn(now, _event_decoders[name].decode(fields), bytes(commands))
    except KeyError as unknown:
        raise JournalError(f"unknown event {unknown}: written by a later version?") from None
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise JournalError(f"not a journal line ({problem})") from None


def encode_header(header: Header) -> bytes:
    """A segment's first line, newline included."""
    return _encoder.encode(header) + b"\n"


def decode_header(line: bytes) -> Header:
    """Read a segment's first line. Raises `JournalError`."""
    try:
        header = _header.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise JournalError(f"not a journal header ({problem})") from None
    if header.journal != FORMAT:
        raise JournalError(f"journal format {header.journal}, this version reads format {FORMAT}")
    return header


def encode_snapshot(snapshot: Snapshot) -> bytes:
    return msgspec.msgpack.encode(snapshot)


def decode_snapshot(data: bytes) -> Snapshot:
    """Raises `JournalError` for a snapshot that this version cannot read."""
    try:
        return msgspec.msgpack.decode(data, type=Snapshot, dec_hook=_steps)
    except (msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise JournalError(f"a snapshot that this version cannot read ({problem})") from None
