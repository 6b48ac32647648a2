"""Shells on real sockets in tests."""

import asyncio


async def closed_for_good() -> None:
    """What was closed is gone after some turns of the loop, however long one takes."""
    for _ in range(10):
        await asyncio.sleep(0.005)
