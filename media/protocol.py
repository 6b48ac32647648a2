"""What the engine and a media worker say to each other: length-prefixed batches of messages over a Unix stream.

Orders go down and need no answer; questions carry an id and are answered under it; facts come up unasked.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import msgspec

from media.plane import DigitFact, LostFact, Peer, PlayEndedFact, QualityFact, Source

VERSION: Final = 4
LENGTH_BYTES: Final = 4
LONGEST: Final = 1 << 20
TOGETHER: Final = 1000  # messages in a batch: each is some hundred bytes


class _Message(msgspec.Struct, array_like=True, tag_field="verb"):
    pass


# ------------------------------------------------------------------------------------------------------ to a worker


class Hello(_Message, tag="hello"):
    """First of all. `ports` are the first and last of the range this worker takes every `stride`-th port from."""

    version: int
    roots: tuple[str, ...]
    ports: tuple[int, int]
    stride: int
    silent_after_s: float | None


class Bind(_Message, tag="bind"):
    """Bind that many more ports at the address; answered by `Bound`, with fewer if there are no more."""

    address: str
    count: int


class Create(_Message, tag="create"):
    leg: str
    address: str
    port: int


class Set(_Message, tag="set"):
    leg: str
    peer: Peer


class Hears(_Message, tag="hears"):
    leg: str
    source: Source


class Play(_Message, tag="play"):
    op: str
    leg: str
    files: tuple[str, ...]
    repeat: int
    barge_in: bool


class Stop(_Message, tag="stop"):
    op: str


class SendDigits(_Message, tag="digits"):
    leg: str
    digits: str


class RelayDigits(_Message, tag="relay_digits"):
    leg: str
    on: bool


class Delete(_Message, tag="delete"):
    leg: str


class Forget(_Message, tag="forget"):
    """Recordings may have changed on disk: read them again when next played."""


class Stats(_Message, tag="stats"):
    id: int


class Ping(_Message, tag="ping"):
    id: int


ToWorker: TypeAlias = (
    Hello | Bind | Create | Set | Hears | Play | Stop | SendDigits | RelayDigits | Delete | Forget | Stats | Ping
)

# ---------------------------------------------------------------------------------------------------- from a worker


class Bound(_Message, tag="bound"):
    """Ports ready for `Create`, of the `asked`. `left` tells whether more can be bound; `error` why one could not."""

    address: str
    asked: int
    ports: tuple[int, ...]
    left: bool
    error: str = ""


class Figures(_Message, tag="figures"):
    id: int
    figures: dict[str, int]


class Pong(_Message, tag="pong"):
    id: int


class Qualities(_Message, tag="qualities"):
    """How the legs sound that were heard since the last of these."""

    legs: tuple[QualityFact, ...]


class Trouble(_Message, tag="trouble"):
    """For the log: what could not be done, and why."""

    leg: str
    what: str


FromWorker: TypeAlias = Bound | Figures | Pong | DigitFact | PlayEndedFact | LostFact | Qualities | Trouble

_encode: Final = msgspec.msgpack.Encoder().encode
to_worker: Final = msgspec.msgpack.Decoder(list[ToWorker]).decode
from_worker: Final = msgspec.msgpack.Decoder(list[FromWorker]).decode


class ProtocolError(ValueError):
    """The other side does not speak our protocol."""


def pack(messages: Sequence[ToWorker] | Sequence[FromWorker]) -> bytes:
    """What was said at once, in as few batches as may be."""
    if len(messages) > TOGETHER:
        return pack(messages[:TOGETHER]) + pack(messages[TOGETHER:])
    body = _encode(messages)
    return len(body).to_bytes(LENGTH_BYTES, "big") + body


def unpack(buffer: bytearray) -> Iterator[bytes]:
    """Take the whole batches out of the front of `buffer`. Raises ProtocolError."""
    start = 0
    try:
        while len(buffer) - start >= LENGTH_BYTES:
            length = int.from_bytes(buffer[start : start + LENGTH_BYTES], "big")
            if length > LONGEST:
                raise ProtocolError(f"a batch of {length} bytes")
            end = start + LENGTH_BYTES + length
            if end > len(buffer):
                break
            yield bytes(buffer[start + LENGTH_BYTES : end])
            start = end
    finally:
        del buffer[:start]
