"""Where trunks are that are given by name: asked of DNS in the background, again when the answer runs out, so that no
call ever waits for a name server."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

from acd.live.log import get
from acd.live.setup import Setup
from sip.aio.resolver import LookupFailed
from sip.locate import Asked, Family, Option, Transport

AGAIN_S: Final = 10.0  # after no name server has answered
Target: TypeAlias = tuple[str, int]
"""A trunk and the index of its target."""


class Resolving(Protocol):
    def locate(
        self, asked: Asked, transports: Sequence[Transport], families: Mapping[Transport, Sequence[Family]]
    ) -> Awaitable[tuple[list[Option], float]]: ...


class Locator:
    """`located` is told of each answer: trunk, index, options, and why there are none."""

    def __init__(
        self, resolver: Callable[[], Resolving], located: Callable[[str, int, list[Option], str], None]
    ) -> None:
        """`resolver` makes one, when there is a name to be asked for; it may raise `LookupFailed`."""
        self._make = resolver
        self._resolver: Resolving | None = None
        self._located = located
        self._tasks: dict[Target, asyncio.Task[None]] = {}

    def want(self, names: Mapping[Target, tuple[Asked, str]], setup: Setup) -> None:
        """These are asked for from now on, at once, and no others."""
        self.close()
        for target, (asked, network) in names.items():
            self._tasks[target] = asyncio.create_task(self._keep(target, asked, network, setup))

    def close(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def _keep(self, target: Target, asked: Asked, network: str, setup: Setup) -> None:
        transports, families = setup.transports(network), setup.families(network)
        while True:
            try:
                if self._resolver is None:
                    self._resolver = self._make()
                options, again_s = await self._resolver.locate(asked, transports, families)
                why = "" if options else f"{asked.host} has no address that we can reach"
            except LookupFailed as error:
                options, again_s, why = [], AGAIN_S, str(error)
            try:
                self._located(*target, options, why)
            except Exception:  # such as a password that is gone: the next answer must find us
                get("locator").exception("a trunk could not be set up", trunk=target[0])
            await asyncio.sleep(again_s)
