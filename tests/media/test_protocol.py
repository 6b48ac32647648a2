"""Messages between engine and worker: whole however they are cut."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media import protocol
from media.plane import DigitFact, Peer, Source
from media.protocol import Bound, Create, Delete, Hears, Play, ProtocolError, Set, pack, unpack

DOWN: list[protocol.ToWorker] = [
    Create("c1.1", "127.0.0.1", 30000),
    Set("c1.1", Peer("192.0.2.1", 4000, "PCMA", 8, 101, latch=("10.0.0.0/8",), receive_payloads=((8, "PCMA"),))),
    Hears("c1.1", Source("mix", "", (("c1.2", 0.5),))),
    Play("op", "c1.1", ("welcome", "menu"), 2, True),
    Delete("c1.1"),
]


@given(st.lists(st.integers(1, 40), min_size=1))
def test_messages_survive_any_cut(cuts: list[int]) -> None:
    stream = pack(DOWN) + b"".join(pack([message]) for message in DOWN)
    buffer, found, at = bytearray(), [], 0
    for cut in [*cuts, len(stream)]:
        buffer += stream[at : at + cut]
        at += cut
        found += [message for body in unpack(buffer) for message in protocol.to_worker(body)]
    assert found == DOWN + DOWN
    assert not buffer


def test_answers_come_back_as_they_were() -> None:
    messages: list[protocol.FromWorker] = [Bound("127.0.0.1", 2, (1, 3), True, "why"), DigitFact("c1.1", "5", 0.1)]
    buffer = bytearray(pack(messages))
    assert [protocol.from_worker(body) for body in unpack(buffer)] == [messages]


def test_much_that_is_said_at_once_stays_within_the_longest_batch() -> None:
    messages: list[protocol.ToWorker] = [Delete(f"1-{n}.0") for n in range(protocol.TOGETHER * 2 + 1)]
    batches = [protocol.to_worker(body) for body in unpack(bytearray(pack(messages)))]
    assert [len(batch) for batch in batches] == [protocol.TOGETHER, protocol.TOGETHER, 1]
    assert [message for batch in batches for message in batch] == messages


def test_a_message_without_end_is_an_error() -> None:
    with pytest.raises(ProtocolError):
        list(unpack(bytearray(b"\xff\xff\xff\xff")))
