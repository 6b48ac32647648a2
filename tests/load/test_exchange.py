"""The telephones among themselves: one calls another, they hear each other, or it is noticed that they do not."""

from __future__ import annotations

import asyncio
from pathlib import Path

from media.plane import Source
from simulator.phones.exchange import DEAF_S, Exchange, Phone, Ring
from tests.live.ear import write_tone
from tests.live.harness import SOON_S, free_port

LONG_ENOUGH_S = DEAF_S + 1.5
"""A call of this length would be known to be deaf if it were."""


async def converse(directory: Path, *, silent: bool) -> tuple[Phone, Phone, Ring]:
    """A call in which the called party speaks; or says nothing at all, until the caller's telephone noticed."""
    rung: asyncio.Queue[tuple[Phone, Ring]] = asyncio.Queue()

    async def on_ring(phone: Phone, ring: Ring) -> None:
        there.ring(phone)
        there.pick_up(phone)
        if silent:
            there.media.hears(phone.name, Source("silence"))
        rung.put_nowait((phone, ring))

    port, voice = free_port(), str(write_tone(directory / "voice.wav", 500.0, 1.0))
    here = Exchange({"one": 0}, voice, on_ring, media_ports=(40000, 42999))
    there = Exchange({"other": port}, voice, on_ring, media_ports=(43000, 45999))
    await here.start()
    await there.start()
    try:
        async with asyncio.timeout(2 * SOON_S):
            caller = here.dial("one", ("127.0.0.1", port), "4711", "13800000001")
            assert await here.within(caller.answered, caller, SOON_S, "no answer")
            called, ring = await rung.get()
            caller.talking = called.talking = True
            await (caller.deaf.wait() if silent else asyncio.sleep(LONG_ENOUGH_S))
            there.hang_up(called)
            assert await here.within(caller.ended, caller, SOON_S, "no end")
    finally:
        await here.close()
        await there.close()
    return caller, called, ring


def test_two_who_hear_each_other(tmp_path: Path) -> None:
    caller, called, ring = asyncio.run(converse(tmp_path, silent=False))
    assert ring == Ring("other", "4711", "13800000001")
    assert caller.how is not None
    assert (caller.how.by, caller.how.cause) == ("peer", "hangup")
    assert (caller.deaf.is_set(), called.deaf.is_set()) == (False, False)


def test_who_hears_nothing_of_the_other_is_known(tmp_path: Path) -> None:
    caller, called, _ = asyncio.run(converse(tmp_path, silent=True))
    assert (caller.deaf.is_set(), called.deaf.is_set()) == (True, False)
