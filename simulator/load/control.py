"""The engine's control socket, asked beside the telephones' loop."""

import asyncio
import sys
from pathlib import Path
from typing import Any

from acd.cli.client import ControlClient, Refused


class Control:
    """Asks in order, in a thread. Raises `NoEngine`."""

    def __init__(self, path: Path) -> None:
        self._client = ControlClient(path)
        self._turn = asyncio.Lock()

    async def ask(self, verb: str, **args: Any) -> Any:
        """The answer's data. Raises `Refused`, `NoEngine`."""
        async with self._turn:
            return await asyncio.to_thread(self._client.ask, verb, **args)

    async def order(self, agent: str, op: str, **args: Any) -> bool:
        """Something that an agent wants. If the engine says no, that is told and nothing else happens."""
        try:
            await self.ask("agent", id=agent, op=op, by="load", **args)
        except Refused as no:
            print(f"agent {agent}, {op}: {no}", file=sys.stderr)
            return False
        return True

    def close(self) -> None:
        self._client.close()
