"""Where trunks are that are given by name: asked of DNS in the background, again when the answer runs out, so that no
call ever waits for a name server but one that a carrier sends to a name we have not heard of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, Protocol, TypeAlias

from acd.live.log import get
from acd.live.setup import Setup
from sip.aio.resolver import LookupFailed
from sip.locate import Asked, Family, Option, Transport

AGAIN_S: Final = 10.0  # after no name server has answered
AT_ONCE: Final = 32  # names that calls wait for: whoever sends more of them elsewhere is not heard
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
        self._finding: set[asyncio.Task[None]] = set()

    def want(self, names: Mapping[Target, tuple[Asked, str]], setup: Setup) -> None:
        """These are asked for from now on, at once, and no others."""
        self._forget()
        for target, (asked, network) in names.items():
            self._tasks[target] = asyncio.create_task(self._keep(target, asked, network, setup))

    def find(self, asked: Asked, network: str, setup: Setup, found: Callable[[list[Option]], None]) -> None:
        """Ask once, for a call that waits; `found` is told, of none too."""
        if len(self._finding) >= AT_ONCE:
            found([])
            return
        task = asyncio.create_task(self._find(asked, network, setup, found))
        self._finding.add(task)
        task.add_done_callback(self._finding.discard)

    def close(self) -> None:
        self._forget()
        for task in self._finding:
            task.cancel()

    def _forget(self) -> None:
        for task in self._tasks.values():
            task.cancel()
        self._tasks.clear()

    async def _find(self, asked: Asked, network: str, setup: Setup, found: Callable[[list[Option]], None]) -> None:
        try:
            options, _ = await self._ask(asked, network, setup)
        except LookupFailed as error:
            get("locator").info("a name is not found", name=asked.host, why=str(error))
            options = []
        found(options)

    async def _ask(self, asked: Asked, network: str, setup: Setup) -> tuple[list[Option], float]:
        if self._resolver is None:
            self._resolver = self._make()
        return await self._resolver.locate(asked, setup.transports(network), setup.families(network))

    async def _keep(self, target: Target, asked: Asked, network: str, setup: Setup) -> None:
        while True:
            try:
                options, again_s = await self._ask(asked, network, setup)
                why = "" if options else f"{asked.host} has no address that we can reach"
            except LookupFailed as error:
                options, again_s, why = [], AGAIN_S, str(error)
            try:
                self._located(*target, options, why)
            except Exception:  # such as a password that is gone: the next answer must find us
                get("locator").exception("a trunk could not be set up", trunk=target[0])
            await asyncio.sleep(again_s)
